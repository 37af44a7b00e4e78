"""Days of a calendar for pages: the months of a year, weeks next to those of the year before, shades of active days.

Pure dates and sums. Weeks begin on any day of the week: 0 is Monday, as in Python's calendar.
"""

from bisect import bisect_left
from calendar import Calendar
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SHADES = 4  # of active days: quarters of them
# the same day of the week, at most two days off the same date
_WEEK, _YEAR_BEFORE = timedelta(days=7), timedelta(weeks=52)


@dataclass(frozen=True, slots=True)
class Sums:
    """Totals: activities, metres, seconds in motion, metres climbed, training load."""

    activities: int = 0
    distance_m: float = 0.0
    moving_time_seconds: int = 0
    elevation_gain_m: float = 0.0
    load: float = 0.0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.activities + other.activities,
            self.distance_m + other.distance_m,
            self.moving_time_seconds + other.moving_time_seconds,
            self.elevation_gain_m + other.elevation_gain_m,
            self.load + other.load,
        )


@dataclass(frozen=True, slots=True)
class Week:
    """A week from its first to its last day; `before`: the one 52 weeks earlier."""

    first: date
    last: date
    sums: Sums
    before: Sums

    @property
    def days_before(self) -> tuple[date, date]:
        """The first and the last day of the week `before`."""
        return self.first - _YEAR_BEFORE, self.last - _YEAR_BEFORE


def first_of_week(day: date, begins: int) -> date:
    """The first day of the day's week; weeks begin on the weekday `begins`."""
    return day - timedelta(days=(day.weekday() - begins) % 7)


def days_of_year(number: int, begins: int) -> tuple[date, date]:
    """The first and the last day needed for the weeks of a year and those of the year before."""
    first, last = first_of_week(date(number, 1, 1), begins), first_of_week(date(number, 12, 31), begins)
    return first - _YEAR_BEFORE, last + _WEEK - timedelta(days=1)


def weeks_of_year(number: int, by_day: Mapping[date, Sums], today: date, begins: int) -> dict[date, Week]:
    """The weeks that touch a year, by their first days, the newest first, without weeks that have not begun."""
    by_week: dict[date, Sums] = {}
    for day, sums in by_day.items():  # two years of days at most
        first = first_of_week(day, begins)
        by_week[first] = by_week.get(first, Sums()) + sums
    newest, oldest = (first_of_week(day, begins) for day in (min(date(number, 12, 31), today), date(number, 1, 1)))
    firsts = [newest - place * _WEEK for place in range((newest - oldest).days // 7 + 1)]
    nothing = Sums()
    return {
        first: Week(
            first,
            first + _WEEK - timedelta(days=1),
            by_week.get(first, nothing),
            by_week.get(first - _YEAR_BEFORE, nothing),
        )
        for first in firsts
    }


def months_of_year(number: int, begins: int) -> dict[str, list[list[date | None]]]:
    """By month (2026-10) a row for each day of the week, a column for each week; None for days of another month."""
    weeks = Calendar(begins)
    return {
        f"{number}-{month:02}": [
            [day if day.month == month else None for day in row]
            for row in zip(*weeks.monthdatescalendar(number, month), strict=True)
        ]
        for month in range(1, 13)
    }


def weeks_of_month(month: str, begins: int) -> list[list[date]]:
    """The days of a month (2026-10), a row for each week; the first and the last week are whole."""
    return Calendar(begins).monthdatescalendar(int(month[:4]), int(month[5:]))


def weekdays(begins: int) -> list[int]:
    """The weekdays in the order of a calendar, 0 for Monday."""
    return [(begins + place) % 7 for place in range(7)]


def total(sums: Iterable[Sums]) -> Sums:
    """The sum of all of them."""
    return sum(sums, Sums())


def shades(amounts: Mapping[date, float]) -> dict[date, int]:
    """For each day, the quarter of all these days into which its amount falls: 1 to SHADES."""
    ordered = sorted(amounts.values())
    return {day: shade(amount, ordered) for day, amount in amounts.items()}


def shade(amount: float, ordered: Sequence[float]) -> int:
    """The quarter of `ordered`, ascending amounts, into which an amount falls: 1 to SHADES."""
    return 1 + bisect_left(ordered, amount) * SHADES // len(ordered)
