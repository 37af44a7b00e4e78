"""A trip drawn in characters: a line of its speed, a picture of its track; in metres from the first point, so no places."""

import math
from collections.abc import Iterator, Sequence

from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.activity.metres import Fix, Step, drawn, frame_of
from strava_pipeline.core.trips.activity.quantities import duration, round_length, told
from strava_pipeline.core.trips.activity.thresholds import Thresholds

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
    legend = f"0 to {duration(length)}; highest bar {told(highest, 'km/h')}, average of a column; blank: gap or jump"
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
