"""Everything downstream of bronze can be made anew without a call, and is what it was."""

import shutil
from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from strava_pipeline.core.tables import TABLES
from strava_pipeline_tests.rig import Rig

Lose = Callable[[Rig], object]


def everything(rig: Rig) -> dict[str, list[tuple[Any, ...]]]:
    return {name: rig.gold(f"SELECT * FROM {name} ORDER BY {', '.join(table.key)}") for name, table in TABLES.items()}


def lose_the_warehouse(rig: Rig) -> None:
    shutil.rmtree(rig.lake.working.parent)


def lose_all_but_bronze(rig: Rig) -> None:
    shutil.rmtree(rig.lake.snapshot.parent)
    shutil.rmtree(rig.lake.shards)


def update_to_other_tables(rig: Rig) -> None:
    with duckdb.connect(str(rig.lake.working)) as connection:
        connection.execute("UPDATE lake_meta SET value = 'older' WHERE key = 'catalogue'")
        connection.execute("ALTER TABLE activities_all DROP COLUMN commute")


def break_off_a_rebuild(rig: Rig) -> None:
    with duckdb.connect(str(rig.lake.working)) as connection:
        connection.execute("INSERT INTO lake_meta VALUES ('rebuilding', 'yes')")
        connection.execute("DELETE FROM activities_all WHERE year < 2026")
        connection.execute("DELETE FROM activity_details")


@pytest.mark.parametrize("lose", [lose_the_warehouse, lose_all_but_bronze, update_to_other_tables, break_off_a_rebuild])
def test_the_next_run_makes_anew_what_was_there_without_a_call(rig: Rig, lose: Lose) -> None:
    rig.run("flow_backfill")
    rig.control("edit", id=max(rig.truth(), key=lambda item: item["start_date"])["id"], set={"name": "Renamed"})
    rig.run("flow")
    before = everything(rig)
    rig.calls()
    lose(rig)
    rig.run("compact", [2026])
    assert rig.calls()["total"] == 0
    assert everything(rig) == before
