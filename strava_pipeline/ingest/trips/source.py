"""From a URL to an open source of trips, or to where its file lies. Nothing is decrypted here.

What the kinds of source do stands in files of their own, imported where one is opened: who asks for a path needs none.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from strava_pipeline.core.errors import MisuseError, SourceError
from strava_pipeline.core.size_limits import TripLimits

if TYPE_CHECKING:
    from strava_pipeline.ingest.trips.table import TripSource

_FORMS = "sqlite:///path/to/file, parquet:///path/to/file or postgresql://user@host:5432/database"
_FILES = ("sqlite", "parquet")  # schemes whose source is one file


def open_source(url: str, limits: TripLimits = TripLimits()) -> "TripSource":
    """Opens `url` for reading; close it, or use it in a `with`. Where a file is looked for tells `trips_file`.

    Raises MisuseError for what is no URL of a source, SourceError for one that can't be read; neither tells a password.
    """
    source = _opened(url)
    source.limits = limits
    return source


def _opened(url: str) -> "TripSource":
    scheme, separator, _ = url.strip().partition("://")
    if separator and scheme in ("postgresql", "postgres"):
        from strava_pipeline.ingest.trips.postgres import PostgresTrips

        return PostgresTrips(url.strip())
    if not separator or scheme not in _FILES:
        raise MisuseError(f"the source of trips is a URL: {_FORMS}.")
    path = trips_file(url)
    if path is None:
        raise MisuseError(f"{scheme}://… needs three slashes and a path: {scheme}:///path/to/file.")
    if not path.is_file():
        tried = " and ".join(dict.fromkeys(str(place) for place in _places(url)))
        raise SourceError(f"there is no file {tried}; the source of trips is {_FORMS}.")
    if scheme == "sqlite":
        from strava_pipeline.ingest.trips.sqlite import SqliteTrips

        return SqliteTrips(path)
    from strava_pipeline.ingest.trips.parquet import ParquetTrips

    return ParquetTrips(path)


def trips_file(url: str) -> Path | None:
    """The absolute path of the file that `url` names, whether it is there or not; None: `url` names no file.

    A path after the three slashes is one from the working directory, or, where only the root has such a file, from the
    root; with four slashes it is from the root.
    """
    from_here, from_root = _places(url)
    if from_here is None or from_root is None:
        return None
    return from_root if from_root.is_file() and not from_here.is_file() else from_here


def _places(url: str) -> tuple[Path, Path] | tuple[None, None]:
    scheme, _, rest = url.strip().partition("://")
    if scheme not in _FILES or not rest.startswith("/") or not rest.strip("/"):
        return None, None
    return Path(rest[1:]).absolute(), Path("/", rest[1:])
