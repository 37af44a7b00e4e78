"""A year as one HTML page that needs nothing else, no script, no network; and its charts, as geometry for SVG.

A chart is a measure's line against its goals, or the calendar of days: a square is a day, a column a week from Monday, darker
where more time was spent. The markup stands in page/ and escapes everything. No positions, no titles of activities.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from strava_pipeline.core.insights.documents import Record, Sums, YearSummary
from strava_pipeline.core.insights.goals import (
    MEASURES,
    MONTHS,
    NOTHING,
    Units,
    amount_text,
    day_text,
    group_name,
    record_name,
    record_text,
    scaled,
)
from strava_pipeline.core.insights.pacing import Day, PacedMeasure, Year
from strava_pipeline.core.sports import ALL
from strava_pipeline.core.tables.insights import DISTANCES
from strava_pipeline.core.text import counted, templates

MOST_CHARTS = 6
_WITHOUT_GOALS = 2  # charts where the user has set no goal
_SUMS = ("distance_m", "moving_time_seconds", "elevation_gain_m")
_ORDER = {
    name: place for place, name in enumerate(("longest_distance", "longest_moving_time", "biggest_climb", *DISTANCES))
}


def year_page(summary: YearSummary) -> str:
    """The page of a year."""
    units = summary.units
    return (
        templates(__package__)
        .get_template("report.html")
        .render(
            number=summary.number,
            until=None if summary.year is None or summary.year.is_over else day_text(summary.year.until),
            sports=summary.sports,
            tiles=_tiles(summary),
            charts=[]
            if summary.year is None
            else [year_chart(each, summary.year, units) for each in charted(summary.paced)],
            goals=goal_rows(summary),
            calendar=calendar(summary.number, summary.days, units),
            months=_months(summary),
            by_sport=[
                (sport or NOTHING, group_name(group), _row(sums, units)) for sport, group, sums in summary.by_sport
            ],
            records=_records(summary),
            eddington=[(group_name(each.group), each) for each in summary.eddington],
            gear=[
                (
                    each,
                    amount_text("distance_m", each.distance_m, units),
                    amount_text("distance_m", each.distance_of_all_m, units),
                )
                for each in summary.gear
            ],
            load=[
                (_LOADS.get(each.measure, each.measure), day_text(each.on_day), each, day_text(each.highest_on))
                for each in summary.load
            ],
            unit="km" if units == "km" else "miles",
            unknown_sports=summary.unknown_sports,
            begun=summary.year is not None,
            undated=summary.undated,
            later=summary.later,
            others=summary.others,
        )
    )


def chart_svg(each: PacedMeasure, year: Year, units: Units) -> str:
    """One chart as an SVG document of its own."""
    return templates(__package__).get_template("chart.svg").render(c=year_chart(each, year, units), alone=True)


def charted(paced: Sequence[PacedMeasure]) -> list[PacedMeasure]:
    """The measures that get a chart: those with a goal of the user, else the distance of the groups with most time."""
    with_goals = [each for each in paced if each.own]
    if with_goals:
        return with_goals[:MOST_CHARTS]
    time = {each.group: each.total for each in paced if each.measure == "moving_time_seconds"}
    far = [each for each in paced if each.measure == "distance_m" and each.group != ALL]
    return sorted(far, key=lambda each: time.get(each.group, 0.0), reverse=True)[:_WITHOUT_GOALS]


def goal_rows(summary: YearSummary) -> list[dict[str, Any]]:
    """A row for each goal that the user set."""
    return [
        {
            "group": group_name(each.group),
            "measure": next(measure.title for measure in MEASURES if measure.name == each.measure),
            "goal": amount_text(each.measure, goal.goal, summary.units),
            "total": amount_text(each.measure, each.total, summary.units),
            "percent": each.total / goal.goal * 100,
            "ahead": goal.ahead >= 0,
            "apart": amount_text(each.measure, abs(goal.ahead), summary.units),
            "required": amount_text(each.measure, goal.required * 7, summary.units) if goal.required else NOTHING,
            "projected": amount_text(each.measure, each.projected, summary.units),
            "achieved_on": day_text(goal.achieved_on) if goal.achieved_on else None,
            "over": summary.year is None or summary.year.is_over,
        }
        for each in summary.paced
        if each.own
        for goal in each.goals
    ]


_LOADS = {"relative_effort": "Relative effort", "training_stress": "Training stress (power)"}


def _tiles(summary: YearSummary) -> list[tuple[str, str, str]]:
    """The tiles: name, number, and a smaller line below."""
    totals, units = summary.totals, summary.units
    found = [
        ("activities", f"{totals.activities:,}", f"on {counted(totals.active_days, 'day')}"),
        ("distance", amount_text("distance_m", totals.distance_m, units), ""),
        ("moving time", amount_text("moving_time_seconds", totals.moving_time_seconds, units), ""),
        ("climb", amount_text("elevation_gain_m", totals.elevation_gain_m, units), ""),
    ]
    for streak in summary.streaks:
        found.append((f"longest streak, {streak.unit}s", f"{streak.length:,}", f"from {day_text(streak.starts_on)}"))
    if summary.eddington:
        best = summary.eddington[0]
        found.append(
            (
                "Eddington number",
                f"{best.of_all:,}",
                f"{group_name(best.group).lower()}, {'km' if units == 'km' else 'miles'}, all years",
            )
        )
    return found


def _months(summary: YearSummary) -> list[dict[str, Any]]:
    """Twelve rows; `share`: time in percent of that in the month with the most."""
    held = dict(summary.by_month)
    most = max([sums.moving_time_seconds or 0 for sums in held.values()] or [0]) or 1
    return [
        {
            "name": name,
            "row": _row(held[place], summary.units) if place in held else None,
            "share": ((held[place].moving_time_seconds or 0) / most * 100) if place in held else 0,
        }
        for place, name in enumerate(MONTHS, start=1)
    ]


def _row(sums: Sums, units: Units) -> list[str]:
    return [
        f"{sums.activities:,}",
        f"{sums.active_days:,}",
        *(amount_text(name, getattr(sums, name) or None, units) for name in _SUMS),
    ]


def _records(summary: YearSummary) -> list[tuple[str, list[dict[str, Any]]]]:
    """The records by group, the groups with most activities first."""
    count: dict[str, int] = {}
    for _, group, sums in summary.by_sport:
        count[group] = count.get(group, 0) + sums.activities
    groups = sorted({record.group for record in summary.records}, key=lambda group: (-count.get(group, 0), group))
    return [
        (group_name(group), [_record(each, summary.units) for each in _in_order(summary.records, group)])
        for group in groups
    ]


def _in_order(records: Sequence[Record], group: str) -> list[Record]:
    return sorted(
        (each for each in records if each.group == group), key=lambda each: _ORDER.get(each.record, len(_ORDER))
    )


def _record(each: Record, units: Units) -> dict[str, Any]:
    return {
        "name": record_name(each.record),
        "value": record_text(each.value, each.unit, each.record, units),
        "on": day_text(each.on_day),
        "link": f"https://www.strava.com/activities/{each.activity_id}" if each.activity_id > 0 else None,
        "all_time": each.all_time,
        "by_splits": each.told_by == "splits",
    }


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
