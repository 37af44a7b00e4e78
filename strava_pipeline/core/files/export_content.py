"""What stands in columns, as a word on what they are: it confirms what their places told, and tells where nothing did. Pure.

Only of the four without which a row is of no use: id, date, file and pictures. Names and places are for export_header.py.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from strava_pipeline.core.files.export_header import ExportHeader, HeaderCell, How, column_of
from strava_pipeline.core.files.export_values import instant

_LOOKED_AT = 200  # rows; enough to tell, and quick


def named_by_content(header: ExportHeader, rows: Sequence[Sequence[str]]) -> ExportHeader:
    """The header without places that the rows contradict, and with those of the four that one column alone can be."""
    header = _confirmed(header, rows)
    cells = list(header.cells)
    for field, is_one in _LOOKS_LIKE.items():
        if header.has(field) or not rows:
            continue
        fitting = [
            place
            for place, cell in enumerate(cells)
            if cell.how is How.NOT and (texts := list(_texts(rows, place))) and all(map(is_one, texts))
        ]
        if field == "id":
            fitting = [place for place in fitting if place == 0 and _unique(_texts(rows, place))]
        if len(fitting) == 1:
            cells[fitting[0]] = HeaderCell(cells[fitting[0]].header, column_of(field), How.CONTENT)
    return replace(header, cells=tuple(cells))


def _confirmed(header: ExportHeader, rows: Sequence[Sequence[str]]) -> ExportHeader:
    """No column by its place, if what should be ids or files by theirs are none: it is another layout, or no list at all."""
    for place, cell in enumerate(header.cells):
        if cell.how is How.PLACE and cell.column is not None and cell.column.field in ("id", "filename"):
            is_one = _LOOKS_LIKE[cell.column.field]
            if not all(map(is_one, _texts(rows, place))):
                bare = (
                    replace(each, column=None, how=How.NOT) if each.how is How.PLACE else each for each in header.cells
                )
                return replace(header, cells=tuple(bare))
    return header


def _texts(rows: Sequence[Sequence[str]], place: int) -> Iterator[str]:
    return (row[place] for row in rows[:_LOOKED_AT] if len(row) > place and row[place])


def _unique(texts: Iterator[str]) -> bool:
    found = list(texts)
    return len(found) == len(set(found))


_LOOKS_LIKE: dict[str, Callable[[str], bool]] = {
    "id": lambda text: text.isascii() and text.isdigit(),
    "start_date": lambda text: instant(text) is not None,
    "filename": lambda text: text.startswith("activities/") or text == "#error#",
    "media": lambda text: text.startswith("media/"),
}
