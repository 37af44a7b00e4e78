"""The track of one trip for drawing: in metres from its first point, so that a picture tells a shape and no place.

Which points count, and what lies between them, is as for the metrics. Projection: equirectangular at the first point's latitude,
which for the length of a ride is within the width of a line; over hundreds of kilometres the shape is off, the numbers are not.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

from strava_pipeline.core.haversine import EARTH_M
from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.activity.points import points_frame
from strava_pipeline.core.trips.activity.thresholds import Thresholds
from strava_pipeline.core.trips.activity.track import KMH, segments, usable_points, used_points

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
    alone = [before and after for before, after in zip([False, *jumped], [*jumped, False], strict=True)]
    framed = [fix for fix, outside in zip(track, alone, strict=True) if not outside]
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
