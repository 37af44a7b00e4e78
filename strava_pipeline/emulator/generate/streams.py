"""Streams from a sketch: the recordings behind an activity, one value for each point of its track.

Coarse on purpose: enough to develop against, not a physical model.
"""

from itertools import pairwise
from math import pi, sin
from random import Random
from typing import Any

from strava_pipeline.emulator.generate.sketch import Sketch
from strava_pipeline.emulator.generate.summary import THERMOMETER_FROM, is_old, points_of

INDOOR_POINTS = 120  # a recording without a track


def streams_of(seed: int, sketch: Sketch) -> dict[str, list[Any]] | None:
    """By key, all of one length; None for what was typed in."""
    if sketch.manual:
        return None
    points = points_of(seed, sketch)
    count = len(points) or min(INDOOR_POINTS, sketch.moving)
    rng = Random(f"{seed}:{sketch.id}:streams")
    shares = [index / max(1, count - 1) for index in range(count)]
    found: dict[str, list[Any]] = {
        "time": [round(share * sketch.elapsed) for share in shares],
        "distance": [round(share * sketch.distance, 1) for share in shares],
    }
    if points:
        found["latlng"] = [list(point) for point in points]
        height = min(sketch.gain, 30 + sketch.gain * 0.4)
        found["altitude"] = [
            round(sketch.place.elevation + height * (0.5 - 0.5 * sin(pi / 2 + 4 * pi * share)), 1) for share in shares
        ]
    if sketch.heartrate is not None:
        found["heartrate"] = [round(sketch.heartrate + rng.uniform(-8, 8)) for _ in shares]
    return found | _motion(sketch, found) | _sensors(seed, sketch, count)


def _motion(sketch: Sketch, found: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """What Strava makes of the recording: speed, slope, and whether it moved, which it never did at the start."""
    steps = [
        (later - before, far - near)
        for (before, later), (near, far) in zip(pairwise(found["time"]), pairwise(found["distance"]), strict=True)
    ]
    made: dict[str, list[Any]] = {
        "velocity_smooth": [0.0, *(round(metres / max(1, seconds), 3) for seconds, metres in steps)],
        "moving": [False, *(metres > 0 or not sketch.sport.moves for _, metres in steps)],
    }
    if "altitude" in found:
        climbs = [high - low for low, high in pairwise(found["altitude"])]
        slopes = [round(100 * up / max(1.0, metres), 1) for up, (_, metres) in zip(climbs, steps, strict=True)]
        made["grade_smooth"] = [slopes[0] if slopes else 0.0, *slopes]
    return made


def _sensors(seed: int, sketch: Sketch, count: int) -> dict[str, list[Any]]:
    """What a crank, a foot pod and a thermometer tell, where the summary has their means."""
    rng = Random(f"{seed}:{sketch.id}:sensors")
    found: dict[str, list[Any]] = {}
    if sketch.power_meter or (sketch.sport.kind == "Run" and not is_old(sketch)):
        found["cadence"] = [round(84 + rng.uniform(-6, 6)) for _ in range(count)]
    if sketch.power_meter:
        usual = (sketch.distance / sketch.moving) ** 2 * 2.4
        found["watts"] = [max(0, round(usual + rng.uniform(-40, 60))) for _ in range(count)]
    if sketch.mapped and sketch.sport.kind != "Walk" and sketch.share >= THERMOMETER_FROM:
        usual = rng.gauss(15, 7)
        found["temp"] = [round(usual + rng.uniform(-1, 1)) for _ in range(count)]
    return found
