"""The kind of trip source that a URL names; its modules are imported when it is opened."""

from strava_pipeline.core.errors import MisuseError, SourceError
from strava_pipeline.core.limits import TripLimits
from strava_pipeline.environment.setting_values import TRIP_FILES, places_of_trips, trips_file
from strava_pipeline.trips.activity.reading.source import TripSource

_FORMS = "sqlite:///path/to/file, parquet:///path/to/file or postgresql://user@host:5432/database"


def open_source(url: str, limits: TripLimits = TripLimits()) -> TripSource:
    """Open `url` for reading; close it, or use it in a `with`. `trips_file` says where a file is looked for.

    Raises MisuseError for other URLs, SourceError for a source that can't be read; neither shows a password.
    """
    source = _open(url)
    source.limits = limits
    return source


def file_mark(url: str) -> str | None:
    """What changes when the file of a source is written: its name, size and time. None: it has to be opened to see."""
    path = trips_file(url)
    beside = path and path.with_name(f"{path.name}-wal")
    if path is None or beside is None or not path.is_file() or (beside.exists() and beside.stat().st_size):
        return None
    seen = path.stat()
    return f"{path} {seen.st_ino} {seen.st_size} {seen.st_mtime_ns}"


def _open(url: str) -> TripSource:
    scheme, separator, _ = url.strip().partition("://")
    if separator and scheme in ("postgresql", "postgres"):
        from strava_pipeline.trips.activity.reading.postgres import PostgresTrips  # its driver is an extra

        return PostgresTrips(url.strip())
    if not separator or scheme not in TRIP_FILES:
        raise MisuseError(f"the source of trips is a URL: {_FORMS}.")
    path = trips_file(url)
    if path is None:
        raise MisuseError(f"{scheme}://… needs three slashes and a path: {scheme}:///path/to/file.")
    if not path.is_file():
        tried = " and ".join(dict.fromkeys(str(place) for place in places_of_trips(url)))
        raise SourceError(f"there is no file {tried}; the source of trips is {_FORMS}.")
    if scheme == "sqlite":
        from strava_pipeline.trips.activity.reading.file_sources import SqliteTrips

        return SqliteTrips(path)
    from strava_pipeline.trips.activity.reading.file_sources import ParquetTrips

    return ParquetTrips(path)
