"""A workbook (.xlsx, .xlsm) as a table, by openpyxl, from a copy in memory. Its macros are never run.

Rows at the end that are only formatted are cut off before: a million of them would take minutes. openpyxl gives the results of
formulas or the formulas; both are asked for where a sheet has any, as a result that no program has written yet is not empty.
"""

import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import Any

import openpyxl
from openpyxl.workbook import Workbook

from strava_pipeline.core.errors import PipelineError, SourceError
from strava_pipeline.core.sheets.cells import Cell
from strava_pipeline.ingest.spreadsheet.files import MOST_BYTES, not_whole, too_large
from strava_pipeline.ingest.spreadsheet.table import Table, table_of

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # what Excel wraps a workbook with a password in, and the old .xls
_VALUES = (b"v>", b"is>", b"f>", b"<f", b":f")  # ends or beginnings of a cell's contents: value, text, formula
_EXACT = 2**53  # a double holds no whole number beyond it


def read_workbook(name: str, body: bytes, sheet: str | None) -> Table:
    """The table in a sheet of a workbook; None for its first sheet.

    Raises SourceError if a person has to act, TransientError if the bytes are not a complete workbook.
    """
    if body.startswith(_OLE):
        raise SourceError(
            f"{name} is protected by a password, or is an old workbook (.xls) under another name: neither can be read. Save it "
            "without a password as .xlsx, or export the sheet as CSV."
        )
    parts = _unpacked(name, body)
    with faults_named(name), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of dates out of range and of extensions: cells of no concern to us
        copy = _packed(parts)
        results = openpyxl.load_workbook(copy, read_only=True, data_only=True)
        title = _chosen(name, results.sheetnames, sheet)
        rows = _rows(results, title)
        if any(b"<f" in part or b":f" in part for part_name, part in parts.items() if _is_sheet(part_name)):
            formulas = openpyxl.load_workbook(copy, read_only=True, data_only=False)
            rows = _with_formulas(rows, _rows(formulas, title))
        return table_of(name, title, results.epoch.date(), rows)


@contextmanager
def faults_named(name: str) -> Iterator[None]:
    """Turn openpyxl's errors for an unreadable workbook into a SourceError: their types are many, and none is its own."""
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:
        raise SourceError(
            f"{name} is a workbook that can't be read ({type(error).__name__}). Open it, save it again as .xlsx, or export the "
            "sheet as CSV; until then its activities stay as they are."
        ) from error


def _unpacked(name: str, body: bytes) -> dict[str, bytes]:
    """The parts of a workbook by name, without formatted rows at the end of sheets."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = archive.infolist()
            # zipfile unpacks no more of a member than its directory says
            if sum(member.file_size for member in members) > MOST_BYTES:
                raise too_large(name)
            parts = {member.filename: archive.read(member) for member in members}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise not_whole(name) from error
    if "[Content_Types].xml" not in parts:
        raise not_whole(name)
    return {part: _without_rows_at_end(text) if _is_sheet(part) else text for part, text in parts.items()}


def _is_sheet(part: str) -> bool:
    return part.startswith("xl/worksheets/") and part.endswith(".xml")


def _without_rows_at_end(text: bytes) -> bytes:
    """A sheet's XML without the rows below the last one with a value, a text or a formula."""
    begin, end = _rows_at_end(text)
    return text[:begin] + text[end:]


def rows_at_end(text: bytes) -> bytes:
    """The part of a sheet's XML with the rows below the last one with a value, a text or a formula."""
    begin, end = _rows_at_end(text)
    return text[begin:end]


def _rows_at_end(text: bytes) -> tuple[int, int]:
    end = text.rfind(b"</", 0, max(text.rfind(b"sheetData>"), 0))
    last = max(text.rfind(value, 0, max(end, 0)) for value in _VALUES)
    if end < 0 or last < 0:
        return 0, 0
    closing = re.compile(rb"</(?:\w+:)?row>").search(text, last, end)
    return (0, 0) if closing is None else (closing.end(), end)


def _packed(parts: dict[str, bytes]) -> io.BytesIO:
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return copy


def _chosen(name: str, sheets: Sequence[str], wanted: str | None) -> str:
    if wanted is None:
        return sheets[0]
    exact = [sheet for sheet in sheets if sheet == wanted]
    alike = [sheet for sheet in sheets if sheet.strip().casefold() == wanted.strip().casefold()]
    if not exact and not alike:
        raise SourceError(
            f"{name} has no sheet {wanted}. It has: {', '.join(sheets)}. Correct SPREADSHEET_SHEET; until then its activities "
            "stay as they are."
        )
    return (exact or alike)[0]


def _rows(workbook: Workbook, title: str) -> Iterator[list[Cell]]:
    sheet: Any = workbook[title]
    sheet.reset_dimensions()  # what a sheet says of its size may be wrong
    return ([_cell(cell) for cell in row] for row in sheet.iter_rows())


def _cell(cell: Any) -> Cell:
    """A cell as JSON, see core/sheets/cells.py."""
    value = cell.value
    match value:
        case None | bool() | float():
            return value
        case str():
            return {"error": value} if cell.data_type == "e" else {"formula": value} if cell.data_type == "f" else value
        case int():
            return value if abs(value) <= _EXACT else float(value)
        case datetime():
            return {"at": value.isoformat(), "format": cell.number_format}
        case date():
            return {"at": datetime.combine(value, time()).isoformat(), "format": cell.number_format}
        case time():
            return {"time": value.isoformat()}
        case timedelta():
            return {"seconds": value.total_seconds()}
        case _:  # formulas of arrays and of data tables have objects of their own
            return {"formula": str(getattr(value, "text", "") or "")}


def _with_formulas(results: Iterator[list[Cell]], formulas: Iterator[list[Cell]]) -> Iterator[list[Cell]]:
    """The rows with the formula in place of a missing result."""
    for row, written in zip(results, formulas, strict=True):
        yield [
            formula if cell is None and isinstance(formula, dict) and "formula" in formula else cell
            for cell, formula in zip(row, written, strict=True)
        ]
