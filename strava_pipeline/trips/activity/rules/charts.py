"""The charts of a trip as geometry, in an SVG's units. The markup is page/charts.html's. No positions.

Speed and accuracy over time, and the distribution of speeds. A line has at most two points per unit of width: with
more, the lowest and the highest of each unit stand for all.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from strava_pipeline.trips.activity.rules.text import duration, quantity
from strava_pipeline.trips.activity.rules.track import Fix, Step

WIDTH, HEIGHT = 560, 240
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 14, 28

Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """`points` in SVG's form: `1.5,2 3,4`."""

    style: str
    points: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark at one place of an axis, or (with `size`) over a stretch of it."""

    at: float
    text: str
    size: float = 0.0
    style: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """`bands` lie behind, over the whole height; `bars`: left, top, width and text of each."""

    title: str
    about: str
    lines: tuple[Line, ...] = ()
    x_ticks: tuple[Mark, ...] = ()
    y_ticks: tuple[Mark, ...] = ()
    bands: tuple[Mark, ...] = ()
    limits: tuple[Mark, ...] = ()
    verticals: tuple[Mark, ...] = ()
    bars: tuple[tuple[float, float, float, str], ...] = ()
    key: tuple[tuple[str, str], ...] = ()
    unit: str = ""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    floor: int = HEIGHT - BOTTOM


def speed_chart(track: Sequence[Fix], steps: Sequence[Step], limits: Sequence[tuple[str, float]]) -> Chart:
    """Speed by time: the device's, and that from step to step; gaps shaded, limits as lines."""
    device = _runs(track, steps, lambda fix: fix.speed_kmh)
    between: list[Points] = []
    for kind, run in groupby(steps, key=lambda step: step.kind):
        if kind == "good":
            between.append([((step.start.elapsed_s + step.end.elapsed_s) / 2, step.speed_kmh) for step in run])
    highest = max([0.0, *(speed for run in (*device, *between) for _, speed in run)])
    ceiling = _ceiling(max([highest, *(limit for _, limit in limits)]), 200)
    across, up = _x(track), _y(ceiling)
    gaps = _gaps(steps, across)
    return Chart(
        "Speed over time",
        f"km/h; highest {quantity(highest, 'km/h')}",
        lines=(*_lines("displacement", between, across, up), *_lines("device", device, across, up)),
        x_ticks=_time_ticks(track, across),
        y_ticks=_ticks(ceiling, up),
        bands=gaps,
        limits=tuple(Mark(up(limit), name) for name, limit in limits),
        key=(("device", "device"), ("displacement", "from step to step"), *([("gap", "gap")] if gaps else [])),
        unit="km/h",
    )


def accuracy_chart(track: Sequence[Fix], steps: Sequence[Step], limit: float) -> Chart:
    """The radius of each position by time."""
    runs = _runs(track, steps, lambda fix: fix.accuracy_m)
    highest = max([0.0, *(radius for run in runs for _, radius in run)])
    ceiling = _ceiling(max(highest, limit), 200)
    across, up = _x(track), _y(ceiling)
    return Chart(
        "Accuracy over time",
        f"radius in metres, low is good; worst {quantity(highest, 'm')}",
        lines=_lines("accuracy", runs, across, up),
        x_ticks=_time_ticks(track, across),
        y_ticks=_ticks(ceiling, up),
        bands=_gaps(steps, across),
        limits=(Mark(up(limit), f"poor {limit:g}"),),
        unit="m",
    )


def speed_histogram(speeds: Sequence[float], percentiles: Sequence[tuple[str, float | None]], source: str) -> Chart:
    """The distribution of speeds, by the source that the verdict uses."""
    ceiling = _ceiling(max([10.0, *speeds]), 200)
    width = next(step for step in (1, 2, 5, 10) if ceiling / step <= 40)
    counts = [0] * math.ceil(ceiling / width)
    for speed in speeds:
        counts[min(int(speed / width), len(counts) - 1)] += 1
    most = max(counts)

    def across(speed: float) -> float:
        return LEFT + min(speed, ceiling) / ceiling * (WIDTH - LEFT - RIGHT)

    up = _y(float(most) or 1.0)
    bars = tuple(
        (
            across(place * width) + 1,
            up(count),
            across(width) - LEFT - 1,
            f"{place * width} to {(place + 1) * width} km/h: {count}",
        )
        for place, count in enumerate(counts)
        if count
    )
    shown = [(name, speed) for name, speed in percentiles if speed is not None]
    return Chart(
        "Speeds seen",
        f"km/h by {source}; {len(speeds)} values",
        bars=bars,
        x_ticks=tuple(Mark(across(tick), f"{tick:g}") for tick in _steps(ceiling)),
        verticals=tuple(Mark(across(speed), f"{name} {speed:.1f}") for name, speed in shown),
        unit="km/h",
    )


def speeds_by(source: str, track: Sequence[Fix], steps: Sequence[Step]) -> list[float]:
    """The speeds of one source: the device's valid ones, or those of good steps."""
    if source == "device":
        return [fix.speed_kmh for fix in track if fix.speed_kmh is not None]
    return [step.speed_kmh for step in steps if step.kind == "good"]


def _x(track: Sequence[Fix]) -> Callable[[float], float]:
    length = track[-1].elapsed_s or 1.0
    return lambda elapsed: LEFT + elapsed / length * (WIDTH - LEFT - RIGHT)


def _y(ceiling: float) -> Callable[[float], float]:
    return lambda value: HEIGHT - BOTTOM - min(value, ceiling) / ceiling * (HEIGHT - BOTTOM - TOP)


def _ceiling(highest: float, most: float) -> float:
    return math.ceil(min(highest * 1.1, most) / 10) * 10


def _runs(track: Sequence[Fix], steps: Sequence[Step], value: Callable[[Fix], float | None]) -> list[Points]:
    """Values by time, interrupted where one is missing and where a step is a gap."""
    runs: list[Points] = [[]]
    after_gap = [False, *(step.kind == "gap" for step in steps)]
    for fix, broken in zip(track, after_gap, strict=True):
        here = value(fix)
        if broken or here is None:
            runs.append([])
        if here is not None:
            runs[-1].append((fix.elapsed_s, here))
    return [run for run in runs if run]


def _lines(
    style: str, runs: Iterable[Points], across: Callable[[float], float], up: Callable[[float], float]
) -> tuple[Line, ...]:
    lines = []
    for run in runs:
        points = _thinned([(across(at), up(value)) for at, value in run])
        if len(points) == 1:  # seen as a dot, its ends being round
            points *= 2
        lines.append(Line(style, svg_points(points)))
    return tuple(lines)


def _thinned(points: Points) -> Points:
    if len(points) <= 2 * WIDTH:
        return points
    kept: Points = []
    for _, column in groupby(points, key=lambda point: int(point[0])):
        held = list(column)
        ends = {min(held, key=lambda point: point[1]), max(held, key=lambda point: point[1])}
        kept += sorted(ends)
    return kept


def svg_points(points: Iterable[tuple[float, float]]) -> str:
    """Points in the form of an SVG's polyline."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _gaps(steps: Sequence[Step], across: Callable[[float], float]) -> tuple[Mark, ...]:
    found = [step for step in steps if step.kind == "gap"]
    ends = [(across(step.start.elapsed_s), across(step.end.elapsed_s), step) for step in found]
    return tuple(
        Mark(start, f"gap of {duration(step.end.elapsed_s - step.start.elapsed_s)}", end - start)
        for start, end, step in ends
    )


def _time_ticks(track: Sequence[Fix], across: Callable[[float], float]) -> tuple[Mark, ...]:
    """Whole units of time, about five."""
    length = track[-1].elapsed_s
    units = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
    step = next((unit for unit in units if length / unit <= 6), max(86400, length / 6))
    return tuple(Mark(across(tick * step), _clock(tick * step)) for tick in range(int(length / step) + 1))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"


def _ticks(ceiling: float, up: Callable[[float], float]) -> tuple[Mark, ...]:
    return tuple(Mark(up(tick), f"{tick:g}") for tick in _steps(ceiling))


def _steps(ceiling: float) -> list[float]:
    step = next(step for step in (5, 10, 20, 50, 100) if ceiling / step <= 6 or step == 100)
    return [tick * step for tick in range(int(ceiling / step) + 1)]
