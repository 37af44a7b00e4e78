"""What a purge is about: everything of the athlete's that is kept here, and what stays. Looks only; the verb is purge.py."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from strava_pipeline.core.errors import MissingSettingsError, PipelineError
from strava_pipeline.ingest.strava.clocks import ledger_path
from strava_pipeline.ingest.strava.connect import token_store
from strava_pipeline.ingest.strava.revocation import revoked_at
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.profile_files import newest_athlete
from strava_pipeline.lake.purge import Place, data_places
from strava_pipeline.operations.log_files import KINDS, list_logs, prune
from strava_pipeline.settings import Settings, env_file
from strava_pipeline.verbs.service_log import before, service_log

SUBSCRIPTION = "strava_subscription.json"
NONE, BEFORE, KEPT, HELD, REVOKED = "none", "revoked before", "kept", "held", "revoked"


@dataclass(frozen=True, slots=True)
class Purge:
    """`access`: what is the case with the application's access at Strava. `stays`: a place, or None, and why."""

    athlete_id: int | None
    data_dir: Path
    access: str
    places: list[Place]
    drop_folder: Place | None
    stays: list[tuple[Path | None, str]]

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
            "places": [asdict(place) for place in self.places],
            "drop_folder_files": self.drop_folder.files if self.drop_folder else 0,
            "stays": [{"path": path, "why": why} for path, why in self.stays],
        }


def look(settings: Settings, *, keep_access: bool) -> Purge:
    """What would go, what would stay."""
    lake = Lake(settings.data_dir)
    places = data_places(lake)
    if logs := _log_files(settings.logs_dir):
        places.append(Place.of(settings.logs_dir, logs))
    places += [Place.of(path, [path]) for path in secrets_files(settings)]
    return Purge(
        athlete_id=_athlete_id(settings, lake),
        data_dir=lake.data_dir,
        access=_access(settings, keep_access=keep_access),
        places=places,
        drop_folder=next((place for place in places if place.path == lake.inbox_files), None),
        stays=list(_staying(settings, lake, places)),
    )


def secrets_files(settings: Settings) -> list[Path]:
    """The login and the webhook subscription, what a process that died left of them, and their locks."""
    names = (token_store(settings).path.name, SUBSCRIPTION)
    folder = settings.secrets_dir
    found = [[folder / name, *folder.glob(f".{name}.*"), folder / f"{name}.lock"] for name in names]
    return [path for paths in found for path in sorted(paths) if path.exists() or path.is_symlink()]


def delete_logs(logs_dir: Path) -> None:
    """Delete every log that a run or the service wrote, and the folders that this leaves empty."""
    _, faults = prune(logs_dir, date.max, days=0)
    if faults:
        raise PipelineError(
            f"Logs can't be deleted: {'; '.join(faults)}. Fix that, then run strava-pipeline purge again."
        )
    for path in _log_files(logs_dir):  # the service's
        path.unlink()
    for folder in (service_log(logs_dir).parent, *(kind.root(logs_dir) for kind in reversed(KINDS))):
        with suppress(OSError):  # not there, or not empty
            folder.rmdir()


def _log_files(logs_dir: Path) -> list[Path]:
    of_service = (before(service_log(logs_dir)), service_log(logs_dir))
    return [path for kind in KINDS for path in list_logs(logs_dir, kind)] + [
        path for path in of_service if path.exists()
    ]


def _athlete_id(settings: Settings, lake: Lake) -> int | None:
    try:
        of_login = token_store(settings).load().athlete_id
    except PipelineError:
        of_login = None
    known = newest_athlete(lake)
    found = of_login or (known[1].get("id") if known else None)
    return found if isinstance(found, int) else None


def _access(settings: Settings, *, keep_access: bool) -> str:
    if revoked_at(settings):
        return BEFORE
    try:
        token_store(settings).load()
    except MissingSettingsError:
        return NONE
    except PipelineError:
        pass  # there is one, whatever is wrong with it
    return KEPT if keep_access else HELD


def _staying(settings: Settings, lake: Lake, places: list[Place]) -> Iterator[tuple[Path | None, str]]:
    for link in (link for place in places for link in place.links):
        yield link.readlink(), f"only the link {link} goes"
    for path, why in (
        (lake.goals, "your goals"),
        (lake.views, "your own views"),
        (settings.pings_config, "users, tokens, cars and places of pings"),
        (env_file(), "settings: the application's secret among them"),
        (settings.dagster_home, "Dagster's records: ids, times and counts of runs, perhaps of other data folders too"),
    ):
        if path.exists():
            yield path, why
    ledger = ledger_path(settings)
    if ledger.exists() and lake.data_dir not in ledger.parents:
        yield (
            ledger,
            "how many calls the API application has made: nothing of the athlete, and its other data folders need it",
        )
    if (settings.secrets_dir / SUBSCRIPTION).exists():
        yield None, "the application's subscription at Strava: strava-pipeline subscription delete"
    yield None, "what you imported from elsewhere, and reports and exports that you wrote elsewhere"
    yield None, "the source of trips and the demo, which are apart"
