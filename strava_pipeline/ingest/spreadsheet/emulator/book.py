"""A table of activities that its owner edits and saves: rows by the titles of their columns, as a workbook or as CSV.

There is no service and no call. Damage on a file's way, as by a program that synchronises it, is made here too.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from strava_pipeline.core.sheets.header import WORDS

Row = dict[str, Any]
_FORMATS: Mapping[type, str] = {
    datetime: "yyyy-mm-dd h:mm:ss",
    date: "yyyy-mm-dd",
    time: "h:mm:ss",
    timedelta: "[h]:mm:ss",
}


@dataclass
class Book:
    """The table at `path`.

    Args:
        titles: the header, from left to right.
        above: rows above the header, such as a title.
        below: rows below the last one, such as a sum.
    """

    path: Path
    titles: list[str] = field(default_factory=lambda: [*WORDS])
    rows: list[Row] = field(default_factory=list)
    above: list[list[Any]] = field(default_factory=list)
    below: list[list[Any]] = field(default_factory=list)
    sheet: str = "Rides"

    def lines(self) -> list[list[Any]]:
        """The whole table, row by row."""
        rows = [[row.get(title) for title in self.titles] for row in self.rows]
        return [*self.above, [*self.titles], *rows, *self.below]

    def save(self) -> None:
        """Write the file, replacing the existing one."""
        self.path.write_bytes(
            as_csv(self.lines()) if self.path.suffix == ".csv" else as_workbook(self.lines(), self.sheet)
        )


def as_csv(lines: Sequence[Sequence[Any]], delimiter: str = ",") -> bytes:
    """The lines as Excel writes CSV in UTF-8: with a BOM, times as text."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([[_as_text(value) for value in line] for line in lines])
    return text.getvalue().encode("utf-8-sig")


def _as_text(value: Any) -> Any:
    return value.isoformat(sep=" ") if isinstance(value, datetime) else str(value) if value is not None else ""


def as_workbook(lines: Sequence[Sequence[Any]], sheet: str = "Rides") -> bytes:
    """The lines as the first sheet of a workbook; each value as its own kind of cell, and a text never as a formula.

    A text that begins with `=` is a formula only where it is a `Formula`.
    """
    from openpyxl import Workbook  # here, as CSV needs nothing

    book = Workbook()
    page = book.worksheets[0]
    page.title = sheet
    for number, line in enumerate(lines, start=1):
        for place, value in enumerate(line, start=1):
            if value is None:
                continue
            cell = page.cell(number, place)
            cell.value = value.text if isinstance(value, Formula) else value
            if isinstance(value, str):
                cell.data_type = "s"
            cell.number_format = _FORMATS.get(type(value), "General")
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula, as `=SUM(I2:I9)`. Nothing computes it: its cell has no result."""

    text: str
