"""The picture of a track as geometry: its steps coloured by their speed, start, end and scale. In metres: no places."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from strava_pipeline.core.trips.activity.charts import WIDTH, Line, speed_class, svg_points
from strava_pipeline.core.trips.activity.metres import Fix, Step, frame_of
from strava_pipeline.core.trips.activity.quantities import round_length, told
from strava_pipeline.core.trips.activity.sketch import scale

_MARGIN, _FOOT = 24, 34  # around the track; below it, for the scale
_LOWEST, _HIGHEST = 160, 460
_FINEST = 1.5  # a step shorter than this in the picture is drawn together with the next of its kind and colour


@dataclass(frozen=True, slots=True)
class TrackChart:
    """In units of the SVG; `scale` is the length that the bar stands for, empty where all points are one."""

    lines: tuple[Line, ...]
    start: tuple[float, float]
    end: tuple[float, float]
    scale: str
    scale_width: float
    wide: str
    high: str
    height: int
    width: int = WIDTH


def track_chart(track: list[Fix], steps: list[Step]) -> TrackChart:
    """The picture, north up, as large as fits."""
    west, east, south, north = frame_of(track, steps)
    wide, high = east - west, north - south
    room = (WIDTH - 2 * _MARGIN, _HIGHEST - 2 * _MARGIN - _FOOT)
    by_width, by_height = wide / room[0], high / room[1]
    metres = max(by_width, by_height) or 1.0
    height = max(_LOWEST, round(high / metres + 2 * _MARGIN + _FOOT))
    left = (WIDTH - wide / metres) / 2
    top = (height - _FOOT - high / metres) / 2

    def place(fix: Fix) -> tuple[float, float]:
        return left + (fix.x_m - west) / metres, top + (north - fix.y_m) / metres

    longest = scale(metres * WIDTH / 3) if max(wide, high) else 0.0
    name = round_length(longest) if longest else ""
    lines = tuple(
        Line(style, svg_points(_thinned([place(fix) for fix in _fixes(list(run))])))
        for style, run in groupby(steps, key=_style)
    )
    sides = told(wide, "m"), told(high, "m")
    return TrackChart(lines, place(track[0]), place(track[-1]), name, longest / metres, *sides, height)


def _style(step: Step) -> str:
    return f"s{speed_class(step.speed_kmh)}" if step.kind == "good" else step.kind


def _fixes(run: Sequence[Step]) -> list[Fix]:
    return [run[0].start, *(step.end for step in run)]


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    kept = [points[0]]
    for point in points[1:-1]:
        if max(abs(point[0] - kept[-1][0]), abs(point[1] - kept[-1][1])) >= _FINEST:
            kept.append(point)
    return [*kept, points[-1]]
