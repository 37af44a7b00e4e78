"""The tracker's results as rows of the tables of core/tables/trips.py."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from strava_pipeline.core.tables import CAR_TRIP_CANCELLATIONS, CAR_TRIP_POINTS, CAR_TRIPS
from strava_pipeline.core.trips.car.config import CarConfig
from strava_pipeline.core.trips.car.result import Cancellation, Result
from strava_pipeline.core.trips.car.trip import Trip
from strava_pipeline.core.trips.values import format_milliseconds

PINGS = "pings"  # the source of these rows, as `strava` is of activities
_PLAIN = (
    *("car_id", "car_name", "start_odo", "end_odo", "distance_km", "distance_source", "gps_only"),
    *("start_location", "end_location", "trail_points", "phone_points", "car_points", "direct_km", "deviation_percent"),
    *("long_route", "classification", "via", "resumes_trip_id"),
)
_COUNTED = ("no_driving_count", "parked_count", "skip_pause_count", "api_error_count")


@dataclass(slots=True)
class Outcomes:
    """Trips and cancellations, each with the user's zone and the arrival of the event that ended it."""

    trips: list[tuple[Trip, str, datetime]] = field(default_factory=list)
    cancellations: list[tuple[Cancellation, str, datetime]] = field(default_factory=list)

    def add(self, result: Result, config: CarConfig | None, came_at: datetime) -> None:
        zone = config.timezone if config else "UTC"
        if result.trip is not None:
            self.trips.append((result.trip, zone, came_at))
        if result.cancellation is not None:
            self.cancellations.append((result.cancellation, zone, came_at))

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """The rows of each table."""
        return {
            CAR_TRIPS.name: [_trip(trip, _year(trip.start_time, zone), at) for trip, zone, at in self.trips],
            CAR_TRIP_CANCELLATIONS.name: [
                _cancellation(one, _year(one.start_time, zone), at) for one, zone, at in self.cancellations
            ],
            CAR_TRIP_POINTS.name: [
                row for trip, zone, _ in self.trips for row in _points(trip, _year(trip.start_time, zone))
            ],
        }


def _trip(trip: Trip, year: int, at: datetime) -> dict[str, Any]:
    return {
        "trip_id": trip.trip_id,
        **_user(trip.user_id, year),
        "start_time": _moment(trip.start_time),
        "end_time": _moment(trip.end_time),
        "start_lat": trip.start_gps.lat if trip.start_gps else None,
        "start_lng": trip.start_gps.lng if trip.start_gps else None,
        "end_lat": trip.end_gps.lat if trip.end_gps else None,
        "end_lng": trip.end_gps.lng if trip.end_gps else None,
        **{name: getattr(trip, name) for name in _PLAIN},
        **dict.fromkeys(("start_address", "end_address")),  # lake/addresses.py's
        "fetched_at": at,
    }


def _cancellation(one: Cancellation, year: int, at: datetime) -> dict[str, Any]:
    return {
        "cancellation_id": f"{one.user_id}:{format_milliseconds(one.start_time)}:{format_milliseconds(one.end_time)}",
        **_user(one.user_id, year),
        "car_id": one.car_id,
        "start_time": _moment(one.start_time),
        "end_time": _moment(one.end_time),
        "reason": one.reason,
        **{name: getattr(one, name) for name in _COUNTED},
        "fetched_at": at,
    }


def _points(trip: Trip, year: int) -> list[dict[str, Any]]:
    shared = {"trip_id": trip.trip_id, **_user(trip.user_id, year)}
    return [
        {**shared, "sequence": number, "at": _moment(point.timestamp), "lat": point.lat, "lng": point.lng}
        for number, point in enumerate(trip.gps_trail)
    ]


def _user(user_id: str, year: int) -> dict[str, Any]:
    return {"source": PINGS, "user_id": user_id, "year": year}


def _moment(seconds: float) -> datetime:
    """To the millisecond, as every other output has it."""
    return datetime.fromtimestamp(round(seconds, 3), UTC)


def _year(seconds: float, zone: str) -> int:
    return _moment(seconds).astimezone(ZoneInfo(zone)).year
