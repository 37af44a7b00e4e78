"""`strava-pipeline purge`: deletes all of the athlete's data that is kept here, and the login. What goes: purge_plan.py.

First Strava is told, then data and logs go, the login last: a purge that died goes on when it is called again.
"""

import sys
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.text import counted
from strava_pipeline.verbs.echo import echo_json

if TYPE_CHECKING:
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.purge_plan import Purge

APPS_PAGE = "https://www.strava.com/settings/apps"
WORD = "purge"  # to be typed where the athlete's id is not known


def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; delete nothing, ask nobody.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without a question.")] = False,
    keep_access: Annotated[
        bool, typer.Option("--keep-access", help="Don't give the access back at Strava, for example without a network.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Delete all of the athlete's data kept here and the login, and give the application's access back at Strava."""
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.purge_plan import look
    from strava_pipeline.verbs.values import plain

    settings = Settings.load()
    found = look(settings, keep_access=keep_access)
    if dry_run or not found.places:
        if as_json:
            echo_json(plain(found.report(deleted=False, access=found.access)))
        else:
            _say(found, to_stderr=False)
        return
    _refuse(settings)
    if not yes:
        if not sys.stdin.isatty():
            raise MisuseError(
                "Nothing was deleted: a person has to agree, and nobody is at this terminal. `purge --dry-run` tells what would "
                "go, `purge --yes` deletes it without a question."
            )
        _say(found, to_stderr=as_json)
        _ask(found)
    access = carry_out(settings, found)
    if as_json:
        echo_json(plain(found.report(deleted=True, access=access)))
    else:
        _say_done(found, access)


def carry_out(settings: "Settings", found: "Purge") -> str:
    """Tell Strava, delete data, logs and login, in this order; what came of the access. PipelineError where it can't go on."""
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.purge import alone, delete_data
    from strava_pipeline.verbs.dagster_process import alone_on
    from strava_pipeline.verbs.purge_plan import HELD, delete_logs

    lake = Lake(settings.data_dir)
    with ExitStack() as held:
        if settings.dagster_home.is_dir():
            held.enter_context(alone_on(settings.dagster_home))  # no daemon starts meanwhile
        held.enter_context(alone(lake))
        try:
            access = _give_back(settings) if found.access == HELD else found.access
            delete_data(lake)
            delete_logs(settings.logs_dir)
            _delete_secrets(settings)
        except KeyboardInterrupt:
            raise PipelineError("Interrupted. Some of it may be gone; `strava-pipeline purge` goes on.") from None
    return access


def _refuse(settings: "Settings") -> None:
    """PipelineError while anything works on the data, or where the data folder holds other things."""
    from pathlib import Path

    from strava_pipeline.ingest.trips.source import trips_file
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.purge import refuse_other_places, refuse_work
    from strava_pipeline.settings import env_file
    from strava_pipeline.verbs.dagster_process import is_taken
    from strava_pipeline.verbs.service_intake import answers

    lake, package = Lake(settings.data_dir), Path(__file__).parent.parent
    places = [package, settings.secrets_dir, settings.logs_dir, settings.dagster_home, env_file()]
    places += [path for path in (settings.trips_keys_file, trips_file(settings.trips_source or "")) if path is not None]
    with suppress(RuntimeError):  # a user without a home, as in containers
        places.append(Path.home())
    refuse_other_places(lake, places)
    if is_taken(settings.dagster_home):
        raise PipelineError(
            f"Nothing was deleted: Dagster runs on {settings.dagster_home}. End it first: strava-pipeline service down "
            "(or Ctrl-C in the terminal of `dev`)."
        )
    if settings.webhook_secret is not None and answers(settings.serve_address):
        raise PipelineError(
            f"Nothing was deleted: the webhook intake answers at {settings.serve_address} and would go on to write; end it first."
        )
    refuse_work(lake)


def _give_back(settings: "Settings") -> str:
    from strava_pipeline.ingest.strava.clocks import system_clock
    from strava_pipeline.ingest.strava.revocation import give_access_back
    from strava_pipeline.verbs.purge_plan import REVOKED

    try:
        give_access_back(settings, system_clock(settings))
    except PipelineError as error:
        raise PipelineError(
            f"The access could not be given back, so nothing was deleted. {str(error).rstrip('.')}. To delete all the same: "
            f"strava-pipeline purge --keep-access; then take the access away yourself, at {APPS_PAGE}"
        ) from error
    return REVOKED


def _delete_secrets(settings: "Settings") -> None:
    from strava_pipeline.ingest.strava.connect import token_store
    from strava_pipeline.verbs.purge_plan import secrets_files

    if secrets_files(settings):
        token_store(settings).forget()
    for path in secrets_files(settings):
        path.unlink(missing_ok=True)


def _ask(found: "Purge") -> None:
    from strava_pipeline.verbs.terminal import err

    wanted = str(found.athlete_id or WORD)
    what = f"the athlete's id ({wanted})" if found.athlete_id else f"the word {WORD}"
    err.print(f"To delete all of it for good, type {what}: ", end="")
    if sys.stdin.readline().strip() != wanted:
        raise PipelineError("Nothing was deleted: that is not what was to be typed.")


def _say(found: "Purge", *, to_stderr: bool) -> None:
    """What goes and what stays, for eyes."""
    from rich.filesize import decimal

    from strava_pipeline.verbs import terminal

    console = terminal.err if to_stderr else terminal.out
    if not found.places:
        console.print(f"Nothing is left of any athlete's data: nothing in {found.data_dir}, no login, no logs.")
        return
    console.print(f"Of athlete {found.athlete_id or '(id not known)'}, this goes:")
    for place in found.places:
        console.print(f"  {counted(place.files, 'file'):>13} {decimal(place.bytes):>9}  {place.path}")
    console.print(f"  {counted(found.files, 'file'):>13} {decimal(found.bytes):>9}  in all")
    if drop := found.drop_folder:
        warning = (
            f"{counted(drop.files, 'file')} of these you put into {drop.path} yourself: they may be your only copies."
        )
        console.print(warning, style="yellow")
    console.print(f"Access at Strava: {_ACCESS_BEFORE[found.access]}")
    console.print("This stays:")
    for path, why in found.stays:
        console.print(f"  {path}: {why}" if path else f"  {why}")


_ACCESS_BEFORE = {
    "held": "is given back first",
    "kept": f"stays; take it away yourself, at {APPS_PAGE}",
    "none": "there is no login here",
    "revoked before": "is gone already",
}


def _say_done(found: "Purge", access: str) -> None:
    from rich.filesize import decimal

    from strava_pipeline.verbs.terminal import out

    out.print(f"Deleted: {counted(found.files, 'file')}, {decimal(found.bytes)}.")
    if access == "revoked":
        out.print("The application's access was given back at Strava.")
    elif access == "kept":
        out.print(f"The application still has access at Strava: take it away at {APPS_PAGE}")
