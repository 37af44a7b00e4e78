"""The charts of a year as geometry for SVG: a measure with its goals and the year before, by day or by month; fitness.

All have one size, so that type and lines look the same in each. The markup stands in page/.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil, floor

from strava_pipeline.core.insights.documents import LoadDay
from strava_pipeline.core.insights.goals import (
    MONTH_NAMES,
    MONTHS,
    USUAL_DATES,
    Dates,
    Units,
    amount_text,
    day_text,
    group_name,
    scaled,
)
from strava_pipeline.core.insights.pacing import PacedMeasure, Year
from strava_pipeline.core.text import templates
from strava_pipeline.core.years import month_end

WIDTH, HEIGHT = 520, 260
LEFT, RIGHT, TOP, BOTTOM = 62, 98, 14, 28  # room for the numbers, including a phone's larger type
_TICKS = 6  # at most, on the upper axis
_EDGE = 8  # units next to a chart whose lines have no names
_APART = 18  # units between two labels so that both can be read, even on a phone
_LEAST_BAR = 0.05  # units: a sum of zeros may differ from 0 in the last digits


@dataclass(frozen=True, slots=True)
class Label:
    """A text at a height (or, on the lower axis, at a distance from the left)."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line over the days: `points` in SVG's form; `kind`: its class in charts.css; its name, and the name's position."""

    kind: str
    points: str
    label: Label


@dataclass(frozen=True, slots=True)
class Bar:
    """A month's bar. `kind`: its class, `line` for the year itself, `before` for the year before; `text`: its label."""

    kind: str
    left: float
    top: float
    height: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over the days of a year, or bars for its months.

    Args:
        now: the end of the first line, marked.
        bars: of each pair, the bar of the year before is on the left; `bar`: their width; `keys`: the text of each kind.
    """

    title: str
    about: str
    x_ticks: tuple[Label, ...]
    y_ticks: tuple[Label, ...]
    lines: tuple[Line, ...] = ()
    now: tuple[float, float] = (0.0, 0.0)
    bars: tuple[Bar, ...] = ()
    bar: float = 0.0
    keys: tuple[tuple[str, str], ...] = ()
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    floor: int = HEIGHT - BOTTOM


@dataclass(frozen=True, slots=True)
class _Axes:
    """Converts a day's number (1 to `days`; 0: the beginning of the year) and an amount to units of the SVG."""

    days: int
    lowest: float
    highest: float

    def across(self, place: float) -> float:
        return LEFT + place / self.days * (WIDTH - LEFT - RIGHT)

    def up(self, amount: float) -> float:
        return HEIGHT - BOTTOM - (amount - self.lowest) / (self.highest - self.lowest) * (HEIGHT - BOTTOM - TOP)

    def ticks(self, step: float) -> tuple[Label, ...]:
        """The ticks of the upper axis."""
        places = range(ceil(self.lowest / step), floor(self.highest / step) + 1)
        return tuple(Label(self.up(place * step), f"{place * step:,.10g}") for place in places)

    def at(self, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(self.across(place), self.up(amount)) for place, amount in points]


def chart_svg(each: PacedMeasure, year: Year, units: Units) -> str:
    """One chart as an SVG document of its own."""
    return templates(__package__).get_template("chart.svg").render(c=year_chart(each, year, units), alone=True)


def year_chart(each: PacedMeasure, year: Year, units: Units, before: PacedMeasure | None = None) -> Chart:
    """A measure of a group over the year, its goals, and the year before. `series` hold a value for each day."""
    unit, sign = scaled(each.measure, 1.0, units)
    last = before.total if before is not None else 0.0
    highest = max([each.total, each.projected, last, *(goal.goal for goal in each.goals)]) * unit
    step = _step(highest)
    axes = _Axes(year.length, 0.0, max(highest * 1.04, step))
    series = [(0.0, 0.0), *((float(k), y * unit) for k, y in enumerate(each.series, start=1))]
    named: list[tuple[str, list[tuple[float, float]], str]] = []
    for goal in each.goals:
        points = [(0.0, 0.0), (float(year.length), goal.goal * unit)]
        named.append(("goal", points, amount_text(each.measure, goal.goal, units)))
    if before is not None:
        longer = year.length / len(before.series)  # 29 February: both years end where the chart does
        of_last = [(0.0, 0.0), *((k * longer, y * unit) for k, y in enumerate(before.series, start=1))]
        named.append(("before", of_last, str(year.number - 1)))
    if not year.is_over:
        named.append(("ahead", [series[-1], (float(year.length), each.projected * unit)], ""))
    return Chart(
        title=f"{group_name(each.group)}: {_TITLES[each.measure]}{f' ({sign})' if sign else ''}",
        about=_about(each, year, units, before),
        lines=(_line("line", axes, series, Label(0.0, "")), *_labelled(axes, named)),
        now=axes.at(series)[-1],
        x_ticks=_months(axes, year.first),
        y_ticks=axes.ticks(step),
    )


def month_chart(each: PacedMeasure, year: Year, units: Units, before: PacedMeasure | None = None) -> Chart:
    """A measure of a group by month, with the year before. `series` hold a value for each day."""
    unit, sign = scaled(each.measure, 1.0, units)
    years = [("line", year.number, _by_month(each.series, year.number))]
    if before is not None:
        years.insert(0, ("before", year.number - 1, _by_month(before.series, year.number - 1)))
    highest = max(amount for _, _, held in years for amount in held.values()) * unit
    step = _step(highest)
    axes = _Axes(12, 0.0, max(highest * 1.04, step))
    wide = (WIDTH - LEFT - _EDGE) / 12  # of a month
    bars = [
        Bar(
            kind,
            LEFT + wide * (place - 1 + 0.12 + 0.38 * (kind == "line")),
            axes.up(amount * unit),
            HEIGHT - BOTTOM - axes.up(amount * unit),
            f"{MONTH_NAMES[place - 1]} {number}: {amount_text(each.measure, amount, units)}",
        )
        for kind, number, held in years
        for place, amount in held.items()
        if axes.up(amount * unit) < HEIGHT - BOTTOM - _LEAST_BAR
    ]
    return Chart(
        f"By month{f' ({sign})' if sign else ''}",
        f"{year.number} beside {year.number - 1}" if before is not None else str(year.number),
        tuple(Label(LEFT + wide * (place + 0.5), name) for place, name in enumerate(MONTHS)),
        axes.ticks(step),
        bars=tuple(bars),
        bar=wide * 0.38,
        keys=tuple((kind, str(number)) for kind, number, _ in years),
        right=WIDTH - _EDGE,
    )


def _by_month(series: Sequence[float], number: int) -> dict[int, float]:
    """The amount of each month that has begun, 1 to 12."""
    ends = [(month_end(date(number, month, 1)) - date(number, 1, 1)).days for month in range(1, 13)]
    sums = [0.0, *(series[min(end, len(series) - 1)] for end in ends)]
    return {month: sums[month] - sums[month - 1] for month in range(1, 13)}


def fitness_chart(days: Sequence[LoadDay], number: int, dates: Dates = USUAL_DATES) -> Chart:
    """Fitness, fatigue and form over the days of the year `number`; `days`: at least one, in order."""
    values = [value for day in days for value in (day.fitness, day.fatigue, day.form)]
    step = _step(max(max(values), -min(values), 1.0))
    lowest = min(0.0, floor(min(values) / step) * step)
    first = date(number, 1, 1)
    axes = _Axes((date(number, 12, 31) - first).days + 1, lowest, max(ceil(max(values) / step) * step, step))
    named = [
        (kind, [((day.on_day - first).days + 1.0, float(getattr(day, kind))) for day in days], kind)
        for kind in ("fitness", "fatigue", "form")
    ]
    last = days[-1]
    fitness, fatigue = round(last.fitness), round(last.fatigue)
    return Chart(
        title="Fitness",
        about=f"fitness {fitness}, fatigue {fatigue}, form {fitness - fatigue:+d} on {day_text(last.on_day, dates)}",
        lines=_labelled(axes, named),
        now=axes.at(named[0][1])[-1],
        x_ticks=_months(axes, first),
        y_ticks=axes.ticks(step),
    )


_TITLES = {
    "distance_m": "distance",
    "moving_time_seconds": "moving time",
    "elevation_gain_m": "climb",
    "activities": "activities",
}


def _about(each: PacedMeasure, year: Year, units: Units, before: PacedMeasure | None) -> str:
    def amount(value: float) -> str:
        return amount_text(each.measure, value, units)

    so_far = "" if year.is_over else " so far"
    about = f"{amount(each.total)} in {year.number}{so_far}"
    if before is not None:
        then = before.by_same_day(year)
        about += f", {amount(then)} {'in' if year.is_over else 'by this day of'} {year.number - 1}"
    return about if year.is_over else f"{about}; on the way to {amount(each.projected)}"


def _line(kind: str, axes: _Axes, points: Sequence[tuple[float, float]], label: Label) -> Line:
    return Line(kind, " ".join(f"{x:.1f},{y:.1f}" for x, y in _corners(axes.at(points))), label)


def _labelled(axes: _Axes, named: Sequence[tuple[str, list[tuple[float, float]], str]]) -> tuple[Line, ...]:
    """The lines with their names. Each name stands at its line's end, or above a name that is already there."""
    upwards = sorted(named, key=lambda each: each[1][-1][1])
    lines, taken = [], float("inf")
    for kind, points, text in upwards:
        at = axes.up(points[-1][1])
        if text:
            at = taken = min(at, taken - _APART)
        lines.append(_line(kind, axes, points, Label(at, text)))
    return tuple(lines)


def _months(axes: _Axes, first: date) -> tuple[Label, ...]:
    starts = (first.replace(month=month) for month in range(1, 13))
    return tuple(Label(axes.across((on - first).days), name) for on, name in zip(starts, MONTHS, strict=True))


def _corners(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points without those inside a level stretch, which rest days leave."""
    if len(points) < 3:
        return [*points]
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
