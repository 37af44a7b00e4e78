"""A finished trip: its record, the trail derived from the raw points of car and phone, and whether it was business.

The raw points are never thinned themselves. How the values of a record come about is finalise.py's.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter
from typing import Any

from strava_pipeline.core.haversine import distance_m
from strava_pipeline.core.trips.car.config import OFFICE, CarConfig, Limits, Place, Position, position_json, rounded
from strava_pipeline.core.trips.car.state import Cache, Point
from strava_pipeline.core.trips.values import format_milliseconds


class Via(StrEnum):
    """What ended a trip."""

    PARKED = "parked"
    END = "end"
    SAFETY_NET = "safety_net"


class DistanceSource(StrEnum):
    """What measured a trip: the car, the router, or the straight lines between its points, lengthened."""

    ODOMETER = "odometer"
    OSRM = "osrm"
    HAVERSINE = "haversine"


class Classification(StrEnum):
    """Business or private."""

    BUSINESS = "B"
    PRIVATE = "P"


@dataclass(frozen=True, slots=True)
class Trip:
    """Instants are epoch seconds, distances and odometers km; `gps_trail` is the derived one, the counts are of raw points."""

    trip_id: str
    user_id: str
    car_id: str | None
    car_name: str | None
    start_time: float
    end_time: float
    start_odo: float | None
    end_odo: float | None
    distance_km: float
    distance_source: DistanceSource
    gps_only: bool
    start_gps: Position | None
    end_gps: Position | None
    start_location: str | None
    end_location: str | None
    gps_trail: tuple[Point, ...]
    trail_points: int
    phone_points: int
    car_points: int
    direct_km: float | None
    deviation_percent: float | None
    long_route: bool
    classification: Classification
    via: Via
    resumes_trip_id: str | None


def trip_id(user_id: str, start_time: float) -> str:
    """A user has one trip at a time, so its start names it."""
    return f"{user_id}:{format_milliseconds(start_time)}"


def trip_json(trip: Trip) -> dict[str, Any]:
    """The record as it is stored and shown."""
    held: dict[str, Any] = {name: getattr(trip, name) for name in Trip.__slots__}
    return held | {
        "start_time": format_milliseconds(trip.start_time),
        "end_time": format_milliseconds(trip.end_time),
        "start_gps": position_json(trip.start_gps),
        "end_gps": position_json(trip.end_gps),
        "gps_trail": [
            {"lat": point.lat, "lng": point.lng, "timestamp": format_milliseconds(point.timestamp)}
            for point in trip.gps_trail
        ],
        "distance_source": trip.distance_source.value,
        "classification": trip.classification.value,
        "via": trip.via.value,
    }


def trail(cache: Cache, limits: Limits) -> tuple[Point, ...]:
    """The points outside of skip locations in order of time (at one instant the car's first), thinned.

    The first and the last point always stay.
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
    """Kilometres of the straight lines between the points, times the factor by which roads are longer."""
    return sum(_metres(*ends) for ends in pairwise(points)) / 1000 * limits.haversine_factor


def km_now(cache: Cache, limits: Limits) -> float:
    """How far the trip has gone: by the odometer, else by its trail. No router is asked."""
    if cache.start_odo is None or cache.last_odo is None:
        return length_km(trail(cache, limits), limits)
    return cache.last_odo - cache.start_odo


@lru_cache(maxsize=65_536)  # without an odometer every ping asks how far it was: the same pairs again and again
def _metres(one: Point, other: Point) -> float:
    return distance_m(one.lat, one.lng, other.lat, other.lng)


SATURDAY = 5  # of datetime.weekday()


def classify(config: CarConfig, start_time: float, start: Place | None, end: Place | None) -> Classification:
    """Business from or to an office; else private on a Saturday or Sunday in the user's time zone, business otherwise."""
    if any(place is not None and place.kind == OFFICE for place in (start, end)):
        return Classification.BUSINESS
    began = datetime.fromtimestamp(start_time, config.zone)
    return Classification.PRIVATE if began.weekday() >= SATURDAY else Classification.BUSINESS
