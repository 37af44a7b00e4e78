"""The cells that a change writes: our values in the form and units of the owner's column. Pure.

A value is read from a row, and written into one, by the word of its column. Our numbers are in SI (m, m/s, °C,
seconds).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from strava_pipeline.core.sheets.cells import (
    Cell,
    is_blank,
    is_zero_duration,
    read_duration,
    read_id,
    read_number,
    read_start_cell,
    read_text,
    shown,
)
from strava_pipeline.core.sheets.header import DEFAULTS, DURATION, FACTORS, IDS, START, Column
from strava_pipeline.core.sheets.rows import FREEZING, Row, number_of

NUMBERS = (
    *(word for word in FACTORS if word != DURATION),
    "avg_heart_rate",
    "max_heart_rate",
    "avg_cadence",
    "calories",
)
"""The columns of numbers; those in FACTORS have a unit."""
DECIMALS = 2  # of a number in the owner's unit: 10 m of a distance in kilometres
_DECIMALS_OF_DURATIONS = {1.0: 0, 60.0: 2, 3600.0: 4}  # that keep each second, by the seconds of the unit
START_FORMAT, DURATION_FORMAT = "yyyy-mm-dd h:mm:ss", "[h]:mm:ss"
_DAY = 86_400
_CLOCK = re.compile(r"(\d+):(\d{1,2})(?::(\d{1,2})(?:[.,]\d+)?)?")


@dataclass(frozen=True, slots=True)
class Layout:
    """The place of a table in its sheet; rows are numbered from 1.

    Args:
        header: the row of the header.
        columns: the columns whose words are known.
        last: the last row with content in one of them.
        activity: the last row with an activity, whose formats new rows get, or None.
    """

    sheet: str
    header: int
    columns: Sequence[Column]
    last: int
    activity: int | None


@dataclass(slots=True)
class Edits:
    """The edits of a table.

    Args:
        cells: the new content of cells by address, each with its number format if that changes too; a content of None
            clears.
        rows: new rows, in their order.
        removed: the numbers of rows to delete.
    """

    cells: dict[str, tuple[Cell, str | None]] = field(default_factory=dict, repr=False)
    rows: list[Mapping[Column, Cell]] = field(default_factory=list, repr=False)
    removed: list[int] = field(default_factory=list)


class UnwritableError(ValueError):
    """Writing the value would lose what the cell says; the text says why, without any value."""


def value_in(row: Row, word: str, units: str) -> str | int | float | None:
    """A row's value in a column, in SI; an unreadable cell gives its text, so that it doesn't look empty.

    A duration of 0 s counts as empty.
    """
    cell = row.cells.get(word)
    if word == DURATION and is_zero_duration(cell):
        return None
    found: str | int | float | None
    if word == START:
        found = row.start.text if row.start else None
    elif word == DURATION:
        found = row.seconds()
    elif word in NUMBERS:
        found = number_of(row, word, units, DECIMALS)
    elif word in IDS:
        found = read_id(cell)
    else:
        return read_text(cell)
    return found if found is not None or is_blank(cell) else read_text(cell) or "?"


def duration_cell(seconds: int, form: Cell, seconds_each: float | None = None) -> Cell:
    """A duration in the form of another cell. Raises UnwritableError if that form is unclear.

    Args:
        form: the cell to replace, or one of the same column.
        seconds_each: seconds per unit of a plain number, if the header names the unit.
    """
    if isinstance(form, dict) and read_duration(form) is not None:
        is_time = "time" in form and seconds < _DAY
        return {"time": _clock(seconds, 2)} if is_time else {"seconds": seconds}
    if isinstance(form, str) and (found := _CLOCK.fullmatch(form.strip())):
        if found[3] is None:
            return f"{seconds // 60:0{len(found[1])}}:{seconds % 60:02}"
        return _clock(seconds, len(found[1]) if found[1].startswith("0") else 1)
    number = read_number(form)
    if number is None:
        raise UnwritableError("its duration is written in a form that can't be read")
    if seconds_each is None:
        if not 0 < number < 1:
            raise UnwritableError("its duration is a number, and nothing says of what")
        if seconds >= _DAY:  # a number of days from 1 on is not read as a duration
            return _clock(seconds, 1) if isinstance(form, str) else {"seconds": seconds}
        return _as_written(round(seconds / _DAY, 7), form) if isinstance(form, str) else seconds / _DAY
    return _as_written(round(seconds / seconds_each, _DECIMALS_OF_DURATIONS[seconds_each]), form)


def _clock(seconds: int, width: int) -> str:
    return f"{seconds // 3600:0{width}}:{seconds % 3600 // 60:02}:{seconds % 60:02}"


def _as_written(number: float, form: Cell) -> Cell:
    """A number as a number, or as text with the decimal sign of another text."""
    plain = int(number) if number == int(number) else number
    if not isinstance(form, str):
        return plain
    return str(plain).replace(".", ",") if "," in form else str(plain)


def row_cells(
    values: Mapping[str, Any],
    began: datetime | None,
    columns: Mapping[str, Column],
    above: Iterable[Mapping[str, Cell]],
    *,
    zone: str,
    units: str,
) -> dict[str, Cell]:
    """The cells of a new row by word; values without a column are left out.

    Args:
        values: of the row, by word, in SI; the start as the clock showed it.
        began: its start (UTC), or None if `values` have it.
        above: the cells of the rows before by word, the nearest first, whose forms are followed.
        zone: of the clock by which the table's starts are written.
    """
    rows = list(above)
    found: dict[str, Cell] = {}
    for word, value in values.items():
        if word not in columns or value is None or (word == DURATION and int(value) == 0):
            continue
        form = next((row[word] for row in rows if not is_blank(row.get(word))), None)
        if word == START:
            found[word] = {"at": wall_clock(value, began, zone).isoformat(), "format": START_FORMAT}
        elif word == DURATION:
            found[word] = _new_duration(int(value), form, columns[word])
        elif word in NUMBERS:
            found[word] = _as_written(in_unit(float(value), word, columns[word].unit, units), None)
        else:
            found[word] = str(value)
    return found


def in_unit(value: float, word: str, unit: str | None, units: str) -> float:
    """A number in SI converted to the owner's unit of its column, rounded."""
    factors = FACTORS.get(word)
    if not factors:
        return round(value, DECIMALS)
    factor = factors[unit or DEFAULTS[units][word]]  # type: ignore[index]
    return round(value / factor + (FREEZING if word == "temperature" and factor != 1.0 else 0.0), DECIMALS)


def wall_clock(value: str, began: datetime | None, zone: str) -> datetime:
    """A start as the table's clock shows it, to the second.

    Args:
        value: the time on the athlete's clock, in ISO 8601, used if `began` is unknown.
    """
    shown_at = datetime.fromisoformat(value.removesuffix("Z")) if began is None else began
    if shown_at.tzinfo is not None:
        shown_at = shown_at.astimezone(ZoneInfo(zone))
    return shown_at.replace(microsecond=0, tzinfo=None)


def is_there(row: Row, word: str, value: Any, cell: Cell, units: str) -> bool:
    """Whether a row already has in a column what `cell`, made from `value`, would write."""
    present = row.cells.get(word)
    if word == START:
        mine, theirs = row.start, read_start_cell(cell, row.epoch)
        return mine is not None and theirs is not None and mine.clock == theirs.clock
    if word == DURATION:
        return (value_in(row, word, units) or 0) == int(value)
    if word in NUMBERS:
        mine_number, number = read_number(present), read_number(cell)
        return mine_number is not None and number is not None and abs(mine_number - number) < 10**-DECIMALS / 2
    if word in IDS:
        return read_id(present) == read_id(cell)
    return (read_text(present) or "").strip() == str(value).strip()


def _new_duration(seconds: int, form: Cell, column: Column) -> Cell:
    each = FACTORS[DURATION][column.unit] if column.unit else None
    try:
        return duration_cell(seconds, form, each)
    except UnwritableError:
        return duration_cell(seconds, {"seconds": 1} if each is None else 1, each)


def start_of(text: Any) -> datetime | None:
    """The instant in an ISO 8601 text, in UTC if it has no offset; else None."""
    if not isinstance(text, str):
        return None
    began = datetime.fromisoformat(text)
    return began.astimezone(UTC) if began.tzinfo else began.replace(tzinfo=UTC)


def has_clock(number_format: str) -> bool:
    """Whether a number format shows a date with its time."""
    bare = shown(number_format)
    return "h" in bare and "y" in bare
