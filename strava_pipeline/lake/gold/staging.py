"""The start of copies out of the published warehouse: a session with it, a table's rows by year, and whether they changed.

A table is computed once, into a temporary one that may lie on disk, because many are views. A year's content is a hash
of its rows, in any order: if it equals the one recorded at the last copy, there is nothing to write.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from strava_pipeline.core.tables.exported import Exported
from strava_pipeline.core.tables.model import Column, Kind
from strava_pipeline.lake.gold.publish import damage_named, refuse_other_version, snapshot_file
from strava_pipeline.lake.gold.sessions import INTERRUPTIBLE, WITHOUT_CACHE, interruptible
from strava_pipeline.lake.gold.warehouse import NAME, Connection, attach, one_number, spill_folder
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import literal, sql

YEAR = "exported_year"
_OFFLINE = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
_SAME_SUMS = "SET threads = 1"  # with several, the last digits of a sum differ from time to time
Content = tuple[int, str]  # how many rows, and their hash


@contextmanager
def offline() -> Iterator[Connection]:
    """A session in memory, in UTC, that fetches no extension."""
    connection = duckdb.connect(config=dict(_OFFLINE))
    try:
        with interruptible(connection):
            for statement in (INTERRUPTIBLE, WITHOUT_CACHE, "SET TimeZone = 'UTC'", _SAME_SUMS):
                connection.execute(statement)
            yield connection
    finally:
        connection.close()


@contextmanager
def staging(lake: Lake) -> Iterator[Connection]:
    """The same with the published warehouse attached, read-only. Raises NothingPublishedError or UnusableSnapshotError."""
    path = snapshot_file(lake)
    with offline() as connection, damage_named(lake):
        connection.execute(f"SET temp_directory = {literal(spill_folder(lake.snapshot))}")
        attach(connection, path, NAME, "READ_ONLY")
        connection.execute(f"USE {NAME}")
        refuse_other_version(connection)
        connection.execute(sql("activity_years"))
        yield connection


def owner_of(connection: Connection) -> int:
    """The warehouse's athlete, or 0 if unknown."""
    return one_number(connection, sql("owner"))


def staged(exported: Exported) -> str:
    """The name of the temporary table with the rows of a table; it differs from the table's own, which views would read."""
    return f'temp."staged_{exported.name}"'


def stage(connection: Connection, exported: Exported) -> dict[int, Content]:
    """Compute the rows of a table; returns the content of each year that has some."""
    columns = ", ".join(f'{_value(column)} AS "{column.name}"' for column in exported.columns)
    connection.execute(
        f"CREATE TEMP TABLE {staged(exported)} AS "
        f"SELECT coalesce({exported.year}, 0)::INTEGER AS {YEAR}, {columns} FROM {NAME}.main.{exported.name} AS copied"
    )
    return contents_of(connection, staged(exported))


def contents_of(connection: Connection, rows: str) -> dict[int, Content]:
    """The content of each year in rows that begin with the year, and then have the columns of a table in order."""
    found = connection.execute(sql("staged_contents").format(table=rows, year=YEAR)).fetchall()
    return {year: (count, content) for year, count, content in found}


def unstage(connection: Connection, exported: Exported) -> None:
    """Drop the temporary rows of a table."""
    connection.execute(f"DROP TABLE {staged(exported)}")


def _value(column: Column) -> str:
    """A column's value as PostgreSQL and files accept it: texts without the character 0, JSON as its text."""
    if column.kind is Kind.TEXT:
        return f"replace(\"{column.name}\", chr(0), '')"
    if column.kind is Kind.TEXTS:
        return f"list_transform(\"{column.name}\", lambda text: replace(text, chr(0), ''))"
    return f'"{column.name}"::VARCHAR' if column.kind is Kind.JSON else f'"{column.name}"'
