"""The header of a table: the meaning and the unit of each column. Pure.

Columns are recognised by their words, in any order; case, blanks, underscores, hyphens and a unit in brackets do not
count.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from strava_pipeline.core.sheets.cells import Cell

_WORDS = """
    start_time activity_type location_name city state temperature equipment duration_hms distance max_speed avg_heart_rate
    max_heart_rate calories max_elevation total_elevation_gain with_names avg_cadence strava_id garmin_id ridewithgps_id notes
"""
WORDS = tuple(_WORDS.split())
START, SPORT, DURATION, NAME, PEOPLE = "start_time", "activity_type", "duration_hms", "notes", "with_names"
IDS: Mapping[str, str] = {word: word.removesuffix("_id") for word in WORDS if word.endswith("_id")}
"""The source that gave the id, by column."""
ROWS = 10  # the header is among the first ones
ENOUGH = 3  # known words of a header, the start among them
MOST_BLANK = 3  # titles that may be missing where columns are known by their places

System = Literal["imperial", "metric"]
MILE, FOOT = 1609.344, 0.3048  # metres, by the agreement of 1959
_KMH = 1 / 3.6
_FACTORS: Mapping[str, Mapping[str, float]] = {
    "distance": {
        **dict.fromkeys(("mi", "mile", "miles"), MILE),
        **dict.fromkeys(("km", "kms", "kilometers", "kilometres"), 1000.0),
        **dict.fromkeys(("m", "meters", "metres"), 1.0),
        **dict.fromkeys(("ft", "feet"), FOOT),
        **dict.fromkeys(("yd", "yards"), 0.9144),
    },
    "max_speed": {
        **dict.fromkeys(("mph", "mi/h"), MILE / 3600),
        **dict.fromkeys(("km/h", "kmh", "kph"), _KMH),
        "m/s": 1.0,
    },
    "max_elevation": {
        **dict.fromkeys(("ft", "feet", "foot"), FOOT),
        **dict.fromkeys(("m", "meters", "metres"), 1.0),
    },
    "temperature": {**dict.fromkeys(("f", "°f", "fahrenheit"), 1 / 1.8), **dict.fromkeys(("c", "°c", "celsius"), 1.0)},
    DURATION: {
        **dict.fromkeys(("s", "sec", "seconds"), 1.0),
        **dict.fromkeys(("min", "mins", "minutes"), 60.0),
        **dict.fromkeys(("h", "hrs", "hours"), 3600.0),
    },
}
FACTORS: Mapping[str, Mapping[str, float]] = {**_FACTORS, "total_elevation_gain": _FACTORS["max_elevation"]}
"""Conversion factors to our units (m, m/s, °C without its zero, s), by column and by the word for the unit."""
DEFAULTS: Mapping[System, Mapping[str, str]] = {
    "imperial": {
        "distance": "miles",
        "max_speed": "mph",
        "max_elevation": "feet",
        "total_elevation_gain": "feet",
        "temperature": "°f",
    },
    "metric": {
        "distance": "km",
        "max_speed": "km/h",
        "max_elevation": "m",
        "total_elevation_gain": "m",
        "temperature": "°c",
    },
}
"""The unit of a column whose header has none; a duration needs none, as it is a time."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its place from 0, its header as written, its word in WORDS (None for others), the unit in its header."""

    place: int
    title: str
    word: str | None
    unit: str | None = None

    @property
    def letters(self) -> str:
        """Its name in a spreadsheet, such as A or AB."""
        found, place = "", self.place + 1
        while place:
            place, rest = divmod(place - 1, 26)
            found = chr(65 + rest) + found
        return found


def columns_of(titles: Sequence[Cell]) -> list[Column]:
    """The columns below a header. A word counts once; if all others of the 21 stand in order, a blank title is the one
    of its place.
    """
    found: list[Column] = []
    taken: set[str] = set()
    missing = _by_place(titles)
    for place, cell in enumerate(titles):
        title = cell if isinstance(cell, str) else ""
        word, unit = _word(title)
        word = missing.get(place, word)
        if word in taken:
            word = None
        if word is not None:
            taken.add(word)
        if title.strip() or word:
            found.append(Column(place, title.strip(), word, unit))
    return found


def header_among(rows: Sequence[Sequence[Cell]]) -> int | None:
    """The place, from 0, of the header among the first rows: the start and two more of the words. None if not found."""
    for place, row in enumerate(rows[:ROWS]):
        words = {column.word for column in columns_of(row)} - {None}
        if START in words and len(words) >= ENOUGH:
            return place
    return None


def known_words(row: Sequence[Cell]) -> int:
    """How many of a row's cells are words of a header."""
    return len({column.word for column in columns_of(row)} - {None})


def _by_place(titles: Sequence[Cell]) -> dict[int, str]:
    """The words of blank titles, if all others of the 21 stand in order."""
    first = [*titles[: len(WORDS)], *[None] * (len(WORDS) - len(titles))]
    words = [_word(title)[0] if isinstance(title, str) else None for title in first]
    blank = [place for place, title in enumerate(first) if title is None or not str(title).strip()]
    others = [place for place in range(len(WORDS)) if place not in blank]
    in_order = all(words[place] == WORDS[place] for place in others)
    return {place: WORDS[place] for place in blank} if in_order and len(blank) <= MOST_BLANK else {}


def _bare(title: str) -> str:
    return re.sub(r"[\s_\-]+", "", title).lower()


_BY_BARE = {_bare(word): word for word in WORDS} | {"duration": DURATION}


def word_of(title: str) -> str | None:
    """The word of a title, even if a column before it already has that word."""
    return _word(title)[0]


def _word(title: str) -> tuple[str | None, str | None]:
    """The word of a title, and its unit: in brackets, or right after the word."""
    in_brackets = re.search(r"[(\[]([^)\]]*)[)\]]", title)
    bare = _bare(re.sub(r"[(\[][^)\]]*[)\]]", "", title))
    word = _BY_BARE.get(bare)
    if word is not None:
        unit = _bare(in_brackets[1]) if in_brackets else None
        return word, unit if unit in FACTORS.get(word, {}) else None
    for start, candidate in _BY_BARE.items():
        unit = bare.removeprefix(start)
        if unit != bare and unit in FACTORS.get(candidate, {}):
            return candidate, unit
    return None, None
