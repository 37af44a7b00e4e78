"""The meaning of a single cell: a start, a duration, a number, an id. Pure; a cell that can't be read is None, never 0.

A cell is JSON: null, text, a number, true or false, or an object of one of these forms: `{"at": "2026-02-03T17:05:00",
"format": "yyyy-mm-dd h:mm"}` a date with its number format; `{"time": "01:02:03"}` a time of day; `{"seconds": 108065}`
a length of time; `{"formula": "=A1"}` a formula without a result; `{"error": "#REF!"}` an error.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from strava_pipeline.core.files.export_values import number_by_sign
from strava_pipeline.core.start_times import read_start

Cell = Any

YEARS = range(1970, 2100)  # of activities: an earlier one is a time of day or a length of time in the format of a date
SERIALS = (25_569, 73_050)  # days since 1899-12-30, of the same years; other numbers aren't dates of activities
EPOCH_SECONDS = (10**9, 4 * 10**9)  # 2001 to 2096: a number that another program wrote for a start
MOST_DIGITS = 15  # a cell's number is a double, and Excel keeps 15 digits of it: longer ids are damaged
LONGEST = 30 * 86_400.0  # seconds; a longer duration was really a date
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Start:
    """When a row began, as precisely as its cell says.

    Args:
        day: the day on the writer's clock.
        clock: date and time on that clock, or None if the cell has only a day.
        instant: date and time with an offset, if the cell has one; then `clock` is the same moment.
    """

    day: date
    clock: datetime | None = None
    instant: datetime | None = None

    @property
    def text(self) -> str:
        """The start as text; a day alone differs from that day's midnight."""
        return (self.instant or self.clock or self.day).isoformat()


_DATE = re.compile(
    r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:(?:T|\s+)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([AaPp][Mm])?)?"
)
_OFFSET = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*(Z|[+-]\d{2}:?\d{2})")


def read_start_cell(cell: Cell, epoch: date = date(1899, 12, 30)) -> Start | None:
    """The start in a cell. Text counts only with the year first, because 07/08/2025 is ambiguous.

    `epoch`: day 0 of the workbook's dates, for a number without a date format.
    """
    if isinstance(cell, dict):
        return _formatted(cell)
    if isinstance(cell, str):
        return _written(cell.strip())
    if isinstance(cell, bool) or not isinstance(cell, int | float) or not math.isfinite(cell):
        return None
    shift = (epoch - date(1899, 12, 30)).days
    if SERIALS[0] <= cell + shift <= SERIALS[1]:
        clock = datetime.combine(epoch, time()) + timedelta(seconds=round(cell * _DAY))
        return Start(clock.date(), None if cell == int(cell) else clock)
    seconds = cell / 1000 if cell >= 1000 * EPOCH_SECONDS[0] else cell
    if EPOCH_SECONDS[0] <= seconds <= EPOCH_SECONDS[1]:
        instant = datetime.fromtimestamp(int(seconds), UTC)
        return Start(instant.date(), instant.replace(tzinfo=None), instant)
    return None


def _formatted(cell: dict[str, Any]) -> Start | None:
    if "at" not in cell:
        return None
    clock = datetime.fromisoformat(cell["at"])
    if clock.year not in YEARS:
        return None
    has_time = clock.time() != time() or "h" in shown(cell.get("format") or "")
    if clock.microsecond:  # a serial is some of them off
        clock = (clock + timedelta(microseconds=500_000)).replace(microsecond=0)
    return Start(clock.date(), clock if has_time else None)


def shown(number_format: str) -> str:
    """A number format without texts in quotes, escaped characters, colours and languages."""
    bare = re.sub(r'"[^"]*"|\\.|_.', "", number_format)
    return re.sub(r"\[(?!h+\]|m+\]|s+\])[^\]]*\]", "", bare, flags=re.IGNORECASE).lower()


def _written(text: str) -> Start | None:
    if text.isascii() and text.isdigit() and len(text) in (10, 13):
        return read_start_cell(int(text))
    if _OFFSET.fullmatch(text) and (instant := read_start(text)) is not None and instant.year in YEARS:
        instant = instant.replace(microsecond=0)
        return Start(instant.date(), instant.replace(tzinfo=None), instant)
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, _, month, day, hour, minute, second, half = found.groups()
    if int(year) not in YEARS:
        return None
    hours = int(hour or 0)
    if half:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half.lower() == "pm" else 0)
    try:
        clock = datetime(int(year), int(month), int(day), hours, int(minute or 0), int(second or 0))  # noqa: DTZ001
    except ValueError:
        return None
    return Start(clock.date(), None if hour is None else clock)


def looks_like_a_date(cell: Cell) -> bool:
    """Whether an unreadable cell was meant as a date: two numbers side by side, a formula, an error, a time.

    A formula over several cells, such as `=COUNT(A2:A38)`, is a total.
    """
    if isinstance(cell, dict):
        return ":" not in cell.get("formula", "")
    return isinstance(cell, str) and re.search(r"\d\D+\d", cell) is not None


_HOURS = re.compile(r"(\d{1,4}):([0-5]?\d):([0-5]?\d)(?:[.,]\d+)?")
_MINUTES = re.compile(r"(\d{1,5}):([0-5]\d)(?:[.,]\d+)?")


def read_duration(cell: Cell, seconds_each: float | None = None, decimal: str | None = None) -> int | None:
    """The seconds in a cell: h:mm:ss, m:ss, a time, a length of time, or a fraction of a day. 0 gives None.

    `seconds_each`: seconds per unit of a plain number, if the header names the unit; `decimal`: as in read_number.

        read_duration("1:02:03"), read_duration({"seconds": 90})  # (3723, 90)
    """
    seconds = _seconds_in(cell, seconds_each, decimal)
    return round(seconds) or None if seconds is not None and 0 < seconds <= LONGEST else None


def is_zero_duration(cell: Cell) -> bool:
    """Whether a cell holds a duration of 0 s, in any form."""
    seconds = _seconds_in(cell, None)
    return seconds is not None and round(seconds) == 0


def _seconds_in(cell: Cell, seconds_each: float | None, decimal: str | None = None) -> float | None:
    if isinstance(cell, dict):
        return _timed(cell)
    if isinstance(cell, str) and (found := _HOURS.fullmatch(cell.strip())):
        return int(found[1]) * 3600.0 + int(found[2]) * 60 + int(found[3])
    if isinstance(cell, str) and (found := _MINUTES.fullmatch(cell.strip())):
        return int(found[1]) * 60.0 + int(found[2])
    number = read_number(cell, decimal=decimal)
    if number is not None and seconds_each is not None:
        return number * seconds_each
    return number * _DAY if number is not None and 0 <= number < 1 else None


def _timed(cell: dict[str, Any]) -> float | None:
    if "seconds" in cell:
        return float(cell["seconds"])
    if "time" in cell:
        at = time.fromisoformat(cell["time"])
        return at.hour * 3600 + at.minute * 60 + at.second + at.microsecond / 1e6
    if "at" in cell:  # h:mm:ss of 24 hours and more is a date of the first days
        at_day = datetime.fromisoformat(cell["at"])
        began = datetime(1904, 1, 1) if at_day.year >= 1904 else datetime(1899, 12, 31)  # noqa: DTZ001
        return (at_day - began).total_seconds()
    return None


_NUMBER = re.compile(r"([+-]?[\d.,'\s]*\d)\s*([^\d\s][^\d]*)?")


def read_number(cell: Cell, unit_words: str = "", decimal: str | None = None) -> float | None:
    """The number in a cell, or in text such as `12,5`, `1,234.5` or `20 km`.

    `unit_words`: the only words that may follow the number; `decimal`: the decimal sign of the table, if its other
    numbers show it. Without it `1,234` is ambiguous, hence None.
    """
    if isinstance(cell, bool):
        return None
    if isinstance(cell, int | float):
        return float(cell) if math.isfinite(cell) else None
    if not isinstance(cell, str) or (found := _NUMBER.fullmatch(cell.strip())) is None:
        return None
    if found[2] and found[2].strip().lower() not in unit_words.split():
        return None
    if (known := number_by_sign(found[1], decimal)) is not None:
        return known
    digits = re.sub(r"['\s]", "", found[1])
    point, comma = digits.rfind("."), digits.rfind(",")
    if point >= 0 and comma >= 0:
        digits = digits.replace("," if point > comma else ".", "").replace(",", ".")
    elif comma >= 0:
        if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+", digits):
            return None
        digits = digits.replace(",", ".")
    try:
        return float(digits)
    except ValueError:
        return None


_ID_IN_ADDRESS = re.compile(r"(?:https?://)?[^\s/?#]+/(?:[^\s?#]*/)?(\d+)/?(?:[?#]\S*)?")


def read_id(cell: Cell) -> str | None:
    """The id in a cell: a whole number of up to 15 digits, digits as text, or an address that ends in it."""
    if isinstance(cell, bool):
        return None
    if isinstance(cell, int | float):
        is_whole = math.isfinite(cell) and cell == int(cell) and 0 < cell < 10**MOST_DIGITS
        return str(int(cell)) if is_whole else None
    if not isinstance(cell, str):
        return None
    text = cell.strip().removeprefix("'").removesuffix(".0")
    if text.isascii() and text.isdigit() and len(text) < 20:
        return text.lstrip("0") or None
    found = _ID_IN_ADDRESS.fullmatch(text)
    return found[1].lstrip("0") or None if found else None


def read_text(cell: Cell) -> str | None:
    """A cell's text, or None if it is blank, a time, a formula or an error."""
    if isinstance(cell, str):
        return cell if cell.strip() else None
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, int | float) and math.isfinite(cell):
        return str(int(cell)) if cell == int(cell) else repr(cell)
    return None


def plain(cell: Cell) -> Any:
    """A cell as it is stored in `extra`: a time as text; None if it is blank, a formula or an error."""
    if isinstance(cell, dict):
        return cell.get("at") or cell.get("time") or cell.get("seconds")
    return None if is_blank(cell) else cell


def has_no_result(cell: Cell) -> bool:
    """Whether a cell is a formula that nothing has computed yet."""
    return isinstance(cell, dict) and "formula" in cell


def is_blank(cell: Cell) -> bool:
    """Whether a cell holds nothing."""
    return cell is None or (isinstance(cell, str) and not cell.strip())
