"""What reading the imported files came to: a JSON file and the points of each, beside each other under the hash of the bytes.

Made from bronze, any time again; without them every file is decoded anew. What becomes of them is for whoever asks.
"""

import gzip
import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from strava_pipeline.core.files.recording import VERSION, Reading
from strava_pipeline.lake.files import write_rows, write_unsynced
from strava_pipeline.lake.paths import Lake

_END = b"PAR1"  # of every Parquet file


def put_reading(lake: Lake, digest: str, reading: Reading, tracks: Sequence[pl.DataFrame]) -> None:
    """The points first: where the reading is, they are. Not synced: what a power cut takes is read once more."""
    for place, track in enumerate(tracks):
        if track.height:
            write_rows(_track(lake, digest, place), track, "zstd", {})
    write_unsynced(_path(lake, digest), gzip.compress(reading.model_dump_json().encode(), mtime=0))


def reading_of(lake: Lake, digest: str) -> Reading | None:
    """None where there is none of this version, or a damaged one."""
    try:
        return Reading.model_validate_json(gzip.decompress(_path(lake, digest).read_bytes()))
    except (OSError, EOFError, zlib.error, ValidationError):
        return None


def is_whole(lake: Lake, digest: str) -> bool:
    """Whether the reading can be read, and the points that it tells of: a look into each file."""
    return _is_there(lake, digest, lambda place: track_of(lake, digest, place) is not None)


def has_reading(lake: Lake, digest: str) -> bool:
    """Whether a whole one of this version is there, with its points."""
    return _is_there(lake, digest, lambda place: _ends_well(_track(lake, digest, place)))


def _is_there(lake: Lake, digest: str, has_points: Callable[[int], bool]) -> bool:
    """Whether a reading is, and the points of each session that it tells of any."""
    read = reading_of(lake, digest)
    return read is not None and all(has_points(place) for place, each in enumerate(read.recordings) if each.points)


def track_of(lake: Lake, digest: str, place: int, columns: Sequence[str] | None = None) -> pl.DataFrame | None:
    """The points of a file's session, by its number in the file; None where it has none. `columns`: of TRACK; None: all."""
    try:
        return pl.read_parquet(_track(lake, digest, place), columns=None if columns is None else list(columns))
    except (FileNotFoundError, pl.exceptions.ComputeError):
        return None


def has_track(lake: Lake, digest: str, place: int) -> bool:
    """Whether the points of a file's session are on disk, by a look at the folder."""
    return _track(lake, digest, place).exists()


def _ends_well(track: Path) -> bool:
    """Whether a Parquet file has its end, which is written last; its rows are not looked at."""
    try:
        with track.open("rb") as file:
            file.seek(-len(_END), os.SEEK_END)
            return file.read() == _END
    except OSError:
        return False


def _path(lake: Lake, digest: str) -> Path:
    return lake.readings / "files" / digest[:2] / f"{digest}.v{VERSION}.json.gz"


def _track(lake: Lake, digest: str, place: int) -> Path:
    return lake.readings / "files" / digest[:2] / f"{digest}-{place}.v{VERSION}.parquet"
