"""What two recordings of one effort cost to compare, once; beside a floor that only reads the points of both.

The recordings have 7,200 points, a second each. Stages have the shape of product.py's and return the number of activities.
"""

import random
import shutil
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from math import sin
from pathlib import Path

import polars as pl

from benchmarks.place import Place
from benchmarks.product import Work

STAGES = {"compare": "all pairs compared", "again": "looked at again, nothing new"}
_POINTS = 7_200
_YEAR, _START = 2026, datetime(2026, 1, 1, 8, tzinfo=UTC)


def prepare(folder: Path, count: int) -> None:
    """Write the readings of two files each of `count` rides."""
    from strava_pipeline.core.files.recording import TRACK, Reading, RecordingSummary
    from strava_pipeline.lake.imports.files import put_reading
    from strava_pipeline.lake.paths import Lake

    rng, lake = random.Random(1), Lake(folder / "source")
    for number in range(1, 2 * count + 1):
        begins = _START + timedelta(hours=3 * ((number + 1) // 2), seconds=rng.randrange(4))
        far = [2.8 * second for second in range(_POINTS)]
        points = {
            "at": pl.datetime_range(begins, begins + timedelta(seconds=_POINTS - 1), "1s", time_unit="us", eager=True),
            "latitude": [47.0 + (metre + 100 * sin(metre / 300) + rng.gauss(0, 3)) / 111_320 for metre in far],
            "longitude": [11.0 + 200 * sin(metre / 500) / 111_320 for metre in far],
            "distance": far,
            "heartrate": [round(140 + 20 * sin(metre / 900) + rng.gauss(0, 2)) for metre in far],
            "watts": [round(220 + 90 * sin(metre / 400) + rng.gauss(0, 9)) for metre in far],
            "cadence": [round(88 + rng.gauss(0, 2)) for _ in far],
        }
        track = pl.DataFrame({name: points.get(name, [None] * _POINTS) for name in TRACK}, TRACK)
        digest = _digest(number)
        summary = RecordingSummary(place=0, creator=f"maker {number % 2}", points=_POINTS)
        put_reading(lake, digest, Reading(content=digest, format="fit", kind="activity", recordings=[summary]), [track])


def _digest(number: int) -> str:
    return sha256(str(number).encode()).hexdigest()


def floor(place: Place) -> Work:
    """Read all points of all recordings, and add up the power."""

    def work() -> int:
        paths = [*(place.folder / "source").rglob("*.parquet")]
        for path in paths:
            pl.read_parquet(path)["watts"].sum()
        return len(paths) // 2

    return work


def compare(place: Place) -> Work:
    """Compare every pair that is new or changed, as the step `tracks` of a run does."""
    from strava_pipeline.lake.gold.warehouse import writing
    from strava_pipeline.lake.made.recording_pairs import compare_pairs, due_pairs

    lake = place.lake
    shutil.copytree(place.folder / "source" / "readings", lake.readings, dirs_exist_ok=True)
    count = len([*lake.readings.rglob("*.json.gz")])
    with writing(lake) as connection:
        columns = "id, source, sport_type, start_date, start_date_local, year"
        insert = f"INSERT INTO activities_all ({columns}) VALUES (?, 'garmin', 'Ride', ?, ?, ?)"
        if not connection.execute("SELECT count(*) FROM activity_members").fetchall()[0][0]:
            for number in range(1, count + 1):
                connection.execute(insert, [number, _START, _START.replace(tzinfo=None), _YEAR])
                head = number - 1 + number % 2
                member = "INSERT INTO activity_members (id, activity_id, place) VALUES (?, ?, ?)"
                connection.execute(member, [number, head, (number + 1) % 2])
    recorded = {number: ((_digest(number), 0),) for number in range(1, count + 1)}

    def work() -> int:
        with writing(lake) as connection:
            due = due_pairs(lake, connection, [_YEAR], recorded)
        for each in due:
            compare_pairs(lake, each)
        return sum(len(each.stale) for each in due)

    return work


def again(place: Place) -> Work:
    """The same when nothing is new."""
    return compare(place)
