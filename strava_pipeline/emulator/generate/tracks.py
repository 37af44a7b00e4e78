"""Tracks around made-up loops, and Google's encoding of polylines, in which Strava sends them.

The curves know nothing of streets and coasts; their length is right.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import cos, hypot, pi, radians, sin
from random import Random

METRES_PER_DEGREE = 111_320.0  # of latitude, and of longitude at the equator (WGS 84, rounded)
POINTS = (24, 150)  # least and most of a track; enough for a picture, few enough to be made in a millisecond
SUMMARY_STEP = 4  # a summary polyline keeps every fourth point

Point = tuple[float, float]


def track(rng: Random, lat: float, lon: float, distance: float, *, loop: bool) -> list[Point]:
    """Points (latitude, longitude) of a curve that is `distance` metres long and begins near a position."""
    count = max(POINTS[0], min(POINTS[1], int(distance / 80)))
    end = 2 * pi if loop else 1.1 * pi
    a, b, turn = rng.uniform(0, 2 * pi), rng.uniform(0, 2 * pi), rng.uniform(0, 2 * pi)
    shape = []
    for index in range(count):
        t = end * index / (count - 1) + turn
        x = cos(t) + 0.35 * cos(2 * t + a) + 0.08 * cos(7 * t + b)
        y = sin(t) + 0.35 * sin(3 * t + b) + 0.08 * sin(6 * t + a)
        shape.append((x, y))
    length = sum(hypot(q[0] - p[0], q[1] - p[1]) for p, q in pairwise(shape))
    north = distance / length / METRES_PER_DEGREE
    east = north / cos(radians(lat))
    lat += rng.uniform(-0.004, 0.004) - shape[0][1] * north
    lon += rng.uniform(-0.004, 0.004) - shape[0][0] * east
    return [(round(lat + y * north, 6), round(lon + x * east, 6)) for x, y in shape]


def thinned(points: Sequence[Point]) -> list[Point]:
    """Every fourth point, and the last."""
    return [*points[:-1:SUMMARY_STEP], points[-1]]


def encode(points: Sequence[Point]) -> str:
    """Google's polyline encoding: developers.google.com/maps/documentation/utilities/polylinealgorithm."""
    out: list[str] = []
    last_lat = last_lon = 0
    for lat, lon in points:
        now_lat, now_lon = round(lat * 1e5), round(lon * 1e5)
        for delta in (now_lat - last_lat, now_lon - last_lon):
            value = ~(delta << 1) if delta < 0 else delta << 1
            while value >= 0x20:
                out.append(chr((0x20 | (value & 0x1F)) + 63))
                value >>= 5
            out.append(chr(value + 63))
        last_lat, last_lon = now_lat, now_lon
    return "".join(out)
