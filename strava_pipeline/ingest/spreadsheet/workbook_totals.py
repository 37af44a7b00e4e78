"""Totals below the activities of a sheet, as a row of `=SUM(E2:E38)`: where a new row goes, so that they count it.

Rows are put in above the totals where nothing else of the workbook would have to change for it. Openpyxl moves cells and
nothing more, so whatever else belongs to the moved rows, or refers to them, keeps them where they are.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from openpyxl.formula import Tokenizer
from openpyxl.formula.tokenizer import Token, TokenizerError
from openpyxl.utils import quote_sheetname, range_boundaries

from strava_pipeline.ingest.spreadsheet.edits import Edits

_REFERENCE = re.compile(r"(?:(.+)!)?(\$?[A-Z]{0,3}\$?)(\d+)(?::(\$?[A-Z]{0,3}\$?)(\d+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Where new rows go.

    Args:
        first: the number of the first one.
        is_inserted: whether what stands there moves down.
        uncounted: the row of a formula above them that does not count them.
    """

    first: int
    is_inserted: bool = False
    uncounted: int | None = None


def place_of_rows(sheet: Any, edits: Edits) -> RowPlace:
    """Above the totals of the activities; below the table that the header belongs to; or below the last row with content."""
    for table in sheet.tables.values():
        _, top, _, bottom = range_boundaries(table.ref)
        if top == edits.header:
            return RowPlace(int(min(bottom, edits.last)) + 1)
    formulas = [
        cell
        for row in range(edits.header + 1, edits.last + 1)
        for column in edits.known
        if (cell := sheet.cell(row, column.place + 1)).data_type == "f"
    ]
    below = [cell for cell in formulas if cell.row > edits.above]
    with suppress(TokenizerError):  # a formula of a kind that openpyxl does not know
        ends = [end for cell in below for end in _ends(sheet, cell, edits.above)]
        if ends and max(ends) < min(cell.row for cell in below) and _is_movable(sheet, first := max(ends) + 1):
            return RowPlace(first, is_inserted=True)
        below = below or [cell for cell in formulas if any(_ends(sheet, cell, cell.row - 1))]
    return RowPlace(edits.last + 1, uncounted=below[-1].row if below else None)


def insert_rows(sheet: Any, first: int, count: int, pattern: int) -> set[str]:
    """Move the rows from `first` down by `count`; ranges that reach from the row `pattern` or above to the moved rows grow.

    Returns the addresses that were moved, before and after.
    """
    moved = [cell for row in sheet.iter_rows(min_row=first) for cell in row]
    before = {cell.coordinate for cell in moved}
    sheet.insert_rows(first, count)
    for cell in moved:
        if cell.data_type == "f":
            cell.value = _rewritten(cell.value, sheet.title, first, count, pattern)
    return before | {cell.coordinate for cell in moved}


def _ends(sheet: Any, cell: Any, row: int) -> Iterator[int]:
    """The last rows of the ranges in a formula that hold a row and end above the formula."""
    for begin, end in _rows(cell.value, sheet.title, is_here=True):
        if begin < end and begin <= row <= end < cell.row:
            yield end


def _is_movable(sheet: Any, first: int) -> bool:
    """Whether nothing but cells belongs to the rows from `first`, and nothing above or elsewhere refers to them."""
    rules = (each.sqref for each in (*sheet.conditional_formatting, *sheet.data_validations.dataValidation))
    blocks = [sheet.merged_cells.ranges, *(rule.ranges for rule in rules)]
    begins = [block.min_row for ranges in blocks[1:] for block in ranges]
    ends = [block.max_row for block in blocks[0]]
    ends += [range_boundaries(table.ref)[3] for table in sheet.tables.values()]
    if any(row >= first for row in (*begins, *ends)) or sheet.print_area or sheet.row_breaks.brk:
        return False
    if any(number >= first and (row.hidden or row.outlineLevel) for number, row in sheet.row_dimensions.items()):
        return False
    for page in sheet.parent.worksheets:
        for cell in page._cells.values():
            is_moved = page is sheet and cell.row >= first
            if is_moved and (cell.hyperlink is not None or (cell.data_type == "f" and not _is_rewritable(cell.value))):
                return False
            if (
                not is_moved
                and cell.data_type == "f"
                and _refers(cell.value, sheet.title, first, is_here=page is sheet)
            ):
                return False
    names = [*sheet.parent.defined_names.values(), *sheet.defined_names.values()]
    return not any(_refers(f"={name.attr_text}", sheet.title, first, is_here=False) for name in names)


def _is_rewritable(formula: Any) -> bool:
    """Whether all references in a formula stand there as such: not so in `E2:INDEX(E:E,5)`, or in a formula of an array."""
    tokens = Tokenizer(formula).items if isinstance(formula, str) else None
    return tokens is not None and not any(token.type == Token.FUNC and ":" in token.value for token in tokens)


def _refers(formula: Any, title: str, first: int, *, is_here: bool) -> bool:
    text = formula if isinstance(formula, str) else f"={getattr(formula, 'text', '') or ''}".replace("==", "=")
    return any(begin >= first for begin, _ in _rows(text, title, is_here=is_here))


def _rows(formula: Any, title: str, *, is_here: bool) -> Iterator[tuple[int, int]]:
    """The first and the last row of each reference to the sheet `title`; `is_here`: the formula stands in it."""
    for token in Tokenizer(formula).items if isinstance(formula, str) else ():
        if (found := _reference(token, title, is_here=is_here)) is not None:
            yield int(found[3]), int(found[5] or found[3])


def _reference(token: Token, title: str, *, is_here: bool) -> re.Match[str] | None:
    if token.type != Token.OPERAND or token.subtype != Token.RANGE:
        return None
    found = _REFERENCE.fullmatch(token.value)
    is_of_sheet = found is not None and (is_here if found[1] is None else found[1] in (title, quote_sheetname(title)))
    return found if is_of_sheet else None


def _rewritten(formula: str, title: str, first: int, count: int, pattern: int) -> str:
    tokenizer = Tokenizer(formula)
    for token in tokenizer.items:
        found = _reference(token, title, is_here=True)
        if found is None:
            continue
        begin, end = int(found[3]), int(found[5] or found[3])
        grows = end >= first or (found[5] is not None and begin <= pattern <= end)
        sheet = f"{found[1]}!" if found[1] is not None else ""
        text = f"{sheet}{found[2]}{begin + count if begin >= first else begin}"
        token.value = text if found[5] is None else f"{text}:{found[4]}{_last(end, first, count) if grows else end}"
    return str(tokenizer.render())


def _last(end: int, first: int, count: int) -> int:
    """The last row of a range that grows: moved with the rows, or else up to them."""
    return end + count if end >= first else first + count - 1
