"""What an archive's words mean in any language met: column headers and sports, from the tables beside this file.

A language is added as a column of the tables. Which column of a file is which is decided in export_header.py.
"""

import csv
import html
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

LANGUAGES = ("en", "de", "nl", "fr", "es", "it", "pt")
LANGUAGE_NAMES = ("English", "German", "Dutch", "French", "Spanish", "Italian", "Portuguese")
_TAG = re.compile(r"<[^>]*>")
_SPACES = re.compile(r"\s+")
SPORTS_IN_METRES = frozenset({"Swim", "Rowing", "VirtualRow"})  # shown in metres, every other sport in kilometres


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """A column that archives have. `kind`: id, whole, number, truth, text, date; `block`: shown, raw, or neither."""

    field: str
    kind: str
    block: str
    names: Mapping[str, tuple[str, ...]]  # by language, as the archive writes them

    def name(self, language: str) -> str:
        """Its header in a language, or in English where that isn't known."""
        return (self.names.get(language) or self.names["en"])[0]


@cache
def columns() -> tuple[ExportColumn, ...]:
    """Every column known, in the order of the newest archive."""
    return tuple(
        ExportColumn(row["field"], row["kind"], row["block"], {each: _names(row[each]) for each in LANGUAGES})
        for row in _table("export_columns.csv")
    )


@cache
def fields_by_name() -> Mapping[str, tuple[ExportColumn, ...]]:
    """The columns that a header, plainly written, can stand for: one, or one of each block."""
    found: dict[str, dict[str, ExportColumn]] = {}
    for column in columns():
        for names in column.names.values():
            for name in names:
                found.setdefault(plain(name), {})[column.block] = column
    return {name: tuple(blocks.values()) for name, blocks in found.items()}


@cache
def sports() -> Mapping[str, str]:
    """Strava's sport_type by its plain name in every language, its own identifier among them."""
    found: dict[str, str] = {}
    for row in _table("export_sports.csv"):
        found.setdefault(plain(row["sport_type"]), row["sport_type"])
        for language in LANGUAGES:
            for name in _names(row[language]):
                found.setdefault(plain(name), row["sport_type"])
    return found


@cache
def sport_names() -> Mapping[str, Mapping[str, str]]:
    """How an archive writes a sport_type, by language."""
    return {
        row["sport_type"]: {each: names[0] for each in LANGUAGES if (names := _names(row[each]))}
        for row in _table("export_sports.csv")
    }


def plain(text: str) -> str:
    """A header or a sport without what differs between exports of one language: markup, apostrophes, spaces, case."""
    bare = unicodedata.normalize("NFKC", html.unescape(_TAG.sub("", text)).replace("\N{ZERO WIDTH NO-BREAK SPACE}", ""))
    return _SPACES.sub(" ", bare.replace("’", "'").replace("`", "'")).strip(" \"'").casefold()


def shown(header: str) -> str:
    """A header as a person may read it: without markup, and on one line."""
    return _SPACES.sub(" ", html.unescape(_TAG.sub("", header)).replace("\N{ZERO WIDTH NO-BREAK SPACE}", "")).strip()


def _names(cell: str) -> tuple[str, ...]:
    return tuple(name for name in cell.split("|") if name)


def _table(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files(__package__).joinpath(name).read_text("utf-8").splitlines()))
