"""The command `athletes`: several athletes of one house, each with a folder of their own (docs/athletes.md)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.verbs.options import Json, command_group
from strava_pipeline.verbs.output import echo

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings

athletes = command_group("Several athletes, each with a folder of their own. All other commands take --athlete NAME.")
Name = Annotated[str, typer.Argument(help="1 to 32 small letters, digits, - and _.", metavar="NAME")]


@athletes.command()
def add(
    name: Name,
    here: Annotated[
        bool, typer.Option("--here", help="The athlete's folder is this one, as it is: nothing in it is changed.")
    ] = False,
) -> None:
    """Add an athlete: a folder in ATHLETES_DIR with an .env to fill in, and a line in the registry."""
    from strava_pipeline.verbs.accounts import forget_athlete
    from strava_pipeline.verbs.athlete_folders import add_athlete, applications_shared

    settings = _house()
    athlete = add_athlete(settings, name, Path.cwd() if here else None)
    echo(f"The folder of {name}: {athlete.folder}")
    for line in forget_athlete(settings, name):  # an earlier athlete of that name, taken out of the registry by hand
        echo(line)
    for shared in applications_shared(settings):
        if name in shared.names and shared.problem:
            echo(shared.problem, err=True)
    echo(f"Next: strava-pipeline {'status' if here else 'auth'} --athlete {name}")


@athletes.command("list")
def list_(as_json: Json = False) -> None:
    """Show everybody: folder, logins, day of the newest activity, and when a run last succeeded."""
    from strava_pipeline.environment.athletes import athletes as registered
    from strava_pipeline.verbs.athlete_folders import accounts_shared, applications_shared, summary
    from strava_pipeline.verbs.views import show

    settings = _house()
    shared = applications_shared(settings)
    answer = {
        "athletes": [summary(settings, one) for one in registered(settings)],
        "applications": [{"client_id": each.client_id, "athletes": each.names} for each in shared],
    }
    advice = [*accounts_shared(settings), *(each.problem for each in shared if each.problem)]
    nothing = "There is nobody yet. `strava-pipeline athletes add NAME` adds somebody."
    show(answer, as_json=as_json, nothing=nothing, advice=advice)


@athletes.command()
def remove(
    name: Name,
    purge: Annotated[bool, typer.Option("--purge", help="Delete all their data before, as `purge` does.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --purge: delete without a question.")] = False,
) -> None:
    """Take an athlete out of the registry. Nothing is deleted, except with --purge."""
    from strava_pipeline.environment.athletes import athlete_named, become, change_registry, settings_of
    from strava_pipeline.verbs.accounts import forget_athlete
    from strava_pipeline.verbs.athlete_folders import refuse_work

    settings = _house()
    if yes and not purge:
        raise typer.BadParameter("--yes goes with --purge: nothing else is deleted.")
    athlete = athlete_named(settings, name)
    refuse_work(settings_of(settings, athlete), name)
    if purge:
        from strava_pipeline.verbs.purge import purge as delete_all

        become(name)
        delete_all(yes=yes)
    for line in forget_athlete(settings, name):
        echo(line)
    change_registry(settings, lambda document: document.remove(name))
    echo(f"{name} is out of the registry. This stays, with what is in it: {athlete.folder}")


def _house() -> "Settings":
    """The house's settings. Raises MisuseError in a process of one athlete, and without ATHLETES_DIR."""
    from strava_pipeline.environment.athletes import check_house
    from strava_pipeline.environment.settings import Settings

    settings = Settings.load()
    check_house(settings)
    return settings
