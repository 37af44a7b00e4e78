"""Tracks: a Parquet file per activity in its local year's folder. Made from readings of files and from streams, any time again.

A file's own metadata says what it was made from, so whether one is missing or stale is read from the files. Which
activity a track belongs to is decided by those who write it.
"""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from strava_pipeline.core.tables.details import TRACKS
from strava_pipeline.lake.files import sync_folder, write_rows
from strava_pipeline.lake.paths import Lake

_ORIGIN = "strava_pipeline.origin"
OF_A_FILE = "file:"  # what the origin of a track from an activity file begins with


def write_track(
    lake: Lake,
    year: int,
    activity_id: int,
    athlete_id: int | None,
    source: str,
    parts: Iterable[pl.DataFrame],
    origin: str,
) -> int:
    """One activity's track, whole or not at all; its bytes. `parts`: a frame per session, of the columns that it knows.

    `origin` tells what it was made from: another one than that of the file in place makes it stale.
    """
    frames = [
        frame.with_columns(part=pl.lit(number, pl.Int32), point=pl.int_range(pl.len(), dtype=pl.Int32))
        for number, frame in enumerate(parts)
    ]
    points = pl.concat(frames, how="diagonal").with_columns(
        activity_id=pl.lit(activity_id, pl.Int64), athlete_id=pl.lit(athlete_id, pl.Int64), source=pl.lit(source)
    )
    missing = {name: kind for name, kind in TRACKS.polars_schema.items() if name not in points.columns}
    rows = points.with_columns(pl.lit(None, kind).alias(name) for name, kind in missing.items())
    path = track_path(lake, year, activity_id)
    size = write_rows(
        path, rows.select(*TRACKS.polars_schema).cast(pl.Schema(TRACKS.polars_schema)), "zstd", {_ORIGIN: origin}
    )
    sync_folder(path.parent)
    return size


def track_path(lake: Lake, year: int, activity_id: int) -> Path:
    return lake.tracks_of(year) / f"{activity_id}.parquet"


def track_origins(lake: Lake, year: int) -> dict[int, str]:
    """What the tracks of a year were made from, by activity. One that can't be read is none: it is made again."""
    found: dict[int, str] = {}
    folder = lake.tracks_of(year)
    for path in folder.glob("*.parquet") if folder.is_dir() else ():
        try:
            found[int(path.stem)] = pl.read_parquet_metadata(path).get(_ORIGIN, "")
        except (pl.exceptions.ComputeError, ValueError):
            continue
    return found


def track_athlete(lake: Lake, year: int, activity_id: int) -> int | None:
    """Whose a track says that it is; None where it says nothing, or can't be read."""
    try:
        found = pl.scan_parquet(track_path(lake, year, activity_id)).select("athlete_id").head(1).collect()
    except pl.exceptions.ComputeError:
        return None
    return found.item() if found.height else None


def tracked(lake: Lake) -> set[int]:
    """The activities that have a track, of any year, by the names of the files."""
    return {int(path.stem) for path in lake.tracks.glob("year=*/*.parquet") if path.stem.lstrip("-").isdecimal()}


def is_of_a_file(origin: str | None) -> bool:
    """Whether a track with this origin was made from an activity file, which knows more than streams."""
    return origin is not None and origin.startswith(OF_A_FILE)


def track_sizes(lake: Lake, year: int) -> tuple[int, int]:
    """How many tracks of a year can be read, and how many points they have together, from their footers."""
    folder = lake.tracks_of(year)
    heights = [_height(path) for path in folder.glob("*.parquet")] if folder.is_dir() else []
    return sum(height is not None for height in heights), sum(height or 0 for height in heights)


def _height(path: Path) -> int | None:
    try:
        return int(pl.scan_parquet(path).select(pl.len()).collect().item())
    except pl.exceptions.ComputeError:
        return None
