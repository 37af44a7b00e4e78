"""Matching N activities with N files of the same efforts, beside a floor that only joins rows with the same second of start.

Commutes of one length on one course, each from the API and from a file that differs by some seconds and some permille: the worst
case for a comparison. Stages have the shape of product.py's. No printing.
"""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from benchmarks.place import Place
from benchmarks.product import Work

STAGES = {"match": "matched", "again": "matched again, nothing new"}
_FIRST = datetime(2010, 1, 1, 7, tzinfo=UTC)


def prepare(folder: Path, count: int) -> None:
    """Write the rows of activities_all to a Parquet file."""
    rng = random.Random(1)
    rows = []
    for number in range(count):
        start = _FIRST + timedelta(hours=12 * number, seconds=rng.randrange(600))
        place = [48 + rng.gauss(0, 5e-5), 11.5]
        exact = (start, 1_200, 5_000.0, place)
        rows.append((10**10 + number, "strava", *exact))
        delay = timedelta(seconds=rng.choice((0, 0, 2, 3)))
        length = 5_000.0 * rng.gauss(1, 0.005)
        rows.append((-number - 1, "file", start + delay, 1_200 - delay.seconds, length, place))
    names = ["id", "source", "start_date", "elapsed_time", "distance", "start_latlng"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    folder.mkdir(exist_ok=True)
    frame.with_columns(year=pl.col("start_date").dt.year(), sport_type=pl.lit("Ride")).write_parquet(_rows(folder))


def floor(place: Place) -> Work:
    """Read the rows, join them on the second of their start, write the pairs."""

    def work() -> int:
        rows = pl.read_parquet(_rows(place.folder))
        pairs = rows.join(rows, on="start_date").filter(pl.col("id") < pl.col("id_right"))
        pairs.select("id", "id_right").write_parquet(place.folder / "pairs.parquet")
        return rows.height // 2

    return work


def match(place: Place) -> Work:
    """Match the activities of gold and write the tables of matches."""
    from strava_pipeline.lake.gold.matches import match_activities
    from strava_pipeline.lake.gold.warehouse import writing

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
