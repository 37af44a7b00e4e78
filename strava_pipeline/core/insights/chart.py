"""A year's line against its goals as geometry: what an SVG needs, in its units. The markup is page/chart.svg's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from strava_pipeline.core.insights.documents import Paced
from strava_pipeline.core.insights.goals import Units
from strava_pipeline.core.insights.pacing import Year
from strava_pipeline.core.insights.words import MONTHS, amount_told, group_name, scaled

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 66, 104, 14, 28  # room for the numbers, in the larger type of a phone, too
_TICKS = 6  # at most, upwards
_APART = 14  # units between two labels that can both be read


@dataclass(frozen=True, slots=True)
class Label:
    """A text at a height (or, on the lower axis, at a distance from the left)."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class GoalLine:
    """From the origin to the goal at the end of the year; `label_at`: where its text doesn't cover another's."""

    end: float
    label_at: float
    text: str


@dataclass(frozen=True, slots=True)
class YearChart:
    """`line`: points as SVG has them; `ahead`: the projection, from where the line ends to the end of the year."""

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


def year_chart(each: Paced, year: Year, units: Units) -> YearChart:
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
    about = f"{amount_told(each.measure, each.total, units)} in {year.number}"
    if not year.is_over:
        about += f" so far, on the way to {amount_told(each.measure, each.projected, units)}"
    return YearChart(
        title=f"{group_name(each.group)}: {_TITLES[each.measure]}{f' ({sign})' if sign else ''}",
        about=about,
        line=" ".join(f"{x:.1f},{y:.1f}" for x, y in _corners(points)),
        now=points[-1],
        ahead=None if year.is_over else (across(year.length), up(each.projected)),
        ahead_text=amount_told(each.measure, each.projected, units),
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
        lines.append(GoalLine(at, label, amount_told(measure, goal, units)))
    return tuple(lines)


def _corners(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Without the points inside a level stretch: days of rest draw nothing of their own."""
    inner = [
        here
        for before, here, after in zip(points, points[1:], points[2:], strict=False)
        if not before[1] == here[1] == after[1]
    ]
    return [points[0], *inner, points[-1]]


def _step(highest: float) -> float:
    """1, 2 or 5 times a power of ten, so that at most so many ticks are needed."""
    step = 1.0
    while highest / step > _TICKS * 10:
        step *= 10
    return next(step * size for size in (1, 2, 5, 10) if highest / (step * size) <= _TICKS)


def _ticks(step: float, ceiling: float) -> list[float]:
    return [place * step for place in range(int(ceiling / step) + 1)]
