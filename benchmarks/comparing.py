"""Comparing months of N efforts at five sources, beside a bare query of the same rows.

Every source has every effort, under three names in turn, one of them a service's own. The working warehouse and the listings'
manifests are made before anything is measured. Stages have the shape of product.py's. No printing.
"""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.place import Place
from benchmarks.product import Work
from strava_pipeline.core.providers import ReadPage, spec_of
from strava_pipeline.core.sheets.header import WORDS
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.ingest.registry import PROVIDERS

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings

STAGES = {"month": "a month compared", "months": "24 months compared", "everything": "all months compared"}
_SOURCES = (STRAVA, *PROVIDERS)
_NAMES = ("Morning Ride", "Up the hill and home", "Sunday's loop")
_FIRST = datetime(2008, 1, 1, 7, tzinfo=UTC)
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_MOST = "SELECT source, source_id, name, gear_id FROM activities_all WHERE start_date_local >= '2024-01-01'"


def prepare(folder: Path, count: int) -> None:
    """Write the rows of activities_all and of activity_members to Parquet files."""
    rng, step = random.Random(1), (_NOW - _FIRST) / count
    rows, members = [], []
    for number in range(count):
        start = _FIRST + number * step
        for place, source in enumerate(_SOURCES):
            key = 10**10 + number if source == STRAVA else -(number * len(_SOURCES) + place) - 1
            name = _NAMES[rng.randrange(3)]
            rows.append((key, source, str(abs(key)), name, start, start.replace(tzinfo=None), 1_200, 5_000.0))
            members.append((key, 10**10 + number, place))
    columns = ["id", "source", "source_id", "name", "start_date", "start_date_local", "elapsed_time", "distance"]
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    folder.mkdir(exist_ok=True)
    frame.with_columns(year=pl.col("start_date").dt.year(), sport_type=pl.lit("Ride")).write_parquet(
        _file(folder, "rows")
    )
    of_members = pl.DataFrame(members, schema=["id", "activity_id", "place"], orient="row")
    of_members.write_parquet(_file(folder, "members"))


def floor(place: Place) -> Work:
    """Fetch the rows of the last 24 months."""
    return _comparing(place, months=None)


def month(place: Place) -> Work:
    """Compare the last month."""
    return _comparing(place, months=1)


def months(place: Place) -> Work:
    """Compare the last 24 months."""
    return _comparing(place, months=24)


def everything(place: Place) -> Work:
    """Compare all months."""
    return _comparing(place, months=12 * 18)


def _comparing(place: Place, months: int | None) -> Work:
    """Compare so many months; None: only fetch the rows. The work returns the number of rows of sources."""
    from strava_pipeline.lake.gold.warehouse import connect
    from strava_pipeline.operations.changes.comparing import compare_months, months_back
    from strava_pipeline.operations.changes.parties import comparing

    settings = _filled(place)
    connection = connect(place.lake.working)
    if months is None:
        return lambda: len(connection.execute(_MOST).fetchall())
    wanted = months_back(months, _NOW - timedelta(days=1))

    def work() -> int:
        found = compare_months(connection, comparing(settings, _NOW), wanted)
        return sum(cell.present for row in found.rows for cell in row.cells.values())

    return work


def _filled(place: Place) -> "Settings":
    """Have the warehouse and a complete listing of every source in the place, if they are not there."""
    from strava_pipeline.lake.bronze.listing import begin_listing
    from strava_pipeline.lake.bronze.manifests import Window
    from strava_pipeline.lake.gold.warehouse import writing
    from strava_pipeline.verbs.demo import demo_settings

    settings: Settings = demo_settings(place.folder, place.url)
    if place.lake.working.exists():
        return settings
    with writing(place.lake) as connection:
        for table, name in (("activities_all", "rows"), ("activity_members", "members")):
            connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM '{_file(place.folder, name)}'")
    for source in _SOURCES:
        listing = begin_listing(
            place.lake, Window(mode="all", after=None, before=None), athlete_id=None, at=_NOW, source=source
        )
        if "adds" in spec_of(source).capabilities:
            keys = pl.read_parquet(_file(place.folder, "rows")).filter(source=source)["source_id"]
            cells: list[str | None] = [None] * len(WORDS)
            book = {"titles": WORDS, "rows": [[number, key, *cells] for number, key in enumerate(keys, start=2)]}
            listing.land(ReadPage([]), json.dumps({"books": [book]}).encode(), {}, _NOW, place.years)
            listing.mark_ended()
        else:
            listing.land(ReadPage([]), b"[]", {}, _NOW, place.years)
    tables = [
        f"[providers.{name}]\nwrite = {sorted(spec_of(name).edits - {'duration'})}\n"
        + ("" if name == STRAVA else "enabled = true\n")
        for name in _SOURCES
    ]
    settings.providers_config.write_text("\n".join(tables))
    return settings


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.parquet"
