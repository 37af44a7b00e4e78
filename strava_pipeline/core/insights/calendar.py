"""The days of a year as squares of an SVG: a column a week, darker where more time was spent. Geometry only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from strava_pipeline.core.insights.documents import YearSummary
from strava_pipeline.core.insights.goals import MONTHS, amount_text
from strava_pipeline.core.insights.pacing import Day
from strava_pipeline.core.insights.weeks import shade

CELL, GAP = 11, 2
_CALENDAR_LEFT, _CALENDAR_TOP = 28, 18  # room for the names of days and months
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Square:
    """A day. `level` 0 is without an activity, 1 to 4 are quarters of the active days, by time; `text`: shown at the pointer."""

    x: int
    y: int
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """The squares of a year; `months` and `weekdays`: the position and name of each label."""

    squares: tuple[Square, ...]
    months: tuple[tuple[int, str], ...]
    weekdays: tuple[tuple[int, str], ...]
    width: int
    height: int = _CALENDAR_TOP + 7 * (CELL + GAP)


def calendar(summary: YearSummary) -> Calendar:
    """All days of a year; several groups on a day share one square."""
    number, begins = summary.number, summary.week_begins
    by_day: dict[date, list[Day]] = {}
    for day in summary.days:
        by_day.setdefault(day.on, []).append(day)
    times = sorted(_seconds(held) for held in by_day.values())
    first = date(number, 1, 1)
    before = (first.weekday() - begins) % 7  # days of the first week that are of the year before
    squares, months = [], []
    for place in range((date(number, 12, 31) - first).days + 1):
        on = first + timedelta(days=place)
        column = (place + before) // 7
        x = _CALENDAR_LEFT + column * (CELL + GAP)
        if on.day == 1:
            months.append((x, MONTHS[on.month - 1]))
        held = by_day.get(on, [])
        level = shade(_seconds(held), times) if held else 0
        squares.append(
            Square(
                x, _CALENDAR_TOP + (on.weekday() - begins) % 7 * (CELL + GAP), level, _square_text(on, held, summary)
            )
        )
    width = squares[-1].x + CELL + GAP
    weekdays = tuple(
        (_CALENDAR_TOP + row * (CELL + GAP) + CELL - 2, _WEEKDAYS[(begins + row) % 7]) for row in range(0, 7, 2)
    )
    return Calendar(tuple(squares), tuple(months), weekdays, width)


def _seconds(held: Sequence[Day]) -> int:
    return sum(day.moving_time_seconds or 0 for day in held)


def _square_text(on: date, held: Sequence[Day], summary: YearSummary) -> str:
    if not held:
        return summary.day(on)
    count = sum(day.activities for day in held)
    metres = [day.distance_m for day in held if day.distance_m]
    parts = [f"{summary.day(on)}: {count} {'activity' if count == 1 else 'activities'}"]
    parts += [amount_text("distance_m", sum(metres), summary.units)] if metres else []
    parts += [amount_text("moving_time_seconds", _seconds(held), summary.units)] if _seconds(held) else []
    return ", ".join(parts)
