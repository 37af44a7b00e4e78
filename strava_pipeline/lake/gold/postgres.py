"""The published warehouse in PostgreSQL: a schema with a table for each of the catalogue's, kept in sync by year.

DuckDB's own extension writes, loaded by its path out of the wheel: no network, no home. A year is replaced in one transaction,
and only where its content is not the one that the table `exported` notes. Every table has two columns more than here:
`exported_for`, the athlete whose folder the row is of, so that several share a database, and `exported_year`. Tables are made
and get new columns; none is dropped, so that indexes, views and rights that a person added stay. No message holds a password.
"""

import importlib.util
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from strava_pipeline.core.errors import MissingSettingsError, PipelineError, TransientError
from strava_pipeline.core.tables.exported import WHOLE, Exported
from strava_pipeline.core.tables.model import Kind
from strava_pipeline.lake.gold.publish import if_readable
from strava_pipeline.lake.gold.sessions import first_line
from strava_pipeline.lake.gold.staging import (
    YEAR,
    Content,
    contents_of,
    offline,
    owner_of,
    stage,
    staged,
    staging,
    unstage,
)
from strava_pipeline.lake.gold.warehouse import Connection, transaction
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import literal, sql

OWNER, NOTES = "exported_for", "exported"
_ALIAS = "elsewhere"
_PACKAGE = "duckdb_extension_postgres_scanner"
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
    """Where to: the server's parameters as libpq names them, its password apart, and the schema.

    `nobody`: for whom the rows of a folder are of which nobody has said whose it is.
    """

    parameters: Mapping[str, str]
    password: str = field(repr=False)
    schema: str
    nobody: int = 0

    @property
    def words(self) -> str:
        """The server for a message: no parameter that may be secret."""
        shown = {name: self.parameters[name] for name in ("user", "host", "port", "dbname") if name in self.parameters}
        return ", ".join(f"{name} {value}" for name, value in shown.items())


@dataclass(slots=True)
class ExportReport:
    """`rows`: of each year, now; `written`: of each year that was replaced; `unequal`: tables that differ all the same."""

    rows: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    written: dict[int, int] = field(default_factory=dict)
    unequal: list[str] = field(default_factory=list)


def export_gold(
    lake: Lake, target: Target, tables: Mapping[str, Exported], years: Iterable[int], advance: Advance
) -> ExportReport:
    """Bring PostgreSQL in sync with the published warehouse: every year whose content is another than at the last export.

    Of `years`, and of what has no year, the content there is what its rows are now: what a person changed is replaced. What was
    written is compared row by row. Raises TransientError where the server can't be reached, PipelineError where it refuses.
    """
    with staging(lake, extension_file()) as connection:
        elsewhere = _attached(connection, target, owner_of(connection) or target.nobody)
        elsewhere.prepare(tables)
        report, noted, compared = ExportReport(), elsewhere.noted(), {*years, WHOLE}
        due: dict[int, dict[str, Content]] = defaultdict(dict)
        for exported in tables.values():
            contents = stage(connection, exported)
            for year, (rows, _) in contents.items():
                report.rows[year] += rows
            before = noted.pop(exported.name, {})
            there = before | elsewhere.contents(exported, compared)
            changed = {year for year in {*contents, *there} if contents.get(year) != there.get(year)}
            for year in changed:
                due[year][exported.name] = contents.get(year, (0, ""))
            if not changed:
                unstage(connection, exported)
            advance(1)
        elsewhere.forget(noted)
        for year in sorted(due, key=lambda year: (year == WHOLE, year)):
            elsewhere.replace(year, {tables[name]: content for name, content in due[year].items()})
            report.written[year] = sum(rows for rows, _ in due[year].values())
        for name, exported in tables.items():
            written = {year for year, of_year in due.items() if name in of_year}
            if elsewhere.differing(exported, written):
                report.unequal.append(name)
    return report


def delete_exported(lake: Lake, target: Target, athlete_id: int | None) -> int:
    """Delete from every table the rows that were exported for the folder's athlete; returns how many. Raises as `export_gold`.

    `athlete_id`: whose they are where no published warehouse says it any more.
    """
    owner = if_readable(lake, owner_of)
    with offline(extension_file()) as connection:
        elsewhere = _attached(connection, target, (athlete_id if owner is None else owner) or target.nobody)
        if not any(table == NOTES for table, *_ in elsewhere.columns()):
            return 0
        noted = elsewhere.noted()
        elsewhere.forget(noted)
    return sum(rows for years in noted.values() for rows, _ in years.values())


def _attached(connection: Connection, target: Target, owner: int) -> "_Elsewhere":
    parameters = {"connect_timeout": "10", **target.parameters}
    named = " ".join(f"{name}={_parameter(value)}" for name, value in parameters.items())
    try:
        connection.execute(f"CREATE TEMPORARY SECRET at_{_ALIAS} (TYPE postgres, PASSWORD {literal(target.password)})")
        connection.execute(f"ATTACH {literal(named)} AS {_ALIAS} (TYPE postgres, SECRET at_{_ALIAS})")
    except duckdb.Error as error:
        raise TransientError(
            f"PostgreSQL ({target.words}) can't be reached: {_reason(error)}. Look at EXPORT_URL and at the server"
        ) from None  # the statement holds the password
    return _Elsewhere(connection, target.schema, owner)


def extension_file() -> Path:
    """DuckDB's extension in the wheel that brings it. MissingSettingsError where it is not installed for this DuckDB."""
    found = importlib.util.find_spec(_PACKAGE)
    folders = [Path(each) for each in (found.submodule_search_locations or [])] if found else []
    for folder in folders:
        for file in (folder / "extensions" / f"v{duckdb.__version__}").glob("*.duckdb_extension"):
            return file
    wheel, here = _PACKAGE.replace("_", "-"), duckdb.__version__
    missing = f"is there for another DuckDB than this {here}" if folders else "is not installed"
    raise MissingSettingsError(
        f"EXPORT_URL is set, and the package {wheel}, which writes to PostgreSQL, {missing}. Install the same version: "
        f"pip install '{wheel}=={here}'. If there is none of {here}, install a version that both packages have, such as 1.5.5."
    )


class _Elsewhere:
    """The session: PostgreSQL beside the published warehouse, and whose rows are written."""

    def __init__(self, connection: Connection, schema: str, owner: int) -> None:
        self.connection, self.schema, self.owner = connection, schema, owner

    def read(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query in PostgreSQL's own SQL."""
        with _refusals_told():
            return self.connection.execute(f"FROM postgres_query('{_ALIAS}', {literal(query)})").fetchall()

    def run(self, *statements: str) -> None:
        """Statements in PostgreSQL's own SQL, within the transaction at hand."""
        self.connection.execute(f"CALL postgres_execute('{_ALIAS}', {literal('; '.join(statements))})")

    def there(self, table: str) -> str:
        """A table's name for PostgreSQL."""
        return f'"{self.schema}"."{table}"'

    def prepare(self, tables: Mapping[str, Exported]) -> None:
        """Make the schema and the tables that are missing, and give those that are there new columns."""
        if not self._missing(tables):
            return
        with _refusals_told(), transaction(self.connection):
            self.run("SELECT pg_advisory_xact_lock(hashtext('strava_pipeline export'))")  # another athlete's run
            self.run(*self._missing(tables))
        self.connection.execute("CALL pg_clear_cache()")

    def _missing(self, tables: Mapping[str, Exported]) -> list[str]:
        """The statements that let the schema follow the catalogue."""
        held: dict[str, dict[str, tuple[str, bool]]] = defaultdict(dict)
        for table, column, kind, is_key in self.columns():
            held[table][column] = (kind, is_key)
        found = []
        if not held and not self.read(f"SELECT 1 AS found FROM pg_namespace WHERE nspname = '{self.schema}'"):
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
        """Table, column, type and whether it is of the key, of all tables of the schema."""
        return self.read(sql("postgres_columns").format(schema=self.schema))

    def noted(self) -> dict[str, dict[int, Content]]:
        """What the last export wrote: by table and year."""
        found: dict[str, dict[int, Content]] = defaultdict(dict)
        query = f'SELECT table_name, "{YEAR}", "rows", content FROM {self.there(NOTES)} WHERE "{OWNER}" = {self.owner}'
        for table, year, rows, content in self.read(query):
            found[table][year] = (rows, content)
        return found

    def contents(self, exported: Exported, years: Collection[int]) -> dict[int, Content | None]:
        """What the table holds there of these years now."""
        listed = ", ".join(map(str, years))
        rows = (
            f"SELECT {YEAR}, {exported.column_list} FROM {_ALIAS}.{self.there(exported.name)} "
            f"WHERE {OWNER} = {self.owner} AND {YEAR} IN ({listed})"
        )
        with _refusals_told():
            return dict.fromkeys(years) | contents_of(self.connection, f"({rows})")

    def differing(self, exported: Exported, years: Iterable[int]) -> set[int]:
        """Of the years those in which a row is only here, or only there."""
        if not (listed := ", ".join(map(str, years))):
            return set()
        query = sql("postgres_differences").format(
            year=YEAR,
            columns=exported.column_list,
            staged=staged(exported),
            table=f"{_ALIAS}.{self.there(exported.name)}",
            years=listed,
            owner=self.owner,
        )
        with _refusals_told():
            return {year for (year,) in self.connection.execute(query).fetchall()}

    def replace(self, year: int, contents: Mapping[Exported, Content]) -> None:
        """Replace a year of these staged tables and note what it holds, in one transaction."""
        with _refusals_told(), transaction(self.connection):
            for exported, (rows, content) in contents.items():
                self.run(*self._deletion(exported.name, f'AND "{YEAR}" = {year}'))
                if not rows:
                    continue
                self.connection.execute(
                    f'INSERT INTO {_ALIAS}.{self.there(exported.name)} ("{OWNER}", "{YEAR}", {exported.column_list}) '
                    f"SELECT {self.owner}, {YEAR}, {exported.column_list} FROM {staged(exported)} WHERE {YEAR} = {year}"
                )
                self.run(
                    f'INSERT INTO {self.there(NOTES)} ("{OWNER}", table_name, "{YEAR}", "rows", content) '
                    f"VALUES ({self.owner}, '{exported.name}', {year}, {rows}, '{content}')"
                )

    def forget(self, tables: Collection[str]) -> None:
        """Delete the athlete's rows from these tables, which may be gone, in one transaction."""
        if not tables:
            return
        held = {table for table, column, _, _ in self.columns() if column == OWNER}
        with _refusals_told(), transaction(self.connection):
            for table in tables:
                self.run(*self._deletion(table)[0 if table in held else 1 :])

    def _deletion(self, table: str, of_year: str = "") -> list[str]:
        of_owner = f'"{OWNER}" = {self.owner} {of_year}'
        return [
            f"DELETE FROM {self.there(table)} WHERE {of_owner}",
            f"DELETE FROM {self.there(NOTES)} WHERE table_name = '{table}' AND {of_owner}",
        ]


@contextmanager
def _refusals_told() -> Iterator[None]:
    """PipelineError in place of DuckDB's, which may hold values of rows."""
    try:
        yield
    except duckdb.Error as error:
        raise PipelineError(
            f"PostgreSQL refused the export: {_reason(error)}. What was exported before stays, the year at hand as it was. "
            "Which rights the user needs is in docs/bi.md."
        ) from None


def _reason(error: duckdb.Error) -> str:
    """What the server says, without the details of rows and the statement that DuckDB adds."""
    text = str(error)
    said = re.search(r"(?:ERROR|FATAL):\s*(.*)", text)
    return (said[1] if said else first_line(error).rpartition('": ')[2]).rstrip(". ")


def _name(text: str) -> str:
    return f'"{text}"'


def _parameter(value: str) -> str:
    """A value of a libpq connection string."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
