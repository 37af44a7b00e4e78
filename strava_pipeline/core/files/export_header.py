"""Which column of an archive's CSV is which: by its name in any language met, else by its place. Pure.

Strava has kept the order of the columns for years and adds new ones before the last. So a header in a language never met
still tells by its place what a column is, as long as the pairs of equal names stand where they should. Reading cells is
for activities_csv.py.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from strava_pipeline.core.files.export_names import LANGUAGES, ExportColumn, columns, fields_by_name, plain, shown

_PANDAS = re.compile(r"\.(\d)$")  # "Distance.1": a program that can't have two columns of one name
_IN_2020 = 72  # columns in 2020: without four of today's, average before maximal cadence
_MISSING_IN_2020 = {"max_heartrate_shown", "private_note", "type_code", "start_time"}
_TO_2019 = (
    "id start_date name sport_type description elapsed_time_shown distance_shown commute_shown gear_name filename"
)
_OF_2018 = ("id", "date", "name", "type", "description", "elapsed_time", "distance", "commute", "gear", "filename")
_FIELDS_OF_2018 = "id start_date name sport_type description elapsed_time distance commute gear_name filename"
REQUIRED = ("id", "start_date", "name", "sport_type", "distance")  # without these a list is not one of Strava's
_ENOUGH = 0.5  # of the columns known by name: a language that is known, where an unknown name is a new column


class How(StrEnum):
    """How a column was recognised."""

    NAME = "name"
    PLACE = "place"
    CONTENT = "content"
    NOT = "not"


@dataclass(frozen=True, slots=True)
class HeaderCell:
    """One column of a file: its header as a person may read it, and what it is, if anything."""

    header: str
    column: ExportColumn | None
    how: How


@dataclass(frozen=True, slots=True)
class ExportHeader:
    """The columns of a file, in order."""

    cells: tuple[HeaderCell, ...]

    @property
    def unnamed(self) -> tuple[str, ...]:
        """Headers that no table names, whether place or content told what they are or not."""
        return tuple(cell.header for cell in self.cells if cell.how is not How.NAME)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Headers of which nothing is known."""
        return tuple(cell.header for cell in self.cells if cell.how is How.NOT)

    def has(self, field: str) -> bool:
        """Whether a column was recognised as `field`."""
        return any(cell.column is not None and cell.column.field == field for cell in self.cells)


def missing_columns(headers: Sequence[str]) -> tuple[str, ...]:
    """The names of the REQUIRED columns that a header lacks; empty for a list of activities as Strava writes it.

    All of them have to stand there in one language. The names are those of the language of which most are there, of
    English where no language has more.
    """
    if tuple(headers[: len(_OF_2018)]) == _OF_2018:
        return ()
    found = {_unsuffixed(header) for header in headers}
    lacking = (
        tuple(
            column.name(language)
            for column in map(column_of, REQUIRED)
            if found.isdisjoint(map(plain, column.names[language]))
        )
        for language in LANGUAGES
    )
    return min(lacking, key=len)


def read_header(headers: Sequence[str]) -> ExportHeader:
    """What each column is; nothing is raised for one that is unknown."""
    if tuple(headers[: len(_OF_2018)]) == _OF_2018:
        named: list[ExportColumn | None] = [
            *map(column_of, _FIELDS_OF_2018.split()),
            *[None] * (len(headers) - len(_OF_2018)),
        ]
    else:
        named = _by_name(headers)
    placed = _by_place(headers, named) if sum(map(bool, named)) < _ENOUGH * len(headers) else [None] * len(headers)
    taken = {column.field for column in named if column is not None}
    cells = []
    for header, name, place in zip(headers, named, placed, strict=True):
        if name is not None:
            cells.append(HeaderCell(shown(header), name, How.NAME))
        elif place is not None and place.field not in taken:
            taken.add(place.field)
            cells.append(HeaderCell(shown(header), place, How.PLACE))
        else:
            cells.append(HeaderCell(shown(header), None, How.NOT))
    return ExportHeader(tuple(cells))


def _by_name(headers: Sequence[str]) -> list[ExportColumn | None]:
    known = fields_by_name()
    candidates = [known.get(_unsuffixed(header), ()) for header in headers]
    filename = next((place for place, found in enumerate(candidates) if _is(found, "filename")), len(headers))
    taken: set[str] = set()
    named: list[ExportColumn | None] = []
    for place, found in enumerate(candidates):
        wanted = "raw" if place > filename else "shown"  # the block before the file's name is the one for display
        free = sorted((each for each in found if each.field not in taken), key=lambda each: each.block != wanted)
        named.append(free[0] if free else None)
        taken.update(each.field for each in free[:1])
    return named


def _by_place(headers: Sequence[str], named: Sequence[ExportColumn | None]) -> list[ExportColumn | None]:
    """What the layout of so many columns has in each place, if what is known of the header agrees with it."""
    layout = _layout(len(headers))
    agrees = all(name is None or place is None or name == place for name, place in zip(named, layout, strict=True))
    return layout if agrees and _pairs(list(map(plain, headers))) >= _pairs_of(layout) else [None] * len(headers)


def _layout(count: int) -> list[ExportColumn | None]:
    newest = [column for column in columns() if column.block != "odd"]
    if count == len(_OF_2018):
        return [column_of(field) for field in _TO_2019.split()]
    if count == _IN_2020:
        old = [column for column in newest if column.field not in _MISSING_IN_2020][:_IN_2020]
        at = next(place for place, column in enumerate(old) if column.field == "max_cadence")
        old[at], old[at + 1] = old[at + 1], old[at]
        return list(old)
    if count <= _IN_2020:
        return [None] * count
    *before, media = newest
    return [*before[: count - 1], *[None] * (count - 1 - len(before)), media]


def _pairs(names: Sequence[str]) -> set[tuple[int, int]]:
    """The places of names that occur twice."""
    return {(names.index(name), place) for place, name in enumerate(names) if names.index(name) < place}


def _pairs_of(layout: Sequence[ExportColumn | None]) -> set[tuple[int, int]]:
    return _pairs([column.field.removesuffix("_shown") if column else f"#{at}" for at, column in enumerate(layout)])


def _unsuffixed(header: str) -> str:
    name = plain(header)
    return _PANDAS.sub("", name) if name not in fields_by_name() else name


def _is(found: Sequence[ExportColumn], field: str) -> bool:
    return any(column.field == field for column in found)


def column_of(field: str) -> ExportColumn:
    """The column called `field`."""
    return next(column for column in columns() if column.field == field)
