"""A data folder of an older version of the tables works after an update: readers at once, and the next flow makes it right.

The older folder is made by running the pipeline with an older catalogue: columns more, fewer, narrower and by other names; for a
table fewer, by SQL on its two DuckDB files.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import duckdb
import pytest

from strava_pipeline.core import activities, tables
from strava_pipeline.core.tables import DETAIL_TABLES, MATCH_TABLES, TABLES, Column, Kind, Table
from strava_pipeline.lake.gold import merge
from strava_pipeline.lake.gold.publish import snapshot
from strava_pipeline.lake.gold.warehouse import is_outdated
from strava_pipeline.lake.made.shards import shard_files
from strava_pipeline.orchestrate.job_years import flow_years
from strava_pipeline_tests.facts import shown
from strava_pipeline_tests.rig import Make
from strava_pipeline_tests.verbs.conftest import TypeOn

pytestmark = pytest.mark.dear


def without(table: Table, name: str) -> Table:
    return replace(table, columns=tuple(column for column in table.columns if column.name != name))


def changed(table: Table, which: str, **fields: Any) -> Table:
    columns = tuple(replace(column, **fields) if column.name == which else column for column in table.columns)
    return replace(table, columns=columns)


def with_column(table: Table, column: Column) -> Table:
    return replace(table, columns=(*table.columns, column))


OLDER: dict[str, Callable[[Table], Table]] = {
    "a column was added": lambda table: without(table, "guid"),
    "a type was widened": lambda table: changed(table, "moving_time", kind=Kind.INTEGER),
    "a column was removed": lambda table: with_column(table, Column("old", Kind.TEXT, "old", source=("old",))),
    "a column was renamed": lambda table: changed(table, "has_kudoed", name="gave_kudos"),
}


@contextmanager
def an_older_version(change: Callable[[Table], Table]) -> Iterator[None]:
    """The catalogue as it was before an update."""
    older = change(tables.TABLES["activities_all"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(tables.TABLES, "activities_all", older)
        for module in (activities, merge):
            patch.setattr(module, "ACTIVITIES_ALL", older)
        held = {column.name for column in older.columns}
        for fields in ("_EDITED", "_LISTED_COLUMNS"):
            patch.setattr(activities, fields, tuple(name for name in getattr(activities, fields) if name in held))
        yield


@pytest.mark.parametrize("change", OLDER.values(), ids=list(OLDER))
def test_the_next_flow_mends_an_older_folder(make_rig: Make, type_on: TypeOn, change: Callable[[Table], Table]) -> None:
    rig = make_rig(activities=12)
    with an_older_version(change):
        rig.do("flow_backfill")
    with snapshot(rig.lake) as connection:
        assert is_outdated(connection)
    assert "another version" in shown(type_on(rig)("status", "--json").out)["published"]["text"]
    assert type_on(rig)("sql", "SELECT count(*) FROM activities").code == 0
    rig.calls()
    rig.do("flow", flow_years(rig.settings))
    assert rig.calls()["by_endpoint"] == {"/athlete/activities": 2}
    rig.assert_true_to_source()
    assert all(len(shard_files(rig.lake, year)) for year in {row[0] for row in rig.gold("SELECT year FROM activities")})
    assert shown(type_on(rig)("status", "--json").out)["published"]["state"] == "ok"


def as_before_matching(connection: duckdb.DuckDBPyConnection) -> None:
    """As it was when each id was an activity of its own, and details had no name but the one that readers use."""
    for view in ("activities", "deleted_activities", "activity_sources"):
        connection.execute(f"DROP VIEW {view}")
    for name in DETAIL_TABLES:
        connection.execute(f"DROP VIEW {name}")
        connection.execute(f"ALTER TABLE {TABLES[name].stored} RENAME TO {name}")
    for name in MATCH_TABLES:
        connection.execute(f"DROP TABLE {name}")
    connection.execute("CREATE VIEW activities AS FROM activities_all WHERE deleted_at IS NULL")


def test_a_table_that_an_older_folder_lacks_is_there_after_the_next_flow(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(activities=12)
    rig.begin_with("flow_backfill")
    rig.lake.snapshot.chmod(0o600)
    for path in (rig.lake.snapshot, rig.lake.working):
        with duckdb.connect(str(path)) as connection:
            as_before_matching(connection)
            connection.execute("DROP TABLE activity_best_efforts")
            connection.execute("UPDATE lake_meta SET value = 'older' WHERE key = 'catalogue'")
    assert type_on(rig)("status").code == 0
    rig.calls()
    rig.do("flow", flow_years(rig.settings))
    assert rig.calls()["by_endpoint"] == {"/athlete/activities": 2}
    rig.assert_true_to_source()
