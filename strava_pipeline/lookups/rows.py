"""Rows of a statement as values by column, pages of rows, and files of rows: shared by every module of this folder."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from strava_pipeline.core.sources import IMPORTED
from strava_pipeline.core.tables import Kind, Table
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

Values = Mapping[str, Any]
"""A row: its values by column."""


def rows_of(connection: Connection, name: str, parameters: Mapping[str, Any], **names: str) -> list[dict[str, Any]]:
    """The rows of the statement `sql/<name>.sql`. `names`: of tables and columns, from the catalogue."""
    text = sql(f"sql/{name}", __package__ or "")
    return rows_by(connection, text.format(**names) if names else text, parameters)


def rows_by(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a statement."""
    found = connection.execute(statement, dict(parameters))
    columns = [column[0] for column in found.description]
    return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


def parts_with_content(connection: Connection) -> frozenset[str]:
    """Which of `body`, `devices`, `segments`, `gear`, `pairs` and `sync` (several services to compare) have anything to show."""
    (found,) = rows_of(connection, "holds", {"imported": list(IMPORTED)})
    return frozenset(part for part, is_there in found.items() if is_there)


def with_json(table: Table, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with JSON columns parsed."""
    names = {column.name for column in table.columns if column.kind is Kind.JSON}
    return [
        {name: _read(value) if name in names and value is not None else value for name, value in row.items()}
        for row in rows
    ]


def _read(text: str) -> Any:
    try:
        return orjson.loads(text)  # a whole number beyond 64 bits is a float, or no answer could hold it
    except ValueError:
        return text


def columns_of(table: Table, *without: str) -> str:
    """The columns of a table, for a statement."""
    return ", ".join(f'{table.name}."{column.name}"' for column in table.columns if column.name not in without)


def measured_files(lake: Lake, table: Table, years: Iterable[int] | None = None) -> list[str]:
    """The Parquet files of a table that is computed from tracks, of all years or of these."""
    root = lake.data_dir / table.name
    folders: Iterable[Path] = root.glob("year=*") if years is None else (root / f"year={year}" for year in years)
    return sorted(str(path) for folder in folders if (path := folder / f"{table.name}.parquet").exists())


class CursorError(ValueError):
    """A text isn't a cursor that a page gave."""


def packed(content: bytes) -> str:
    """The content of a cursor as a text for addresses, after a checksum."""
    return base64.urlsafe_b64encode(_checksum(content) + content).decode().rstrip("=")


def unpacked(text: str) -> bytes:
    """The inverse of `packed`. Raises CursorError for a text that no page gave."""
    with suppress(ValueError):
        whole = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if whole[:_CHECKED] == _checksum(whole[_CHECKED:]):
            return whole[_CHECKED:]
    raise CursorError("it is no cursor of a page")


_CHECKED = 6  # bytes


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECKED).digest()


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page, after which the next page begins: the whole number by which rows are sorted, and an id."""

    place: int
    id: int

    @property
    def text(self) -> str:
        """The cursor as text for the next request; its form may change between versions."""
        return packed(f"{self.place}:{self.id}".encode())

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """The cursor of a text. Raises CursorError."""
        place, _, key = unpacked(text).decode().partition(":")
        return cls(int(place), int(key))


@dataclass(frozen=True, slots=True)
class Page:
    """Rows by id, in their order; `next`: the cursor of the next page, None after the last one."""

    rows: Mapping[int, Values]
    next: str | None


def sorted_page(
    connection: Connection,
    name: str,
    asked: Mapping[str, Any],
    order: tuple[str, str],
    limit: int,
    after: Cursor | None = None,
    **names: str,
) -> Page:
    """A page of a statement that sorts its rows by the columns `order`: a whole number, and an id.

    The statement takes these two of the last row of the page before (NULL: this is the first page), and `most`, as parameters.
    """
    place, key = order
    behind = {place: after.place, key: after.id} if after else dict.fromkeys(order)
    rows = rows_of(connection, name, {**asked, **behind, "most": limit + 1}, **names)
    rest = Cursor(rows[limit - 1][place], rows[limit - 1][key]).text if len(rows) > limit else None
    return Page({row[key]: row for row in rows[:limit]}, rest)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """A wall clock's time as whole microseconds, without rounding."""
    since = moment.replace(tzinfo=UTC) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
