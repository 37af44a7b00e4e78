"""The published warehouse in PostgreSQL: a schema with a table for each of the catalogue's, kept in sync by year.

ADBC writes into temporary tables there, whose types follow from the rows; INSERT … SELECT casts them to the types of
the tables. A year is replaced in one transaction, and only if its content differs from the one recorded in the table
`exported`. Every table has two additional columns: `exported_for`, the athlete whose folder the row is from, so that
several share a database, and `exported_year`. Tables are created and get new columns; none is dropped, so that indexes,
views and rights that a person added stay. No message contains a password or a value of a row.
"""

import signal
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl

from strava_pipeline.core.errors import MissingSettingsError, PipelineError, TransientError
from strava_pipeline.core.numbers import Numbers, if_any
from strava_pipeline.core.tables.exported import WHOLE, Exported
from strava_pipeline.core.tables.model import Kind
from strava_pipeline.core.text import counted
from strava_pipeline.lake.gold.publish import if_readable
from strava_pipeline.lake.gold.staging import (
    YEAR,
    Content,
    contents_of,
    owner_of,
    stage,
    staged,
    staging,
    unstage,
)
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import literal, sql

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Cursor

OWNER, NOTES = "exported_for", "exported"
_CANCELED = "57014"  # PostgreSQL's code where a statement is ended from outside
_UNFIT = "22"  # PostgreSQL's class of faults in values
_TYPES = {
    Kind.BIGINT: "bigint",
    Kind.INTEGER: "integer",
    Kind.DOUBLE: "double precision",
    Kind.BOOLEAN: "boolean",
    Kind.TEXT: "text",
    Kind.INSTANT: "timestamp with time zone",
    Kind.WALL: "timestamp without time zone",
    Kind.DATE: "date",
    Kind.DOUBLES: "double precision[]",
    Kind.TEXTS: "text[]",
    Kind.JSON: "json",  # the text as it is: jsonb would order its fields and drop some
}
Advance = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Target:
    """The destination: the server's parameters as libpq names them, its password apart, and the schema.

    `nobody`: athlete id used when a folder's owner is unknown.
    """

    parameters: Mapping[str, str]
    password: str = field(repr=False)
    schema: str
    nobody: int = 0

    @property
    def words(self) -> str:
        """The server for a message, without parameters that may be secret."""
        shown = {name: self.parameters[name] for name in ("user", "host", "port", "dbname") if name in self.parameters}
        return ", ".join(f"{name} {value}" for name, value in shown.items())


@dataclass(slots=True)
class ExportReport(Numbers):
    """`rows`: of each year, now; `written`: of each year that was replaced; `unequal`: tables whose rows there turned
    out different.

    A year with such a table stays as it was.
    """

    exported_tables: int
    rows: dict[int, int] = field(default_factory=lambda: defaultdict(int), repr=False)
    written: dict[int, int] = field(default_factory=dict, repr=False)
    unequal: set[str] = field(default_factory=set, repr=False)

    def shown(self) -> dict[str, Any]:
        years = sorted(year for year in self.written if year != WHOLE)
        return Numbers.shown(self) | {"rows_written": sum(self.written.values()), **if_any(years_exported=years)}

    def __str__(self) -> str:
        return f"Exported {counted(sum(self.written.values()), 'row')} to PostgreSQL" if self.written else ""


def export_gold(
    lake: Lake, target: Target, tables: Mapping[str, Exported], years: Iterable[int], advance: Advance
) -> ExportReport:
    """Bring PostgreSQL in sync with the published warehouse: every year whose content differs from the last export.

    For `years`, and for rows without a year, PostgreSQL's own content is compared, so a person's changes there are
    replaced. Written rows are read again and compared before they are committed. Raises TransientError if the server
    can't be reached, PipelineError if it refuses, MissingSettingsError without the driver.
    """
    with staging(lake) as connection, _session(target, owner_of(connection)) as elsewhere:
        elsewhere.prepare(tables)
        report, noted = ExportReport(len(tables)), elsewhere.noted()
        compared = {*years, WHOLE} if noted else set()  # nothing is there yet
        due: dict[int, list[tuple[Exported, Content]]] = defaultdict(list)
        for exported in tables.values():
            contents = stage(connection, exported)
            for year, (rows, _) in contents.items():
                report.rows[year] += rows
            there = noted.pop(exported.name, {}) | elsewhere.contents(connection, exported, compared)
            changed = {year for year in {*contents, *there} if contents.get(year) != there.get(year)}
            for year in changed:
                due[year].append((exported, contents.get(year, (0, ""))))
            elsewhere.send(connection, exported, changed & contents.keys())
            unstage(connection, exported)
            advance(1)
        elsewhere.forget(noted)
        for year in sorted(due, key=lambda year: (year == WHOLE, year)):
            if unequal := elsewhere.replace(year, due[year]):
                report.unequal |= unequal
            else:
                report.written[year] = sum(rows for _, (rows, _) in due[year])
    return report


def delete_exported(lake: Lake, target: Target, athlete_id: int | None) -> int:
    """Delete the rows that were exported for the folder's athlete from every table; returns how many. Raises as `export_gold`.

    `athlete_id`: the athlete, if no published warehouse names it any more.
    """
    owner = if_readable(lake, owner_of)
    with _session(target, athlete_id if owner is None else owner) as elsewhere:
        if not any(table == NOTES for table, *_ in elsewhere.columns()):
            return 0
        noted = elsewhere.noted()
        elsewhere.forget(noted)
    return sum(rows for years in noted.values() for rows, _ in years.values())


@contextmanager
def _session(target: Target, owner: int | None) -> "Iterator[_Elsewhere]":
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError:
        raise MissingSettingsError(
            "EXPORT_URL is set, and the package adbc-driver-postgresql, which writes to PostgreSQL, is not installed. "
            "Install it: pip install 'strava_pipeline[export]'."
        ) from None
    given = {"connect_timeout": "10", **target.parameters, "client_encoding": "UTF8", "password": target.password}
    named = " ".join(f"{name}={_parameter(value)}" for name, value in given.items())
    try:
        session = dbapi.connect(named, autocommit=True)
    except dbapi.Error as error:
        raise TransientError(
            f"PostgreSQL ({target.words}) can't be reached: {_reason(error)}. Look at EXPORT_URL and at the server"
        ) from None
    with session, session.cursor() as cursor, _refusals_told():
        elsewhere = _Elsewhere(cursor, target.schema, owner or target.nobody)
        elsewhere.run("SET statement_timeout = 0")  # so that `_CANCELED` means a person
        yield elsewhere


class _Elsewhere:
    """The session in PostgreSQL, the athlete, and for each table the sums by year of the rows sent."""

    def __init__(self, cursor: "Cursor", schema: str, owner: int) -> None:
        self.cursor, self.schema, self.owner = cursor, schema, owner
        self.sent: dict[str, dict[int, int]] = defaultdict(dict)

    def read(self, query: str) -> pl.DataFrame:
        """The answer to a query in PostgreSQL's own SQL."""
        with _refusals_told(pl.exceptions.PolarsError):
            return self.cursor.execute(query).fetch_polars()

    def run(self, *statements: str) -> None:
        """Execute statements in PostgreSQL's own SQL: in one transaction, or as a part of the present one."""
        self.cursor.executescript("; ".join(statements))

    def there(self, table: str) -> str:
        """A table's name for PostgreSQL."""
        return f'"{self.schema}"."{table}"'

    def prepare(self, tables: Mapping[str, Exported]) -> None:
        """Create the schema and missing tables, and give existing tables new columns."""
        if not self._missing(tables):
            return
        self.run("BEGIN", "SELECT pg_advisory_xact_lock(hashtext('strava_pipeline export'))")  # another athlete's run
        self.run(*self._missing(tables), "COMMIT")

    def _missing(self, tables: Mapping[str, Exported]) -> list[str]:
        """The statements that bring the schema up to the catalogue."""
        held: dict[str, dict[str, tuple[str, bool]]] = defaultdict(dict)
        for table, column, kind, is_key in self.columns():
            held[table][column] = (kind, is_key)
        found = []
        if not held and self.read(f"SELECT 1 FROM pg_namespace WHERE nspname = '{self.schema}'").is_empty():
            found.append(f'CREATE SCHEMA "{self.schema}"')
        if NOTES not in held:
            found.append(sql("postgres_notes").format(table=self.there(NOTES)))
        for exported in tables.values():
            found += self._table(exported, held.get(exported.name))
        return found

    def _table(self, exported: Exported, held: Mapping[str, tuple[str, bool]] | None) -> list[str]:
        table = self.there(exported.name)
        keys = [*exported.table.key, OWNER, YEAR] if exported.is_keyed else []
        kinds = {OWNER: "bigint", YEAR: "integer"} | {each.name: _TYPES[each.kind] for each in exported.columns}
        said = [
            f'COMMENT ON COLUMN {table}."{each.name}" IS {literal(", ".join(filter(None, (each.meaning, each.unit))))}'
            for each in exported.columns
            if held is None or each.name not in held
        ]
        if held is None:
            return [
                f"CREATE TABLE {table} ({', '.join(f'{_name(name)} {kind}' for name, kind in kinds.items())})",
                f"ALTER TABLE {table} ADD PRIMARY KEY ({', '.join(map(_name, keys))})"
                if keys
                else f"CREATE INDEX ON {table} ({OWNER}, {YEAR})",
                f"COMMENT ON TABLE {table} IS {literal(exported.table.meaning)}",
                *said,
                f"DELETE FROM {self.there(NOTES)} WHERE table_name = '{exported.name}'",  # of one that a person dropped
            ]
        others = {
            name
            for name, (kind, is_key) in held.items()
            if name in kinds and (kind != kinds[name] or is_key != (name in keys))
        }
        if others:
            raise PipelineError(
                f"In PostgreSQL the table {self.schema}.{exported.name} has another key or other types than here "
                f"({', '.join(sorted(others))}). Drop it there (DROP TABLE {table}): the next run of each athlete makes it again."
            )
        return [
            f"ALTER TABLE {table} ADD COLUMN {_name(name)} {kind}" for name, kind in kinds.items() if name not in held
        ] + said

    def columns(self) -> list[tuple[Any, ...]]:
        """Table, column, type and whether it is in the key, for all tables of the schema."""
        return self.read(sql("postgres_columns").format(schema=self.schema)).rows()

    def noted(self) -> dict[str, dict[int, Content]]:
        """The record of the last export, by table and year."""
        found: dict[str, dict[int, Content]] = defaultdict(dict)
        query = f'SELECT table_name, "{YEAR}", "rows", content FROM {self.there(NOTES)} WHERE "{OWNER}" = {self.owner}'
        for table, year, rows, content in self.read(query).rows():
            found[table][year] = (rows, content)
        return found

    def contents(self, connection: Connection, exported: Exported, years: Collection[int]) -> dict[int, Content | None]:
        """The table's present content there, for these years."""
        if not years:
            return {}
        with _refusals_told(duckdb.Error):
            connection.register("held", self.cursor.execute(self._rows(exported, years)).fetch_arrow())
            return dict.fromkeys(years) | contents_of(connection, "held")

    def _rows(self, exported: Exported, years: Collection[int]) -> str:
        columns = (f'"{each.name}"{"::text" if each.kind is Kind.JSON else ""}' for each in exported.columns)
        return (
            f"SELECT {YEAR}, {', '.join(columns)} FROM {self.there(exported.name)} "
            f"WHERE {OWNER} = {self.owner} AND {YEAR} IN ({', '.join(map(str, years))})"
        )

    def send(self, connection: Connection, exported: Exported, years: Collection[int]) -> None:
        """Copy the staged rows of these years into a temporary table in PostgreSQL."""
        if not years:
            return
        rows = pl.DataFrame(connection.sql(f"FROM {staged(exported)} WHERE {YEAR} IN ({', '.join(map(str, years))})"))
        self.cursor.adbc_ingest(f"sent_{exported.name}", rows, mode="create", temporary=True)
        self.sent[exported.name] = _sums(rows)

    def replace(self, year: int, contents: Collection[tuple[Exported, Content]]) -> set[str]:
        """Replace a year of these tables by the rows sent, and record their content, in one transaction.

        Returns the tables that then hold other rows than here, as after a trigger; if there are any, the year stays as
        it was.
        """
        self.run("BEGIN")
        for exported, (rows, content) in contents:
            self.run(*self._deletion(exported.name, f'AND "{YEAR}" = {year}'))
            if rows:
                self._insert(exported, year)
                self.run(
                    f'INSERT INTO {self.there(NOTES)} ("{OWNER}", table_name, "{YEAR}", "rows", content) '
                    f"VALUES ({self.owner}, '{exported.name}', {year}, {rows}, '{content}')"
                )
        held = {each.name: _sums(self.read(self._rows(each, [year]))) for each, _ in contents}
        unequal = {name for name, sums in held.items() if sums.get(year) != self.sent[name].get(year)}
        self.run("ROLLBACK" if unequal else "COMMIT")
        return unequal

    def _insert(self, exported: Exported, year: int) -> None:
        """Copy the rows sent into the table. PipelineError names the column with a value that can't be cast."""
        from adbc_driver_manager import Error

        cast = {f'"{each.name}"': f'"{each.name}"::{_TYPES[each.kind]}' for each in exported.columns}
        table, sent = self.there(exported.name), f'FROM pg_temp."sent_{exported.name}" WHERE "{YEAR}" = {year}'
        try:
            self.run(
                f'INSERT INTO {table} ("{OWNER}", "{YEAR}", {", ".join(cast)}) '
                f'SELECT {self.owner}, "{YEAR}", {", ".join(cast.values())} {sent}'
            )
        except Error as error:
            if not (error.sqlstate or "").startswith(_UNFIT):
                raise
            self.run("ROLLBACK")
            for value in cast.values():
                try:
                    self.run(f"SELECT count({value}) {sent}")
                except Error:
                    raise _refused(f"a value in {table} is refused by the cast {value}") from None
            raise _refused(f"a value in {table} is refused, as by a trigger ({error.sqlstate})") from None

    def forget(self, tables: Collection[str]) -> None:
        """Delete the athlete's rows from these tables, which may no longer exist, in one transaction."""
        if not tables:
            return
        held = {table for table, column, _, _ in self.columns() if column == OWNER}
        self.run(*(each for table in tables for each in self._deletion(table)[0 if table in held else 1 :]))

    def _deletion(self, table: str, of_year: str = "") -> list[str]:
        of_owner = f'"{OWNER}" = {self.owner} {of_year}'
        return [
            f"DELETE FROM {self.there(table)} WHERE {of_owner}",
            f"DELETE FROM {self.there(NOTES)} WHERE table_name = '{table}' AND {of_owner}",
        ]


def _sums(rows: pl.DataFrame) -> dict[int, int]:
    """By year, the sum of the rows' hashes, in any order. DuckDB takes twice Polars' time for a year of a table (3.9
    and 1.9 ms).
    """
    return dict(rows.select(YEAR, rows.hash_rows().alias("sum")).group_by(YEAR).sum().rows())


@contextmanager
def _refusals_told(*others: type[Exception]) -> Iterator[None]:
    """PipelineError in place of the driver's errors and `others`, which may contain values of rows."""
    from adbc_driver_manager import Error

    kinds: tuple[type[Exception], ...] = (Error, *others)
    try:
        yield
    except kinds as error:
        if getattr(error, "sqlstate", None) == _CANCELED:  # by Ctrl-C, which the driver takes for itself
            signal.raise_signal(signal.SIGINT)
            raise KeyboardInterrupt from None
        raise _refused(_reason(error)) from None


def _refused(reason: str) -> PipelineError:
    return PipelineError(
        f"PostgreSQL refused the export: {reason}. What was exported before stays, the year at hand as it was. "
        "Which rights the user needs is in docs/bi.md."
    )


def _reason(error: Exception) -> str:
    """The server's reason, without the following lines, which contain details of rows and the statement."""
    primary = dict(getattr(error, "details", ())).get(b"PG_DIAG_MESSAGE_PRIMARY", b"").decode()
    return (primary or str(error).partition("\n")[0].rpartition("Failed to connect: ")[2]).rstrip(". ")


def _name(text: str) -> str:
    return f'"{text}"'


def _parameter(value: str) -> str:
    """A value of a libpq connection string."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
