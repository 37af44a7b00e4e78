"""A table read from a file: its header and the rows below, all cells as JSON. The file itself is not known here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice

from strava_pipeline.core.errors import SourceError
from strava_pipeline.core.sheets.cells import Cell, is_blank
from strava_pipeline.core.sheets.header import ROWS, WORDS, columns_of, header_among


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Args:
        epoch: day 0 of its dates.
        header: the number of the header's row, from 1.
        rows: those below the header with any content: their numbers, and the cells below the titles.
    """

    sheet: str
    epoch: date
    header: int
    titles: Sequence[Cell] = field(repr=False)
    rows: Sequence[tuple[int, list[Cell]]] = field(repr=False)


def table_of(name: str, sheet: str, epoch: date, rows: Iterable[list[Cell]]) -> Table:
    """The table in the rows of a sheet of the file `name`. Raises SourceError if none of the first rows is a header."""
    remaining = iter(rows)
    first = list(islice(remaining, ROWS))
    place = header_among(first)
    if place is None:
        raise SourceError(
            f"{name}, sheet {sheet}: none of the first {ROWS} rows is a header with start_time and two more of these words: "
            f"{', '.join(WORDS)}. Name the columns so, or name another sheet in SPREADSHEET_SHEET; until then its activities "
            "stay as they are."
        )
    titles = first[place]
    width = max((column.place for column in columns_of(titles)), default=-1) + 1
    found: list[tuple[int, list[Cell]]] = []
    number = place + 1
    for below in (first[place + 1 :], remaining):
        for row in below:
            number += 1
            cells = row[:width]
            while cells and is_blank(cells[-1]):
                cells.pop()
            if cells:
                found.append((number, cells))
    return Table(sheet, epoch, place + 1, titles[:width], found)
