"""Counts and small look-ups in a warehouse, working or published. Reads only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.tables import TABLES
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.warehouse import Connection


@dataclass(frozen=True, slots=True)
class YearCounts:
    """A local year in gold; distances in kilometres."""

    year: int
    activities: int
    kilometres: float
    details: int
    missing_details: int
    stale_details: int


def counts_by_year(connection: Connection) -> list[YearCounts]:
    return [YearCounts(*row) for row in connection.execute(sql("counts_by_year"), {"source": STRAVA}).fetchall()]


def row_counts(connection: Connection) -> dict[str, int]:
    """Rows of every table of the catalogue that is there: a snapshot of an older version may lack some."""
    there = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    return {
        name: one_number(connection, f"SELECT count(*) FROM {name}")
        for name, table in TABLES.items()
        if table.stored in there
    }


def rows_by_year(connection: Connection, table: str) -> dict[int, int]:
    """Rows of a table by the partition year of their activity."""
    key = TABLES[table].key[0]
    return dict(connection.execute(sql("rows_by_year").format(table=table, key=key)).fetchall())


def faulty_keys(connection: Connection, table: str) -> tuple[int, int]:
    """(keys that stand twice, rows without a key)."""
    keys = TABLES[table].key
    text = sql("duplicate_keys").format(
        table=table, key=", ".join(keys), key_is_null=" OR ".join(f"{key} IS NULL" for key in keys)
    )
    doubled, nulls = connection.execute(text).fetchall()[0]
    return doubled, nulls


def keys(connection: Connection, table: str) -> set[tuple[object, ...]]:
    """The keys of a table; none where it is not there, or has other key columns: in a snapshot of another version."""
    stored = TABLES[table].stored
    return _keys(connection, stored, TABLES[table].key) or _keys(connection, table, TABLES[table].key)


def _keys(connection: Connection, table: str, columns: Sequence[str]) -> set[tuple[object, ...]]:
    there = connection.execute(
        "SELECT count(*) FROM duckdb_columns() WHERE table_name = $table AND list_contains($columns, column_name)"
        " AND table_oid IN (SELECT table_oid FROM duckdb_tables())",  # no view of the user's
        {"table": table, "columns": list(columns)},
    ).fetchall()[0][0]
    if there < len(columns):
        return set()
    return set(connection.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall())


_KNOWN_GEAR = "SELECT gear_id FROM gear WHERE source = $source AND found IS NOT NULL ORDER BY gear_id"


def unknown_gear(connection: Connection) -> list[str]:
    """Gear that activities name and that was never fetched. Ids that could not be Strava's are left out."""
    return [
        row[0]
        for row in connection.execute(sql("unknown_gear"), {"source": STRAVA}).fetchall()
        if could_be_gear(row[0])
    ]


def could_be_gear(gear_id: str) -> bool:
    return gear_id.isascii() and gear_id.isalnum()


def known_gear(connection: Connection) -> list[str]:
    return [row[0] for row in connection.execute(_KNOWN_GEAR, {"source": STRAVA}).fetchall()]


def unknown_ids(connection: Connection, ids: Iterable[int]) -> list[int]:
    """Those of `ids` that no listing ever held."""
    known = {row[0] for row in connection.execute("SELECT id FROM activities_all").fetchall()}
    return sorted(set(ids) - known)


def count_between(connection: Connection, begin: datetime, end: datetime) -> int:
    """Present activities of Strava's that start between two instants."""
    return int(
        connection.execute(sql("count_between"), {"source": STRAVA, "begin": begin, "end": end}).fetchall()[0][0]
    )


def one_number(connection: Connection, text: str) -> int:
    """The only number that a statement gives: a count, or how many rows it changed."""
    return int(connection.execute(text).fetchall()[0][0])
