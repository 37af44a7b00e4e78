"""Trips in a file, SQLite or Parquet, read so that neither the file nor its folder can change.

An SQLite file in WAL mode gets a `-shm` and a `-wal` next to it even from a reader. So a file that no other program has
open is opened as immutable, which touches nothing, and checked again afterwards; otherwise the other program's `-shm`
is used. From a Parquet file only the requested columns and the rows around the requested ones are loaded.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import polars as pl
from polars.exceptions import PanicException, PolarsError

from strava_pipeline.core.errors import SourceError
from strava_pipeline.trips.activity.reading.source import (
    ENCRYPTED,
    GROUPS,
    HEAD,
    MEASURED,
    PAGE,
    PLAIN,
    TABLE,
    UPDATED,
    Counts,
    Filters,
    ListedTrip,
    Page,
    TripSource,
)

_WAL = b"\x02\x02"  # bytes 18 and 19 of the header, the file format's write and read version
# as columns.trip_name names a trip
_SQL_NAMES = {"external_id": "coalesce(nullif(CAST(external_id AS TEXT), ''), CAST(id AS TEXT))"}
_Answer = TypeVar("_Answer")


class SqliteTrips(TripSource):
    """Trips in SQLite. Columns are read whatever their declared type, since SQLite allows text, bytes and numbers in
    one column.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        immutable = _immutable(path)
        self._seen = _state(path) if immutable else None
        uri = f"file://{quote(str(path.absolute()))}?mode=ro" + ("&immutable=1" if immutable else "")
        self.connection = self._asked(lambda: sqlite3.connect(uri, uri=True))
        self.connection.text_factory = lambda text: text.decode("utf-8", "replace")
        try:
            self._rows("PRAGMA query_only = ON")
            self._columns = {name.lower() for (name,) in self._rows("SELECT name FROM pragma_table_info(?)", TABLE)}
            self.check(self._columns)
            self._key = self._key_column()
        except SourceError:
            self.connection.close()
            raise

    def listed(self, filters: Filters) -> Iterable[ListedTrip]:
        named = [_SQL_NAMES.get(column, f"CAST({column} AS TEXT)") for column in filters.plain]
        where = " AND ".join(f"{column} IN (SELECT value FROM json_each(?))" for column in named)
        found = self._rows(
            f"SELECT {self._key}, id, start_time, location_count FROM {TABLE} WHERE {where or 'TRUE'}",
            *(json.dumps(values) for values in filters.plain.values()),
        )
        return map(ListedTrip._make, found)

    def pages(self) -> Iterator[Page]:
        plain = _listed(self._columns)
        lengths = [f"length(CAST({name} AS BLOB))" for name in ENCRYPTED]
        heads = [f"substr(CAST({name} AS BLOB), 1, {HEAD})" for name in ENCRYPTED]
        content = " || ',' || ".join(f"quote({part})" for part in (*plain, *lengths, *heads))

        def page(after: Any) -> list[tuple[Any, ...]]:
            where, values = ("TRUE", ()) if after is None else (f"{self._key} >= ?", (after,))
            rows = self._rows(
                f"SELECT {self._key}, json_quote({self._key}), CAST(id AS TEXT), {content} FROM {TABLE} "
                f"WHERE {where} ORDER BY {self._key} LIMIT {PAGE}",
                *values,
            )
            return [(*row[:3], hashlib.md5(row[3].encode(), usedforsecurity=False).hexdigest()) for row in rows]

        return self._paged(page)

    def rows(self, keys: Sequence[Any], columns: Sequence[str]) -> dict[Any, dict[str, Any]]:
        # as bytes, which decrypting needs
        wanted = ", ".join(f"CAST({name} AS BLOB)" if name in ENCRYPTED else name for name in columns)
        found = self._rows(
            f"SELECT {self._key}, {wanted} FROM {TABLE} WHERE {self._key} IN (SELECT value FROM json_each(?))",
            json.dumps(list(keys)),
        )
        return {key: dict(zip(columns, values, strict=True)) for key, *values in found}

    def sizes(self, keys: Sequence[Any]) -> dict[Any, tuple[int, ...]]:
        # of text SQLite counts letters, of bytes it looks at the header alone
        wanted = ", ".join(
            f"coalesce(CASE typeof({name}) WHEN 'text' THEN length(CAST({name} AS BLOB)) ELSE length({name}) END, 0)"
            for name in MEASURED
        )
        found = self._rows(
            f"SELECT {self._key}, {wanted} FROM {TABLE} WHERE {self._key} IN (SELECT value FROM json_each(?))",
            json.dumps(list(keys)),
        )
        return {key: tuple(sizes) for key, *sizes in found}

    def counts(self) -> Counts:
        groups = self._rows(f"SELECT {', '.join(GROUPS)}, count(*) FROM {TABLE} GROUP BY {', '.join(GROUPS)}")
        present = self._rows(
            "SELECT " + ", ".join(f"coalesce(sum({c} IS NOT NULL), 0)" for c in ENCRYPTED) + f" FROM {TABLE}"
        )
        return Counts(groups, dict(zip(ENCRYPTED, present[0], strict=True)))

    def close(self) -> None:
        self.connection.close()

    def _key_column(self) -> str:
        """A unique and quick key: the rowid, which a view and a table WITHOUT ROWID lack."""
        kind, without = self._rows("SELECT type, wr FROM pragma_table_list WHERE name = ? COLLATE NOCASE", TABLE)[0]
        return "rowid" if kind == "table" and not without else "id"

    def _rows(self, query: str, *values: Any) -> list[Any]:
        found = self._asked(lambda: self.connection.execute(query, values).fetchall())
        if self._seen is not None and self._seen != _state(self._path):
            raise SourceError(f"{self.name} was written to while it was read; run again.")
        return found

    def _asked(self, ask: Callable[[], _Answer]) -> _Answer:
        try:
            return ask()
        except sqlite3.Error as error:
            what = getattr(error, "sqlite_errorname", type(error).__name__)
            raise SourceError(
                f"{self.name} can't be read as an SQLite database ({what}: {error}). "
                "Is it one, whole, and not just being replaced?"
            ) from None


def _immutable(path: Path) -> bool:
    """Whether to open the file as one that nobody writes. Raises SourceError for a file that can't be read without a trace."""
    try:
        with path.open("rb") as file:
            header = file.read(20)
    except OSError as error:
        raise SourceError(f"{path} can't be read ({error.strerror}); the source is sqlite:///path/to/file.") from None
    if header[18:20] != _WAL:
        return False
    unmerged = _beside(path, "-wal").exists() and _beside(path, "-wal").stat().st_size > 0
    shared = _beside(path, "-shm").exists()
    if unmerged and not shared:
        raise SourceError(
            f"{path} has changes in {path.name}-wal that were never merged, and reading them would leave a file beside it. "
            f"Merge them: sqlite3 {path.name} 'PRAGMA wal_checkpoint(TRUNCATE)', in a copy if it is not yours."
        )
    return not shared


def _listed(there: Collection[str]) -> list[str]:
    """The plain columns of the listing, of those that are there."""
    return [name for name in (*PLAIN, UPDATED) if name in there]


def _state(path: Path) -> tuple[int, int, bool]:
    """Values that change when a program writes the file."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0, False)
    return (status.st_mtime_ns, status.st_size, _beside(path, "-wal").exists())


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


_ROW = "row of the file"
_POLARS_NAMES = {  # as columns.trip_name names a trip
    "external_id": pl.coalesce(pl.col("external_id").cast(pl.String).replace("", None), pl.col("id").cast(pl.String))
}
_WINDOW = 4096  # each read unpacks its row group up to there (0.2 s at 20,000 trips): few large reads, bounded memory


class ParquetTrips(TripSource):
    """Trips in one Parquet file. A row is found again by its place in the file."""

    rows_at_once = _WINDOW
    points_at_once = 200_000

    def __init__(self, path: Path) -> None:
        self.name, self._path = str(path), path
        if not path.is_file():
            raise SourceError(f"{path} is no file; the source is parquet:///path/to/file.")
        self._seen = _state(path)  # a place in another file is another trip
        self._scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        self._columns = self._collected(self._scan.head(0)).columns
        self.check(self._columns)

    def listed(self, filters: Filters) -> Iterable[ListedTrip]:
        scan = self._scan.with_row_index(_ROW)
        for column, values in filters.plain.items():
            scan = scan.filter(_POLARS_NAMES.get(column, pl.col(column).cast(pl.String)).is_in(values))
        return map(
            ListedTrip._make, self._collected(scan.select(_ROW, "id", "start_time", "location_count")).iter_rows()
        )

    def pages(self) -> Iterator[Page]:
        # by DuckDB, which unpacks some thousand rows at a time; Polars would unpack a row group
        import duckdb

        plain = _listed(self._columns)
        heads = [f"octet_length({name}::BLOB), array_slice({name}::BLOB, 1, {HEAD})" for name in ENCRYPTED]
        query = (
            f"SELECT file_row_number::VARCHAR, id::VARCHAR, md5(to_json(row({', '.join([*plain, *heads])}))::VARCHAR) "
            "FROM read_parquet($path, file_row_number = true)"
        )
        try:
            with duckdb.connect(config={"threads": 1}) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                found = connection.execute(query, {"path": str(self._path)})
                while rows := found.fetchmany(PAGE):
                    keys, ids, hashes = (list(column) for column in zip(*rows, strict=True))
                    yield Page(keys, ids, hashes)
        except duckdb.Error:
            raise SourceError(self._unreadable) from None

    def rows(self, keys: Sequence[Any], columns: Sequence[str]) -> dict[Any, dict[str, Any]]:
        found: dict[Any, dict[str, Any]] = {}
        for _, near in groupby(sorted(keys), lambda key: key // _WINDOW):
            wanted = set(near)
            first, count = min(wanted), max(wanted) - min(wanted) + 1
            window = self._collected(self._scan.slice(first, count).select(columns)).iter_rows(named=True)
            found |= {place: row for place, row in enumerate(window, start=first) if place in wanted}
        return found

    def sizes(self, keys: Sequence[Any]) -> dict[Any, tuple[int, ...]]:
        return {}

    def counts(self) -> Counts:
        groups = self._collected(self._scan.group_by(GROUPS).agg(pl.len()))
        present = self._collected(self._scan.select(pl.col(name).is_not_null().sum() for name in ENCRYPTED))
        return Counts(groups.rows(), dict(zip(ENCRYPTED, present.row(0), strict=True)))

    def close(self) -> None:
        """Nothing stays open between two reads."""

    def _collected(self, scan: pl.LazyFrame) -> pl.DataFrame:
        try:
            found = scan.collect()
        except (PolarsError, PanicException, OSError):
            raise SourceError(self._unreadable) from None
        if self._seen != _state(self._path):
            raise SourceError(f"{self.name} was written to while it was read; run again.")
        return found

    @property
    def _unreadable(self) -> str:
        return f"{self.name} can't be read as a Parquet file: it is of another kind, is damaged, or was just replaced."
