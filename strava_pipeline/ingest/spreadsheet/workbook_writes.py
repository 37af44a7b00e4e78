"""Edits of a workbook, by openpyxl: the approved cells change, and the result is compared with the original.

Openpyxl has no results of formulas when it saves: the next program that opens the file computes them.
"""

import hashlib
import io
import re
import warnings
from collections.abc import Iterator, Mapping
from copy import copy
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, MergedCell
from openpyxl.cell.cell import Cell as BookCell
from openpyxl.styles.numbers import is_date_format
from openpyxl.utils import get_column_letter, range_boundaries
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula

from strava_pipeline.core.sheets.cells import Cell
from strava_pipeline.core.sheets.editing import DURATION_FORMAT, START_FORMAT, Edits, Layout, has_clock
from strava_pipeline.ingest.spreadsheet.workbook import faults_named
from strava_pipeline.ingest.spreadsheet.workbook_parts import formatted_rows, would_be_lost
from strava_pipeline.ingest.writer import UnsupportedChangeError

_LONGEST_TEXT = 32_767  # characters in a cell, by Excel's limits
_DAY = 86_400
_OPENPYXL = Path(openpyxl.__file__).parent


class WorkbookEditor:
    """A workbook with a table: `body` in the file `name`.

    Raises UnsupportedChangeError if writing would lose a part of it.
    """

    def __init__(self, name: str, body: bytes, layout: Layout) -> None:
        self._name, self._body, self._layout = name, body, layout
        if lost := would_be_lost(body):
            raise UnsupportedChangeError(
                f"{name} has {', '.join(lost)}, which would be lost if it were written here: nothing was written. Keep these in "
                "another file, or change the cell yourself."
            )
        if rows := formatted_rows(body):
            raise UnsupportedChangeError(f"{name} {rows} there, and save it; nothing was written.")
        self._sheet = self._loaded(body)[layout.sheet]

    @property
    def next_row(self) -> int:
        """The row for a new entry: below the table of the header, or below the last row with content."""
        return _next_row(self._sheet, self._layout)

    def refusal(self, address: str) -> str | None:
        """Why a cell can't be written, or None."""
        sheet, cell = self._sheet, self._sheet[address]
        if isinstance(cell, MergedCell):
            return "is part of merged cells"
        if cell.data_type == "f":
            return "is computed by a formula"
        if sheet.protection.sheet and cell.protection.locked:
            return "is in a protected sheet"
        return None

    def number_format(self, address: str) -> str:
        """The number format of a cell."""
        return str(self._sheet[address].number_format)

    def refusal_of_rows(self) -> str | None:
        """Why no row can be added, or None. A sum below the activities, for one, would not count it."""
        layout, sheet = self._layout, self._sheet
        if sheet.protection.sheet:
            return "is protected"
        for row in range((layout.activity or layout.header) + 1, layout.last + 1):
            if any(sheet.cell(row, column.place + 1).data_type == "f" for column in layout.columns):
                return f"has formulas below its activities, in row {row}, which may not count another row (put sums above them)"
        return None

    def check_cell(self, value: Cell) -> None:
        """Raise UnsupportedChangeError if a workbook can't hold the content of a cell."""
        if isinstance(value, str) and (len(value) > _LONGEST_TEXT or ILLEGAL_CHARACTERS_RE.search(value)):
            raise UnsupportedChangeError(
                f"The new text is longer than a cell of {self._name} can be, or has characters that no workbook can hold; it was "
                "not written."
            )

    def edited(self, edits: Edits) -> bytes:
        """The workbook with the edits. Raises UnsupportedChangeError if anything else would change."""
        book = self._loaded(self._body)
        before = content_of(book)
        touched = set(_write(book[self._layout.sheet], edits, self._layout))
        exact_numbers(book)
        book.calculation.fullCalcOnLoad = True  # else Excel shows no results where it last computed the same version
        saved = io.BytesIO()
        with faults_named(self._name):
            book.save(saved)
        after = content_of(self._loaded(saved.getvalue()))
        if place := difference(before, after, touched):
            raise UnsupportedChangeError(
                f"{self._name}: {place} would not be the same after writing, so nothing was written. Change the cell yourself, "
                "and please report this with the kind of content that is there."
            )
        return saved.getvalue()

    def _loaded(self, body: bytes) -> Any:
        with faults_named(self._name), warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            book = openpyxl.load_workbook(io.BytesIO(body), rich_text=True)
        if any(map(_gives_up, seen)):
            raise UnsupportedChangeError(
                f"{self._name} has something that would be lost if it were written here, such as a date out of range or a rule "
                "of a newer version of Excel: nothing was written. Change the cell yourself."
            )
        return book


def _gives_up(warning: warnings.WarningMessage) -> bool:
    """Whether a warning says that openpyxl loses something. It adds a default style itself; unrelated warnings may come
    meanwhile, such as Python's about a file that nobody closed and that is collected just then.
    """
    is_openpyxls = issubclass(warning.category, UserWarning) and _OPENPYXL in Path(warning.filename).parents
    return is_openpyxls and "default style" not in str(warning.message)


def _next_row(sheet: Any, layout: Layout) -> int:
    for table in sheet.tables.values():
        _, top, _, bottom = range_boundaries(table.ref)
        if top == layout.header:
            return int(min(bottom, layout.last)) + 1
    return layout.last + 1


def _write(sheet: Any, edits: Edits, layout: Layout) -> Iterator[str]:
    """Write the edits into a sheet; yields the changed places, in content_of's names."""
    for address, (value, number_format) in edits.cells.items():
        _put(sheet[address], value)
        sheet[address].number_format = number_format or sheet[address].number_format
        yield f"{sheet.title}!{address}"
    for number in edits.removed:
        for column in layout.columns:
            sheet._cells.pop((number, column.place + 1), None)  # with its format
            yield f"{sheet.title}!{column.letters}{number}"
        yield from _resize_tables(sheet, number, number - 1)
    first = _next_row(sheet, layout)
    for number, row in enumerate(edits.rows, start=first):
        for column, value in row.items():
            cell = sheet.cell(number, column.place + 1)
            if cell.value is not None or isinstance(cell, MergedCell):
                raise UnsupportedChangeError(f"{sheet.title}!{cell.coordinate} is not empty: no row was added.")
            if not cell.has_style and layout.activity is not None:
                cell._style = copy(sheet.cell(layout.activity, column.place + 1)._style)
            _put(cell, value)
            yield f"{sheet.title}!{cell.coordinate}"
    if edits.rows:
        yield from _resize_tables(sheet, first - 1, first - 1 + len(edits.rows))


def _resize_tables(sheet: Any, bottom: int, new: int) -> Iterator[str]:
    """Extend the table that ends in the row `bottom` to the row `new`."""
    for table in sheet.tables.values():
        left, top, right, last = range_boundaries(table.ref)
        if last != bottom or new <= top:
            continue
        if table.totalsRowCount:
            raise UnsupportedChangeError(
                f"The table in {sheet.title} ends with a row of totals, so no row can be added. Switch that row off "
                "(Table Design > Total Row)."
            )
        table.ref = f"{get_column_letter(left)}{top}:{get_column_letter(right)}{new}"
        if table.autoFilter is not None:
            table.autoFilter.ref = table.ref
        yield _table_place(sheet, table)


def _put(cell: BookCell, value: Cell) -> None:
    """Write a cell's JSON (core/sheets/cells.py), keeping its number format if that can show the value."""
    if isinstance(value, dict) and not _can_show(value, cell.number_format):
        cell.number_format = START_FORMAT if "at" in value else DURATION_FORMAT
    match value:
        case {"at": at}:
            cell.value = datetime.fromisoformat(at)
        case {"time": at}:
            cell.value = time.fromisoformat(at)
        case {"seconds": seconds}:
            cell.value = timedelta(seconds=seconds)
        case str():
            cell.value = value
            cell.data_type = "s"  # never a formula, an error or a number, whatever it begins with
        case _:
            cell.value = value


def _can_show(value: Mapping[str, Any], number_format: str) -> bool:
    """Whether a format can show a start or a length of time: h:mm, for one, drops whole days."""
    if "at" in value:
        return has_clock(number_format)
    return "[" in number_format or (is_date_format(number_format) and value.get("seconds", 0) < _DAY)


def exact_numbers(book: Any) -> None:
    """Save numbers with all their digits: openpyxl keeps 16, and some numbers need 17."""
    for sheet in book.worksheets:
        for cell in sheet._cells.values():
            value = cell.value
            if cell.data_type == "n" and isinstance(value, int | float) and float(f"{value:.16g}") != value:
                cell._value = repr(value)


def difference(before: Mapping[str, object], after: Mapping[str, object], touched: set[str]) -> str | None:
    """The first difference between the contents of two workbooks, outside of `touched`, or None."""
    places = {**before, **after}
    return next((each for each in places if each not in touched and before.get(each) != after.get(each)), None)


def content_of(book: Any) -> dict[str, object]:
    """Everything that openpyxl knows of a completely loaded workbook, by the place in words."""
    found: dict[str, object] = {
        "the list of sheets": book.sheetnames,
        "what the workbook says of its names": _named(book.defined_names),
        "what the workbook says of its epoch": book.epoch,
        "what the workbook says of its protection": repr(book.security),
        "what the workbook says of its properties": sorted(each.name for each in book.custom_doc_props.props),
    }
    styles: dict[tuple[int, ...], str] = {}
    for sheet in book.worksheets:
        found |= {_table_place(sheet, each): each.ref for each in sheet.tables.values()}
        found |= {f"what the sheet {sheet.title} says of its {name}": told for name, told in _around(sheet).items()}
        for cell in sheet._cells.values():
            content = _content(cell, styles)
            if content is not None:
                found[f"{sheet.title}!{cell.coordinate}"] = content
    return found


def _table_place(sheet: Any, table: Any) -> str:
    return f"the table {table.name} in the sheet {sheet.title}"


def _named(names: Mapping[str, Any]) -> list[tuple[str, str]]:
    return sorted((name, each.attr_text) for name, each in names.items())


def _content(cell: Any, styles: dict[tuple[int, ...], str]) -> tuple[Any, ...] | None:
    """Value, type, style, comment and link."""
    value, link, note = cell.value, cell.hyperlink, cell.comment
    if value is None and not cell.has_style and note is None and link is None:
        return None
    if isinstance(value, ArrayFormula | DataTableFormula):
        value = repr(sorted(vars(value).items(), key=str))
    key = tuple(cell._style or ())  # a cell that was just made has none
    if key not in styles:
        styles[key] = _style(cell)
    kind = cell.data_type if value is not None else None
    return value, kind, styles[key], note and (note.text, note.author), link and (link.target, link.location)


def _style(cell: Any) -> str:
    """A hash of a cell's look: the numbers of styles differ from one file to the next."""
    look = (cell.font, cell.fill, cell.border, cell.protection, cell.number_format)
    alignment = repr(cell.alignment).replace("=False", "=None")  # which LibreOffice writes and openpyxl leaves out
    return hashlib.sha256((repr(look) + alignment).encode()).hexdigest()


def _around(sheet: Any) -> dict[str, object]:
    """Everything around the cells of a sheet, by a word for it."""
    columns, rows, texts = sheet.column_dimensions, sheet.row_dimensions, sheet.HeaderFooter
    heights = {number: (each.height, each.hidden, each.outlineLevel) for number, each in rows.items()}
    printed = (
        texts.oddHeader,
        texts.oddFooter,
        texts.evenHeader,
        texts.evenFooter,
        texts.firstHeader,
        texts.firstFooter,
    )
    return {
        "state": sheet.sheet_state,
        "merged cells": sorted(str(each) for each in sheet.merged_cells.ranges),
        "columns": {
            name: (each.min, each.max, each.width, each.hidden, each.outlineLevel) for name, each in columns.items()
        },
        "rows": {number: each for number, each in heights.items() if each != (None, False, 0)},
        "views": repr(sheet.views),
        "filter": repr(sheet.auto_filter),
        "conditional formats": sorted((str(each.sqref), repr(each.rules)) for each in sheet.conditional_formatting),
        "validations": repr(sheet.data_validations.dataValidation if sheet.data_validations else []),
        "protection": repr(sheet.protection),
        "names": _named(sheet.defined_names),
        "pages": repr((sheet.page_setup, sheet.page_margins, sheet.print_options))
        + str([str(each) for each in printed]),
        "titles in print": (sheet.print_title_rows, sheet.print_title_cols, sheet.print_area),
        "breaks": repr((sheet.row_breaks, sheet.col_breaks)),
        "properties": repr(sheet.sheet_properties) + _OUTLINE_LEVEL.sub("", repr(sheet.sheet_format)),
        "scenarios": repr(sheet.scenarios),
    }


_OUTLINE_LEVEL = re.compile(r"outlineLevel(?:Row|Col)=\w+")  # the highest one of rows and columns, which are compared
