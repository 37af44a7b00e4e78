"""What a column that neither its name nor its place told must be, by what stands in it. Pure.

Only the four without which a row is of no use: id, date, file and pictures. Names and places are for export_header.py.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from strava_pipeline.core.files.export_header import ExportHeader, HeaderCell, How, column_of
from strava_pipeline.core.files.export_values import instant

_LOOKED_AT = 200  # rows; enough to tell, and quick


def named_by_content(header: ExportHeader, rows: Sequence[Sequence[str]]) -> ExportHeader:
    """The header with those of the four columns that were not found yet, where one column alone can be meant."""
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
