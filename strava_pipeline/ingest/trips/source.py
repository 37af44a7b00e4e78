"""From a URL to an open source of trips. What the kinds do is in files of their own; nothing is decrypted here."""

from pathlib import Path

from strava_pipeline.core.errors import MisuseError, SourceError
from strava_pipeline.ingest.trips.parquet import ParquetTrips
from strava_pipeline.ingest.trips.sqlite import SqliteTrips
from strava_pipeline.ingest.trips.table import TripSource

_FORMS = "sqlite:///path/to/file, parquet:///path/to/file or postgresql://user@host:5432/database"


def open_source(url: str) -> TripSource:
    """Opens `url` for reading; close it, or use it in a `with`.

    A path after the three slashes is one from the working directory, or, where there is no such file, from the root;
    with four slashes it is from the root. Raises MisuseError for what is no URL of a source, SourceError for one that
    can't be read; neither tells a password.
    """
    scheme, separator, rest = url.strip().partition("://")
    if separator and scheme in ("postgresql", "postgres"):
        # Here and not above: its client alone is a sixth of what every process of Dagster's loads.
        from strava_pipeline.ingest.trips.postgres import PostgresTrips

        return PostgresTrips(url.strip())
    if scheme not in ("sqlite", "parquet"):
        raise MisuseError(f"the source of trips is a URL: {_FORMS}.")
    if not rest.startswith("/") or not rest.strip("/"):
        raise MisuseError(f"{scheme}://… needs three slashes and a path: {scheme}:///path/to/file.")
    path = _file(rest[1:])
    return SqliteTrips(path) if scheme == "sqlite" else ParquetTrips(path)


def _file(text: str) -> Path:
    from_root = Path("/", text)
    from_here = from_root if text.startswith("/") else Path(text)
    for path in dict.fromkeys((from_here, from_root)):
        if path.is_file():
            return path
    tried = " and ".join(dict.fromkeys((str(from_here), str(from_root))))
    raise SourceError(f"there is no file {tried}; the source of trips is {_FORMS}.")
