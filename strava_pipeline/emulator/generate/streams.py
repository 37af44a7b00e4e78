"""Streams from a sketch: the recordings behind an activity, one value for each point of its track.

Coarse on purpose: enough to develop against, not a physical model.
"""

from math import pi, sin
from random import Random
from typing import Any

from strava_pipeline.emulator.generate.sketch import Sketch
from strava_pipeline.emulator.generate.summary import points_of

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
    return found
