"""The command `purge`: it gives the access back at Strava, then deletes all data, the logs and the login.

Everything to be deleted is listed first, and shown by --dry-run; nothing outside these folders is touched.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.filesize import decimal

from strava_pipeline.core.errors import MissingSettingsError, PipelineError
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.text import counted
from strava_pipeline.verbs.purge_elsewhere import (
    beside_api,
    copy_again,
    copy_to_delete,
    delete_with_purge,
    require_same_copy,
    staying,
    staying_copy,
)
from strava_pipeline.verbs.tokens import forget_tokens
from strava_pipeline.verbs.views import show

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.purge import Place

APPS_PAGE = "https://www.strava.com/settings/apps"
_DIFFERENT = 4  # the exit code where the copy keeps snapshots, because something is lost
WORD = "purge"  # to be typed where the athlete's id is not known


def purge(
    activity: Annotated[
        int | None, typer.Argument(help="Only this activity, by any of its ids, of every source.", metavar="ACTIVITY")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be deleted; delete nothing, ask no question.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without a question.")] = False,
    keep_access: Annotated[
        bool, typer.Option("--keep-access", help="Don't give the access back at Strava, for example without a network.")
    ] = False,
    api: Annotated[
        bool, typer.Option("--api", help="Only what came by Strava's API; archives, files and other services stay.")
    ] = False,
    keep_copy: Annotated[
        bool,
        typer.Option("--keep-copy", help="Don't delete the second copy, for example where its store can't be reached."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Delete all of the athlete's data kept here and the login, and give the application's access back at Strava.

    With --api what came by Strava's API and Strava's login go, with ACTIVITY one activity, which never comes in again;
    the warehouse is built again of what stays.
    """
    from strava_pipeline.environment.settings import Settings

    settings = Settings.load()
    if activity is not None:
        if api:
            raise typer.BadParameter("ACTIVITY or --api, please, not both", param_hint="--api")
        _purge_activity(settings, activity, dry_run=dry_run, yes=yes, keep_copy=keep_copy, as_json=as_json)
        return
    found = plan_purge(settings, keep_access=keep_access, keep_copy=keep_copy, api=api)
    if dry_run or not found.places:
        show(found.report(deleted=False, access=found.access), as_json=as_json, advice=_advice(found), forms=_FORMS)
        return
    _refuse(settings)
    if not yes:
        wanted = str(found.athlete_id or WORD)
        what = f"the athlete's id ({wanted})" if found.athlete_id else f"the word {WORD}"
        _agree(found.report(deleted=False, access=found.access), _advice(found), wanted, what, as_json=as_json)
    access = carry_out(settings, found)
    if found.api:
        _build_again(settings)
        if found.copy is not None:
            copy_again(settings, found.command, anew=True)
    report = found.report(deleted=True, access=access)
    show(report, as_json=as_json, advice=[_STILL_HAS_ACCESS] if access == KEPT else [], forms=_FORMS)


def _purge_activity(
    settings: "Settings", activity_id: int, *, dry_run: bool, yes: bool, keep_copy: bool, as_json: bool
) -> None:
    from strava_pipeline.ingest.registry import primed_clock
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.purging import finish_purge, plan_purge_of, purge_activity
    from strava_pipeline.operations.years import year_range

    lake = Lake(settings.data_dir)
    found = plan_purge_of(lake, activity_id)
    copy = copy_to_delete(settings, lake, keep=keep_copy)
    report = {"deleted": False, "activity_id": activity_id, "sources": found.rows, "files": len(found.files)}
    report |= {"goes_whole": found.whole, "second_copy": copy}
    advice = [_GO_WHOLE] if found.whole else []
    if dry_run or found.is_done:
        show(report, as_json=as_json, advice=[f"Nothing is left of {activity_id}."] if found.is_done else advice)
        return
    _refuse(settings)
    if copy is not None:
        require_same_copy(settings, f"purge {activity_id}")
    if not yes:
        _agree(report, [*advice, _FOR_GOOD], str(activity_id), f"the activity's id ({activity_id})", as_json=as_json)
    with _nobody_else(settings, lake):
        purge_activity(lake, found, year_range(settings.first_year), primed_clock(settings).now())
    _build_again(settings)
    finish_purge(lake)
    left = copy_again(settings, f"purge {activity_id}", anew=False) if copy is not None else []
    show({**report, "deleted": True}, as_json=as_json, advice=left)
    raise typer.Exit(_DIFFERENT if left else 0)


@contextmanager
def _nobody_else(settings: "Settings", lake: "Lake") -> Iterator[None]:
    """Hold every lock of the data folder, and Dagster's. Raises PipelineError if anybody uses them."""
    from strava_pipeline.lake.purge import exclusive_use
    from strava_pipeline.verbs.dagster_process import exclusive_instance

    with ExitStack() as held:
        if settings.dagster_home.is_dir():
            held.enter_context(exclusive_instance(settings.dagster_home))  # no daemon starts meanwhile
        held.enter_context(exclusive_use(lake))
        yield


def carry_out(settings: "Settings", found: "Purge") -> str:
    """Give the access back, then delete the second copy, data, logs and login. Returns the result for the access.

    May raise PipelineError.
    """
    from strava_pipeline.ingest.registry import forget_logins
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.purge import delete_api_data, delete_data

    lake = Lake(settings.data_dir)
    with _nobody_else(settings, lake):
        try:
            access = _give_back(settings, found.command) if found.access == HELD else found.access
            if found.copy is not None:
                delete_with_purge(settings, lake, found.command, api=found.api)
            if settings.export_url is not None:
                from strava_pipeline.operations.exporting import purge_exported

                found.left.extend(purge_exported(settings, found.athlete_id))
            if found.api:
                delete_api_data(lake)
                forget_logins(settings, [STRAVA])
                return access
            forget_tokens(settings)
            delete_data(lake)
            delete_logs(settings.logs_dir)
            forget_logins(settings)
            settings.dashboard_password_file.unlink(missing_ok=True)
        except KeyboardInterrupt:
            raise PipelineError(
                f"Interrupted. Some of it may be gone; `strava-pipeline {found.command}` goes on."
            ) from None
    return access


def _refuse(settings: "Settings") -> None:
    """Raise PipelineError while anything works on the data, or if the data folder contains other things."""
    from strava_pipeline.environment.setting_values import trips_file
    from strava_pipeline.environment.settings import env_file
    from strava_pipeline.ingest.webhook_secrets import has_intake
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.purge import refuse_other_places, refuse_work
    from strava_pipeline.verbs.dagster_process import is_daemon_running
    from strava_pipeline.verbs.dashboard import running_dashboard
    from strava_pipeline.verbs.service_process import intake_answers

    lake, package = Lake(settings.data_dir), Path(__file__).parent.parent
    places = [package, settings.secrets_dir, settings.logs_dir, settings.dagster_home, env_file()]
    elsewhere = (settings.trips_keys_file, trips_file(settings.trips_source or ""), settings.athletes_dir)
    places += [path for path in elsewhere if path is not None]
    with suppress(RuntimeError):  # a user without a home, as in containers
        places.append(Path.home())
    refuse_other_places(lake, places)
    if is_daemon_running(settings.dagster_home):
        raise PipelineError(
            f"Nothing was deleted: Dagster runs on {settings.dagster_home}. End it first: strava-pipeline service down "
            "(or Ctrl-C in the terminal of `dev`)."
        )
    if has_intake(settings) and intake_answers(settings.serve_address):
        raise PipelineError(
            f"Nothing was deleted: the intake answers at {settings.serve_address} and would go on to write; end it first."
        )
    if (dashboard := running_dashboard(settings)) is not None:
        raise PipelineError(f"Nothing was deleted: the dashboard runs at {dashboard}; end it first.")
    refuse_work(lake)


def _give_back(settings: "Settings", command: str) -> str:
    from strava_pipeline.ingest.clock import system_clock
    from strava_pipeline.ingest.registry import part

    try:
        part(STRAVA, "access").withdraw_access(settings, system_clock(settings))
    except PipelineError as error:
        raise PipelineError(
            f"The access could not be given back, so nothing was deleted. {str(error).rstrip('.')}. To delete all the same: "
            f"strava-pipeline {command} --keep-access; then take the access away yourself, at {APPS_PAGE}"
        ) from error
    return REVOKED


def _agree(report: Mapping[str, Any], advice: Iterable[str], wanted: str, what: str, *, as_json: bool) -> None:
    """Show what would go, and wait for a person to type `wanted`. Raises PipelineError if they don't, or if nobody is there."""
    from strava_pipeline.verbs.terminal import ask_to_type, err, out, refuse_without_person

    refuse_without_person(
        "Nothing was deleted: a person has to agree, and nobody is at this terminal. `purge --dry-run` shows what would "
        "go, `purge --yes` deletes it without a question."
    )
    show(report, advice=advice, to=err if as_json else out, forms=_FORMS)
    question = f"To delete all of it for good, type {what}: "
    ask_to_type(wanted, question, "Nothing was deleted: the typed text was another one.")


_FORMS = {"bytes": decimal}
_FOR_GOOD = "It goes for good, with your words about it, and never comes in again. The services keep what they have."
_GO_WHOLE = (
    "What `goes_whole` can't be taken apart: `others` are the activities that it tells of too, which come back only with another "
    "file. Delete a row of your own table there, too: unchanged it stays out, changed it comes in anew."
)
_STILL_HAS_ACCESS = f"The application still has access at Strava: take it away at {APPS_PAGE}"


def _advice(found: "Purge") -> Iterator[str]:
    """Warnings for a person before they agree."""
    if not found.places:
        yield f"Nothing is left in {found.data_dir}{' that came by the API of Strava' if found.api else ''}, and no login."
    if found.api:
        yield "The warehouse, shards, tracks and insights are built again of what stays."
    if drop := found.drop_folder:
        yield f"{counted(drop.files, 'file')} of these you put into {drop.path} yourself: they may be your only copies."
    if found.access == HELD:
        yield "The application's access is given back at Strava first."
    if found.copy is not None:
        what = "what came by Strava's API, and all copies of the warehouse," if found.api else "all of it"
        yield f"In the second copy in {found.copy}, {what} is deleted, too."
    if found.exported_to is not None:
        yield f"The athlete's rows in PostgreSQL, schema {found.exported_to}, are deleted, too."
    if found.access == KEPT:
        yield _STILL_HAS_ACCESS


NONE, BEFORE, KEPT, HELD, REVOKED = "none", "revoked before", "kept", "held", "revoked"


@dataclass(frozen=True, slots=True)
class Purge:
    """The plan of a purge. `access`: the state of the application's access at Strava. `stays`: a place, or None, and why."""

    athlete_id: int | None
    data_dir: Path
    access: str
    places: "list[Place]"
    drop_folder: "Place | None"
    stays: list[tuple[Path | None, str]]
    left: list[str] = field(default_factory=list)  # what should have gone elsewhere and could not
    api: bool = False  # only what came by Strava's API goes
    copy: str | None = None  # the address of the second copy to delete, or to clear of Strava's API data
    exported_to: str | None = None  # the schema in PostgreSQL from which the athlete's rows are deleted

    @property
    def command(self) -> str:
        return "purge --api" if self.api else "purge"

    @property
    def files(self) -> int:
        return sum(place.files for place in self.places)

    @property
    def bytes(self) -> int:
        return sum(place.bytes for place in self.places)

    def report(self, *, deleted: bool, access: str) -> dict[str, Any]:
        """For programs; docs/formats.md describes it."""
        return {
            "deleted": deleted,
            "athlete_id": self.athlete_id,
            "access": access,
            "files": self.files,
            "bytes": self.bytes,
            "places": self.places,
            "drop_folder_files": self.drop_folder.files if self.drop_folder else 0,
            "second_copy": self.copy,
            "exported_to": self.exported_to,
            "stays": [{"path": path, "why": why} for path, why in (*self.stays, *((None, why) for why in self.left))],
        }


def _build_again(settings: "Settings") -> None:
    from strava_pipeline.orchestrate.jobs import REBUILD_JOB
    from strava_pipeline.verbs.run_job import run_in_terminal

    try:
        run_in_terminal(settings, REBUILD_JOB)
    except PipelineError as error:
        raise PipelineError(
            f"It is deleted, but the warehouse could not be built again of what stays: {error} The next run tries it again."
        ) from error


def plan_purge(settings: "Settings", *, keep_access: bool, keep_copy: bool = False, api: bool = False) -> Purge:
    """What would be deleted, and what would stay. `api`: for a purge of data from Strava's API alone."""
    from strava_pipeline.ingest.registry import login_traces
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.purge import Place, api_places, data_places
    from strava_pipeline.operations.exporting import SCHEMA

    lake = Lake(settings.data_dir)
    secrets = login_traces(settings, [STRAVA] if api else None)
    places = api_places(lake) if api else data_places(lake)
    if not api and (logs := _log_files(settings.logs_dir)):
        places.append(Place.of(settings.logs_dir, logs))
    places += [Place.of(path, [path]) for path in secrets]
    if not api and settings.dashboard_password_file.exists():
        places.append(Place.of(settings.dashboard_password_file, [settings.dashboard_password_file]))
    stays = beside_api(lake) if api else staying(settings, lake, places)
    return Purge(
        athlete_id=_athlete_id(settings, lake),
        data_dir=lake.data_dir,
        access=_access(settings, keep_access=keep_access),
        places=places,
        drop_folder=None if api else next((place for place in places if place.path == lake.inbox_files), None),
        stays=[*staying_copy(settings, lake, keep=keep_copy), *stays],
        api=api,
        copy=copy_to_delete(settings, lake, keep=keep_copy),
        exported_to=SCHEMA if settings.export_url is not None else None,
    )


def delete_logs(logs_dir: Path) -> None:
    """Delete every log that a run or the service wrote, and the folders that this leaves empty."""
    from strava_pipeline.operations.log_files import KINDS, house_logs, prune
    from strava_pipeline.verbs.service_process import service_log

    _, faults = prune(logs_dir, date.max, days=0)
    if faults:
        raise PipelineError(
            f"Logs can't be deleted: {'; '.join(faults)}. Fix that, then run strava-pipeline purge again."
        )
    for path in _log_files(logs_dir):  # the service's, and the house's
        path.unlink()
    for folder in (
        service_log(logs_dir).parent,
        house_logs(logs_dir),
        *(kind.root(logs_dir) for kind in reversed(KINDS)),
    ):
        with suppress(OSError):  # not there, or not empty
            folder.rmdir()


def _log_files(logs_dir: Path) -> list[Path]:
    from strava_pipeline.operations.log_files import KINDS, house_logs, list_logs
    from strava_pipeline.verbs.service_process import rotated, service_log

    of_service = (rotated(service_log(logs_dir)), service_log(logs_dir), *house_logs(logs_dir).glob("*.log"))
    return [path for kind in KINDS for path in list_logs(logs_dir, kind)] + [
        path for path in of_service if path.exists()
    ]


def _athlete_id(settings: "Settings", lake: "Lake") -> int | None:
    from strava_pipeline.ingest.registry import part
    from strava_pipeline.lake.bronze.answers import newest_athlete

    try:
        of_login = part(STRAVA, "login").login_state(settings).athlete_id
    except PipelineError:
        of_login = None
    known = newest_athlete(lake)
    found = of_login or (known[1].get("id") if known else None)
    return found if isinstance(found, int) else None


def _access(settings: "Settings", *, keep_access: bool) -> str:
    from strava_pipeline.ingest.registry import part, revoked_at

    if revoked_at(STRAVA, settings):
        return BEFORE
    try:
        part(STRAVA, "login").login_state(settings)
    except MissingSettingsError:
        return NONE
    except PipelineError:
        pass  # there is one, whatever is wrong with it
    return KEPT if keep_access else HELD
