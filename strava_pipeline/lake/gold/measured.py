"""Values computed from tracks, as tables of the warehouse: the rows of Parquet by year, for SQL and the views of insights.

A note for each table and year records the file that its rows came from: if nothing changed, a check costs one stat per
file. An unreadable file counts as missing, until the next run that makes tracks has computed it again. These rows don't
count as a change of the warehouse (`mark_changed`): checks and proposals about its other tables need not be repeated
for them.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from strava_pipeline.core.tables import (
    CURVES,
    CUT_SUMMARIES,
    PAIR_AGREEMENTS,
    ROUTE_MEMBERS,
    TILE_VISITS,
    TRACK_SUMMARIES,
    VALUE_SECONDS,
    Table,
)
from strava_pipeline.core.tables.computed import COMPUTED_VALUES, CUT_VALUES, TRACK_BESTS
from strava_pipeline.core.tables.load import ACTIVITY_HEARTRATES
from strava_pipeline.core.tables.pairs import RECORDING_PAIRS
from strava_pipeline.core.tables.ways import ACTIVITY_ROUTES, VISITED_TILES
from strava_pipeline.lake.gold.notes import DUE, MADE, begin_change, forget, mark_changed, note, notes, revision, unmark
from strava_pipeline.lake.gold.warehouse import Connection, has_other_views, transaction
from strava_pipeline.lake.made.made_files import drop_damaged
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql, views_version

_STAGED = "measured_rows"
MEASURED_NOTE = f"{MADE}measured:"  # + table:year, of the file that its rows came from


@dataclass(frozen=True, slots=True)
class Measured:
    """A table of the warehouse and the Parquet table, `source`, whose rows it holds, with their `year`.

    `query`: reads its rows of a year, if they differ from those of `source`.
    """

    table: Table
    source: Table
    query: str = ""


MEASURED = (
    Measured(COMPUTED_VALUES, TRACK_SUMMARIES),
    Measured(TRACK_BESTS, CURVES),
    Measured(CUT_VALUES, CUT_SUMMARIES),
    Measured(ACTIVITY_HEARTRATES, VALUE_SECONDS, sql("activity_heartrates")),
    Measured(ACTIVITY_ROUTES, ROUTE_MEMBERS),
    Measured(VISITED_TILES, TILE_VISITS),
    Measured(RECORDING_PAIRS, PAIR_AGREEMENTS),
)


@dataclass(frozen=True, slots=True)
class DueYear:
    """A year of a table whose rows came from another file than the present one; `file` None: the file is gone."""

    measured: Measured
    year: int
    path: Path
    file: str | None

    @property
    def name(self) -> str:
        return f"{self.measured.table.name}:{self.year}"


_UNMEASURED = f"{DUE}measures:"  # + year; the note's value is the change of the warehouse that it came with


def note_unmeasured(connection: Connection, ids: Collection[int]) -> None:
    """Note the years of activities of which a person or a rule says something else: sports and cuts decide what is measured."""
    query = "SELECT DISTINCT year FROM activities_all WHERE list_contains($ids, id)"
    for (year,) in connection.execute(query, {"ids": [*ids]}).fetchall():
        note(connection, f"{_UNMEASURED}{year}", revision(connection))


def unmeasured_years(connection: Connection) -> dict[int, str]:
    """The years whose tracks have to be looked at again, for `note_measured`."""
    return {int(year): value for year, value in notes(connection, _UNMEASURED).items()}


def note_measured(connection: Connection, years: Mapping[int, str]) -> None:
    """Forget that these years are due, but where something else was said meanwhile."""
    done = unmeasured_years(connection).items() & years.items()
    for year, _ in done:
        unmark(connection, f"{_UNMEASURED}{year}")
    if done:
        mark_changed(connection)  # readers see it


def sync_measures(connection: Connection, lake: Lake) -> bool:
    """Update the tables from the files; returns whether anything changed."""
    has_changed = False
    while due := differing_measures(connection, lake):
        begin_change()
        has_changed = True
        for each in due:
            _load(connection, each)
    return has_changed


def content_state(connection: Connection) -> str:
    """The identity of the warehouse, its last change, the files of its rows, and whether it has this version's views."""
    return f"{revision(connection)} {has_other_views(connection)} {sorted(notes(connection, MEASURED_NOTE).items())}"


def views_state(connection: Connection) -> str:
    """The key of what is made of views such as `activities`: the warehouse's last change, the files of measured rows, and the
    views' version. Rows that are written change it, so it is noted as it is afterwards.
    """
    # without the list's own, which is made of views
    files = sorted(each for each in notes(connection, MEASURED_NOTE).items() if ":" in each[0])
    return repr((revision(connection), views_version(), files))


def differing_measures(connection: Connection, lake: Lake) -> list[DueYear]:
    """The years of each table whose rows differ from the files."""
    known = notes(connection, MEASURED_NOTE)
    return [
        each for measured in MEASURED for each in _years(lake, measured, known) if known.get(each.name) != each.file
    ]


def _years(lake: Lake, measured: Measured, known: dict[str, str]) -> Iterator[DueYear]:
    """The years with a file, or with a note of one."""
    root, prefix = lake.data_dir / measured.source.name, f"{measured.table.name}:"
    folders = {path.name.removeprefix("year=") for path in root.glob("year=[0-9][0-9][0-9][0-9]")}
    for year in sorted(folders | {name.removeprefix(prefix) for name in known if name.startswith(prefix)}):
        path = root / f"year={year}" / f"{measured.source.name}.parquet"
        yield DueYear(measured, int(year), path, _identity(path))


def _identity(path: Path) -> str | None:
    """The file's identity, and the views' version: the table is made with them, empty."""
    try:
        found = path.stat()
    except OSError:
        return None
    return f"{views_version()}:{found.st_size}:{found.st_mtime_ns}"


def _load(connection: Connection, due: DueYear) -> None:
    """Replace the year's rows of a table. Rows that leave it may have moved to another year: then all years are due again."""
    table = due.measured.table.name
    is_read = due.file is not None and _is_staged(connection, due)
    with transaction(connection):
        if _loses_rows(connection, due, is_read=is_read):
            forget(connection, f"{MEASURED_NOTE}{table}:")
        connection.execute(f"DELETE FROM {table} WHERE year = $year", {"year": due.year})
        if is_read:  # a track that moved here may still be in the other year's file
            connection.execute(f"DELETE FROM {table} WHERE activity_id IN (SELECT activity_id FROM {_STAGED})")
            connection.execute(f"INSERT INTO {table} BY NAME FROM {_STAGED}")
        if due.file is None:
            unmark(connection, f"{MEASURED_NOTE}{due.name}")
        else:
            note(connection, f"{MEASURED_NOTE}{due.name}", due.file)


def _loses_rows(connection: Connection, due: DueYear, *, is_read: bool) -> bool:
    """Whether an activity of the year loses all of its rows there."""
    staged = f"ANTI JOIN {_STAGED} USING (activity_id)" if is_read else ""
    query = f"SELECT 1 FROM {due.measured.table.name} {staged} WHERE year = $year LIMIT 1"
    return bool(connection.execute(query, {"year": due.year}).fetchall())


def _is_staged(connection: Connection, due: DueYear) -> bool:
    """Read the year's rows into a temporary table; False if the file is damaged, or was written by another version."""
    columns = ", ".join(f'"{column.name}"' for column in due.measured.source.columns)
    query = due.measured.query or f"SELECT {columns} FROM read_parquet($path, hive_partitioning = false)"
    try:
        create = f"CREATE OR REPLACE TEMPORARY TABLE {_STAGED} AS SELECT *, {due.year} AS year FROM ({query})"
        connection.execute(create, {"path": str(due.path)})
    except (duckdb.OutOfMemoryException, duckdb.InterruptException):
        raise
    except duckdb.Error:
        drop_damaged([due.path])
        return False
    return True
