"""The record of a finished trip. How its values come about is finalise.py's."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from strava_pipeline.core.trips.activity.instants import format_milliseconds
from strava_pipeline.core.trips.car.position import Position, position_json
from strava_pipeline.core.trips.car.state import Point


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
    """The record as it is kept and told."""
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
