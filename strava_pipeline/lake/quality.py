"""What the catalogue says of a table, looked up in the working warehouse. Counts and column names, never a value.

Only looking: what follows from a fault is the caller's. Whether the layers agree with each other is agreement.py's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from strava_pipeline.core.tables import TABLES, Column, Table, catalogue_version
from strava_pipeline.lake.counts import one_number
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.warehouse import Connection, attach

_OFFSET_COLUMNS = frozenset({"start_date", "start_date_local", "utc_offset"})


def other_columns(connection: Connection, table: str) -> dict[str, str]:
    """Columns that are not the catalogue's, by name: what is wrong with each."""
    described = (
        "SELECT column_name, data_type FROM duckdb_columns()"
        " WHERE table_name = $table AND database_name = current_database()"
    )
    found = dict(connection.execute(described, {"table": TABLES[table].stored}).fetchall())
    wanted = {column.name: str(duckdb.sqltype(column.kind.value)) for column in TABLES[table].columns}
    wrong = {name: "missing" for name in wanted if name not in found}
    wrong |= {name: "unknown" for name in found if name not in wanted}
    wrong |= {
        name: f"{found[name]} instead of {kind}" for name, kind in wanted.items() if found.get(name, kind) != kind
    }
    return wrong


def orphans(connection: Connection, table: str) -> int:
    """Rows whose activity is not in the parent table."""
    return one_number(connection, sql("orphans").format(table=table, parent=TABLES[table].parent))


def outside(connection: Connection, table: str) -> dict[str, int]:
    """Rows with a value that is hardly believable, by column; columns without one are left out."""
    columns = bounded(TABLES[table])
    counts = ", ".join(f"count(*) FILTER ({_beyond(column)})" for column in columns)
    row = connection.execute(f"SELECT {counts} FROM {table}").fetchall()[0]
    return {column.name: count for column, count in zip(columns, row, strict=True) if count}


def bounded(table: Table) -> list[Column]:
    """The columns of which the catalogue says what is believable."""
    return [column for column in table.columns if column.low is not None or column.high is not None]


def has_offsets(table: Table) -> bool:
    """Whether a row says both how its clocks stand and how far apart they are."""
    return {column.name for column in table.columns} >= _OFFSET_COLUMNS


def wrong_offsets(connection: Connection, table: str) -> int:
    """Rows whose local start, start and offset do not fit together, or fit no zone."""
    return one_number(connection, sql("offsets").format(table=table))


@dataclass(frozen=True, slots=True)
class Loss:
    """Rows that readers have, and how many of them the working warehouse no longer has."""

    published: int
    lost: int


def lost_rows(connection: Connection, lake: Lake, tables: Sequence[str]) -> dict[str, Loss]:
    """What of the published `tables` the working warehouse has lost; nothing where nothing comparable is published."""
    if not lake.snapshot.exists():
        return {}
    try:
        attach(connection, lake.snapshot, "published", read_only=True)
    except duckdb.Error:  # it can't be read: publishing replaces it
        return {}
    try:
        return {table: _loss(connection, table) for table in tables} if _is_of_this_catalogue(connection) else {}
    finally:
        connection.execute("DETACH published")


def _is_of_this_catalogue(connection: Connection) -> bool:
    there = "SELECT 1 FROM duckdb_tables() WHERE database_name = 'published' AND table_name = 'lake_meta'"
    if not connection.execute(there).fetchall():
        return False
    made_by = connection.execute("SELECT value FROM published.lake_meta WHERE key = 'catalogue'").fetchall()
    return made_by == [(catalogue_version(),)]


def _loss(connection: Connection, table: str) -> Loss:
    same_key = " AND ".join(f"now.{key} = before.{key}" for key in TABLES[table].key)
    published, lost = connection.execute(
        sql("lost_rows").format(table=TABLES[table].stored, same_key=same_key)
    ).fetchall()[0]
    return Loss(published, lost)


def _beyond(column: Column) -> str:
    """A column's name and bounds come from the catalogue alone."""
    bounds = [f'"{column.name}" < {column.low!r}'] if column.low is not None else []
    bounds += [f'"{column.name}" > {column.high!r}'] if column.high is not None else []
    return " OR ".join(bounds)
