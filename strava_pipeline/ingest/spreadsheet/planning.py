"""From changes to cells: the row of a change, its present values, and the cells to change. No file is opened here."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from strava_pipeline.core.changes.records import Change, Value, is_same
from strava_pipeline.core.errors import GoneError
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sheets.cells import Cell, is_blank, read_duration, read_id, read_text
from strava_pipeline.core.sheets.editing import (
    Edits,
    Layout,
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
from strava_pipeline.ingest.writer import Request, UnsupportedChangeError

if TYPE_CHECKING:  # it imports openpyxl
    from strava_pipeline.ingest.spreadsheet.workbook_writes import WorkbookEditor

WORDS = {"update_name": NAME, "update_gear": "equipment", "update_metadata": DURATION}
"""The column for changes of one cell."""


@dataclass(frozen=True, slots=True)
class Found:
    """The present contents of the table in a change's place.

    Args:
        book: the place of its file, from 0.
        row: None if there is no such row.
        value: compares with the values of the change.
        cells: the contents of the concerned cells, by address.
        new_row: for a row to be added, its cells by word.
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
    """The tables of a reading (core/sheets/rows.py), by their rows.

    `open_editor`: opens the editor of a book's file, which knows what can't be written there.
    """

    def __init__(self, content: Json, open_editor: "Callable[[int, Layout], WorkbookEditor]") -> None:
        self._open = open_editor
        self._editors: dict[int, WorkbookEditor] = {}
        self._books, self._zone, self._units = content["books"], content["zone"], content["units"]
        self.rows = list(rows_of(content))
        self._by_key = {row.key: row for row in self.rows}

    def place(self, book: int, address: str) -> str:
        """A cell or row for a person, such as `Rides.xlsx, Sheet1!U17`."""
        return f"{self._books[book]['name']}, {self._books[book]['sheet']}!{address}"

    def columns(self, book: int) -> dict[str, Column]:
        """The known columns by word."""
        return {each.word: each for each in columns_of(self._books[book]["titles"]) if each.word is not None}

    def rows_above(self, book: int) -> list[Mapping[str, Cell]]:
        """The cells of the activities by word, the last one first."""
        return [row.cells for row in reversed(self.rows) if row.book == book]

    @cached_property
    def _by_id(self) -> dict[tuple[str, str | None], Row]:
        """The rows by a source and its id, the first if several have it."""
        return {each: row for row in reversed(self.rows) for each in row.ids.items()}

    @cached_property
    def _by_clock(self) -> dict[datetime, list[Row]]:
        """The rows by their starts on the table's clock."""
        found: dict[datetime, list[Row]] = defaultdict(list)
        for row in self.rows:
            start = row.start
            if start is not None and start.clock is not None:
                home = wall_clock("", start.instant, self._zone) if start.instant is not None else start.clock
                found[home].append(row)
        return found

    def editor(self, book: int) -> "WorkbookEditor":
        """The editor of a file. Raises UnsupportedChangeError if nothing can be written."""
        if book not in self._editors:
            table, known = self._books[book], list(self.columns(book).values())
            filled = [
                number
                for number, _, *cells in table["rows"]
                if any(column.place < len(cells) and not is_blank(cells[column.place]) for column in known)
            ]
            last = max(filled, default=table["header"])
            activity = max((row.number for row in self.rows if row.book == book), default=None)
            self._editors[book] = self._open(book, Layout(table["sheet"], table["header"], known, last, activity))
        return self._editors[book]

    def find(self, change: Change) -> Found:
        """The present contents in a change's place. Raises GoneError or UnsupportedChangeError."""
        if change.kind == "add_activity":
            return self._find_row(change)
        if change.kind not in (*WORDS, "link_activity"):
            raise UnsupportedChangeError(f"A spreadsheet can't take a change of the kind {change.kind}.")
        row = self._by_key.get(change.source_id or "")
        if row is None:
            names = ", ".join(book["name"] for book in self._books)
            raise GoneError(f"The row of this activity is no longer in {names}; the change can't be written.")
        if change.kind == "link_activity":
            return self._find_ids(change, row)
        word = WORDS[change.kind]
        place = self._writable(row, word)
        cell, value = row.cells.get(word), value_in(row, word, self._units)
        if not is_blank(cell) and (value is None or (word == DURATION and isinstance(value, str))):
            raise UnsupportedChangeError(f"{place} holds what can't be read as a {word}, so it is not overwritten.")
        assert not isinstance(value, float), "a duration is in whole seconds"
        form = self.editor(row.book).number_format(address_of(row, word))
        return Found(row.book, row, value, {place: cell}, {"format": form, "cell": cell})

    def _writable(self, row: Row, word: str) -> str:
        """A row's cell, for a person. Raises UnsupportedChangeError if it can't be written."""
        if word not in row.columns:
            raise UnsupportedChangeError(f"{row.table}: there is no column {word}. Add one with that title.")
        place = self.place(row.book, address_of(row, word))
        if why := self.editor(row.book).refusal(address_of(row, word)):
            raise UnsupportedChangeError(f"{place} {why}, so it is not overwritten.")
        return place

    def _find_ids(self, change: Change, row: Row) -> Found:
        wanted = change.new if isinstance(change.new, Mapping) else {}
        words = [word for word in wanted if word in row.columns]
        if not words:
            raise UnsupportedChangeError(
                f"{row.table}: there is no column {' or '.join(wanted)}. Add one with that title."
            )
        cells = {self._writable(row, word): row.cells.get(word) for word in words}
        found: dict[str, Any] = {word: value_in(row, word, self._units) for word in words}
        if change.old is None and not any(found.values()):
            return Found(row.book, row, None, cells)
        passed = {word: value for word, value in wanted.items() if word not in row.columns}
        return Found(row.book, row, found | passed, cells)

    def _find_row(self, change: Change) -> Found:
        """The row that a change adds or removes again."""
        values = change.new if isinstance(change.new, Mapping) else change.old
        if not isinstance(values, Mapping) or START not in values:
            raise UnsupportedChangeError("A row can't be added without a start.")
        began = start_of(change.details.get("start")) or change.start
        cells_of = {place: self._cells(place, values, began) for place in range(len(self._books))}
        row = self._row_of(change, values, began, cells_of)
        if row is None:
            if change.new is None:
                return Found(0, None, None)
            row_place = self.place(0, f"row {self.editor(0).next_row}")
            if why := self.editor(0).refusal_of_rows():
                raise UnsupportedChangeError(f"{row_place}: no row is added, as the sheet {why}.")
            return Found(0, None, None, new_row=cells_of[0], new_place=row_place)
        said = {
            word: value
            if word not in row.columns or is_there(row, word, value, cells_of[row.book].get(word), self._units)
            else value_in(row, word, self._units)
            for word, value in values.items()
        }
        if change.new is None:
            self._require_ours(row, values)
            for word in row.cells:
                self._writable(row, word)
        cells = {self.place(row.book, address_of(row, word)): cell for word, cell in row.cells.items()}
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
        """Raise if a row has more than the added values: then it contains the owner's edits."""
        more = [word for word in row.cells if values.get(word) is None]
        if more or row.others:
            place = self.place(row.book, address_of(row, START))
            raise UnsupportedChangeError(
                f"The row of {place} has content that was not added with it, so it is not removed. Delete it yourself."
            )


def address_of(row: Row, word: str) -> str:
    """A row's cell in its sheet, such as U17."""
    return f"{row.columns[word].letters}{row.number}"


class Plan:
    """The edits of changes.

    Args:
        edits: by file, if it has any.
        requests: the same for a person.
    """

    def __init__(self, books: Books) -> None:
        self._books = books
        self.edits: dict[int, Edits] = defaultdict(Edits)
        self.requests: list[Request] = []

    def add(self, change: Change, found: Found) -> None:
        """Add the edits of a change; none if the table already has it. Raises UnsupportedChangeError."""
        row = found.row
        if is_same(change.kind, change.value_after, found.value):
            return
        if change.kind == "add_activity":
            self._add_row(change, found)
        elif row is not None and change.kind == "link_activity":
            assert isinstance(change.new, Mapping), "what links has ids"
            for word, value in change.new.items():
                if word in row.columns and read_id(row.cells.get(word)) != read_id(value):
                    self._edit(row, word, None if value is None else str(value))
        elif row is not None:
            word = WORDS[change.kind]
            kept = _kept(change, row, word)
            if kept is not None:
                self._edit(row, word, kept["cell"], kept.get("format"))
            else:
                self._edit(row, word, self._new_cell(change, row, word))

    def _add_row(self, change: Change, found: Found) -> None:
        if change.new is not None and found.row is None:
            columns, editor = self._books.columns(found.book), self._books.editor(found.book)
            for cell in found.new_row.values():
                editor.check_cell(cell)
            self.edits[found.book].rows.append({columns[word]: cell for word, cell in found.new_row.items()})
            body = {word: shown_cell(cell) for word, cell in found.new_row.items()}
            self.requests.append(Request("ADD ROW", found.new_place, body))
        elif change.new is None and found.row is not None:
            self.edits[found.book].removed.append(found.row.number)
            body = {word: shown_cell(cell) for word, cell in found.row.cells.items()}
            place = self._books.place(found.book, f"row {found.row.number}")
            self.requests.append(Request("REMOVE ROW", place, body))

    def _edit(self, row: Row, word: str, new: Cell, form: str | None = None) -> None:
        self._books.editor(row.book).check_cell(new)
        address = address_of(row, word)
        self.edits[row.book].cells[address] = new, form
        body = {"from": shown_cell(row.cells.get(word)), "to": shown_cell(new)}
        self.requests.append(Request("EDIT", self._books.place(row.book, address), body))

    def _new_cell(self, change: Change, row: Row, word: str) -> Cell:
        if change.new is None or word != DURATION:
            return None if change.new is None else str(change.new)
        each = _seconds_each(row)
        forms = [row.cells.get(word), *(cells.get(word) for cells in self._books.rows_above(row.book))]
        form = next((cell for cell in forms if read_duration(cell, each) is not None), {"seconds": 1})
        try:
            return duration_cell(int(str(change.new)), form, each)
        except UnwritableError as error:
            place = self._books.place(row.book, address_of(row, word))
            raise UnsupportedChangeError(f"{place}: {error}, so it is not overwritten.") from error


def _seconds_each(row: Row) -> float | None:
    """The seconds per unit of a plain number in the column of durations, if the header names the unit."""
    unit = row.columns[DURATION].unit
    return FACTORS[DURATION][unit] if unit else None


def _kept(change: Change, row: Row, word: str) -> Mapping[str, Any] | None:
    """The stored cell from before the change that this one undoes, if its value is the same."""
    kept = change.details.get("restore")
    if not isinstance(kept, Mapping) or "cell" not in kept:
        return None
    cell = kept["cell"]
    said = read_duration(cell, _seconds_each(row)) if word == DURATION else read_text(cell)
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
