"""From settings to what trips are read with: the open source, the keys, the router."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from strava_pipeline.core.errors import MissingSettingsError
from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.ingest.strava.http import small_wire
from strava_pipeline.ingest.trips.keys import NO_KEYS, KeyRing
from strava_pipeline.ingest.trips.keys_command import SETTING, keys_text
from strava_pipeline.ingest.trips.osrm import PATIENCE, Router
from strava_pipeline.ingest.trips.source import open_source
from strava_pipeline.ingest.trips.table import TripSource
from strava_pipeline.settings import Settings

NO_SOURCE = (
    "No source of trips. Name one with --source or TRIPS_SOURCE: sqlite:///path/to/file, parquet:///path/to/file or "
    "postgresql://user@host:5432/database."
)


def trip_url(settings: Settings, url: str | None = None) -> str:
    """`url`, else TRIPS_SOURCE: for those who open it themselves. Raises MissingSettingsError."""
    named = url or settings.trips_source
    if not named:
        raise MissingSettingsError(NO_SOURCE)
    return named


def trip_source(settings: Settings, url: str | None = None) -> TripSource:
    """The source at `url`, else at TRIPS_SOURCE. Raises MissingSettingsError, MisuseError, SourceError."""
    return open_source(trip_url(settings, url), settings.trip_limits)


def trip_keys(settings: Settings) -> KeyRing:
    """The keys of TRIPS_KEYS_FILE, else of TRIPS_FERNET_KEYS, else of TRIPS_KEYS_COMMAND. Raises MissingSettingsError."""
    if settings.trips_keys_file is not None:
        return KeyRing.from_file(settings.trips_keys_file)
    if settings.trips_fernet_keys is not None:
        return KeyRing.from_text(settings.trips_fernet_keys.get_secret_value())
    if settings.trips_keys_command is not None:
        return KeyRing.from_text(keys_text(settings.trips_keys_command), f"what {SETTING} prints")
    raise MissingSettingsError(NO_KEYS)


@contextmanager
def trip_routes(settings: Settings) -> Iterator[Callable[[Sequence[Bundle]], Mapping[str, float]]]:
    """What asks TRIPS_OSRM_URL for routes: metres by external id. Without the setting nothing is asked, and there are none."""
    if not settings.trips_osrm_url:
        yield lambda _: {}
        return
    router = Router(settings.trips_osrm_url, small_wire(settings, PATIENCE))
    try:
        yield router.routes
    finally:
        router.tell()
