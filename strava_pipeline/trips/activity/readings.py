"""What was read of each trip, and what its answer depended on: a DuckDB file in data/state, compared with the source by SQL.

A trip is read again only where something differs that its answer depends on. The file holds no position and no
column of the source but ids and the start; hashes and decisions stand beside them. It can be deleted: then the next run
reads everything once more, as a run does that meets damage. One run at a time has it open, which holds the lock `trips`.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import polars as pl

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.json_values import finite_number, parse_instant
from strava_pipeline.core.years import YearRange
from strava_pipeline.environment.file_locks import is_open_in_duckdb
from strava_pipeline.lake.files import set_aside
from strava_pipeline.lake.gold.sessions import WITHOUT_CACHE
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.trips.activity.keeping import files_of, saved_trips
from strava_pipeline.trips.activity.measuring import Due, Read
from strava_pipeline.trips.activity.reading.columns import number, plain_json, trip_name
from strava_pipeline.trips.activity.reading.connect import UNANSWERED, Answers
from strava_pipeline.trips.activity.reading.read import sealed_hashes
from strava_pipeline.trips.activity.reading.source import ListedTrip, TripSource
from strava_pipeline.trips.activity.rules.diagnosis import year_of
from strava_pipeline.trips.activity.rules.replay import Groups, Label
from strava_pipeline.trips.activity.rules.verdict import Verdict
from strava_pipeline.trips.activity.tables import TRIP_DIAGNOSTICS, TRIP_INDEX

T = TypeVar("T")
# enough to compare a million trips, the rest being on disk; where it isn't, _MORE
_SETTINGS: dict[str, Any] = {"threads": 1, "memory_limit": "48MB", "preserve_insertion_order": False}
_MORE = "4GB"
_VERSION = "3"  # of the tables in begin.sql
_AT_ONCE = 1_000  # trips: about 2 MB of plain columns
TURNS = 30  # days in which the encrypted columns of all trips are compared as a whole
_IDENTITY = ("id", "external_id", "start_time", "created_at", "location_count")


def _sql(name: str) -> str:
    return sql(f"sql/{name}", __package__ or "")


_INCOMING = {
    **dict.fromkeys(("trip_id", "external_id"), pl.String),
    "year": pl.Int32,
    "started": pl.Float64,
    "number": pl.Int64,
    "points": pl.Int64,
}
_READ = {
    **dict.fromkeys(("id", "tried", "opened"), pl.String),
    **dict.fromkeys(("sealed", "digest"), pl.Binary),
    **dict.fromkeys(("stored", "label", "verdicts"), pl.String),
    "is_answered": pl.Boolean,
}
_KEPT = {"external_id": pl.String, "year": pl.Int32, "deleted": pl.Boolean, "outdated": pl.Boolean}
_ROUTES = {"external_id": pl.String, "asked": pl.Binary, "metres": pl.Float64}


@dataclass(frozen=True, slots=True)
class Scope:
    """Which trips a run is about. `again`: all of them, changed or not; without `is_stored` no row is wanted."""

    years: Sequence[int]
    partitions: YearRange
    is_stored: bool = True
    again: bool = False

    @property
    def values(self) -> dict[str, Any]:
        return {"years": [*self.years], "first": self.partitions.first, "newest": self.partitions.newest}


class Readings:
    """The open file of one data folder."""

    def __init__(self, lake: Lake, connection: duckdb.DuckDBPyConnection) -> None:
        self._lake, self._connection = lake, connection

    def listed(self) -> str | None:
        """The mark of the source that was listed last; None if none was."""
        return self._note("listed")

    def list_trips(self, source: TripSource, mark: str, advance: Callable[[int], object]) -> None:
        """List the source, and take over what differs. Raises SourceError, also if ids are not unique."""
        self._run("listing")
        for page in source.pages():
            frame = pl.DataFrame(page._asdict(), schema=dict.fromkeys(page._fields, pl.String))
            self._load("INSERT INTO listed SELECT keys, ids, md5_number(hashes) FROM read_parquet($rows)", frame)
            advance(frame.height)
        self._refuse_ambiguous(source)
        self._roomy(partial(self._run, "differing"))
        for found in self._portions("differing", "key, trip_id", "is_changed"):
            ids = {json.loads(key): trip for key, trip in found}
            incoming = [_identity(ids[key], row) for key, row in source.rows([*ids], _IDENTITY).items()]
            self._load("INSERT INTO incoming FROM read_parquet($rows)", _frame(_INCOMING, incoming))
        self._connection.execute("DROP TABLE listed")
        self._roomy(partial(self._take_over, mark))
        self._connection.execute("DROP TABLE incoming; DROP TABLE differing")

    def _take_over(self, mark: str) -> None:
        with self._transaction():
            if self._rows("SELECT 1 FROM differing LIMIT 1"):
                self._run("take_over")
                self._run("forget")
            self._set_note("listed", mark)

    def compare_in_turn(self, source: TripSource, scope: Scope, today: date) -> None:
        """Compare the encrypted columns of a thirtieth of the trips as a whole, for bytes that no other column tells of."""
        self._rows(_sql("in_turn"), {"turn": today.toordinal() % TURNS, "turns": TURNS, **scope.values})
        for rows in self._portions("in_turn", "key, trip_id, sealed, points"):
            before = {json.loads(key): (trip, sealed) for key, trip, sealed, _ in rows}
            order = [ListedTrip(json.loads(key), 0, None, points) for key, *_, points in rows]
            other = [before[key][0] for key, now in sealed_hashes(source, order) if before[key][1] != now]
            if other:
                self._rows("UPDATE trips SET read_content = 0 WHERE trip_id IN (SELECT unnest($ids))", {"ids": other})

    def find_due(self, scope: Scope, salt: str, ring: Sequence[str]) -> dict[str, int]:
        """Find the trips that have to be read; numbers by why: new, changed or retried.

        `salt`: a text of all that every answer depends on; `ring`: the names of the keys.
        """
        beside = {"salt": salt, "ring": [*ring], "is_stored": scope.is_stored, "again": scope.again}
        self._roomy(partial(self._rows, _sql("due"), {**scope.values, **beside}))
        return dict(self._rows("SELECT why, count(*) FROM due GROUP BY why"))

    def due(self) -> Iterator[list[Due]]:
        """The trips that `find_due` found, latest first, some thousand at once."""
        for rows in self._portions("due", "trip_id, key, points, external_id, year, is_stored"):
            yield [
                Due(trip, ListedTrip(json.loads(key), 0, None, points), name, year, is_stored)
                for trip, key, points, name, year, is_stored in rows
            ]

    def record(self, read: Sequence[Read], rows: Mapping[str, int], answers: Answers, salt: str) -> None:
        """Note trips that were read, the partitions of those whose rows were saved, and the router's answers."""
        with self._transaction():
            self._load(_sql("record"), _frame(_READ, read), {"salt": salt})
            self._rows(_sql("outdate"), {"ids": [each.id for each in read]})  # but for those whose rows are saved
            self._replace("kept", _frame(_KEPT, [(name, year, False, False) for name, year in rows.items()]))
            known = [(name, *answer) for name, answer in answers.items() if answer[0] != UNANSWERED]
            self._replace("routes", _frame(_ROUTES, known))
            self._note_newest()

    def answers(self, names: Sequence[str]) -> Answers:
        """The router's earlier answers about these trips."""
        found = self._rows("SELECT * FROM routes WHERE external_id IN (SELECT unnest($names))", {"names": [*names]})
        return {name: (asked, metres) for name, asked, metres in found}

    def gone(self, years: Sequence[int]) -> tuple[int, int]:
        """Of the stored trips of these years that aren't deleted: how many the source no longer has, and the number of all."""
        self._rows(_sql("gone"), {"years": [*years]})
        ((gone, rows),) = self._rows("SELECT count(*) FILTER (is_gone), count(*) FROM gone")
        return gone, rows

    def gone_names(self) -> list[str]:
        """The trips that `gone` counted."""
        return [name for (name,) in self._rows("SELECT external_id FROM gone WHERE is_gone")]

    def forget(self, names: Sequence[str]) -> None:
        """Note rows as deleted, and forget all else about these trips, and about those that never had a row."""
        with self._transaction():
            query = "UPDATE kept SET deleted = TRUE WHERE external_id IN (SELECT unnest($names))"
            self._rows(query, {"names": [*names]})
            self._run("forget")
            self._note_newest()

    def moved_keys(self, ring: Sequence[str]) -> Iterator[list[tuple[str, int]]]:
        """The trips whose key has another place in the list than their rows say, with that place, some thousand at once."""
        before = self._note("ring")
        if before not in (None, ",".join(ring)):
            self._rows(_sql("moved_keys"), {"ring": [*ring], "before": before.split(",")})
            yield from self._portions("moved", "external_id, place")

    def note_ring(self, ring: Sequence[str]) -> None:
        """Note the order of the keys that the rows' `key_index` goes by."""
        self._set_note("ring", ",".join(ring))

    def keys_used(self, years: Sequence[int], partitions: YearRange) -> dict[str | None, int]:
        """How many trips of these years each key opened, by its name."""
        return dict(self._rows(_sql("keys_used"), Scope(years, partitions).values))

    def rows_by_year(self) -> dict[int, int]:
        """The numbers of rows that aren't deleted."""
        return dict(self._rows("SELECT year, count(*) FROM kept WHERE NOT deleted GROUP BY year"))

    def counts(self) -> tuple[int, int]:
        """The numbers of listed trips, and of those left out because another one has their external id."""
        ((listed, left_out),) = self._rows("SELECT count(*), count(*) FILTER (NOT chosen) FROM trips WHERE present")
        return listed, left_out

    def groups(self, algorithms: int) -> list[Groups]:
        """For each version of the algorithms the numbers of trips by verdicts and label."""
        found: list[dict[tuple[Verdict, Verdict, Label | None], int]] = [{} for _ in range(algorithms)]
        for place, stored, new, label, trips in self._rows(_sql("groups")):
            found[place][Verdict(stored), Verdict(new), label and Label(label)] = trips
        return [*found]

    def digests(self) -> Iterator[bytes]:
        """The digests of all trips that were read, in the order of a whole reading."""
        found = self._connection.execute(_sql("digests"))
        while rows := found.fetchmany(_AT_ONCE):
            yield b"".join(digest for (digest,) in rows)

    def begin(self, kept: pl.DataFrame) -> None:
        """Fill a new file: what is known are the rows that were saved."""
        with self._transaction():
            self._run("begin")
            self._load(
                "INSERT INTO kept SELECT external_id, year, deleted_at IS NOT NULL, FALSE FROM read_parquet($rows)",
                kept,
            )
            self._set_note("version", _VERSION)
            self._note_newest()

    def _refuse_ambiguous(self, source: TripSource) -> None:
        found = self._rows(
            "SELECT trip_id IS NULL FROM listed GROUP BY trip_id HAVING trip_id IS NULL OR count(*) > 1 LIMIT 1"
        )
        if found:
            raise source.ambiguous(is_unique=found[0][0])

    def _load(self, statement: str, frame: pl.DataFrame, values: Mapping[str, Any] | None = None) -> None:
        """Execute a statement that reads the frame as `$rows`."""
        path = self._lake.trip_readings.with_suffix(".rows")
        frame.write_parquet(path, compression="lz4")
        self._connection.execute(statement, {"rows": str(path), **(values or {})})
        path.unlink()

    def _replace(self, table: str, frame: pl.DataFrame) -> None:
        """Replace all rows of these trips."""
        self._load(f"DELETE FROM {table} WHERE external_id IN (SELECT external_id FROM read_parquet($rows))", frame)
        self._load(f"INSERT INTO {table} FROM read_parquet($rows)", frame)

    def _portions(self, table: str, columns: str, where: str = "TRUE") -> Iterator[list[Any]]:
        """The rows of a table in their order, some thousand at once."""
        ((rows,),) = self._rows(f"SELECT count(*) FROM {table}")
        query = f"SELECT {columns} FROM {table} WHERE rowid >= $first AND rowid < $first + {_AT_ONCE} AND {where} ORDER BY rowid"
        for first in range(0, rows, _AT_ONCE):
            if found := self._rows(query, {"first": first}):
                yield found

    def _roomy(self, act: Callable[[], object]) -> None:
        """Do something, once more with more memory if it has too little."""
        try:
            act()
        except duckdb.OutOfMemoryException:
            self._connection.execute(f"SET memory_limit = '{_MORE}'")
            act()

    def _run(self, name: str) -> None:
        self._connection.execute(_sql(name))

    def _rows(self, query: str, values: Mapping[str, Any] | None = None) -> list[Any]:
        return self._connection.execute(query, values or {}).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise

    def _note(self, name: str) -> str | None:
        found = self._rows("SELECT value FROM notes WHERE name = $name", {"name": name})
        return found[0][0] if found else None

    def _set_note(self, name: str, value: str) -> None:
        if self._note(name) != value:  # or a run without news would write
            self._connection.execute("DELETE FROM notes WHERE name = $name", {"name": name})
            self._connection.execute("INSERT INTO notes VALUES ($name, $value)", {"name": name, "value": value})

    def _note_newest(self) -> None:
        self._set_note("rows", _newest(self._lake))


def with_readings(lake: Lake, use: Callable[[Readings], T]) -> T:
    """What `use` makes of the file of a data folder, for a caller that holds its lock.

    Where a block of it turns out to be damaged, the file is set aside, and `use` begins again with a new one, once.
    """
    try:
        with opened_readings(lake) as readings:
            return use(readings)
    except duckdb.Error:
        if _is_whole(lake.trip_readings):  # so it was a full disk, too little memory, or a statement
            raise
    set_aside(lake.trip_readings)
    with opened_readings(lake) as readings:
        return use(readings)


@contextmanager
def opened_readings(lake: Lake) -> Iterator[Readings]:
    """The file of a data folder; made anew where it is missing or outdated. Raises duckdb.Error if it can't be read."""
    path = lake.trip_readings
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = _usable(lake, path) or _new(lake, path)
    try:
        yield Readings(lake, connection)
    finally:
        connection.close()


def _usable(lake: Lake, path: Path) -> duckdb.DuckDBPyConnection | None:
    """The open file; None if there is none, if it was not filled, or if rows that it knows of were deleted."""
    if not path.exists():
        return None
    if is_open_in_duckdb(path, for_writing=False):
        raise PipelineError(f"{path} is open in another program. Close it there, and run again.")
    connection = _connected(path)
    with suppress(duckdb.CatalogException):
        notes = dict(connection.execute("SELECT name, value FROM notes").fetchall())
        if notes.get("version") == _VERSION and all((lake.trips / name).exists() for name in notes["rows"].split()):
            return connection
    connection.close()
    return None


def _is_whole(path: Path) -> bool:
    """Whether every row can be read, without a write and in little memory."""
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
                connection.execute(f"SELECT max(hash(each)) FROM {table} AS each").fetchall()
    except duckdb.OutOfMemoryException:
        return True
    except duckdb.Error:
        return False
    return True


def _new(lake: Lake, path: Path) -> duckdb.DuckDBPyConnection:
    for old in (path, path.with_name(f"{path.name}.wal")):
        old.unlink(missing_ok=True)
    connection = _connected(path)
    made = Readings(lake, connection)
    made.begin(saved_trips(lake, TRIP_DIAGNOSTICS, columns=("external_id", "year", "deleted_at")))
    return connection


def _connected(path: Path) -> duckdb.DuckDBPyConnection:
    spills = path.with_name(f"{path.name}.tmp")
    connection = duckdb.connect(str(path), config={**_SETTINGS, "temp_directory": str(spills)})
    connection.execute(WITHOUT_CACHE)
    connection.execute("SET enable_progress_bar = false")
    return connection


def _newest(lake: Lake) -> str:
    """The newest file of each table, below the folder of trips, separated by spaces."""
    newest = [files_of(lake, table)[-1:] for table in (TRIP_INDEX, TRIP_DIAGNOSTICS)]
    return " ".join(str(path.relative_to(lake.trips)) for paths in newest for path in paths)


def _frame(schema: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict(schema), orient="row")


def _identity(trip_id: str, row: Mapping[str, Any]) -> tuple[Any, ...]:
    """The columns of _INCOMING."""
    plain, id_ = plain_json(row), number(row["id"])
    points = finite_number(plain["location_count"])
    return (
        trip_id,
        trip_name(row),
        year_of(plain),
        parse_instant(plain["start_time"]),
        id_ if isinstance(id_, int) and abs(id_) < 2**63 else None,
        1 if points is None else int(min(max(points, 1), 10**9)),
    )
