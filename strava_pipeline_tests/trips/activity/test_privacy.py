"""Nothing that runs over trips write tells where somebody was, on which device, in whose words, or by which key."""

import gzip
import re
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl
import pytest

from strava_pipeline.lake.paths import Lake
from strava_pipeline.trips.activity.keeping import saved_trips
from strava_pipeline.trips.activity.tables import TRIP_DIAGNOSTICS
from strava_pipeline.verbs.run_job import run_job
from strava_pipeline_tests.contents import unpacked
from strava_pipeline_tests.trips.activity.sources import (
    DEVICE,
    LATITUDE,
    LONGITUDE,
    LOST,
    NEW,
    OLD,
    WORDS,
    points,
    sealed,
    telling_trips,
)
from strava_pipeline_tests.trips.activity.world import ride, trips_world

PLACES = [LATITUDE, LONGITUDE, *(LATITUDE + n / 7e4 for n in range(60)), *(LONGITUDE - n / 9e4 for n in range(60))]
TOKEN = sealed([])[:12]  # what all tokens begin with that are of one second: gAAAAAB and its number
TEXTS = [DEVICE, *WORDS, TOKEN, NEW, OLD, LOST, *(repr(point["latitude"]) for point in points(20, 1))]
TRACE = re.compile(
    rb"-48\.85\d\d|(?<!\d)172\.34\d\d|"
    + b"|".join(
        re.escape(told) for told in [*(text.encode() for text in TEXTS), *(struct.pack("<d", it) for it in PLACES)]
    )
)


def traces(folder: Path) -> dict[str, set[bytes]]:
    """What each file below `folder` tells, on whatever way it is packed."""
    files = (path for path in folder.rglob("*") if path.is_file())
    found = {
        str(path.relative_to(folder)): {hit for part in unpacked(path) for hit in TRACE.findall(part)} for path in files
    }
    return {name: hits for name, hits in found.items() if hits}


@pytest.mark.dear
def test_runs_over_trips_leave_no_trace_of_what_the_trips_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with trips_world(tmp_path / "source of all") as world:
        world.write([*telling_trips(), ride(1, 2023)])
        told = {"data_dir": "data", "logs_dir": "logs", "secrets_dir": "secrets", "dagster_home": "dagster_home"}
        home = {name: tmp_path / "home" / folder for name, folder in told.items()}
        settings = world.rig.settings.model_copy(update=home)
        assert len(traces(world.source.parent)["trips.sqlite"]) >= 2  # texts and tokens: the search finds what there is
        for job, years in (("trips", world.rig.years), ("trips", [2023]), ("replay_trips", None)):
            run_job(settings, job, years=years)
    suffixes = {path.suffix for path in (tmp_path / "home").rglob("*") if path.is_file()}
    assert suffixes >= {".parquet", ".duckdb", ".db"}
    frame = saved_trips(Lake(tmp_path / "home" / "data"), TRIP_DIAGNOSTICS)
    assert frame["points_used"].sum() > 100
    assert traces(tmp_path / "home") == {}


def test_the_search_finds_a_trace_in_every_packing(tmp_path: Path) -> None:
    told = [str(LATITUDE), f"at {LATITUDE:.4f}", str(PLACES[70]), DEVICE, *WORDS, NEW, TOKEN]
    hits = [set(TRACE.findall(text.encode())) for text in told]
    assert all(hits)
    (tmp_path / "plain.log").write_text("\n".join(["first", *told]))
    (tmp_path / "packed.gz").write_bytes(gzip.compress("\n".join(told).encode()))
    pl.DataFrame({"x": told * 9}).write_parquet(tmp_path / "x.parquet")
    with closing(sqlite3.connect(tmp_path / "x.db")) as database, database:
        database.execute("CREATE TABLE x (x)")
        database.executemany("INSERT INTO x VALUES (?)", [[text] for text in told])
    with duckdb.connect(str(tmp_path / "x.duckdb")) as warehouse:
        warehouse.execute("CREATE TABLE x AS SELECT unnest(?) AS x", [told])
    found = traces(tmp_path)
    assert found.keys() == {"plain.log", "packed.gz", "x.parquet", "x.db", "x.duckdb"}
    assert all(found[name] >= set.union(*hits) for name in found)


def test_the_search_finds_a_place_as_a_number(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"..." + struct.pack("<d", LONGITUDE))
    pl.DataFrame({"x": [PLACES[9]]}).write_parquet(tmp_path / "x.parquet")
    with duckdb.connect(str(tmp_path / "x.duckdb")) as warehouse:
        warehouse.execute("CREATE TABLE x AS SELECT ?::DOUBLE AS x", [LATITUDE])
    assert set(traces(tmp_path)) == {"plain", "x.parquet", "x.duckdb"}
