"""Edits of a workbook, by openpyxl: the approved cells change, and what comes out is compared with what went in.

Openpyxl has no results of formulas when it saves: whichever program opens the file next computes them.
"""

import io
import warnings
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, MergedCell
from openpyxl.cell.cell import Cell as BookCell
from openpyxl.styles.numbers import is_date_format
from openpyxl.utils import get_column_letter, range_boundaries
from openpyxl.utils.datetime import to_excel

from strava_pipeline.core.sheets.cells import Cell, shown
from strava_pipeline.core.sheets.editing import DURATION_FORMAT, START_FORMAT, has_clock
from strava_pipeline.core.sheets.header import START, Column
from strava_pipeline.ingest.spreadsheet.edits import Edits, Refusals
from strava_pipeline.ingest.spreadsheet.workbook import faults_named
from strava_pipeline.ingest.spreadsheet.workbook_content import Content, content_of, difference, exact_numbers
from strava_pipeline.ingest.spreadsheet.workbook_parts import formatted_rows, would_be_lost
from strava_pipeline.ingest.writer import UnsupportedChangeError

_LONGEST_TEXT = 32_767  # characters of a cell, by Excel's limits
_DAY = 86_400
_OPENPYXL = Path(openpyxl.__file__).parent


@dataclass(frozen=True, slots=True)
class WorkbookEditor:
    """A workbook that is to be changed: `body` as it is, in the file `name`, with the table in the sheet `sheet`."""

    name: str
    body: bytes = field(repr=False)
    sheet: str

    def check(self) -> None:
        """Raises UnsupportedChangeError where writing would lose something of it."""
        if lost := would_be_lost(self.body):
            raise UnsupportedChangeError(
                f"{self.name} has {', '.join(lost)}, which would be lost if it were written here: nothing was written. Keep "
                "these in another file, or change the cell yourself."
            )
        if rows := formatted_rows(self.body):
            raise UnsupportedChangeError(f"{self.name} {rows} there, and save it; nothing was written.")

    def refusals(self, edits: Edits) -> Refusals:
        """Which cells can't be written, and where a new row goes. Takes as long as openpyxl needs to read the workbook."""
        book = self._loaded(self.body)
        sheet = book[self.sheet]
        cells = {cell.coordinate: why for row in sheet.iter_rows() for cell in row if (why := _refused(sheet, cell))}
        forms = {cell.coordinate: cell.number_format for row in sheet.iter_rows() for cell in row}
        return Refusals(cells, forms, _next_row(sheet, edits), _no_rows(sheet, edits))

    def check_cell(self, value: Cell) -> None:
        """Raises UnsupportedChangeError where a workbook can't hold the content of a cell."""
        if isinstance(value, str) and (len(value) > _LONGEST_TEXT or ILLEGAL_CHARACTERS_RE.search(value)):
            raise UnsupportedChangeError(
                f"The new text is longer than a cell of {self.name} can be, or has characters that no workbook can hold; it was "
                "not written."
            )

    def edited(self, edits: Edits) -> bytes:
        """The workbook with the edits. Raises UnsupportedChangeError where a cell can't take a content, or something is lost."""
        book = self._loaded(self.body)
        before = content_of(book)
        sheet = book[self.sheet]
        touched = _write(sheet, edits, self.name)
        wanted = {address: sheet[address].value for address in touched}
        kinds = {address: sheet[address].data_type for address in touched}
        exact_numbers(book)
        book.calculation.fullCalcOnLoad = True  # else Excel shows no results where it last computed the same version
        saved = io.BytesIO()
        with faults_named(self.name):
            book.save(saved)
        after = self._loaded(saved.getvalue())
        self._verify(before, content_of(after), touched, edits)
        for address in touched:
            cell = after[self.sheet][address]
            if cell.data_type != kinds[address] or not _is_same(cell.value, wanted[address], book.epoch):
                raise self._unlike(f"{self.sheet}!{address}")
        return saved.getvalue()

    def _loaded(self, body: bytes) -> Any:
        with faults_named(self.name), warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            book = openpyxl.load_workbook(io.BytesIO(body), rich_text=True)
        if any(map(_gives_up, seen)):
            raise UnsupportedChangeError(
                f"{self.name} has something that would be lost if it were written here, such as a date out of range or a rule "
                "of a newer version of Excel: nothing was written. Change the cell yourself."
            )
        return book

    def _verify(self, before: Content, after: Content, touched: set[str], edits: Edits) -> None:
        found = difference(before, after, self.sheet, touched, grows=bool(edits.rows or edits.removed))
        if found is not None:
            raise self._unlike(found)

    def _unlike(self, place: str) -> UnsupportedChangeError:
        return UnsupportedChangeError(
            f"{self.name}: {place} would not be the same after writing, so nothing was written. Change the cell yourself, and "
            "please report this with the kind of content that is there."
        )


def _gives_up(warning: warnings.WarningMessage) -> bool:
    """Whether a warning says that openpyxl gives something up. It adds a default style itself; others warn beside it,
    such as Python of a file that nobody closed and that is collected just then.
    """
    is_openpyxls = issubclass(warning.category, UserWarning) and _OPENPYXL in Path(warning.filename).parents
    return is_openpyxls and "default style" not in str(warning.message)


def _is_same(one: Any, other: Any, epoch: datetime) -> bool:
    """Whether two values are one; times whatever type the number format makes of them, to a tenth of a second."""
    times = (datetime, time, timedelta)
    if isinstance(one, times) and isinstance(other, times):
        return bool(abs(to_excel(one, epoch) - to_excel(other, epoch)) * _DAY < 0.1)
    return bool(one == other)


def _refused(sheet: Any, cell: Any) -> str | None:
    if isinstance(cell, MergedCell):
        return "is part of merged cells"
    if cell.data_type == "f":
        return "is computed by a formula"
    if sheet.protection.sheet and cell.protection.locked:
        return "is in a protected sheet"
    return None


def _write(sheet: Any, edits: Edits, name: str) -> set[str]:
    """Write the edits into a sheet; the addresses that they change."""
    for edit in edits.cells:
        cell = sheet.cell(edit.row, edit.column.place + 1)
        if why := _refused(sheet, cell):
            raise UnsupportedChangeError(f"{name}, {sheet.title}!{cell.coordinate} {why}: it was not written.")
        _put(cell, edit.new)
        cell.number_format = edit.form or cell.number_format
    for number in edits.removed:
        _remove(sheet, number, edits)
    first = _next_row(sheet, edits)
    for number, row in enumerate(edits.rows, start=first):
        _add(sheet, number, row, edits.pattern)
    if edits.rows:
        _extend_table(sheet, first, first + len(edits.rows) - 1, name)
    return set(_addresses(edits, first))


def _next_row(sheet: Any, edits: Edits) -> int:
    """Below the table that the header belongs to, or below the last row with content."""
    for table in sheet.tables.values():
        _, top, _, bottom = range_boundaries(table.ref)
        if top == edits.header:
            return int(min(bottom, edits.last)) + 1
    return edits.last + 1


def _no_rows(sheet: Any, edits: Edits) -> str:
    """Why no row can be added; empty: one can. Sums below the activities would not count it."""
    if sheet.protection.sheet:
        return "is protected"
    for row in range(edits.above + 1, edits.last + 1):
        if any(sheet.cell(row, column.place + 1).data_type == "f" for column in edits.known):
            return f"has formulas below its activities, in row {row}, which may not count another row (put sums above them)"
    return ""


def _put(cell: BookCell, value: Cell) -> None:
    """Write a cell's JSON (core/sheets/cells.py), keeping its number format where that can show the value."""
    match value:
        case None:
            cell.value = None
        case {"at": at}:
            cell.value = datetime.fromisoformat(at)
        case {"time": at}:
            cell.value = time.fromisoformat(at)
        case {"seconds": seconds}:
            if "[" not in cell.number_format and (seconds >= _DAY or not is_date_format(cell.number_format)):
                cell.number_format = DURATION_FORMAT  # h:mm would show the hours beyond whole days only
            cell.value = timedelta(seconds=seconds)
        case str():
            cell.value = value
            cell.data_type = "s"  # never a formula, an error or a number, whatever it begins with
        case _:
            cell.value = value


def _add(sheet: Any, number: int, row: Mapping[Column, Cell], pattern: int | None) -> None:
    for column, value in row.items():
        cell = sheet.cell(number, column.place + 1)
        if why := _refused(sheet, cell):
            raise UnsupportedChangeError(f"{sheet.title}!{cell.coordinate} {why}: no row was added.")
        if cell.value is not None:
            raise UnsupportedChangeError(f"{sheet.title}!{cell.coordinate} is not empty: no row was added.")
        if not cell.has_style and pattern is not None:
            cell._style = copy(sheet.cell(pattern, column.place + 1)._style)
        if isinstance(value, dict) and not _can_show(value, cell.number_format):
            cell.number_format = START_FORMAT if column.word == START else DURATION_FORMAT
        _put(cell, value)


def _can_show(value: Mapping[str, Any], number_format: str) -> bool:
    return has_clock(number_format) if "at" in value else "h" in shown(number_format) or "m" in shown(number_format)


def _extend_table(sheet: Any, first: int, last: int, name: str) -> None:
    for table in sheet.tables.values():
        left, top, right, bottom = range_boundaries(table.ref)
        if bottom >= last or bottom != first - 1:
            continue
        if table.totalsRowCount:
            raise UnsupportedChangeError(
                f"{name}: the table in {sheet.title} ends with a row of totals, so no row can be added. Switch that row off "
                "(Table Design > Total Row)."
            )
        _resize(table, f"{_corner(left, top)}:{_corner(right, last)}")


def _corner(column: int, row: int) -> str:
    return f"{get_column_letter(column)}{row}"


def _resize(table: Any, ref: str) -> None:
    table.ref = ref
    if table.autoFilter is not None:
        table.autoFilter.ref = ref


def _remove(sheet: Any, number: int, edits: Edits) -> None:
    """Clear a row that was added; the last one goes with its formats, and a table that grew by it shrinks."""
    ends = {edits.last, *(range_boundaries(table.ref)[3] for table in sheet.tables.values())}
    for column in edits.known:
        cell = sheet.cell(number, column.place + 1)
        if cell.value is not None and (why := _refused(sheet, cell)):
            raise UnsupportedChangeError(f"{sheet.title}!{cell.coordinate} {why}: the row was not removed.")
        cell.value = None
        if number in ends:
            sheet._cells.pop((number, column.place + 1))
    for table in sheet.tables.values():
        left, top, right, bottom = range_boundaries(table.ref)
        if number == bottom and bottom - top > 1:
            _resize(table, f"{_corner(left, top)}:{_corner(right, bottom - 1)}")


def _addresses(edits: Edits, first: int) -> Iterator[str]:
    for edit in edits.cells:
        yield f"{edit.column.letters}{edit.row}"
    for number, row in enumerate(edits.rows, start=first):
        for column in row:
            yield f"{column.letters}{number}"
    for number in edits.removed:
        for column in edits.known:
            yield f"{column.letters}{number}"
