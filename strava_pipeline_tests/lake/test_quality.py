"""lake.gold.quality: what the catalogue says of a table, on rows at its edges; and what an archive is compared with."""

from collections.abc import Iterator
from datetime import UTC, datetime

import duckdb
import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.files.agreement import COMPARED
from strava_pipeline.core.tables import TABLES
from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.publish import current_snapshot, publish, snapshot
from strava_pipeline.lake.gold.quality import (
    bounded_columns,
    clocks_off_their_zone,
    counted,
    gold_activities,
    gold_files,
    lost_rows,
    out_of_bounds,
    stand_ins,
    wrong_columns,
)
from strava_pipeline.lake.gold.warehouse import Connection, reading, writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import NOW, activity, listed, merge, merge_detailed
from strava_pipeline_tests.lake.conftest import NewLake


@pytest.fixture(scope="module")
def opened(new_lake: NewLake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with reading(new_lake(tmp_path_factory.mktemp("opened") / "data")) as connection:
        yield connection


@pytest.fixture
def warehouse(opened: Connection) -> Iterator[Connection]:
    """An empty warehouse; what a test puts into it is gone after it."""
    opened.execute("BEGIN TRANSACTION")
    yield opened
    opened.execute("ROLLBACK")


@pytest.mark.parametrize(
    ("local", "start", "offset", "wrong"),
    [
        ("'2026-03-01 09:00:00'", "'2026-03-01 08:00:00Z'", "3600", 0),
        ("'2026-03-01 08:00:00'", "'2026-03-01 08:00:00Z'", "0", 0),
        ("'2026-03-01 22:00:00'", "'2026-03-01 08:00:00Z'", "50400", 0),
        ("'2026-02-28 20:00:00'", "'2026-03-01 08:00:00Z'", "-43200", 0),
        ("'2026-03-01 13:45:00'", "'2026-03-01 08:00:00Z'", "20700", 0),
        ("'2026-03-01 22:00:01'", "'2026-03-01 08:00:00Z'", "50401", 1),
        ("'2026-02-28 19:59:59'", "'2026-03-01 08:00:00Z'", "-43201", 1),
        ("'2026-03-01 09:00:00'", "'2026-03-01 08:00:00Z'", "7200", 1),
        ("'2026-03-01 22:00:01'", "'2026-03-01 08:00:00Z'", "NULL", 1),
        ("'2026-03-01 09:00:00'", "'2026-03-01 08:00:00Z'", "NULL", 0),
        ("NULL", "'2026-03-01 08:00:00Z'", "7200", 0),
        ("'2026-03-01 09:00:00'", "NULL", "7200", 0),
    ],
    ids=[
        "Berlin", "London", "Kiritimati", "Baker Island", "Kathmandu", "east of any zone", "west of any zone",
        "the offset of another season", "no offset, no zone", "no offset", "no local start", "no start",
    ],
)  # fmt: skip
def test_offsets_are_the_difference(warehouse: Connection, local: str, start: str, offset: str, wrong: int) -> None:
    warehouse.execute(
        "INSERT INTO activities_all (id, start_date_local, start_date, utc_offset)"
        f" VALUES (1, {local}::TIMESTAMP, {start}::TIMESTAMPTZ, {offset})"
    )
    assert counted(warehouse, "offsets", "activities_all") == {"hard_to_believe/offsets": wrong}


@pytest.mark.parametrize(
    ("source", "zone", "local", "extra", "wrong"),
    [
        ("file", "(GMT+01:00) Europe/Prague", "09:00", None, 0),
        ("file", "(GMT+01:00) Europe/Prague", "10:00", None, 1),
        ("strava_archive", "(GMT+01:00) Europe/Prague", "08:00", None, 1),
        ("file", "(GMT+01:00) Europe/Prague", "10:00", '{"service_row": "x:1"}', 0),
        ("strava", "(GMT+01:00) Europe/Prague", "10:00", None, 0),
        ("file", None, "10:00", None, 0),
        ("file", "Nowhere/Else", "10:00", None, 0),
    ],
)
def test_a_local_start_that_was_worked_out_is_its_zones(
    warehouse: Connection, source: str, zone: str | None, local: str, extra: str | None, wrong: int
) -> None:
    warehouse.execute(
        "INSERT INTO activities_all (id, source, timezone, start_date, start_date_local, extra)"
        f" VALUES (1, $source, $zone, '2026-03-01 08:00:00Z', '2026-03-01 {local}:00', $extra)",
        {"source": source, "zone": zone, "extra": extra},
    )
    assert clocks_off_their_zone(warehouse, "activities_all") == {"clocks_off_their_zone": wrong}


@pytest.mark.parametrize("table", [name for name, table in TABLES.items() if bounded_columns(table)])
def test_every_bound_of_the_catalogue_is_looked_at(warehouse: Connection, table: str) -> None:
    keys = ", ".join(f'{1000 + place} AS "{key}"' for place, key in enumerate(TABLES[table].key))
    stored = TABLES[table].stored
    for column in bounded_columns(TABLES[table]):
        for bound, beyond in ((column.low, -1), (column.high, 1)):
            if bound is not None:
                warehouse.execute(f'INSERT INTO {stored} BY NAME SELECT {keys}, {bound!r} AS "{column.name}"')
                assert out_of_bounds(warehouse, table) == {}, "on the edge"
                warehouse.execute(
                    f'INSERT INTO {stored} BY NAME SELECT {keys}, {bound!r} + {beyond} AS "{column.name}"'
                )
                assert out_of_bounds(warehouse, table) == {column.name: 1}
                warehouse.execute(f"DELETE FROM {stored}")


def test_columns_are_the_catalogue_s_in_a_warehouse_as_it_is_made(warehouse: Connection) -> None:
    assert wrong_columns(warehouse, TABLES) == {name: {} for name in TABLES}
    warehouse.execute("ALTER TABLE gear DROP COLUMN nickname")
    warehouse.execute("ALTER TABLE gear ADD COLUMN colour VARCHAR")
    warehouse.execute("ALTER TABLE gear ALTER COLUMN retired TYPE VARCHAR")
    odd = {"nickname": "missing", "colour": "unknown", "retired": "VARCHAR instead of BOOLEAN"}
    assert wrong_columns(warehouse, ["gear", "athlete"]) == {"gear": odd, "athlete": {}}


@pytest.mark.parametrize("table", [name for name, table in TABLES.items() if table.parent])
def test_rows_without_their_activity_are_counted(warehouse: Connection, table: str) -> None:
    named = dict.fromkeys([*TABLES[table].key, "activity_id"])
    values = ", ".join(f'1 AS "{name}"' for name in named)
    warehouse.execute(f"INSERT INTO {TABLES[table].stored} BY NAME SELECT {values}")
    assert counted(warehouse, "orphans", table) == {"rows_without_activity": 1}
    warehouse.execute("INSERT INTO activities_all (id) VALUES (1)")
    assert counted(warehouse, "orphans", table) == {"rows_without_activity": 0}


@pytest.mark.parametrize("there", ["nothing", "no database", "a database of something else", "another catalogue's"])
def test_what_can_not_be_compared_shows_no_loss(lake: Lake, there: str) -> None:
    import duckdb

    lake.snapshot.parent.mkdir(parents=True, exist_ok=True)
    if there == "no database":
        lake.snapshot.write_bytes(b"x" * 5000)
    elif there != "nothing":
        with duckdb.connect(str(lake.snapshot)) as other:
            other.execute("CREATE TABLE activities_all AS SELECT 1 AS id")
            if there == "another catalogue's":
                other.execute("CREATE TABLE lake_meta AS SELECT 'catalogue' AS key, 'older' AS value")
    with reading(lake) as connection:
        assert lost_rows(connection, lake, ["activities_all"]) == {}


@pytest.fixture(scope="module")
def stock(module_lake: Lake) -> Lake:
    listed(module_lake, [activity(1, gear_id="b7"), activity(2)])
    merge(module_lake)
    merge_detailed(module_lake, activity(1, resource_state=3, description="windy", perceived_exertion=4.0))
    publish(module_lake)
    return module_lake


def test_every_compared_field_is_read_of_every_activity(stocked: Lake) -> None:
    with writing(stocked) as connection:
        connection.execute(f"UPDATE activities_all SET deleted_at = '{NOW.isoformat()}' WHERE id = 2")
        mark_changed(connection)
    assert publish(stocked)
    with snapshot(stocked) as connection:
        found = gold_activities(connection)
    assert found.keys() == {1, 2}
    assert set(found[1].values) == set(COMPARED)
    one = found[1]
    assert (one.activity_id, one.athlete_id, one.deleted_at) == (1, 7, None)
    assert one.values["start_date"] == datetime(2025, 5, 5, 6, tzinfo=UTC)
    assert {name: value for name, value in one.values.items() if value is not None} == {
        "start_date": one.values["start_date"], "name": "Run 1", "sport_type": "Run", "gear_id": "b7",
        "distance": 1000.5, "description": "windy", "perceived_exertion": 4.0,
    }  # fmt: skip
    assert found[2].deleted_at == NOW
    assert found[2].values["description"] is None, "no detail was fetched"


@pytest.mark.dear
def test_an_activity_for_which_another_one_stands_is_known(stocked: Lake) -> None:
    with snapshot(stocked) as connection:
        assert stand_ins(connection) == {}
    with writing(stocked) as connection:
        connection.execute("INSERT INTO activity_members (id, activity_id, place) VALUES (5, 1, 1), (1, 1, 0)")
        mark_changed(connection)
    assert publish(stocked)
    with snapshot(stocked) as connection:
        assert stand_ins(connection) == {5: 1}


def test_a_warehouse_of_another_version_says_what_to_do(stocked: Lake) -> None:
    stocked.snapshot.chmod(0o644)
    with duckdb.connect(str(stocked.snapshot)) as connection:
        connection.execute("UPDATE lake_meta SET value = 'older' WHERE key = 'catalogue'")
    with pytest.raises(PipelineError, match="strava-pipeline compact"), current_snapshot(stocked) as published:
        gold_activities(published)


def test_files_and_names_of_gear_are_read(stocked: Lake) -> None:
    with writing(stocked) as connection:
        connection.execute(
            "INSERT INTO gear BY NAME SELECT 'b7' AS gear_id, 'Tarmac' AS name, 'strava' AS source, 'SL6' AS model_name"
        )
        connection.execute(
            "INSERT INTO files BY NAME SELECT 'aa' AS sha256, 'AA' AS content, ['activities/1.fit', 'x/2.fit'] AS names, "
            "'strava_archive' AS source, 'activity' AS role"
        )
        connection.execute(
            "INSERT INTO imported_activities BY NAME SELECT 1 AS id, 'strava_archive' AS source, "
            """'{"file": {"sha256": "aa"}}' AS extra, 2025 AS year"""
        )
        mark_changed(connection)
    assert publish(stocked)
    with snapshot(stocked) as connection:
        found, gear = gold_files(connection), gold_activities(connection)[1].gear_names
    assert gear == ("Tarmac",)
    assert (found.contents, found.names, found.of_activity, found.of_archives) == (
        {"aa": "AA"}, frozenset({"1.fit", "2.fit"}), {1: "aa"}, True,
    )  # fmt: skip
    assert found.gear == [(("Tarmac",), None, "SL6")]
