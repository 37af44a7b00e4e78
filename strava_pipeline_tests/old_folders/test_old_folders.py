"""A data folder as an older version left it: opened without a call, with every row and decision, and killed on the way."""

import random
import shutil
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from strava_pipeline.core.tables import TABLES
from strava_pipeline_tests.e2e.mortals import choose, mortals
from strava_pipeline_tests.e2e.test_backfill_from_the_ui import reader
from strava_pipeline_tests.e2e.witness import assert_nothing_is_half
from strava_pipeline_tests.rig import Rig

FOLDERS = sorted(Path(__file__).parent.glob("made_by_*.tar.xz"))
assert FOLDERS
FOUND_IN = ("bronze", "decisions", "inbox")  # what nobody could make again
DEATHS = 12
# of files: whose clock it is, what has columns now, and the device as it is sold
READ_AGAIN = {"extra", "fingerprint", "content_hash", "device_name"}
OTHER_NOW = {  # columns that say something else since
    "car_trips": {"trip_id"},  # moments in ids have milliseconds
    "car_trip_points": {"trip_id"},
    "car_trip_cancellations": {"cancellation_id"},
    "activity_matches": {"reasons"},  # starts are apart by minutes, no more by seconds
    "activities_all": READ_AGAIN,
    "imported_activities": READ_AGAIN,
    "activity_details_by_source": READ_AGAIN,
    "activity_sessions_by_source": READ_AGAIN,
}
MORE_NOW = {  # the rows that say the same since
    "activity_matches": "verdict <> 'doubtful' OR source <> other_source",  # pairs of one service are proposed
    "activity_sessions_by_source": "distance_m <> 0",  # a file that measured no distance has none
}
Make = Callable[..., Rig]
Rows = dict[str, list[tuple[Any, ...]]]

each_folder = pytest.mark.parametrize("packed", FOLDERS, ids=lambda path: path.name.partition(".")[0])


def opened(make_rig: Make, packed: Path) -> Rig:
    """A rig with that folder, whose Strava knows none of it and no login: a call would fail."""
    rig = make_rig(logged_in=False, activities=0)
    with tarfile.open(packed) as archive:
        archive.extractall(rig.folder, filter="data")
    return rig


def irreplaceable(rig: Rig) -> dict[str, bytes]:
    """Every file that the folder came with and no run may change."""
    folders = [rig.settings.data_dir / name for name in FOUND_IN]
    return {
        str(path): path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


def columns_of(snapshot: Path) -> dict[str, list[str]]:
    """The columns of each table of the catalogue that the snapshot has, in its own order, but for OTHER_NOW."""
    with duckdb.connect(str(snapshot), read_only=True) as connection:
        found = connection.execute(
            "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() WHERE NOT internal GROUP BY 1"
        ).fetchall()
    stored = {table.stored for table in TABLES.values()}
    return {
        name: [column for column in columns if column not in OTHER_NOW.get(name, ())]
        for name, columns in found
        if name in stored
    }


def quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def rows(snapshot: Path, columns: dict[str, list[str]]) -> Rows:
    with duckdb.connect(str(snapshot), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        query = "SELECT {} FROM {} WHERE {} ORDER BY ALL"
        return {
            table: [
                tuple(map(rounded, row))
                for row in connection.execute(query.format(quoted(names), table, MORE_NOW.get(table, True))).fetchall()
            ]
            for table, names in columns.items()
        }


def rounded(value: object) -> object:
    """A number without the digits that follow from the order of a sum."""
    return round(value, 6) if isinstance(value, float) else value


@pytest.mark.dear
@each_folder
def test_its_rows_and_decisions_are_those_it_had(make_rig: Make, packed: Path) -> None:
    rig = opened(make_rig, packed)
    columns = columns_of(rig.lake.snapshot)
    before = rows(rig.lake.snapshot, columns)
    assert {table for table, held in before.items() if not held} <= {
        "activity_lengths_by_source",
        "proposed_changes",
        "trip_replay",
    }
    kept = irreplaceable(rig)
    with reader(rig.lake.snapshot) as seen:
        rig.run("compact")
        by_run = rows(rig.lake.snapshot, columns)
        rig.run_unpartitioned("rebuild")
        by_rebuild = rows(rig.lake.snapshot, columns)
        found = seen()
    for table, held in before.items():
        assert by_run[table] == held, table
        assert by_rebuild[table] == held, table
    assert found["problems"] == []
    assert {*found["counts"]} == {len(rig.gold("FROM activities"))}
    assert rig.gold("SELECT id, source FROM activities_all WHERE source_id IS NULL") == []
    assert rig.gold("SELECT id FROM activities_all WHERE gear_id <> '' AND gear_source IS NULL") == []
    assert irreplaceable(rig) == kept
    assert rig.calls()["log"] == []


@pytest.mark.soak(part="kills")
@each_folder
def test_killed_on_the_way_the_next_command_comes_to_the_same(make_rig: Make, tmp_path: Path, packed: Path) -> None:
    rig = opened(make_rig, packed)
    columns = columns_of(rig.lake.snapshot)
    before, kept = rows(rig.lake.snapshot, columns), irreplaceable(rig)
    again = tmp_path / "again"
    shutil.copytree(rig.settings.data_dir, again)
    with mortals(rig.settings, tmp_path) as living:
        whole = living.run("rebuild", in_memory=True)
        assert whole.code == 0, whole.said
        died = 0
        for step in choose(whole, random.Random(1), DEATHS, Counter(), dagster=False):
            shutil.rmtree(rig.settings.data_dir)
            shutil.copytree(again, rig.settings.data_dir)
            life = living.run("rebuild", dying=step, in_memory=True)
            assert life.code in (-9, 0), life.said
            died += life.code == -9
            assert_nothing_is_half(rig, tmp_path)
            next_one = living.run("compact", in_memory=True)
            assert next_one.code == 0, f"died at {step}: {next_one.said}"
            assert rows(rig.lake.snapshot, columns) == before, f"died at {step}"
            assert irreplaceable(rig) == kept, f"died at {step}"
    assert died >= DEATHS * 9 // 10, "a step that a life did not come to kills nobody"
    assert rig.calls()["log"] == []
