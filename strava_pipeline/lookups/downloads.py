"""An activity as a file for other programs: as a device wrote it, or its track in another format, without privacy zones."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath

import polars as pl

from strava_pipeline.core.changes.proposals import OriginalFile
from strava_pipeline.core.errors import NothingToExportError, PipelineError
from strava_pipeline.core.files.writing import Titled, csv, gpx, tcx
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.privacy import PrivacyZone, outside
from strava_pipeline.lake.gold.efforts import original_files
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.imports.files import peeked_bytes
from strava_pipeline.lake.made.cut_tracks import counted_track
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.activities import FoundActivity

MOST_BYTES = ImportLimits().file_bytes  # of a file that a page sends


def original_file(connection: Connection, lake: Lake, activity_id: int) -> OriginalFile | None:
    """An activity's file as a device wrote it, with its name without folders, or None."""
    found = next(iter(original_files(connection, lake, [activity_id]).values()), None)
    return None if found is None else OriginalFile(found.sha256, PurePosixPath(found.name).name)


def original_bytes(connection: Connection, lake: Lake, activity_id: int) -> tuple[str, bytes]:
    """The name and the bytes of that file, for a page. Raises NothingToExportError also where it is damaged or too large."""
    found = original_file(connection, lake, activity_id)
    body = None if found is None else peeked_bytes(lake, found.sha256, MOST_BYTES)
    if found is None or body is None:
        raise NothingToExportError("No file of a device that can be sent is there for this activity.")
    return found.name, body


@dataclass(frozen=True, slots=True)
class ExportedTrack:
    """A track as a file: its bytes, how many points it has, and how many lie in privacy zones and were left out."""

    body: bytes
    points: int
    left_out: int


def exported_track(
    connection: Connection, lake: Lake, found: FoundActivity, suffix: str, zones: Sequence[PrivacyZone]
) -> ExportedTrack:
    """An activity's track in the format of `suffix` (.gpx, .tcx, .csv, .parquet), without its points in `zones`.

    Raises NothingToExportError without a track, or without a point outside the zones; PipelineError if it is damaged.
    """
    try:
        points = pl.read_parquet(counted_track(lake, found.year, found.id), hive_partitioning=False).sort(
            "part", "point"
        )
    except FileNotFoundError:
        raise NothingToExportError(
            f"The activity {found.id} has no track here. `strava-pipeline streams` fetches tracks from Strava; "
            "files that you import have theirs."
        ) from None
    except pl.exceptions.ComputeError:
        raise PipelineError(
            f"The track of the activity {found.id} is damaged. `strava-pipeline rebuild` makes it again from bronze."
        ) from None
    shown = outside(points, zones)
    if shown.is_empty():
        raise NothingToExportError(
            f"The activity {found.id} never leaves your privacy zones. `strava-pipeline export activity --full` writes all of it."
        )
    query = "SELECT name, coalesce(sport_type, type) FROM activities WHERE id = $id"
    ((name, sport),) = connection.execute(query, {"id": found.id}).fetchall()
    return ExportedTrack(_encoded(shown, Titled(name, sport), suffix), shown.height, points.height - shown.height)


def _encoded(points: pl.DataFrame, titled: Titled, suffix: str) -> bytes:
    if suffix == ".parquet":
        buffer = BytesIO()
        points.write_parquet(buffer, compression="zstd")
        return buffer.getvalue()
    if suffix == ".csv":
        return csv(points)
    try:
        return gpx(points, titled) if suffix == ".gpx" else tcx(points, titled)
    except ValueError as error:
        raise NothingToExportError(f"This activity can't be written as {suffix[1:].upper()}: {error}.") from None
