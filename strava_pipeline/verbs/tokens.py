"""The command `tokens`: keys with which programs read, and phones send, without a login: add, list, remove."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from strava_pipeline.verbs.dashboard_extra import check_extra
from strava_pipeline.verbs.options import Json, command_group
from strava_pipeline.verbs.output import echo

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.serve.dashboard.records.store import Records

tokens = command_group("Keys with which programs read, and phones send: add, list, remove.")
Name = Annotated[str, typer.Argument(help="What you call it, such as the program or the phone.", metavar="NAME")]
For = Annotated[str | None, typer.Option("--for", metavar="ATHLETE", help="Whose it is, of several athletes.")]


@tokens.command()
def add(
    name: Name,
    may: Annotated[Literal["read", "send"], typer.Option(help="Read the JSON API and CSV, or send files.")],
    until: Annotated[str | None, typer.Option(metavar="DAY", help="Its last day, in UTC: 2027-01-31.")] = None,
    places: Annotated[bool, typer.Option("--places", help="It also reads places, tracks and original files.")] = False,
    body: Annotated[bool, typer.Option("--body", help="It also reads days and nights.")] = False,
    for_: For = None,
) -> None:
    """Make a token and print it, once: only its hash is kept. Programs send it as `Authorization: Bearer TOKEN`."""
    with _records(for_) as (records, athlete):
        from strava_pipeline.serve.dashboard.records.store import new_token
        from strava_pipeline.serve.dashboard.site import system_now

        token = new_token(name, may, until, places=places, body=body)
        echo(records.add_token(token, system_now(), athlete=athlete))
    echo("It is shown this once. `strava-pipeline tokens remove` takes it back.", err=True)


@tokens.command("list")
def list_(as_json: Json = False, for_: For = None) -> None:
    """Show name, rights, when each was made and last used, and from where."""
    from strava_pipeline.verbs.views import show

    with _records(for_) as (records, athlete):
        found, (wrong, last) = records.tokens(athlete), records.wrong_tokens()
    answer = {"tokens": found, "wrong_tokens": wrong, "last_wrong_at": last}
    show(
        answer, as_json=as_json, advice=[] if found else ["There is no token. `strava-pipeline tokens add` makes one."]
    )


@tokens.command()
def remove(name: Name, for_: For = None) -> None:
    """Take a token back: it opens nothing from now on."""
    with _records(for_) as (records, athlete):
        records.remove_token(name, athlete)
    echo(f"Removed {name}.")


@contextmanager
def _records(for_: str | None) -> Iterator[tuple["Records", str]]:
    """The records that have the tokens, and whose they are there. Raises MisuseError."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.environment.athletes import athlete_named
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.serve.house_settings import house_settings

    settings = Settings.load()
    check_extra()
    house = house_settings(settings)
    if (house is None) != (for_ is None):
        raise MisuseError(
            "There is one athlete here: leave --for out." if for_ else "Say whose token it is: --for ATHLETE."
        )
    athlete = "" if for_ is None else athlete_named(settings, for_).name
    with opened_records(house or settings) as records:
        yield records, athlete


def opened_records(settings: "Settings") -> AbstractContextManager["Records"]:
    """The records of a dashboard."""
    from strava_pipeline.serve.dashboard.records.database import opened
    from strava_pipeline.serve.dashboard.records.store import Records

    return opened(settings, Records)


def forget_tokens(settings: "Settings") -> None:
    """Remove the tokens of programs where a database has them; else they go with the data folder."""
    from strava_pipeline.verbs.dashboard_extra import has_extra

    if settings.database_url is not None and has_extra():
        with opened_records(settings) as records:
            records.remove_tokens()
