"""lake.quality: what the catalogue says of a table, on rows that stand at its edges."""

from collections.abc import Iterator

import pytest

from strava_pipeline.core.tables import TABLES
from strava_pipeline.lake.gold.quality import (
    bounded_columns,
    lost_rows,
    orphans,
    out_of_bounds,
    wrong_columns,
    wrong_offsets,
)
from strava_pipeline.lake.gold.warehouse import Connection, reading
from strava_pipeline.lake.paths import Lake


@pytest.fixture(scope="module")
def opened(module_lake: Lake) -> Iterator[Connection]:
    with reading(module_lake) as connection:
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
def test_an_offset_is_what_the_two_clocks_differ_by(
    warehouse: Connection, local: str, start: str, offset: str, wrong: int
) -> None:
    warehouse.execute(
        "INSERT INTO activities_all (id, start_date_local, start_date, utc_offset)"
        f" VALUES (1, {local}::TIMESTAMP, {start}::TIMESTAMPTZ, {offset})"
    )
    assert wrong_offsets(warehouse, "activities_all") == wrong


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
    assert {name: wrong_columns(warehouse, name) for name in TABLES} == {name: {} for name in TABLES}
    warehouse.execute("ALTER TABLE gear DROP COLUMN nickname")
    warehouse.execute("ALTER TABLE gear ADD COLUMN colour VARCHAR")
    warehouse.execute("ALTER TABLE gear ALTER COLUMN retired TYPE VARCHAR")
    assert wrong_columns(warehouse, "gear") == {
        "nickname": "missing",
        "colour": "unknown",
        "retired": "VARCHAR instead of BOOLEAN",
    }


@pytest.mark.parametrize("table", [name for name, table in TABLES.items() if table.parent])
def test_rows_without_their_activity_are_counted(warehouse: Connection, table: str) -> None:
    named = dict.fromkeys([*TABLES[table].key, "activity_id"])
    values = ", ".join(f'1 AS "{name}"' for name in named)
    warehouse.execute(f"INSERT INTO {TABLES[table].stored} BY NAME SELECT {values}")
    assert orphans(warehouse, table) == 1
    warehouse.execute("INSERT INTO activities_all (id) VALUES (1)")
    assert orphans(warehouse, table) == 0


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
