"""Everything downstream of bronze can be made anew without a call, and is what it was."""

import shutil
import threading
from collections.abc import Callable
from typing import Any

import dagster as dg
import duckdb
import pytest

from strava_pipeline.core.tables import TABLES
from strava_pipeline.lake.locks import locked
from strava_pipeline.operations.source import FLOW_LOCK
from strava_pipeline_tests.rig import Rig

pytestmark = pytest.mark.slow

Lose = Callable[[Rig], object]


def everything(rig: Rig) -> dict[str, list[tuple[Any, ...]]]:
    return rig.golds({name: f"FROM {name} ORDER BY {', '.join(table.key)}" for name, table in TABLES.items()})


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
        connection.execute("INSERT INTO lake_meta VALUES ('due:everything', 'yes')")
        connection.execute("DELETE FROM activities_all WHERE year < 2026")
        connection.execute("DELETE FROM activity_details_by_source")


@pytest.mark.parametrize("lose", [lose_the_warehouse, lose_all_but_bronze, update_to_other_tables, break_off_a_rebuild])
def test_the_next_run_makes_anew_what_was_there_without_a_call(rig: Rig, lose: Lose) -> None:
    rig.begin_with("flow_backfill")
    rig.control("edit", id=max(rig.truth(), key=lambda item: item["start_date"])["id"], set={"name": "Renamed"})
    rig.do("flow")
    before = everything(rig)
    rig.calls()
    lose(rig)
    outcome = rig.run("compact", [2026])
    assert outcome.metadata["published_warehouse"]["replaced"], "it does not say that nothing changed"
    assert rig.calls()["total"] == 0
    assert everything(rig) == before


def test_the_job_makes_all_anew_tells_of_each_asset_and_holds_off_a_flow(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    before, inode = everything(rig), rig.lake.working.stat().st_ino
    shutil.rmtree(rig.lake.shards)
    rig.calls()
    outcome = rig.run_unpartitioned("rebuild")
    assert rig.calls()["total"] == 0
    assert everything(rig) == before
    assert rig.lake.working.stat().st_ino != inode
    assert outcome.metadata["published_warehouse"]["rows/activities_all"] == 30
    records = rig.remembered.fetch_materializations(dg.AssetKey("activities"), limit=100).records
    told = {
        record.partition_key: record.asset_materialization.metadata["dagster/partition_row_count"].value
        for record in records
        if record.run_id == outcome.run_id and record.asset_materialization
    }
    by_year = dict(rig.gold("SELECT year::VARCHAR, count(*) FROM activities_all GROUP BY 1"))
    assert {year: rows for year, rows in told.items() if rows} == by_year


def test_a_rebuild_waits_for_a_flow_and_the_next_flow_asks_no_more_than_any(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    with locked(rig.lake, FLOW_LOCK, who="flow, run 1234"):
        waiting = threading.Thread(target=rig.run_unpartitioned, args=("rebuild",))
        waiting.start()
        waiting.join(timeout=0.5)
        assert waiting.is_alive()
    waiting.join(timeout=120)
    assert not waiting.is_alive()
    rig.calls()
    rig.do("flow", [2026])
    assert rig.calls()["total"] == 2
    rig.assert_true_to_source()
