"""The track of one trip for drawing: in metres from its first point, so that a picture tells a shape and no place.

Which points count is as for the metrics (dropped, sorted, one per instant). Projection: equirectangular at the first point's
latitude, which for the length of a ride is within the width of a line. Numbers that decide anything are metrics.py's.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.activity.instants import parse_instant

_METRES_A_DEGREE = 6_371_008.8 * math.pi / 180  # on the sphere that distances are measured on


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


@dataclass(frozen=True, slots=True)
class _Point:
    at: float
    latitude: float
    longitude: float
    speed: float | None
    accuracy: float | None


def track_of(bundle: Bundle) -> list[Fix]:
    """The used points of a trip, earliest first; empty where there are none."""
    usable = [point for point in map(_point, bundle.locations) if point is not None]
    best: dict[float, _Point] = {}
    for point in sorted(usable, key=lambda point: point.at):
        if point.at not in best or _radius(point) < _radius(best[point.at]):
            best[point.at] = point
    points = list(best.values())
    return [_fix(point, points[0]) for point in points]


def steps_of(track: list[Fix], gap_s: float, teleport_speed_ms: float) -> list[Step]:
    """What lies between the fixes."""
    return [_step(start, end, gap_s, teleport_speed_ms) for start, end in pairwise(track)]


def frame_of(track: list[Fix], steps: list[Step]) -> tuple[float, float, float, float]:
    """West, east, south and north of what a picture is drawn for: without what the track jumps to and back from."""
    jumped = [step.kind == "teleport" for step in steps]
    alone = [before and after for before, after in zip([False, *jumped], [*jumped, False], strict=True)]
    framed = [fix for fix, outside in zip(track, alone, strict=True) if not outside]
    across, up = [fix.x_m for fix in framed], [fix.y_m for fix in framed]
    return min(across), max(across), min(up), max(up)


def _point(location: Any) -> _Point | None:
    if not isinstance(location, Mapping):
        return None
    latitude, longitude = _number(location.get("latitude")), _number(location.get("longitude"))
    at, accuracy = parse_instant(location.get("timestamp")), _number(location.get("horizontal_accuracy"))
    if latitude is None or longitude is None or at is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    if accuracy is not None and accuracy < 0:  # iOS: the position is invalid
        return None
    speed = _number(location.get("speed"))
    return _Point(at, latitude, longitude, None if speed is None or speed < 0 else speed, accuracy)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _radius(point: _Point) -> float:
    return math.inf if point.accuracy is None else point.accuracy


def _fix(point: _Point, first: _Point) -> Fix:
    east = (point.longitude - first.longitude + 180) % 360 - 180  # the short way round, over the antimeridian too
    return Fix(
        elapsed_s=point.at - first.at,
        x_m=east * _METRES_A_DEGREE * math.cos(math.radians(first.latitude)),
        y_m=(point.latitude - first.latitude) * _METRES_A_DEGREE,
        speed_kmh=None if point.speed is None else point.speed * 3.6,
        accuracy_m=point.accuracy,
    )


def _step(start: Fix, end: Fix, gap_s: float, teleport_speed_ms: float) -> Step:
    seconds = end.elapsed_s - start.elapsed_s
    speed = math.hypot(end.x_m - start.x_m, end.y_m - start.y_m) / seconds if seconds > 0 else 0.0
    kind = "teleport" if speed > teleport_speed_ms else "gap" if seconds > gap_s else "good"
    return Step(start, end, kind, speed * 3.6)
