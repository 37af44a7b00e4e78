"""The track of a trip: the points of many trips as one flat frame, the segments between them, and one trip drawn in metres.

Malformed values in a location list (text for numbers, None, lists) become nulls here and nowhere else. Then points are
dropped, sorted and deduplicated, and joined to segments of several kinds. A picture shows metres from the first point,
hence a shape without a place; its projection is equirectangular at the first point's latitude: over hundreds of
kilometres the shape is distorted, the numbers are not. Sums and percentiles over points are metrics.py's, charts are
charts.py's.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from types import NoneType
from typing import Any

import polars as pl

from strava_pipeline.core.geodesy import EARTH_M, column_distance_m, sampled
from strava_pipeline.core.json_values import MILLISECONDS, clean_text, finite_number, parse_instant
from strava_pipeline.trips.activity.rules.bundle import Bundle
from strava_pipeline.trips.activity.rules.text import duration, quantity, round_length
from strava_pipeline.trips.activity.rules.thresholds import Thresholds

KMH = 3.6  # km/h per m/s

_ENDS = ("latitude_0", "longitude_0", "latitude", "longitude")
_TRIP, _AT, _ACCURACY = pl.col("trip"), pl.col("at"), pl.col("accuracy")
_LAST_AT = _AT.shift(1)
_SAME_TRIP = _TRIP.eq(_TRIP.shift(1)).fill_null(value=False)
_ON_EARTH = pl.col("latitude").is_between(-90, 90) & pl.col("longitude").is_between(-180, 180)
# iOS: a negative accuracy is an invalid fix
_USABLE = _ON_EARTH & _AT.is_not_null() & (_ACCURACY >= 0).fill_null(value=True)


def usable_points(points: pl.DataFrame) -> pl.DataFrame:
    """The points with a position on Earth, a time and no invalid accuracy, as recorded; `backwards`: earlier than the
    point before.
    """
    return points.filter(_USABLE).with_columns(backwards=_SAME_TRIP & (_AT < _LAST_AT))


def used_points(usable: pl.DataFrame) -> pl.DataFrame:
    """One point per instant, each trip's in order: of several the most accurate, among equals the first recorded."""
    points = usable.drop("backwards")
    disordered = points.filter(_SAME_TRIP & (_AT <= _LAST_AT))["trip"].unique()
    if disordered.is_empty():
        return points
    ordering = _TRIP.is_in(disordered.implode())  # only these trips are sorted: most come in order
    ordered = points.filter(ordering).sort("trip", "at", _ACCURACY.fill_null(float("inf")), maintain_order=True)
    return pl.concat([points.filter(~ordering), ordered.filter(~(_SAME_TRIP & (_AT == _LAST_AT)))])


def segments(used: pl.DataFrame, thresholds: Thresholds) -> pl.DataFrame:
    """The used points, each with the segment that leads to it, null for its trip's first point.

    dt (s), d (m), v (m/s), the booleans teleport, gap, good, moving, and jitter (m): how far the point lies off the
    line between its neighbours, if both of its segments are good.
    """
    joined = used.with_columns(
        pl.when(_SAME_TRIP).then(pl.col(name).shift(1)).alias(f"{name}_0") for name in ("latitude", "longitude", "at")
    )
    joined = joined.with_columns(dt=_AT - pl.col("at_0"), d=column_distance_m(*map(pl.col, _ENDS)))
    joined = joined.with_columns(v=pl.col("d") / pl.col("dt"))
    joined = joined.with_columns(
        teleport=pl.col("v") > thresholds["teleport_speed_ms"], gap=pl.col("dt") > thresholds["gap_s"]
    )
    joined = joined.with_columns(good=~pl.col("teleport") & ~pl.col("gap"))
    return joined.with_columns(
        moving=pl.col("good") & (pl.col("v") >= thresholds["stationary_speed_ms"]), jitter=_jitter()
    )


def _jitter() -> pl.Expr:
    """The distance of a point from its expected place at its time on the straight line between its neighbours, in degrees."""
    last, after = pl.col("latitude_0"), pl.col("latitude").shift(-1)
    share = pl.col("dt") / (pl.col("dt") + pl.col("dt").shift(-1))
    east = pl.col("longitude").shift(-1) - pl.col("longitude_0")
    east = east - 360 * (east / 360).round()  # the shorter way round, over the antimeridian too
    off = column_distance_m(
        last + (after - last) * share, pl.col("longitude_0") + east * share, pl.col("latitude"), pl.col("longitude")
    )
    between = pl.col("good") & pl.col("good").shift(-1)  # null at a trip's first point, and so after its last
    return pl.when(between).then(off)


_NUMBERS = {"latitude": "latitude", "longitude": "longitude", "speed": "speed", "accuracy": "horizontal_accuracy"}
_GETTERS = {key: itemgetter(key) for key in (*_NUMBERS.values(), "timestamp", "activity")}


def points_frame(bundles: Sequence[Bundle]) -> pl.DataFrame:
    """Columns trip (the bundle's place, UInt32), latitude, longitude, speed (m/s), accuracy (m), at (epoch seconds), activity.

    Missing or malformed values become null; an element that isn't an object becomes a row of nulls.
    """
    held = _values_by_key(bundles)
    return pl.DataFrame(
        [
            _trip_column([len(bundle.locations) for bundle in bundles]),
            *(_number_column(name, held[key]) for name, key in _NUMBERS.items()),
            _instant_column(held["timestamp"]),
            _text_column(held["activity"]),
        ]
    )


def _values_by_key(bundles: Sequence[Bundle]) -> dict[str, list[Any]]:
    """All values of each key; trip by trip, while a trip's objects are in the processor's cache."""
    held: dict[str, list[Any]] = {key: [] for key in _GETTERS}
    for bundle in bundles:
        for key, values in held.items():
            values.extend(_of_points(bundle.locations, key))
    return held


def _of_points(points: list[Any], key: str) -> list[Any]:
    try:
        return list(map(_GETTERS[key], points))
    except (KeyError, TypeError):  # a point lacks it, or isn't an object
        return [point.get(key) if isinstance(point, dict) else None for point in points]


def _trip_column(counts: list[int]) -> pl.Series:
    held = pl.DataFrame({"trip": range(len(counts)), "points": counts}, schema={"trip": pl.UInt32, "points": pl.UInt32})
    not_empty = held.filter(pl.col("points") > 0)  # before version 2, Polars makes a row of an empty list too
    return not_empty.select(pl.col("trip").repeat_by("points").explode())["trip"]


# The types are asked first, of a whole column at once: where they are what they should be, as in nearly every batch, no value is
# looked at in Python (1.6 million points: 1.1 s instead of 2.6 s). Polars itself would take True for 1.0 and "2" for 2.0.


def _number_column(name: str, values: list[Any]) -> pl.Series:
    if not set(map(type, values)) <= {float, NoneType}:
        values = [value if type(value) is float else finite_number(value) for value in values]
    return _finite(pl.Series(name, values, dtype=pl.Float64))


def _instant_column(values: list[Any]) -> pl.Series:
    if not set(map(type, values)) <= {float, NoneType}:
        seconds = [
            value if type(value) is float and abs(value) <= MILLISECONDS else parse_instant(value) for value in values
        ]
        return pl.Series("at", seconds, dtype=pl.Float64)
    numbers = pl.Series("at", values, dtype=pl.Float64)
    at = pl.col("at")
    return _finite(numbers.to_frame().select(pl.when(at.abs() > MILLISECONDS).then(at / 1000).otherwise(at))["at"])


def _text_column(values: list[Any]) -> pl.Series:
    if not set(map(type, values)) <= {str, NoneType}:
        values = [value if isinstance(value, str) else None for value in values]
    try:
        texts = pl.Series("activity", values, dtype=pl.String)
    except UnicodeEncodeError:
        texts = pl.Series("activity", [value and clean_text(value) for value in values], dtype=pl.String)
    return texts.to_frame().select(pl.when(pl.col("activity") != "").then("activity"))["activity"]


def _finite(series: pl.Series) -> pl.Series:
    name = series.name
    return series.to_frame().select(pl.when(pl.col(name).is_finite()).then(name))[name]


Position = tuple[float, float]
"""Longitude and latitude, in degrees."""


def waypoints(bundles: Sequence[Bundle]) -> dict[str, list[Position]]:
    """By external id, the sampled track of each trip with at least two points.

    Of two trips with one external id, the first one's.
    """
    used = used_points(usable_points(points_frame(bundles)))
    found: dict[str, list[Position]] = {}
    for (trip,), points in used.sort("trip", maintain_order=True).group_by("trip", maintain_order=True):
        if points.height > 1:
            found.setdefault(bundles[trip].external_id, sampled(points.select("longitude", "latitude").rows()))
    return found


LIGHT_MS = 299_792_458.0  # m/s: a device's faster speeds are invalid
_METRES_A_DEGREE = EARTH_M * math.pi / 180
_Point = tuple[float, float, float, float | None, float | None]  # at, latitude, longitude, speed, accuracy


@dataclass(frozen=True, slots=True)
class Fix:
    """One used point: x grows to the east, y to the north. `speed_kmh` is the device's, None if invalid."""

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
    """The used points of a trip, earliest first, and the steps between them; both may be empty."""
    found = segments(used_points(usable_points(points_frame([bundle]))), thresholds)
    points = found.select("at", "latitude", "longitude", "speed", "accuracy").rows()
    track = [_fix_of(point, points[0]) for point in points]
    between = found.select("v", "gap", "teleport").rows()[1:]
    return track, [_step_between(*ends, *one) for ends, one in zip(pairwise(track), between, strict=True)]


def frame_of(track: list[Fix], steps: list[Step]) -> tuple[float, float, float, float]:
    """West, east, south and north of a picture: without places to which the track jumps and from which it returns."""
    jumped = [step.kind == "teleport" for step in steps]
    isolated = [before and after for before, after in zip([False, *jumped], [*jumped, False], strict=True)]
    framed = [fix for fix, outside in zip(track, isolated, strict=True) if not outside]
    across, up = [fix.x_m for fix in framed], [fix.y_m for fix in framed]
    return min(across), max(across), min(up), max(up)


def _fix_of(point: _Point, first: _Point) -> Fix:
    at, latitude, longitude, speed, accuracy = point
    east = (longitude - first[2] + 180) % 360 - 180  # the short way round, over the antimeridian too
    return Fix(
        elapsed_s=at - first[0],
        x_m=east * _METRES_A_DEGREE * math.cos(math.radians(first[1])),
        y_m=(latitude - first[1]) * _METRES_A_DEGREE,
        speed_kmh=None if speed is None or not 0 <= speed < LIGHT_MS else speed * KMH,
        accuracy_m=accuracy,
    )


def _step_between(start: Fix, end: Fix, speed_ms: float, gap: bool, teleport: bool) -> Step:
    return Step(start, end, "teleport" if teleport else "gap" if gap else "good", speed_ms * KMH)


COLUMNS, LINES = 60, 20
_BARS = "▁▂▃▄▅▆▇█"
_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # the dots of a cell in Braille, by line and column
_ROUND = (1, 2, 5)


def sketch(bundle: Bundle, thresholds: Thresholds) -> str:
    """Both drawings, with the lengths of their sides."""
    track, steps = drawn(bundle, thresholds)
    if not track:
        return "Sketch: no point to draw\n"
    return "\n".join(["Speed", *_speed(track, steps), "", "Track", *_picture(track, steps)]) + "\n"


def sparkline(speeds: Sequence[float | None]) -> str:
    """A bar per value, from 0 to the highest; a space for a missing one."""
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
    """The mean speed of each column's share of the time, from good steps only."""
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
