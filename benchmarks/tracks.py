"""What is computed once of each track: curves, seconds at each value, cells; beside a floor that only reads the same points.

The tracks have 3,600 points, and are written before anything is measured. Stages have the shape of product.py's and return the
number of tracks. No printing.
"""

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from benchmarks.place import Place
from benchmarks.product import Work

STAGES = {"measure": "all tracks measured", "one_more": "after one more track"}
_POINTS = 3_600
_YEAR, _START = 2026, datetime(2026, 1, 1, 8, tzinfo=UTC)


def prepare(folder: Path, count: int) -> None:
    """Write the tracks of `count` runs to a folder."""
    from strava_pipeline.lake.made.tracks import write_track
    from strava_pipeline.lake.paths import Lake

    rng, lake = random.Random(1), Lake(_source(folder))
    for number in range(1, count + 1):
        begins = _START + timedelta(hours=number)
        points = pl.DataFrame(
            {
                "recorded_at": pl.datetime_range(
                    begins, begins + timedelta(seconds=_POINTS - 1), "1s", time_unit="us", eager=True
                ),
                "latitude": [47.0 + number * 1e-3 + second * 2.5e-5 for second in range(_POINTS)],
                "longitude": [11.0 + number * 1e-3] * _POINTS,
                "distance": [second * 2.8 for second in range(_POINTS)],
                "heartrate": [float(rng.randrange(110, 175)) for _ in range(_POINTS)],
                "watts": [float(rng.randrange(0, 450)) for _ in range(_POINTS)],
            }
        )
        write_track(lake, _YEAR, number, 7, "file", [points], f"file:{number}")


def floor(place: Place) -> Work:
    """Read all points of all tracks and add up the power."""

    def work() -> int:
        paths = [*_source(place.folder).rglob("*.parquet")]
        for path in paths:
            pl.read_parquet(path)["watts"].sum()
        return len(paths)

    return work


def measure(place: Place) -> Work:
    """Measure every track that is new or changed, as the step `tracks` of a run does."""
    from strava_pipeline.lake.gold.warehouse import writing
    from strava_pipeline.lake.made.track_measures import due_tracks, measure_tracks

    lake = place.lake
    shutil.copytree(_source(place.folder) / "tracks", lake.tracks, dirs_exist_ok=True)
    ids = [int(path.stem) for path in lake.tracks.rglob("*.parquet")]
    with writing(lake) as connection:
        columns = "id, source, sport_type, start_date, start_date_local, year"
        insert = f"INSERT INTO activities_all ({columns}) VALUES (?, 'file', 'Run', ?, ?, ?)"
        held = {one for (one,) in connection.execute("SELECT id FROM activities_all").fetchall()}
        for one in sorted({*ids} - held):
            connection.execute(insert, [one, _START, _START.replace(tzinfo=None), _YEAR])

    def work() -> int:
        with writing(lake) as connection:
            due = due_tracks(lake, connection, [_YEAR])
        for each in due:
            measure_tracks(lake, each)
        return sum(len(each.stale) for each in due)

    return work


def one_more(place: Place) -> Work:
    """The same after one more track of the same year."""
    folder = place.lake.tracks_of(_YEAR)
    shutil.copyfile(folder / "1.parquet", folder / "-1.parquet")
    return measure(place)


def _source(folder: Path) -> Path:
    return folder / "source"
