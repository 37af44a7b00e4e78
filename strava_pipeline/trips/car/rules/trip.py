"""A car trip: under way (the cache, with the tracker's memory between two events), and finished (its record).

Records are immutable; instants are epoch seconds. As JSON the state is exact, so that it can be stored between two
events; in results the cache is shown with UTC texts. The trail of a trip is derived from the raw points of car and
phone, which are never thinned themselves. Changes of a state are tracker.py's, the values of the record turn.py's.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter
from typing import Any, NamedTuple

from strava_pipeline.core.geodesy import distance_m
from strava_pipeline.core.json_values import format_milliseconds
from strava_pipeline.trips.car.rules.config import OFFICE, CarConfig, Limits, Place, Position, position_json, rounded


class TripState(StrEnum):
    """The state of a user's tracking; derived from the cache, never stored."""

    IDLE = "idle"
    PAUSED_AT_SKIP = "paused_at_skip"
    GPS_ONLY = "gps_only"
    IDENTIFYING = "identifying"
    PARKING = "parking"
    DRIVING = "driving"


class Point(NamedTuple):
    """A position at an instant, raw as received; `is_skip`: at a skip location. A tuple, because a trip has thousands."""

    lat: float
    lng: float
    timestamp: float
    is_skip: bool = False

    @property
    def position(self) -> Position:
        return Position(self.lat, self.lng)


@dataclass(frozen=True, slots=True)
class Cache:
    """The trip under way. The names are a contract with programs that store and show it; fields of our own begin with `x_`."""

    user_id: str
    start_time: float
    x_last_counted_at: float  # the last ping that was more than a position
    x_last_event_at: float
    active: bool = True
    car_id: str | None = None
    car_name: str | None = None
    start_odo: float | None = None  # km
    last_odo: float | None = None
    no_driving_count: int = 0  # pings in a row for which no car was found driving
    parked_count: int = 0  # parked readings in a row
    skip_pause_count: int = 0  # parked readings in a row at a skip location
    api_error_count: int = 0  # errors of the car's API in a row
    gps_events: tuple[Point, ...] = ()  # the phone's
    gps_trail: tuple[Point, ...] = ()  # the car's
    audi_gps: Point | None = None  # the car's latest, of any make
    gps_only_mode: bool = False
    end_triggered: float | None = None  # when the phone said that the trip is over
    x_odo_anchor: float | None = None  # the odometer at the last parked reset
    x_parked_since: float | None = None
    x_odo_partial: bool = False  # the odometers don't cover the whole trip: the car was changed
    x_resumes_trip_id: str | None = None


@dataclass(frozen=True, slots=True)
class LastTrip:
    """Values of the last finalised trip that the cooldown needs."""

    trip_id: str
    car_id: str | None
    end_time: float
    end_odo: float | None


@dataclass(frozen=True, slots=True)
class TrackerState:
    """The state of one user; `last_parked_gps` by car id."""

    cache: Cache | None = None
    last_parked_gps: Mapping[str, Position] = field(default_factory=dict)
    last_trip: LastTrip | None = None


def state_name(cache: Cache | None) -> TripState:
    """The state of a cache; the first one that fits."""
    if cache is None:
        return TripState.IDLE
    if cache.skip_pause_count > 0:
        return TripState.PAUSED_AT_SKIP
    if cache.gps_only_mode:
        return TripState.GPS_ONLY
    if cache.car_id is None:
        return TripState.IDENTIFYING
    return TripState.PARKING if cache.parked_count > 0 else TripState.DRIVING


FORMAT = "car-tracker-state/1"
_INSTANTS = ("start_time", "end_triggered", "x_last_counted_at", "x_last_event_at", "x_parked_since")
_MANY = 65_536  # a replay shows the whole cache after every step: the same points again and again


def state_json(state: TrackerState) -> dict[str, Any]:
    """The complete state; `read_state` reads it back."""
    return {
        "format": FORMAT,
        "cache": None if state.cache is None else _cache(state.cache, _unchanged, _exact),
        "last_parked_gps": {car_id: position_json(position) for car_id, position in state.last_parked_gps.items()},
        "last_trip": None if state.last_trip is None else asdict(state.last_trip),
    }


def read_state(json: Mapping[str, Any]) -> TrackerState:
    """The state that `state_json` wrote. Raises ValueError for anything else."""
    if json.get("format") != FORMAT:
        raise ValueError(f"this is no {FORMAT}")
    try:
        cache, last = json["cache"], json["last_trip"]
        parked = {car_id: Position(**position) for car_id, position in json["last_parked_gps"].items()}
        return TrackerState(
            None if cache is None else _read_cache(cache), parked, None if last is None else LastTrip(**last)
        )
    except (KeyError, TypeError, AttributeError):
        raise ValueError(f"a {FORMAT} with other fields than this version knows") from None


def cache_json(cache: Cache | None) -> dict[str, Any] | None:
    """The cache as results show it."""
    return None if cache is None else _cache(cache, format_milliseconds, _shown)


def _cache(
    cache: Cache, instant: Callable[[float | None], Any], points: Callable[[Iterable[Point]], list[dict[str, Any]]]
) -> dict[str, Any]:
    held: dict[str, Any] = {name: getattr(cache, name) for name in Cache.__slots__}
    for name in _INSTANTS:
        held[name] = instant(held[name])
    held["gps_events"] = points(cache.gps_events)
    held["gps_trail"] = points(cache.gps_trail)
    held["audi_gps"] = None if cache.audi_gps is None else points([cache.audi_gps])[0]
    return held


def _exact(points: Iterable[Point]) -> list[dict[str, Any]]:
    return [point._asdict() for point in points]


def _shown(points: Iterable[Point]) -> list[dict[str, Any]]:
    return list(map(dict.copy, map(_point, points)))


@lru_cache(maxsize=_MANY)
def _point(point: Point) -> dict[str, Any]:
    return {**point._asdict(), "timestamp": format_milliseconds(point.timestamp)}


def _read_cache(json: Mapping[str, Any]) -> Cache:
    car = json["audi_gps"]
    points: dict[str, Any] = {
        "gps_events": tuple(Point(**point) for point in json["gps_events"]),
        "gps_trail": tuple(Point(**point) for point in json["gps_trail"]),
        "audi_gps": None if car is None else Point(**car),
    }
    return Cache(**{**json, **points})


def _unchanged(seconds: float | None) -> float | None:
    return seconds


class Via(StrEnum):
    """The cause of a trip's end."""

    PARKED = "parked"
    END = "end"
    SAFETY_NET = "safety_net"


class DistanceSource(StrEnum):
    """The source of a trip's distance: the car, the router, or the straight lines between its points, lengthened."""

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
    """The record in its stored and shown form."""
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
    """The distance of the trip so far: by the odometer, or else by its trail. No router is asked."""
    if cache.start_odo is None or cache.last_odo is None:
        return length_km(trail(cache, limits), limits)
    return cache.last_odo - cache.start_odo


@lru_cache(maxsize=65_536)  # without an odometer every ping asks how far it was: the same pairs again and again
def _metres(one: Point, other: Point) -> float:
    return distance_m(one.lat, one.lng, other.lat, other.lng)


SATURDAY = 5  # of datetime.weekday()


def classify(config: CarConfig, start_time: float, start: Place | None, end: Place | None) -> Classification:
    """Business from or to an office; otherwise private on a Saturday or Sunday in the user's time zone, business on
    other days.
    """
    if any(place is not None and place.kind == OFFICE for place in (start, end)):
        return Classification.BUSINESS
    began = datetime.fromtimestamp(start_time, config.zone)
    return Classification.PRIVATE if began.weekday() >= SATURDAY else Classification.BUSINESS
