"""The columns of an archive's activities.csv, and the words that archives use in each known language. Pure.

A column is recognised by its name in any language of the tables in this folder. Otherwise it is recognised by its
place, since Strava has kept the order for years and adds new columns before the last; pairs of equal names must then
stand where expected. The last resort is its content, for the four columns without which a row is useless: id, date,
file and pictures. To add a language, add a column to the tables. Reading cells is for archive_csv.py.
"""

import csv
import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib.resources import files

from strava_pipeline.core.files.export_values import instant

_PANDAS = re.compile(r"\.(\d)$")  # "Distance.1": a program that can't have two columns of one name
_IN_2020 = 72  # columns in 2020: without four of today's, average before maximal cadence
_MISSING_IN_2020 = {"max_heartrate_shown", "private_note", "type_code", "start_time"}
_TO_2019 = (
    "id start_date name sport_type description elapsed_time_shown distance_shown commute_shown gear_name filename"
)
_OF_2018 = ("id", "date", "name", "type", "description", "elapsed_time", "distance", "commute", "gear", "filename")
_FIELDS_OF_2018 = "id start_date name sport_type description elapsed_time distance commute gear_name filename"
REQUIRED = ("id", "start_date", "name", "sport_type", "distance")  # without these a list is not one of Strava's
_ENOUGH = 0.5  # of the columns recognised by name: the language is known, and another name is a new column


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """A column that archives have. `kind`: id, whole, number, truth, text, date; `block`: shown, raw, or neither."""

    field: str
    kind: str
    block: str
    names: Mapping[str, tuple[str, ...]]  # by language, as the archive writes them

    def name(self, language: str) -> str:
        """Its header in a language, or in English where no table has it."""
        return (self.names.get(language) or self.names["en"])[0]


class Recognition(StrEnum):
    """How a column was recognised."""

    NAME = "name"
    PLACE = "place"
    CONTENT = "content"
    NONE = "not"


@dataclass(frozen=True, slots=True)
class HeaderCell:
    """One column of a file: its readable header, the column recognised, and how."""

    header: str
    column: ExportColumn | None
    how: Recognition


@dataclass(frozen=True, slots=True)
class ExportHeader:
    """The columns of a file, in order."""

    cells: tuple[HeaderCell, ...]

    @property
    def unnamed(self) -> tuple[str, ...]:
        """Headers that no table has, even if the column was recognised by its place or content."""
        return tuple(cell.header for cell in self.cells if cell.how is not Recognition.NAME)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Headers of columns that were not recognised."""
        return tuple(cell.header for cell in self.cells if cell.how is Recognition.NONE)

    def has(self, field: str) -> bool:
        """Whether a column was recognised as `field`."""
        return any(cell.column is not None and cell.column.field == field for cell in self.cells)


def missing_columns(headers: Sequence[str]) -> tuple[str, ...]:
    """The names of the REQUIRED columns that a header lacks; empty for a list of activities as Strava writes it.

    All of them must be there in one language. The names are in the language with the most of them, or in
    English where no language has more.
    """
    if tuple(headers[: len(_OF_2018)]) == _OF_2018:
        return ()
    found = {_unsuffixed(header) for header in headers}
    lacking = (
        tuple(
            column.name(language)
            for column in map(column_of, REQUIRED)
            if found.isdisjoint(map(normalised, column.names[language]))
        )
        for language in LANGUAGES
    )
    return min(lacking, key=len)


def read_header(headers: Sequence[str]) -> ExportHeader:
    """The column of each header; an unknown header raises nothing."""
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
            cells.append(HeaderCell(readable(header), name, Recognition.NAME))
        elif place is not None and place.field not in taken:
            taken.add(place.field)
            cells.append(HeaderCell(readable(header), place, Recognition.PLACE))
        else:
            cells.append(HeaderCell(readable(header), None, Recognition.NONE))
    return ExportHeader(tuple(cells))


def _by_name(headers: Sequence[str]) -> list[ExportColumn | None]:
    by_header = columns_by_header()
    candidates = [by_header.get(_unsuffixed(header), ()) for header in headers]
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
    """The columns of the layout of this length, if they agree with the columns recognised by name."""
    layout = _layout(len(headers))
    agrees = all(name is None or place is None or name == place for name, place in zip(named, layout, strict=True))
    return layout if agrees and _pairs(list(map(normalised, headers))) >= _pairs_of(layout) else [None] * len(headers)


def _layout(count: int) -> list[ExportColumn | None]:
    newest = [column for column in export_columns() if column.block != "odd"]
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
    """The places of names that occur twice, in pairs."""
    first = {name: place for place, name in reversed([*enumerate(names)])}
    return {(first[name], place) for place, name in enumerate(names) if first[name] < place}


def _pairs_of(layout: Sequence[ExportColumn | None]) -> set[tuple[int, int]]:
    return _pairs([column.field.removesuffix("_shown") if column else f"#{at}" for at, column in enumerate(layout)])


def _unsuffixed(header: str) -> str:
    name = normalised(header)
    return _PANDAS.sub("", name) if name not in columns_by_header() else name


def _is(found: Sequence[ExportColumn], field: str) -> bool:
    return any(column.field == field for column in found)


def column_of(field: str) -> ExportColumn:
    """The column called `field`."""
    return next(column for column in export_columns() if column.field == field)


_SAMPLED_ROWS = 200  # enough to decide, and quick


def recognise_by_content(header: ExportHeader, rows: Sequence[Sequence[str]]) -> ExportHeader:
    """The header after checking rows: without places that they contradict, and with each of the four columns that only
    one can be.
    """
    header = _confirmed(header, rows)
    cells = list(header.cells)
    for field, is_one in _LOOKS_LIKE.items():
        if header.has(field) or not rows:
            continue
        fitting = [
            place
            for place, cell in enumerate(cells)
            if cell.how is Recognition.NONE and (texts := list(_texts(rows, place))) and all(map(is_one, texts))
        ]
        if field == "id":
            fitting = [place for place in fitting if place == 0 and _unique(_texts(rows, place))]
        if len(fitting) == 1:
            cells[fitting[0]] = HeaderCell(cells[fitting[0]].header, column_of(field), Recognition.CONTENT)
    return replace(header, cells=tuple(cells))


def _confirmed(header: ExportHeader, rows: Sequence[Sequence[str]]) -> ExportHeader:
    """The header without columns recognised by place, if the cells of ids or files contradict it: then the layout is
    another one.
    """
    for place, cell in enumerate(header.cells):
        if cell.how is Recognition.PLACE and cell.column is not None and cell.column.field in ("id", "filename"):
            is_one = _LOOKS_LIKE[cell.column.field]
            if not all(map(is_one, _texts(rows, place))):
                bare = (
                    replace(each, column=None, how=Recognition.NONE) if each.how is Recognition.PLACE else each
                    for each in header.cells
                )
                return replace(header, cells=tuple(bare))
    return header


def _texts(rows: Sequence[Sequence[str]], place: int) -> Iterator[str]:
    return (row[place] for row in rows[:_SAMPLED_ROWS] if len(row) > place and row[place])


def _unique(texts: Iterator[str]) -> bool:
    found = list(texts)
    return len(found) == len(set(found))


_LOOKS_LIKE: dict[str, Callable[[str], bool]] = {
    "id": lambda text: text.isascii() and text.isdigit(),
    "start_date": lambda text: instant(text) is not None,
    "filename": lambda text: text.startswith("activities/") or text == "#error#",
    "media": lambda text: text.startswith("media/"),
}


LANGUAGES = ("en", "de", "nl", "fr", "es", "it", "pt")
LANGUAGE_NAMES = ("English", "German", "Dutch", "French", "Spanish", "Italian", "Portuguese")
_TAG = re.compile(r"<[^>]*>")
_SPACES = re.compile(r"\s+")
SPORTS_IN_METRES = frozenset({"Swim", "Rowing", "VirtualRow"})  # shown in metres, every other sport in kilometres


@cache
def export_columns() -> tuple[ExportColumn, ...]:
    """Every known column, in the order of the newest archive."""
    return tuple(
        ExportColumn(row["field"], row["kind"], row["block"], {each: _names(row[each]) for each in LANGUAGES})
        for row in _table("export_columns.csv")
    )


@cache
def columns_by_header() -> Mapping[str, tuple[ExportColumn, ...]]:
    """The columns that a normalised header can mean: one column, or one in each block."""
    found: dict[str, dict[str, ExportColumn]] = {}
    for column in export_columns():
        for names in column.names.values():
            for name in names:
                found.setdefault(normalised(name), {})[column.block] = column
    return {name: tuple(blocks.values()) for name, blocks in found.items()}


@cache
def sport_types_by_name() -> Mapping[str, str]:
    """Strava's sport_type by its normalised name in every language, by its own identifier."""
    found: dict[str, str] = {}
    for row in _table("export_sports.csv"):
        found.setdefault(normalised(row["sport_type"]), row["sport_type"])
        for language in LANGUAGES:
            for name in _names(row[language]):
                found.setdefault(normalised(name), row["sport_type"])
    return found


@cache
def sport_words(column: str) -> Mapping[str, str]:
    """Strava's sport_type by the words of `devices` (FIT, Garmin), or of `others` (programs' and people's own)."""
    return {word: row["sport_type"] for row in _table("export_sports.csv") for word in _names(row[column])}


@cache
def sport_names() -> Mapping[str, Mapping[str, str]]:
    """The word of archives for each sport_type, by language."""
    return {
        row["sport_type"]: {each: names[0] for each in LANGUAGES if (names := _names(row[each]))}
        for row in _table("export_sports.csv")
    }


def normalised(text: str) -> str:
    """A header or a sport, normalised: exports of one language differ in markup, apostrophes, spaces and case."""
    bare = unicodedata.normalize("NFKC", html.unescape(_TAG.sub("", text)).replace("\N{ZERO WIDTH NO-BREAK SPACE}", ""))
    return _SPACES.sub(" ", bare.replace("’", "'").replace("`", "'")).strip(" \"'").casefold()


def readable(header: str) -> str:
    """A header for people: without markup, and on one line."""
    return _SPACES.sub(" ", html.unescape(_TAG.sub("", header)).replace("\N{ZERO WIDTH NO-BREAK SPACE}", "")).strip()


def _names(cell: str) -> tuple[str, ...]:
    return tuple(name for name in cell.split("|") if name)


def _table(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files(__package__).joinpath(name).read_text("utf-8").splitlines()))
