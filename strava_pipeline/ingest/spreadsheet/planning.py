"""From changes to cells: which row a change concerns, what that says now, and which cells change. No file is opened here."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from strava_pipeline.core.changes.records import Change, Value, is_same
from strava_pipeline.core.errors import GoneError
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sheets.cells import Cell, is_blank, read_duration, read_id, read_text
from strava_pipeline.core.sheets.editing import (
    UnwritableError,
    duration_cell,
    is_there,
    row_cells,
    start_of,
    value_in,
    wall_clock,
)
from strava_pipeline.core.sheets.header import DURATION, FACTORS, IDS, NAME, START, Column, columns_of
from strava_pipeline.core.sheets.rows import Row, rows_of
from strava_pipeline.ingest.spreadsheet.edits import CellEdit, Edits, Refusals
from strava_pipeline.ingest.writer import Request, UnsupportedChangeError

WORDS = {"update_name": NAME, "update_gear": "equipment", "update_metadata": DURATION}
"""The column of the changes that concern one cell."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the table has where a change would be.

    Args:
        book: the place of its file, from 0.
        row: None: there is no such row.
        value: compares with the values of the change.
        cells: what the cells of concern hold, by address.
        new_row: of a row that is to be added, its cells by word.
        new_place: where that row goes, for a person.
    """

    book: int
    row: Row | None
    value: Value = field(repr=False)
    cells: Mapping[str, Cell] = field(default_factory=dict, repr=False)
    restore: Mapping[str, Any] | None = field(default=None, repr=False)
    new_row: Mapping[str, Cell] = field(default_factory=dict, repr=False)
    new_place: str = ""

    @property
    def key(self) -> str | None:
        return self.row.key if self.row is not None else None


class Books:
    """The tables of a reading (core/sheets/rows.py), by their rows."""

    def __init__(self, content: Json) -> None:
        self._books, self._zone, self._units = content["books"], content["zone"], content["units"]
        self.rows = list(rows_of(content))
        self._by_key = {row.key: row for row in self.rows}

    def sheet(self, book: int) -> str:
        """The name of a book's sheet."""
        return str(self._books[book]["sheet"])

    def place(self, book: int, address: str) -> str:
        """A cell or row for a person, such as `Rides.xlsx, Sheet1!U17`."""
        return f"{self._books[book]['name']}, {self.sheet(book)}!{address}"

    def columns(self, book: int) -> dict[str, Column]:
        """The known columns by word."""
        return {each.word: each for each in columns_of(self._books[book]["titles"]) if each.word is not None}

    def rows_above(self, book: int) -> list[Mapping[str, Cell]]:
        """The cells of the activities by word, the last one first."""
        return [row.cells for row in reversed(self.rows) if row.book == book]

    @cached_property
    def _by_id(self) -> dict[tuple[str, str | None], Row]:
        """The rows by a source and its id, the first of those that have it."""
        return {each: row for row in reversed(self.rows) for each in row.ids.items()}

    @cached_property
    def _by_clock(self) -> dict[datetime, list[Row]]:
        """The rows by their starts as the table's clock showed them."""
        found: dict[datetime, list[Row]] = defaultdict(list)
        for row in self.rows:
            start = row.start
            if start is not None and start.clock is not None:
                home = wall_clock("", start.instant, self._zone) if start.instant is not None else start.clock
                found[home].append(row)
        return found

    def edits(self, book: int) -> Edits:
        """No edits yet, and where rows may be added."""
        table, known = self._books[book], self.columns(book)
        places = {column.place for column in known.values()}
        filled = [
            number
            for number, _, *cells in table["rows"]
            if any(place < len(cells) and not is_blank(cells[place]) for place in places)
        ]
        activities = [row.number for row in self.rows if row.book == book]
        return Edits(
            table["header"], list(known.values()), max(filled, default=table["header"]), max(activities, default=None)
        )

    def find(self, change: Change, refusals: Callable[[int], Refusals]) -> Found:
        """What the table has where a change would be. Raises GoneError or UnsupportedChangeError.

        `refusals`: which cells of a book can't be written.
        """
        if change.kind == "add_activity":
            return self._find_row(change, refusals)
        if change.kind not in (*WORDS, "link_activity"):
            raise UnsupportedChangeError(f"A spreadsheet can't take a change of the kind {change.kind}.")
        row = self._by_key.get(change.source_id or "")
        if row is None:
            names = ", ".join(book["name"] for book in self._books)
            raise GoneError(f"The row of this activity is no longer in {names}; the change can't be written.")
        if change.kind == "link_activity":
            return self._find_ids(change, row, refusals(row.book))
        word = WORDS[change.kind]
        known = refusals(row.book)
        address = self._writable(row, word, known)
        cell, value = row.cells.get(word), value_in(row, word, self._units)
        if not is_blank(cell) and (value is None or (word == DURATION and isinstance(value, str))):
            raise UnsupportedChangeError(f"{address} holds what can't be read as a {word}, so it is not overwritten.")
        return Found(row.book, row, _whole(value), {address: cell}, _form(row, word, known) | {"cell": cell})

    def _writable(self, row: Row, word: str, refusals: Refusals) -> str:
        """The address of a row's cell, for a person. Raises UnsupportedChangeError where it can't be written."""
        column = row.columns.get(word)
        if column is None:
            raise UnsupportedChangeError(f"{row.table}: there is no column {word}. Add one with that title.")
        cell = f"{column.letters}{row.number}"
        address = self.place(row.book, cell)
        if why := refusals.cells.get(cell):
            raise UnsupportedChangeError(f"{address} {why}, so it is not overwritten.")
        return address

    def _find_ids(self, change: Change, row: Row, refusals: Refusals) -> Found:
        wanted = change.new if isinstance(change.new, Mapping) else {}
        words = [word for word in wanted if word in row.columns]
        if not words:
            raise UnsupportedChangeError(
                f"{row.table}: there is no column {' or '.join(wanted)}. Add one with that title."
            )
        cells = {self._writable(row, word, refusals): row.cells.get(word) for word in words}
        found: dict[str, Any] = {word: value_in(row, word, self._units) for word in words}
        if change.old is None and not any(found.values()):
            return Found(row.book, row, None, cells)
        passed = {word: value for word, value in wanted.items() if word not in row.columns}
        return Found(row.book, row, found | passed, cells)

    def _find_row(self, change: Change, refusals: Callable[[int], Refusals]) -> Found:
        """The row that a change adds, or takes away again."""
        values = change.new if isinstance(change.new, Mapping) else change.old
        if not isinstance(values, Mapping) or START not in values:
            raise UnsupportedChangeError("A row can't be added without a start.")
        began = start_of(change.details.get("start")) or change.start
        cells_of = {place: self._cells(place, values, began) for place in range(len(self._books))}
        row = self._row_of(change, values, began, cells_of)
        if row is None:
            if change.new is None:
                return Found(0, None, None)
            if why := refusals(0).no_rows:
                raise UnsupportedChangeError(f"{self._books[0]['name']}, {self.sheet(0)} {why}, so no row is added.")
            return Found(0, None, None, new_row=cells_of[0], new_place=self.place(0, f"row {refusals(0).row}"))
        said = {
            word: value
            if word not in row.columns or is_there(row, word, value, cells_of[row.book].get(word), self._units)
            else value_in(row, word, self._units)
            for word, value in values.items()
        }
        if change.new is None:
            self._require_ours(row, values)
            for word in row.cells:
                self._writable(row, word, refusals(row.book))
        cells = {
            self.place(row.book, f"{row.columns[word].letters}{row.number}"): cell for word, cell in row.cells.items()
        }
        return Found(row.book, row, said, cells)

    def _cells(self, book: int, values: Mapping[str, Any], began: datetime | None) -> dict[str, Cell]:
        above = self.rows_above(book)
        return row_cells(values, began, self.columns(book), above, zone=self._zone, units=self._units)

    def _row_of(
        self,
        change: Change,
        values: Mapping[str, Any],
        began: datetime | None,
        cells_of: Mapping[int, Mapping[str, Cell]],
    ) -> Row | None:
        """The row of an activity: by its key, an id, or its start and distance."""
        if change.source_id is not None and change.source_id in self._by_key:
            return self._by_key[change.source_id]
        ids = {source: read_id(values.get(word)) for word, source in IDS.items() if values.get(word)}
        for each in ids.items():
            if each in self._by_id:
                return self._by_id[each]
        for row in self._by_clock.get(wall_clock(values[START], began, self._zone), ()):
            cells = cells_of[row.book]
            if "distance" not in cells or is_there(row, "distance", values["distance"], cells["distance"], self._units):
                return row
        return None

    def _require_ours(self, row: Row, values: Mapping[str, Any]) -> None:
        """Raises where a row has more than what was added: that is the owner's."""
        more = [word for word in row.cells if values.get(word) is None]
        if more or row.others:
            address = self.place(row.book, f"{row.columns[START].letters}{row.number}")
            raise UnsupportedChangeError(
                f"The row of {address} has content that was not added with it, so it is not removed. Delete it yourself."
            )


@dataclass(frozen=True, slots=True)
class _Shown:
    method: str
    address: str
    body: object = field(repr=False)


class Plan:
    """The edits that changes come to, by file."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._cells: dict[int, list[CellEdit]] = defaultdict(list)
        self._rows: dict[int, list[dict[Column, Cell]]] = defaultdict(list)
        self._removed: dict[int, list[int]] = defaultdict(list)
        self._shown: list[_Shown] = []

    def add(self, change: Change, found: Found) -> None:
        """Add the edits of a change; none where the table has it already. Raises UnsupportedChangeError."""
        if is_same(change.kind, change.value_after, found.value):
            return
        if change.kind == "add_activity":
            self._add_row(change, found)
        elif change.kind == "link_activity":
            self._add_ids(change, found)
        elif found.row is not None:
            word = WORDS[change.kind]
            kept = _kept(change, found.row, word)
            if kept is not None:
                self._edit(found.row, word, kept["cell"], kept.get("format"))
            else:
                self._edit(found.row, word, self._new_cell(change, found.row, word))

    def edits(self) -> dict[int, Edits]:
        """The edits of each file that has any."""
        found = {}
        for book in sorted({*self._cells, *self._rows, *self._removed}):
            found[book] = replace(
                self._books.edits(book), cells=self._cells[book], rows=self._rows[book], removed=self._removed[book]
            )
        return found

    def requests(self) -> Iterator[Request]:
        """The edits as a person reads them."""
        for each in self._shown:
            yield Request(each.method, each.address, each.body)

    def _add_row(self, change: Change, found: Found) -> None:
        if change.new is not None and found.row is None:
            columns = self._books.columns(found.book)
            self._rows[found.book].append({columns[word]: cell for word, cell in found.new_row.items()})
            body = {word: shown_cell(cell) for word, cell in found.new_row.items()}
            self._shown.append(_Shown("ADD ROW", found.new_place, body))
        elif change.new is None and found.row is not None:
            self._removed[found.book].append(found.row.number)
            body = {word: shown_cell(cell) for word, cell in found.row.cells.items()}
            self._shown.append(_Shown("REMOVE ROW", self._books.place(found.book, f"row {found.row.number}"), body))

    def _add_ids(self, change: Change, found: Found) -> None:
        assert found.row is not None, "ids are those of a row"
        assert isinstance(change.new, Mapping), "what links has ids"
        for word, value in change.new.items():
            if word in found.row.columns and read_id(found.row.cells.get(word)) != read_id(value):
                self._edit(found.row, word, None if value is None else str(value))

    def _edit(self, row: Row, word: str, new: Cell, form: str | None = None) -> None:
        column = row.columns[word]
        self._cells[row.book].append(CellEdit(row.number, column, new, form))
        address = self._books.place(row.book, f"{column.letters}{row.number}")
        self._shown.append(_Shown("EDIT", address, {"from": shown_cell(row.cells.get(word)), "to": shown_cell(new)}))

    def _new_cell(self, change: Change, row: Row, word: str) -> Cell:
        if change.new is None:
            return None
        if word != DURATION:
            return str(change.new)
        unit = row.columns[word].unit
        each = FACTORS[DURATION][unit] if unit else None
        present = row.cells.get(word)
        forms = [present, *(cells.get(word) for cells in self._books.rows_above(row.book))]
        form = next((cell for cell in forms if read_duration(cell, each) is not None), {"seconds": 1})
        try:
            return duration_cell(int(str(change.new)), form, each)
        except UnwritableError as error:
            address = self._books.place(row.book, f"{row.columns[word].letters}{row.number}")
            raise UnsupportedChangeError(f"{address}: {error}, so it is not overwritten.") from error


def _form(row: Row, word: str, refusals: Refusals) -> dict[str, Any]:
    """The number format of a row's cell, where its file has such."""
    form = refusals.forms.get(f"{row.columns[word].letters}{row.number}")
    return {"format": form} if form is not None else {}


def _whole(value: str | float | None) -> str | int | None:
    """A duration is counted in whole seconds."""
    return int(value) if isinstance(value, float) else value


def _kept(change: Change, row: Row, word: str) -> Mapping[str, Any] | None:
    """What was kept of the cell from before the change that this one takes back, if that says the same."""
    kept = change.details.get("restore")
    if not isinstance(kept, Mapping) or "cell" not in kept:
        return None
    cell = kept["cell"]
    unit = row.columns[word].unit if word == DURATION else None
    said = read_duration(cell, FACTORS[DURATION][unit] if unit else None) if word == DURATION else read_text(cell)
    return kept if is_same(change.kind, change.new, said) else None


def shown_cell(cell: Cell) -> Any:
    """A cell as a person reads it."""
    match cell:
        case {"at": str(at)}:
            return at.replace("T", " ")
        case {"time": str(at)}:
            return at
        case {"seconds": int(seconds) | float(seconds)}:
            return f"{int(seconds) // 3600}:{int(seconds) % 3600 // 60:02}:{int(seconds) % 60:02}"
        case {"formula": str(formula)} | {"error": str(formula)}:
            return formula
        case _:
            return cell
