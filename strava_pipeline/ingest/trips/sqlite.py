"""Trips in an SQLite file, opened so that neither the file nor its folder can change.

A file in WAL mode gets a `-shm` and a `-wal` beside it even from a reader. So where no other program has it open it is
opened as immutable, which touches nothing, and looked at again afterwards; where one has, its own `-shm` is used.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from strava_pipeline.core.errors import SourceError
from strava_pipeline.ingest.trips.table import ENCRYPTED, GROUPS, MEASURED, TABLE, Counts, Filters, Listed, TripSource

_WAL = b"\x02\x02"  # bytes 18 and 19 of the header, the file format's write and read version
_NAMED = {
    "external_id": "coalesce(nullif(CAST(external_id AS TEXT), ''), CAST(id AS TEXT))"
}  # as rows.name_of names a trip
_Answer = TypeVar("_Answer")


class SqliteTrips(TripSource):
    """Columns are read whatever their declared type: SQLite keeps text, bytes and numbers side by side."""

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
            self.check(name.lower() for (name,) in self._rows("SELECT name FROM pragma_table_info(?)", TABLE))
            self._key = self._key_column()
        except SourceError:
            self.connection.close()
            raise

    def listed(self, filters: Filters) -> Iterable[Listed]:
        named = [_NAMED.get(column, f"CAST({column} AS TEXT)") for column in filters.plain]
        where = " AND ".join(f"{column} IN (SELECT value FROM json_each(?))" for column in named)
        found = self._rows(
            f"SELECT {self._key}, id, start_time, location_count FROM {TABLE} WHERE {where or 'TRUE'}",
            *(json.dumps(values) for values in filters.plain.values()),
        )
        return map(Listed._make, found)

    def rows(self, keys: Sequence[Any], columns: Sequence[str]) -> dict[Any, dict[str, Any]]:
        # as bytes, which opening a token takes: no detour by text
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
        """What is unique and quick: the rowid, which a view and a table WITHOUT ROWID don't have."""
        kind, without = self._rows("SELECT type, wr FROM pragma_table_list WHERE name = ? COLLATE NOCASE", TABLE)[0]
        return "rowid" if kind == "table" and not without else "id"

    def _rows(self, query: str, *values: str) -> list[Any]:
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
    """Whether to open it as a file that nobody writes. Raises SourceError for what can't be read without a trace."""
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


def _state(path: Path) -> tuple[int, int, bool]:
    """What changes when somebody writes."""
    try:
        there = path.stat()
    except OSError:
        return (0, 0, False)
    return (there.st_mtime_ns, there.st_size, _beside(path, "-wal").exists())


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
