"""A trip drawn in characters: a line of its speed, a picture of its track; and its track in metres, for every picture.

Metres are from the first point, so that a picture shows a shape and no place. Which points count is as for the metrics.
Projection: equirectangular at the first point's latitude, which for the length of a ride is within the width of a line; over
hundreds of kilometres the shape is off, the numbers are not.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from strava_pipeline.core.geodesy import EARTH_M
from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.activity.text import duration, quantity, round_length
from strava_pipeline.core.trips.activity.thresholds import Thresholds
from strava_pipeline.core.trips.activity.track import KMH, points_frame, segments, usable_points, used_points

LIGHT_MS = 299_792_458.0  # m/s: what a device calls faster is no speed
_METRES_A_DEGREE = EARTH_M * math.pi / 180
_Point = tuple[float, float, float, float | None, float | None]  # at, latitude, longitude, speed, accuracy


@dataclass(frozen=True, slots=True)
class Fix:
    """One used point: x grows to the east, y to the north. `speed_kmh` is the device's; None where it gave no valid one."""

    elapsed_s: float
    x_m: float
    y_m: float
    speed_kmh: float | None = None
    accuracy_m: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """From one fix to the next. `kind`: `good`, `gap` (too long a time) or `teleport` (too fast)."""

    start: Fix
    end: Fix
    kind: str
    speed_kmh: float


def drawn(bundle: Bundle, thresholds: Thresholds) -> tuple[list[Fix], list[Step]]:
    """The used points of a trip, earliest first, and what lies between them; both empty where there are none."""
    found = segments(used_points(usable_points(points_frame([bundle]))), thresholds)
    points = found.select("at", "latitude", "longitude", "speed", "accuracy").rows()
    track = [_fix(point, points[0]) for point in points]
    between = found.select("v", "gap", "teleport").rows()[1:]
    return track, [_step(*ends, *one) for ends, one in zip(pairwise(track), between, strict=True)]


def frame_of(track: list[Fix], steps: list[Step]) -> tuple[float, float, float, float]:
    """West, east, south and north of what a picture is drawn for: without what the track jumps to and back from."""
    jumped = [step.kind == "teleport" for step in steps]
    isolated = [before and after for before, after in zip([False, *jumped], [*jumped, False], strict=True)]
    framed = [fix for fix, outside in zip(track, isolated, strict=True) if not outside]
    across, up = [fix.x_m for fix in framed], [fix.y_m for fix in framed]
    return min(across), max(across), min(up), max(up)


def _fix(point: _Point, first: _Point) -> Fix:
    at, latitude, longitude, speed, accuracy = point
    east = (longitude - first[2] + 180) % 360 - 180  # the short way round, over the antimeridian too
    return Fix(
        elapsed_s=at - first[0],
        x_m=east * _METRES_A_DEGREE * math.cos(math.radians(first[1])),
        y_m=(latitude - first[1]) * _METRES_A_DEGREE,
        speed_kmh=None if speed is None or not 0 <= speed < LIGHT_MS else speed * KMH,
        accuracy_m=accuracy,
    )


def _step(start: Fix, end: Fix, speed_ms: float, gap: bool, teleport: bool) -> Step:
    return Step(start, end, "teleport" if teleport else "gap" if gap else "good", speed_ms * KMH)


COLUMNS, LINES = 60, 20
_BARS = "▁▂▃▄▅▆▇█"
_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # the dots of a cell, by line and column
_ROUND = (1, 2, 5)


def sketch(bundle: Bundle, thresholds: Thresholds) -> str:
    """Both drawings, with what their sides are long."""
    track, steps = drawn(bundle, thresholds)
    if not track:
        return "Sketch: no point to draw\n"
    return "\n".join(["Speed", *_speed(track, steps), "", "Track", *_picture(track, steps)]) + "\n"


def sparkline(speeds: Sequence[float | None]) -> str:
    """A bar per value, from nothing to the highest; a space where there is none."""
    highest = max((speed for speed in speeds if speed is not None), default=0.0)
    steps = len(_BARS) - 1
    return "".join(
        " " if speed is None else _BARS[round(speed / highest * steps) if highest else 0] for speed in speeds
    )


def scale(longest_m: float) -> float:
    """The longest round number of metres, 1, 2 or 5 with noughts, up to the given one."""
    if longest_m <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(longest_m))
    return max(step * power for step in _ROUND if step * power <= longest_m * 1.000001)


def _speed(track: list[Fix], steps: list[Step]) -> list[str]:
    length = track[-1].elapsed_s
    if not length:
        return ["  one instant, no speed"]
    speeds = _by_column(steps, length)
    highest = max((speed for speed in speeds if speed is not None), default=0.0)
    legend = (
        f"0 to {duration(length)}; highest bar {quantity(highest, 'km/h')}, average of a column; blank: gap or jump"
    )
    return [f"  {sparkline(speeds)}", f"  {legend}"]


def _by_column(steps: list[Step], length: float) -> list[float | None]:
    """The mean speed of each column's share of the time, of good steps alone."""
    metres, seconds = [0.0] * COLUMNS, [0.0] * COLUMNS
    width = length / COLUMNS
    for step in steps:
        if step.kind != "good":
            continue
        start, end = step.start.elapsed_s, step.end.elapsed_s
        for column in range(int(start / width), min(int(end / width), COLUMNS - 1) + 1):
            inside = min(end, (column + 1) * width) - max(start, column * width)
            if inside > 0:
                metres[column] += inside * step.speed_kmh
                seconds[column] += inside
    return [m / s if s else None for m, s in zip(metres, seconds, strict=True)]


def _picture(track: list[Fix], steps: list[Step]) -> list[str]:
    west, east, south, north = frame_of(track, steps)
    across, down = COLUMNS * 2 - 1, LINES * 4 - 1
    metres_a_dot = max((east - west) / across, (north - south) / down)
    dot = metres_a_dot or 1.0

    def place(fix: Fix) -> tuple[int, int]:
        return round((fix.x_m - west) / dot), round((north - fix.y_m) / dot)

    cells: dict[tuple[int, int], int] = {}
    drawn = [(place(step.start), place(step.end)) for step in steps if step.kind == "good"]
    for start, end in [*drawn, *((place(fix), place(fix)) for fix in track)]:
        for x, y in _line(start, end):
            if 0 <= x <= across and 0 <= y <= down:
                cells[x // 2, y // 4] = cells.get((x // 2, y // 4), 0) | _DOTS[y % 4][x % 2]
    marks = {_cell(place(track[-1])): "E", _cell(place(track[0])): "S"}
    lines = []
    for line in range(max(y for _, y in cells) + 1):
        row = [marks.get((column, line)) or chr(_BRAILLE + cells.get((column, line), 0)) for column in range(COLUMNS)]
        lines.append("  " + "".join(row).replace(chr(_BRAILLE), " ").rstrip())
    both = "S start and end" if len(marks) == 1 else "S start, E end"
    if not metres_a_dot:
        return [*lines, f"  {both}; all points in one place"]
    return [*lines, f"  {_scale_bar(metres_a_dot)}; {both}; north is up; gaps and jumps are left blank"]


def _scale_bar(metres_a_dot: float) -> str:
    long = scale(metres_a_dot * COLUMNS)  # at most half of the width
    width = max(round(long / metres_a_dot / 2), 2)
    return f"├{'─' * (width - 2)}┤ {round_length(long)}"


def _cell(place: tuple[int, int]) -> tuple[int, int]:
    return place[0] // 2, place[1] // 4


def _line(start: tuple[int, int], end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    count = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    for step in range(count + 1):
        yield (
            start[0] + round((end[0] - start[0]) * step / count),
            start[1] + round((end[1] - start[1]) * step / count),
        )
