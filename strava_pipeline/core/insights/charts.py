"""A year as geometry for an SVG, in its units: the line of a measure against its goals, and the calendar of days.

In the calendar a square is a day and a column a week from Monday, darker where more time was spent. The markup
stands in page/.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from strava_pipeline.core.insights.goals import MONTHS, Units, amount_text, day_text, group_name, scaled
from strava_pipeline.core.insights.pacing import Day, PacedMeasure, Year

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 66, 104, 14, 28  # room for the numbers, in the larger type of a phone, too
_TICKS = 6  # at most, on the upper axis
_APART = 14  # units between two labels that can both be read


@dataclass(frozen=True, slots=True)
class Label:
    """A text at a height (or, on the lower axis, at a distance from the left)."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class GoalLine:
    """A line from the origin to the goal at the end of the year; `label_at`: a height where its text covers no other."""

    end: float
    label_at: float
    text: str


@dataclass(frozen=True, slots=True)
class YearChart:
    """A measure's line over the year.

    `line`: points as SVG has them; `ahead`: the end of the projection, None for a past year.
    """

    title: str
    about: str
    line: str
    now: tuple[float, float]
    ahead: tuple[float, float] | None
    ahead_text: str
    goals: tuple[GoalLine, ...]
    x_ticks: tuple[Label, ...]
    y_ticks: tuple[Label, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    floor: int = HEIGHT - BOTTOM


def year_chart(each: PacedMeasure, year: Year, units: Units) -> YearChart:
    """The chart of a measure of a group; `each.series` holds a value for each day so far."""
    highest = max([each.total, each.projected, *(goal.goal for goal in each.goals)])
    unit = scaled(each.measure, 1.0, units)[0]
    step = _step(highest * unit)
    ceiling = max(highest * unit * 1.04, step)

    def across(place: float) -> float:
        return LEFT + place / year.length * (WIDTH - LEFT - RIGHT)

    def up(amount: float) -> float:
        return HEIGHT - BOTTOM - amount * unit / ceiling * (HEIGHT - BOTTOM - TOP)

    points = [(across(0), up(0.0)), *((across(k), up(y)) for k, y in enumerate(each.series, start=1))]
    sign = scaled(each.measure, 1.0, units)[1]
    about = f"{amount_text(each.measure, each.total, units)} in {year.number}"
    if not year.is_over:
        about += f" so far, on the way to {amount_text(each.measure, each.projected, units)}"
    return YearChart(
        title=f"{group_name(each.group)}: {_TITLES[each.measure]}{f' ({sign})' if sign else ''}",
        about=about,
        line=" ".join(f"{x:.1f},{y:.1f}" for x, y in _corners(points)),
        now=points[-1],
        ahead=None if year.is_over else (across(year.length), up(each.projected)),
        ahead_text=amount_text(each.measure, each.projected, units),
        goals=_goal_lines([goal.goal for goal in each.goals], up, each.measure, units),
        x_ticks=tuple(
            Label(across(year.place(year.first.replace(month=month)) - 1), name)
            for month, name in enumerate(MONTHS, start=1)
        ),
        y_ticks=tuple(Label(up(tick / unit), f"{tick:,.10g}") for tick in _ticks(step, ceiling)),
    )


_TITLES = {
    "distance_m": "distance",
    "moving_time_seconds": "moving time",
    "elevation_gain_m": "climb",
    "activities": "activities",
}


def _goal_lines(
    goals: Sequence[float], up: Callable[[float], float], measure: str, units: Units
) -> tuple[GoalLine, ...]:
    lines: list[GoalLine] = []
    lowest = HEIGHT - BOTTOM
    for goal in sorted(goals):  # from the floor up, each label above the one before
        at = up(goal)
        label = min(at, lines[-1].label_at - _APART if lines else lowest)
        lines.append(GoalLine(at, label, amount_text(measure, goal, units)))
    return tuple(lines)


def _corners(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points without those inside a level stretch, which days of rest leave."""
    inner = [
        here
        for before, here, after in zip(points, points[1:], points[2:], strict=False)
        if not before[1] == here[1] == after[1]
    ]
    return [points[0], *inner, points[-1]]


def _step(highest: float) -> float:
    """The step between ticks: 1, 2 or 5 times a power of ten, so that there are at most _TICKS."""
    step = 1.0
    while highest / step > _TICKS * 10:
        step *= 10
    return next(step * size for size in (1, 2, 5, 10) if highest / (step * size) <= _TICKS)


def _ticks(step: float, ceiling: float) -> list[float]:
    return [place * step for place in range(int(ceiling / step) + 1)]


CELL, GAP = 11, 2
_CALENDAR_LEFT, _CALENDAR_TOP = 28, 18  # room for the names of days and months
LEVELS = 4  # shades of active days: quarters of them, by time
_WEEKDAYS = ((0, "Mon"), (2, "Wed"), (4, "Fri"), (6, "Sun"))


@dataclass(frozen=True, slots=True)
class Square:
    """A day. `level` 0 is no activity; `text` is shown at the pointer."""

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


def calendar(number: int, days: Iterable[Day], units: Units) -> Calendar:
    """All days of the year `number`; several groups of a day are one square."""
    by_day: dict[date, list[Day]] = {}
    for day in days:
        by_day.setdefault(day.on, []).append(day)
    times = sorted(_seconds(held) for held in by_day.values())
    first = date(number, 1, 1)
    monday = first.weekday()
    squares, months = [], []
    for place in range((date(number, 12, 31) - first).days + 1):
        on = first + timedelta(days=place)
        column = (place + monday) // 7
        x = _CALENDAR_LEFT + column * (CELL + GAP)
        if on.day == 1:
            months.append((x, MONTHS[on.month - 1]))
        held = by_day.get(on, [])
        level = _level(_seconds(held), times) if held else 0
        squares.append(Square(x, _CALENDAR_TOP + on.weekday() * (CELL + GAP), level, _square_text(on, held, units)))
    width = squares[-1].x + CELL + GAP
    weekdays = tuple((_CALENDAR_TOP + row * (CELL + GAP) + CELL - 2, name) for row, name in _WEEKDAYS)
    return Calendar(tuple(squares), tuple(months), weekdays, width)


def _seconds(held: Sequence[Day]) -> int:
    return sum(day.moving_time_seconds or 0 for day in held)


def _level(seconds: int, times: Sequence[int]) -> int:
    """The quarter of the year's active days, by time, that a day of `seconds` is in: 1 to 4."""
    shorter = sum(each < seconds for each in times)
    return 1 + shorter * LEVELS // len(times)


def _square_text(on: date, held: Sequence[Day], units: Units) -> str:
    if not held:
        return day_text(on)
    count = sum(day.activities for day in held)
    metres = [day.distance_m for day in held if day.distance_m]
    parts = [f"{day_text(on)}: {count} {'activity' if count == 1 else 'activities'}"]
    parts += [amount_text("distance_m", sum(metres), units)] if metres else []
    parts += [amount_text("moving_time_seconds", _seconds(held), units)] if _seconds(held) else []
    return ", ".join(parts)
