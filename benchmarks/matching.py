"""Telling which of N activities and N files are one, beside a floor that only joins those that begin at the same second.

Commutes of one length on one course, each by the API and by a file that is some seconds and some permille off: the worst case for
whoever compares. Stages are as in product.py. No printing.
"""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from benchmarks.place import Place
from benchmarks.product import Work

STAGES = {"match": "told which are one", "again": "told again, nothing new"}
_FIRST = datetime(2010, 1, 1, 7, tzinfo=UTC)


def make(folder: Path, count: int) -> None:
    """The rows of activities_all, in one Parquet file."""
    chance = random.Random(1)
    rows = []
    for number in range(count):
        start = _FIRST + timedelta(hours=12 * number, seconds=chance.randrange(600))
        place = [48 + chance.gauss(0, 5e-5), 11.5]
        true = (start, 1_200, 5_000.0, place)
        rows.append((10**10 + number, "strava", *true))
        late = timedelta(seconds=chance.choice((0, 0, 2, 3)))
        length = 5_000.0 * chance.gauss(1, 0.005)
        rows.append((-number - 1, "file", start + late, 1_200 - late.seconds, length, place))
    names = ["id", "source", "start_date", "elapsed_time", "distance", "start_latlng"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    folder.mkdir(exist_ok=True)
    frame.with_columns(year=pl.col("start_date").dt.year(), sport_type=pl.lit("Ride")).write_parquet(_rows(folder))


def floor(place: Place) -> Work:
    """Read, one join on the second of the start, written."""

    def work() -> int:
        rows = pl.read_parquet(_rows(place.folder))
        pairs = rows.join(rows, on="start_date").filter(pl.col("id") < pl.col("id_right"))
        pairs.select("id", "id_right").write_parquet(place.folder / "pairs.parquet")
        return rows.height // 2

    return work


def match(place: Place) -> Work:
    """Out of gold, judged, grouped, and the tables of it written."""
    from strava_pipeline.lake.matches import match_activities
    from strava_pipeline.lake.warehouse import writing

    with writing(place.lake) as connection:
        empty = connection.execute("SELECT count(*) = 0 FROM activities_all").fetchall()[0][0]
        if empty:
            connection.execute(f"INSERT INTO activities_all BY NAME SELECT * FROM '{_rows(place.folder)}'")

    def work() -> int:
        with writing(place.lake) as connection:
            return match_activities(connection, place.lake).activities

    return work


again = match


def _rows(folder: Path) -> Path:
    return folder / "rows.parquet"
