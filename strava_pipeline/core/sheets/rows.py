"""The rows of a reading: which are activities, with their values in Strava's names and units. Pure.

A reading is what bronze keeps of the tables, as JSON: `{"zone", "units", "books": [{"name", "sheet", "sha256", "epoch",
"header", "titles", "rows": [[number, key, cells…], …]}, …], "former": […]}`. It holds every cell, so that a later
version can read more of it; `former` is keys.py's.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from strava_pipeline.core.files.export_values import decimal_sign
from strava_pipeline.core.json_values import without_none
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sheets.cells import (
    Cell,
    Start,
    is_blank,
    looks_like_a_date,
    plain,
    read_duration,
    read_id,
    read_number,
    read_start_cell,
    read_text,
)
from strava_pipeline.core.sheets.header import (
    DEFAULTS,
    DURATION,
    FACTORS,
    IDS,
    NAME,
    PEOPLE,
    START,
    WORDS,
    Column,
    columns_of,
    word_of,
)
from strava_pipeline.core.sports import sport_type
from strava_pipeline.core.start_times import start_fields
from strava_pipeline.core.tables import ACTIVITIES_ALL

_NUMBERS = {
    "distance": ("distance", 1),
    "max_speed": ("max_speed", 3),
    "total_elevation_gain": ("total_elevation_gain", 1),
    "max_elevation": ("elev_high", 1),
    "temperature": ("average_temp", 1),
    "avg_heart_rate": ("average_heartrate", 1),
    "max_heart_rate": ("max_heartrate", 1),
    "avg_cadence": ("average_cadence", 1),
    "calories": ("calories", 1),
}
"""Our field of each column with a number, and its decimals: a conversion must not add meaningless ones."""
_IN_EXTRA = ("location_name", "equipment")
_TEXTS = {"city": "location_city", "state": "location_state", **{word: word for word in _IN_EXTRA}}
_UNIT_WORDS = {word: " ".join(factors) for word, factors in FACTORS.items()}
_OURS = {column.source[0] for column in ACTIVITIES_ALL.sourced if column.source} | {"links", "flags", *WORDS}
FREEZING = 32.0  # °F


@dataclass(frozen=True, slots=True)
class Row:
    """A row below a header.

    Args:
        book: the place of its table in the reading, from 0.
        table: the names of its file and its sheet.
        key: its identity, see keys.py; empty before it has one.
        cells: by word; blank ones are left out.
        others: the cells of columns without a known word, by title.
        columns: the columns by word.
        decimal: the decimal sign of its table, if its numbers show it.
        start: when it began.
        ids: the ids that can be read, by the source that gave them.
    """

    book: int
    table: str
    number: int
    key: str
    epoch: date
    cells: Mapping[str, Cell] = field(repr=False)
    others: Mapping[str, Cell] = field(default_factory=dict, repr=False)
    columns: Mapping[str, Column] = field(default_factory=dict, repr=False)
    decimal: str | None = None
    start: Start | None = field(init=False)
    ids: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        cells = self.cells
        found = {source: key for word, source in IDS.items() if word in cells and (key := read_id(cells[word]))}
        object.__setattr__(self, "start", read_start_cell(cells.get(START), self.epoch))
        object.__setattr__(self, "ids", found)

    @property
    def is_activity(self) -> bool:
        """Whether it has a start or an id; titles, sums and blank rows have neither."""
        return self.start is not None or bool(self.ids)

    @property
    def is_faulty(self) -> bool:
        """Whether it is meant as an activity, but its start can't be read and it has no id."""
        return not self.is_activity and looks_like_a_date(self.cells.get(START)) and len(self.cells) > 1

    def seconds(self) -> int | None:
        """Its duration."""
        unit = self.columns[DURATION].unit if DURATION in self.columns else None
        return read_duration(self.cells.get(DURATION), FACTORS[DURATION][unit] if unit else None, self.decimal)


def rows_of(reading: Json) -> Iterator[Row]:
    """The rows of a reading that are activities, or are meant to be, book by book, from top to bottom."""
    for place, book in enumerate(reading["books"]):
        epoch = date.fromisoformat(book["epoch"])
        columns = columns_of(book["titles"])
        known = {column.word: column for column in columns if column.word is not None}
        words = [(column.word, column.place) for column in columns if column.word]
        # a second column of other people's names is as little shown as the first
        titles = [
            (column.title, column.place) for column in columns if not column.word and word_of(column.title) != PEOPLE
        ]
        table = f"{book['name']}, sheet {book['sheet']}"
        # a row begins with number and key
        numbers = [known[word].place + 2 for word in (*_NUMBERS, DURATION) if word in known]
        decimal = decimal_sign(
            row[at] for row in book["rows"] for at in numbers if at < len(row) and isinstance(row[at], str)
        )
        for number, key, *cells in book["rows"]:
            width = len(cells)
            by_word, by_title = (
                {name: cells[at] for name, at in named if at < width and not is_blank(cells[at])}
                for named in (words, titles)
            )
            row = Row(place, table, number, key, epoch, by_word, by_title, known, decimal)
            if row.is_activity or row.is_faulty:
                yield row


def shared_ids(rows: list[Row]) -> set[tuple[str, str]]:
    """The ids, with their source, that more than one row has; such an id belongs to neither row for certain."""
    counted = Counter(each for row in rows for each in row.ids.items())
    return {each for each, count in counted.items() if count > 1}


def summary_of(row: Row, zone: str, units: str) -> Json:
    """The fields of a row by Strava's names; cells without a field go into `extra`.

    Unreadable cells are flagged, and kept under the word of their column with `_as_written`. Names of other people are
    left out: they stay in bronze.

    Args:
        zone: of the clock by which its starts are written, as Europe/Vienna.
        units: `imperial` or `metric`, for headers without a unit.
    """
    cells, flags = row.cells, list[str]()
    found: dict[str, Any] = {"name": read_text(cells.get(NAME)), "elapsed_time": row.seconds()}
    if (sport := read_text(cells.get("activity_type"))) is not None:
        found["sport_type"] = sport_type(sport) or sport.strip()
    if row.start is not None:
        found |= _start(row.start, zone, flags)
    unread = [word for word, value in ((START, row.start), (DURATION, found["elapsed_time"])) if value is None]
    for word, (ours, decimals) in _NUMBERS.items():
        if word in cells:
            found[ours] = number_of(row, word, units, decimals)
            if found[ours] is None:
                unread.append(word)
    for word, ours in _TEXTS.items():
        if word in cells:
            found[ours] = read_text(cells[word])
    unread += [word for word, source in IDS.items() if word in cells and source not in row.ids]
    for word in unread:
        if (kept := plain(cells.get(word))) is not None:
            flags.append(f"{word}_unreadable")
            found[f"{word}_as_written"] = kept
    if row.others:
        found |= {_free(title): plain(cell) for title, cell in row.others.items()}
    found["flags"] = flags or None
    return without_none(found)


def _free(title: str) -> str:
    """The name of an owner's column in `extra`, never that of one of our fields."""
    return f"column_{title}" if title in _OURS or title in _IN_EXTRA else title


def _start(start: Start, zone: str, flags: list[str]) -> Json:
    if start.clock is None:
        return {"start_date_local": f"{start.day.isoformat()}T00:00:00Z"}
    home = ZoneInfo(zone)
    if start.instant is not None:
        here = start.instant.astimezone(home)
        is_home = here.utcoffset() == start.instant.utcoffset() or start.instant.utcoffset() == timedelta()
        return start_fields(here if is_home else start.instant, zone if is_home else None)
    began = moment(start.clock, home)
    if began.replace(tzinfo=None) != start.clock:
        flags.append("start_in_an_hour_that_was_skipped")
    elif began.replace(fold=1).utcoffset() != began.utcoffset():
        flags.append("start_in_an_hour_that_came_twice")
    return start_fields(began, zone)


def moment(clock: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a clock's time in a zone: the first of two equal hours, and one later for a skipped time."""
    shown = clock.replace(tzinfo=zone, fold=0)
    offset = shown.utcoffset() or timedelta()
    began = (shown.replace(tzinfo=None) - offset).replace(tzinfo=ZoneInfo("UTC"))
    return began.astimezone(zone)


def number_of(row: Row, word: str, units: str, decimals: int) -> float | None:
    """The number of a row in a column, in SI.

    Args:
        units: used if neither the cell nor the header names one.
        decimals: of the number in SI.
    """
    cell, factors = row.cells.get(word), FACTORS.get(word)
    value = read_number(cell, _UNIT_WORDS.get(word, ""), row.decimal)
    if value is None or not factors:
        return value if value is None else round(value, decimals)
    written = _unit_in(cell, factors) if isinstance(cell, str) else None
    unit = written or row.columns[word].unit or DEFAULTS[units][word]  # type: ignore[index]
    if word == "temperature" and factors[unit] != 1.0:
        value -= FREEZING
    return round(value * factors[unit], decimals)


def _unit_in(text: str, factors: Mapping[str, float]) -> str | None:
    """The unit after a number in a text."""
    return next((unit for unit in sorted(factors, key=len, reverse=True) if _ends_in(text, unit)), None)


def _ends_in(text: str, unit: str) -> bool:
    bare = text.strip().lower()
    return bare.endswith(unit) and not bare.removesuffix(unit)[-1:].isalpha()
