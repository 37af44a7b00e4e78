"""A device's recording of an activity: the track, the streams with one value for each point, and splits.

Each is made on request from the activity's own seed, so that it is the same every time.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import cos, hypot, pi, radians, sin
from random import Random
from typing import Any

from strava_pipeline.emulator.generate.activities import Activity
from strava_pipeline.emulator.generate.efforts import Power, peak_heartrate, power_of, temperature_of
from strava_pipeline.emulator.generate.places import MEAN_GAIN

METRES_PER_DEGREE = 111_320.0  # of latitude, and of longitude at the equator (WGS 84, rounded)
KILOMETRE, MILE = 1000.0, 1609.344  # metres
INDOOR_POINTS = 120  # in a recording without a track
_FEWEST_POINTS = 16  # of a recording that has stops
_MOST_STOPS = 4
_STEEPEST = 0.12  # slopes beyond it go as this one
_EASY = 185.0  # watts
_COASTS = 0.08  # of the time
_HEART_LAGS = 30.0  # s
TRACK_POINTS = (24, 150)  # least and most; enough for a picture, few enough for a millisecond

_HILLS = tuple(  # how high, and how much of a wave a metre to the east and to the north is
    (length**0.8, 2 * pi * cos(way) / length, 2 * pi * sin(way) / length)
    for length, way in ((1300.0, 0.4), (2900.0, 1.9), (8300.0, 2.7))
)

Point = tuple[float, float]


def track_points(seed: int, activity: Activity) -> list[Point]:
    """The track of an activity; empty if it has none."""
    if not activity.mapped:
        return []
    way = "commute" if activity.commute else activity.id  # to work the same way every day
    rng = Random(f"{seed}:{way}:track")
    return _track(rng, activity.place.lat, activity.place.lon, activity.distance, loop=not activity.commute)


def recorded_streams(seed: int, activity: Activity, seconds: int | None = None) -> dict[str, list[Any]] | None:
    """The recorded values by Strava's names of streams, all of one length; None for a manual activity.

    `seconds`: from a point to the next while in motion; None: a few points, which are enough for a picture.
    """
    if activity.manual:
        return None
    power = power_of(seed, activity)
    found = outline(seed, activity, track_points(seed, activity), power)
    if seconds:
        found = with_more_points(found, seconds)
    found |= _motion(found)
    found |= _sensors(seed, activity, found, power)
    if activity.heartrate is not None:
        found["heartrate"] = _heartrates(seed, activity, found)
    return found


def outline(seed: int, activity: Activity, points: Sequence[Point], power: Power | None) -> dict[str, list[Any]]:
    """Time, distance, whether the athlete moved until then (never at the start), and with a track positions and heights."""
    count = len(points) or min(INDOOR_POINTS, activity.moving)
    heights = _heights(activity, points)
    times = _moving_times(activity, heights, count, power)
    places = [*range(count)]
    found: dict[str, list[Any]] = {"time": times, "moving": [False, *[True] * (count - 1)]}
    for number, (stop, rest) in enumerate(_stops(seed, activity, count), start=1):
        again = stop + number  # where one goes on, behind the point at which one stopped
        places.insert(again, stop)
        found["moving"].insert(again, False)
        times[again:] = [times[again - 1] + rest, *(at + rest for at in times[again:])]
    found["distance"] = [round(place / max(1, count - 1) * activity.distance, 1) for place in places]
    if points:
        found["latlng"] = [list(points[place]) for place in places]
        found["altitude"] = [heights[place] for place in places]
    return found


def _heights(activity: Activity, points: Sequence[Point]) -> list[float]:
    """The height of each point: hills that depend on the position, scaled to the activity's climbing."""
    place, east = activity.place, METRES_PER_DEGREE * cos(radians(activity.place.lat))
    (a, a_x, a_y), (b, b_x, b_y), (c, c_x, c_y) = _HILLS
    ways = [((lon - place.lon) * east, (lat - place.lat) * METRES_PER_DEGREE) for lat, lon in points]
    hills = [a * sin(x * a_x + y * a_y) + b * sin(x * b_x + y * b_y) + c * sin(x * c_x + y * c_y) for x, y in ways]
    climbed = sum(max(0.0, high - low) for low, high in pairwise(hills))
    scale, lowest = activity.gain / climbed if climbed else 0.0, min(hills, default=0.0)
    return [round(place.elevation + (hill - lowest) * scale, 1) for hill in hills]


def _moving_times(activity: Activity, heights: Sequence[float], count: int, power: Power | None) -> list[int]:
    """Seconds of moving until each point, slower uphill, and faster downhill and with more power.

    A run becomes faster from beginning to end, so that its best times over shorter distances are those of
    `best_efforts`: the pace changes linearly, and the best stretch of each length is the last one.
    """
    if activity.best:
        shares = [place / max(1, count - 1) for place in range(count)]
        return [round(activity.moving * share * (1 + MEAN_GAIN * (1 - share))) for share in shares]
    step, reached = max(1.0, activity.distance / count), [0.0]
    for place in range(1, count):
        speed = 1.0 if power is None else (power.at(activity.moving * place / count) / power.average) ** 0.35
        if heights:
            slope = max(-_STEEPEST, min(_STEEPEST, (heights[place] - heights[place - 1]) / step))
            speed *= 1 / (1 + 12 * slope) if slope > 0 else 1 - 6 * slope
        reached.append(reached[-1] + 1 / speed)
    return [round(activity.moving * at / reached[-1]) if reached[-1] else 0 for at in reached]


def _stops(seed: int, activity: Activity, count: int) -> list[tuple[int, int]]:
    """The stops, by the number of the point, and their seconds.

    On a run the stop is before the beginning, so that the best efforts of the whole way contain no pause.
    """
    rest = activity.elapsed - activity.moving
    if rest == 0 or count < _FEWEST_POINTS:
        return []
    if activity.best:
        return [(0, rest)]
    rng = Random(f"{seed}:{activity.id}:stops")
    places = sorted(rng.sample(range(count // 8, count * 7 // 8), min(_MOST_STOPS, 1 + rest // 240)))
    waits = whole_shares(rest, [rng.uniform(0.3, 1.0) for _ in places])
    return [*zip(places, waits, strict=True)]


def with_more_points(streams: Mapping[str, list[Any]], seconds: int) -> dict[str, list[Any]]:
    """The same streams with a point every `seconds` in motion, interpolated between the existing points."""
    times, last = streams["time"], len(streams["time"]) - 1
    wanted = [*range(times[0], times[-1], seconds), times[-1]] if times else []
    for (begins, ends), moves in zip(pairwise(times), streams["moving"][1:], strict=True):
        if not moves:
            wanted = [at for at in wanted if at < begins] + [begins, ends] + [at for at in wanted if at > ends]
    before = [max(0, bisect_right(times, at, hi=last) - 1) for at in wanted]
    after = [min(each + 1, last) for each in before]
    shares = [(at - times[i]) / max(1, times[j] - times[i]) for at, i, j in zip(wanted, before, after, strict=True)]
    places = [*zip(before, after, shares, strict=True)]
    return {name: wanted if name == "time" else _between(values, places) for name, values in streams.items()}


def _between(values: Sequence[Any], places: Sequence[tuple[int, int, float]]) -> list[Any]:
    """Interpolated values: at a share of the way from the point of the first number to that of the second."""
    if isinstance(values[0], bool):  # of the way until the point
        return [values[j if share else i] for i, j, share in places]
    if not isinstance(values[0], list):
        return [round(values[i] + (values[j] - values[i]) * share, 3) for i, j, share in places]
    ways = ((values[i], values[j], share) for i, j, share in places)
    return [[round(a + (c - a) * share, 6), round(b + (d - b) * share, 6)] for (a, b), (c, d), share in ways]


def _track(rng: Random, lat: float, lon: float, distance: float, *, loop: bool) -> list[Point]:
    """A curve of `distance` metres that begins near a position. It ignores streets and coasts; its length is right."""
    count = max(TRACK_POINTS[0], min(TRACK_POINTS[1], int(distance / 80)))
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


def _motion(found: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Values that follow from the others: speed and slope."""
    times, distances = pairwise(found["time"]), pairwise(found["distance"])
    steps = [(later - before, far - near) for (before, later), (near, far) in zip(times, distances, strict=True)]
    motion: dict[str, list[Any]] = {
        "velocity_smooth": [0.0, *(round(metres / max(1, seconds), 3) for seconds, metres in steps)]
    }
    if "altitude" in found:
        climbs = [high - low for low, high in pairwise(found["altitude"])]
        slopes = [round(100 * up / max(1.0, metres), 1) for up, (_, metres) in zip(climbs, steps, strict=True)]
        motion["grade_smooth"] = [slopes[0] if slopes else 0.0, *slopes]
    return motion


def highest_speed(found: Mapping[str, list[Any]]) -> float:
    """The highest of `velocity_smooth`, given the streams from which it is computed."""
    return float(max(_motion({name: found[name] for name in ("time", "distance")})["velocity_smooth"]))


def _sensors(
    seed: int, activity: Activity, found: Mapping[str, list[Any]], power: Power | None
) -> dict[str, list[Any]]:
    """Cadence, power and temperature, if the activity's device measured them."""
    rng, count = Random(f"{seed}:{activity.id}:sensors"), len(found["time"])
    sensed: dict[str, list[Any]] = {}
    if power is not None:
        sensed["watts"] = _watts(rng, found, power)
    if power is not None or (activity.sport.kind == "Run" and not activity.is_early):
        pedals = sensed.get("watts", [1] * count)
        sensed["cadence"] = [round(84 + rng.uniform(-6, 6)) if watts else 0 for watts in pedals]
    if (usual := temperature_of(seed, activity)) is not None:
        sensed["temp"] = [round(usual + rng.uniform(-1, 1)) for _ in range(count)]
    return sensed


def _watts(rng: Random, found: Mapping[str, list[Any]], power: Power) -> list[int]:
    """The power at each point. At easy power the athlete coasts now and then, and pedals harder otherwise."""
    watts, moved, begins = [], 0, 0
    for at, moves in zip(found["time"], found["moving"], strict=True):
        moved += at - begins if moves else 0
        begins = at
        value = power.at(min(moved, power.moving - 1))
        if value < _EASY:
            value = 0.0 if rng.random() < _COASTS else value / (1 - _COASTS)
        watts.append(round(min(power.peak, value * rng.uniform(0.96, 1.04))))
    return watts


def _heartrates(seed: int, activity: Activity, found: Mapping[str, list[Any]]) -> list[int]:
    """The heart follows the work half a minute later. Mean and highest are those of the summary."""
    rng, mean, peak = Random(f"{seed}:{activity.id}:streams"), activity.heartrate, peak_heartrate(seed, activity)
    assert mean is not None
    assert peak is not None
    work: Sequence[float] = found.get("watts") or _work(found)
    level, before = 0.8 * sum(work) / len(work), 0
    levels = []
    for at, each in zip(found["time"], work, strict=True):
        level += (each * rng.uniform(0.95, 1.05) - level) * min(1.0, (at - before) / _HEART_LAGS)
        before = at
        levels.append(level)
    usual, top = sum(levels) / len(levels), max(levels)
    scale = (peak - mean) / (top - usual) if top > usual else 0.0
    return [round(max(mean - 3 * (peak - mean), mean + (level - usual) * scale)) for level in levels]


def _work(found: Mapping[str, list[Any]]) -> list[float]:
    """The effort without a measurement of power: by the speed and the slope; half as hard at a stop."""
    slopes = found.get("grade_smooth") or [0.0] * len(found["time"])
    usual = found["distance"][-1] / max(1, found["time"][-1]) or 1.0
    speeds = zip(found["velocity_smooth"], slopes, found["moving"], strict=True)
    return [
        max(0.4, 0.4 + 0.6 * (speed / usual) * (1 + 0.12 * slope)) if moves else 0.5 for speed, slope, moves in speeds
    ]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an activity: distance in metres, times in seconds; it begins after `begins` seconds of elapsed time."""

    distance: float
    moving: int
    elapsed: int
    begins: int


def cut_into_pieces(activity: Activity, unit: float, rng: Random) -> list[Piece]:
    """Pieces of one unit (metres) each, and the rest. They add up to the activity, to the decimetre and the second."""
    total = round(activity.distance * 10)
    step = round(unit * 10)
    edges = [min(total, step * number) for number in range(1, total // step + 1)]
    edges = [max(1, edge + rng.randint(-25, 25)) for edge in edges if total - edge > 25]
    bounds = [0, *edges, total]
    distances = [later - earlier for earlier, later in pairwise(bounds)]
    paces = [distance * rng.uniform(0.93, 1.07) for distance in distances]
    moving = whole_shares(activity.moving, paces)
    stops = whole_shares(activity.elapsed - activity.moving, [rng.random() ** 3 for _ in distances])
    found, begins = [], 0
    for distance, moved, stopped in zip(distances, moving, stops, strict=True):
        found.append(Piece(distance / 10, moved, moved + stopped, begins))
        begins += moved + stopped
    return found


def whole_shares(total: int, weights: list[float]) -> list[int]:
    """Whole numbers in proportion to the weights; their sum is the total."""
    sum_of_weights, reached, given, shares = sum(weights), 0.0, 0, []
    for weight in weights:
        reached += weight
        share = round(total * reached / sum_of_weights) - given if sum_of_weights else 0
        shares.append(share)
        given += share
    shares[-1] += total - given
    return shares
