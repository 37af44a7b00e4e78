"""All insights of N activities over eighteen years, half of them with splits, beside a floor that only sums them by day.

Stages have the shape of product.py's. No printing.
"""

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from benchmarks.place import Place
from benchmarks.product import Work

STAGES = {
    "files": "every year's files",
    "one_more": "files after one more activity",
    "views": "every view once, all rows",
}
_FIRST, _DAYS = datetime(2008, 1, 1, 6), 18 * 365  # noqa: DTZ001 - a local clock
_TODAY, _NOW = date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC)
_SPORTS = ("Ride", "Run", "Swim", "Yoga", "GravelRide", "Hike")


def prepare(folder: Path, count: int) -> None:
    """Write the rows of activities_all and the splits to two Parquet files."""
    rng = random.Random(1)
    rows, splits = [], []
    for number in range(count):
        sport = rng.choice(_SPORTS)
        metres = 0.0 if sport == "Yoga" else rng.uniform(3_000, 45_000)
        start = _FIRST + timedelta(seconds=rng.randrange(_DAYS * 86_400))
        rows.append(
            (
                number + 1,
                sport,
                start,
                metres,
                rng.randrange(900, 9_000),
                rng.uniform(0, 900),
                rng.uniform(5, 150),
            )
        )
        if number % 2:
            splits += [(number + 1, place + 1, 1000.0, rng.randrange(120, 500)) for place in range(int(metres / 1000))]
    folder.mkdir(exist_ok=True)
    names = ["id", "sport_type", "start_date_local", "distance", "moving_time", "total_elevation_gain", "suffer_score"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    frame.with_columns(
        year=pl.col("start_date_local").dt.year(),
        elapsed_time=pl.col("moving_time") + 60,
        start_date=pl.col("start_date_local").dt.replace_time_zone("UTC"),
        source=pl.lit("strava"),
        athlete_id=pl.lit(7),
        gear_id=pl.lit("b1"),
    ).write_parquet(_rows(folder))
    names = ["activity_id", "split_index", "distance_m", "elapsed_time_seconds"]
    pl.DataFrame(splits, schema=names, orient="row").write_parquet(_splits(folder))


def floor(place: Place) -> Work:
    """Read the rows, sum them by day and sport, write the sums."""

    def work() -> int:
        rows = pl.read_parquet(_rows(place.folder))
        days = rows.group_by(pl.col("start_date_local").dt.date(), "sport_type").agg(pl.col("distance").sum(), pl.len())
        days.write_ndjson(place.folder / "days.json")
        return rows.height

    return work


def files(place: Place) -> Work:
    """Compute the insights of all years from the published warehouse and write the files that changed."""
    from strava_pipeline.core.insights.goals import Goals
    from strava_pipeline.lake.gold.insights import athlete_of, write_insights
    from strava_pipeline.lake.gold.publish import publish, snapshot

    fill(place)
    publish(place.lake)

    def work() -> int:
        with snapshot(place.lake) as connection:
            athlete = athlete_of(connection, Goals(), _NOW)
            assert athlete is not None
            write_insights(connection, place.lake, athlete, Goals(), _TODAY, [2025, 2026])
            return int(connection.execute("SELECT count(*) FROM activities").fetchall()[0][0])

    return work


def one_more(place: Place) -> Work:
    """The same as `files`, after one more activity in one year."""
    from strava_pipeline.lake.gold.notes import mark_changed
    from strava_pipeline.lake.gold.warehouse import writing

    with writing(place.lake) as connection:
        copy = "SELECT * REPLACE (-id AS id) FROM activities_all WHERE id = 1"
        connection.execute(f"INSERT INTO activities_all {copy}")
        mark_changed(connection)
    return files(place)


def views(place: Place) -> Work:
    """Query all columns and rows of every view of insights."""
    from strava_pipeline.core.tables.insights import INSIGHTS
    from strava_pipeline.lake.gold.publish import snapshot

    def work() -> int:
        with snapshot(place.lake) as connection:
            for name in INSIGHTS:
                connection.execute(f"CREATE OR REPLACE TEMP TABLE result AS SELECT * FROM {name}")
            return int(connection.execute("SELECT count(*) FROM activities").fetchall()[0][0])

    return work


def fill(place: Place) -> None:
    from strava_pipeline.lake.gold.notes import mark_changed
    from strava_pipeline.lake.gold.warehouse import writing

    with writing(place.lake) as connection:
        if connection.execute("SELECT count(*) = 0 FROM activities_all").fetchall()[0][0]:
            connection.execute(f"INSERT INTO activities_all BY NAME SELECT * FROM '{_rows(place.folder)}'")
            connection.execute(
                f"INSERT INTO activity_splits_metric_by_source BY NAME SELECT * FROM '{_splits(place.folder)}'"
            )
            mark_changed(connection)


def _rows(folder: Path) -> Path:
    return folder / "rows.parquet"


def _splits(folder: Path) -> Path:
    return folder / "splits.parquet"
