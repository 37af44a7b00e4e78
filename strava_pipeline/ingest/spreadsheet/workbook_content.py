"""All that openpyxl knows of a workbook, to compare what was saved with what was there before."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula


@dataclass(frozen=True, slots=True)
class SheetContent:
    """A sheet.

    Args:
        cells: value, type, style, comment and link, by address.
        tables: the range of each table, by its name.
        frame: all that is around the cells, by a word for it.
    """

    cells: Mapping[str, tuple[Any, ...]] = field(repr=False)
    tables: Mapping[str, str]
    frame: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Content:
    """A workbook; sheets in their order."""

    sheets: Mapping[str, SheetContent]
    frame: Mapping[str, str] = field(repr=False)


def content_of(book: Any) -> Content:
    """The content of a workbook that openpyxl has loaded whole."""
    styles: dict[tuple[int, ...], str] = {}
    frame = {
        "names": repr(sorted((name, each.attr_text) for name, each in book.defined_names.items())),
        "epoch": repr(book.epoch),
        "protection": repr(book.security),
        "properties": repr(sorted(each.name for each in book.custom_doc_props.props)),
    }
    return Content({sheet.title: _sheet(sheet, styles) for sheet in book.worksheets}, frame)


def difference(before: Content, after: Content, sheet: str, touched: set[str], *, grows: bool) -> str | None:
    """The first place, in words, where two contents differ; None: nowhere but in what was to change.

    Args:
        touched: the addresses in `sheet` that were to change.
        grows: whether its tables were to get another range.
    """
    if list(before.sheets) != list(after.sheets):
        return "the list of sheets"
    if (other := _first_unlike(before.frame, after.frame)) is not None:
        return f"what the workbook says of its {other}"
    for name, was in before.sheets.items():
        now, free = after.sheets[name], touched if name == sheet else set()
        for address in was.cells.keys() | now.cells.keys():
            if address not in free and was.cells.get(address, _NOTHING) != now.cells.get(address, _NOTHING):
                return f"{name}!{address}"
        if (other := _first_unlike(was.frame, now.frame)) is not None:
            return f"what the sheet {name} says of its {other}"
        if was.tables.keys() != now.tables.keys() or (was.tables != now.tables and not (grows and name == sheet)):
            return f"a table in the sheet {name}"
    return None


_NOTHING = (None, None, None, None, None)


def _first_unlike(one: Mapping[str, str], other: Mapping[str, str]) -> str | None:
    return next((name for name in one if one[name] != other[name]), None)


def _sheet(sheet: Any, styles: dict[tuple[int, ...], str]) -> SheetContent:
    cells = {}
    for cell in sheet._cells.values():
        content = _cell(cell, styles)
        if content is not None:
            cells[cell.coordinate] = content
    return SheetContent(cells, {each.name: each.ref for each in sheet.tables.values()}, _frame(sheet))


def _cell(cell: Any, styles: dict[tuple[int, ...], str]) -> tuple[Any, ...] | None:
    value, link = cell.value, cell.hyperlink
    if isinstance(value, ArrayFormula | DataTableFormula):
        value = repr(sorted(vars(value).items(), key=str))
    key = tuple(cell._style or ())  # a cell that was just made has none
    if key not in styles:
        styles[key] = _style(cell)
    if value is None and not cell.has_style and cell.comment is None and link is None:
        return None
    note = (cell.comment.text, cell.comment.author) if cell.comment is not None else None
    kind = cell.data_type if value is not None else None
    return value, kind, styles[key], note, (link.target, link.location) if link is not None else None


def _style(cell: Any) -> str:
    """A hash of how a cell looks: the numbers of styles differ from one file to the next."""
    look = (cell.font, cell.fill, cell.border, cell.protection, cell.number_format)
    alignment = repr(cell.alignment).replace("=False", "=None")  # which LibreOffice writes and openpyxl leaves out
    return hashlib.sha256((repr(look) + alignment).encode()).hexdigest()


def _frame(sheet: Any) -> dict[str, str]:
    rules = [(str(each.sqref), [repr(rule) for rule in each.rules]) for each in sheet.conditional_formatting]
    columns = {
        name: (each.min, each.max, each.width, each.hidden, each.outlineLevel)
        for name, each in sheet.column_dimensions.items()
    }
    rows = {number: (each.height, each.hidden, each.outlineLevel) for number, each in sheet.row_dimensions.items()}
    return {
        "state": sheet.sheet_state,
        "merged cells": repr(sorted(str(each) for each in sheet.merged_cells.ranges)),
        "columns": repr(sorted(columns.items())),
        "rows": repr(sorted((number, each) for number, each in rows.items() if each != _PLAIN_ROW)),
        "views": repr(sheet.views),
        "filter": repr(sheet.auto_filter),
        "conditional formats": repr(sorted(rules)),
        "validations": repr(sheet.data_validations.dataValidation if sheet.data_validations else []),
        "protection": repr(sheet.protection),
        "names": repr(sorted((name, each.attr_text) for name, each in sheet.defined_names.items())),
        "pages": repr((sheet.page_setup, sheet.page_margins, sheet.print_options, _margins(sheet.HeaderFooter))),
        "titles in print": repr((sheet.print_title_rows, sheet.print_title_cols, sheet.print_area)),
        "breaks": repr((sheet.row_breaks, sheet.col_breaks)),
        "properties": repr(sheet.sheet_properties) + _OUTLINE_LEVEL.sub("", repr(sheet.sheet_format)),
        "scenarios": repr(sheet.scenarios),
    }


def _margins(texts: Any) -> list[str]:
    """What is printed above and below a page, which openpyxl's repr does not show."""
    items = (texts.oddHeader, texts.oddFooter, texts.evenHeader, texts.evenFooter, texts.firstHeader, texts.firstFooter)
    return [str(item) for item in items]


_OUTLINE_LEVEL = re.compile(r"outlineLevel(?:Row|Col)=\w+")  # the highest one of rows and columns, which are compared
_PLAIN_ROW = (None, False, 0)


def exact_numbers(book: Any) -> None:
    """Have numbers saved with all their digits: openpyxl keeps 16, and some numbers need 17."""
    for sheet in book.worksheets:
        for cell in sheet._cells.values():
            value = cell.value
            if cell.data_type == "n" and isinstance(value, int | float) and float(f"{value:.16g}") != value:
                cell._value = repr(value)
