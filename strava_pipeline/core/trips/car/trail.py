"""The trail of a trip: derived from the raw points of car and phone, which are never thinned themselves. And its length."""

from functools import lru_cache
from itertools import pairwise
from operator import attrgetter

from strava_pipeline.core.haversine import distance_m
from strava_pipeline.core.trips.car.limits import Limits, rounded
from strava_pipeline.core.trips.car.state import Cache, Point


def trail(cache: Cache, limits: Limits) -> tuple[Point, ...]:
    """The points outside of skip locations in order of time (at one instant the car's first), not too near together.

    The first and the last stay in any case.
    """
    raw = [point for points in (cache.gps_trail, cache.gps_events) for point in points if not point.is_skip]
    raw.sort(key=attrgetter("timestamp"))  # stable: the car before the phone, each in stored order
    kept: list[Point] = []
    for point in raw:
        if not kept or rounded(_metres(kept[-1], point)) >= limits.thinning_m:
            kept.append(point)
    if kept and kept[-1] is not raw[-1]:
        kept.append(raw[-1])
    return tuple(kept)


def length_km(points: tuple[Point, ...], limits: Limits) -> float:
    """The straight lines between the points, lengthened by what roads are longer."""
    return sum(_metres(*ends) for ends in pairwise(points)) / 1000 * limits.haversine_factor


def km_now(cache: Cache, limits: Limits) -> float:
    """How far the trip has gone: by the odometer, else by its trail. No router is asked."""
    if cache.start_odo is None or cache.last_odo is None:
        return length_km(trail(cache, limits), limits)
    return cache.last_odo - cache.start_odo


@lru_cache(maxsize=65_536)  # without an odometer every ping asks how far it was: the same pairs again and again
def _metres(one: Point, other: Point) -> float:
    return distance_m(one.lat, one.lng, other.lat, other.lng)
