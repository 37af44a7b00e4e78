"""Tables of pages without columns in which no row has a value. It reads the markup of templates, in which values are escaped."""

import re
from itertools import count

from markupsafe import Markup

from strava_pipeline.core.insights.goals import NOTHING

_ROW, _CELL = re.compile(r"<tr\b.*?</tr>", re.DOTALL), re.compile(r"<(t[hd])\b.*?</\1>", re.DOTALL)
_IS_EMPTY = re.compile(rf"<td[^>]*>\s*(<bdi>)?{NOTHING}?(</bdi>)?\s*</td>")
_IS_SORTED = "aria-sort="  # in the head of the column that a list is sorted by


def without_empty_columns(table: str) -> Markup:
    """The head and the rows of a table, without columns that are empty or a dash in every row."""
    rows = [[cell[0] for cell in _CELL.finditer(row[0])] for row in _ROW.finditer(table)]
    empty = {
        place
        for place, (head, *cells) in enumerate(zip(*rows, strict=False))
        if cells and _IS_SORTED not in head and all(map(_IS_EMPTY.fullmatch, cells))
    }

    def row(found: re.Match[str]) -> str:
        place = count()
        return _CELL.sub(lambda cell: "" if next(place) in empty else cell[0], found[0])

    return Markup(_ROW.sub(row, table) if empty else table)
