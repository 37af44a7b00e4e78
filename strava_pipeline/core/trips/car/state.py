"""What a tracker remembers of a user between two events: the trip under way (the cache), and what outlives trips.

Immutable; instants are epoch seconds. What it looks like in JSON is state_json.py's, what changes it tracker.py's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from strava_pipeline.core.trips.car.position import Position


class TripState(StrEnum):
    """Where a user's tracking stands; derived from the cache, never stored."""

    IDLE = "idle"
    PAUSED_AT_SKIP = "paused_at_skip"
    GPS_ONLY = "gps_only"
    IDENTIFYING = "identifying"
    PARKING = "parking"
    DRIVING = "driving"


class Point(NamedTuple):
    """A position at an instant, raw as it came; `is_skip`: at a skip location. A tuple, for a trip has thousands."""

    lat: float
    lng: float
    timestamp: float
    is_skip: bool = False

    @property
    def position(self) -> Position:
        return Position(self.lat, self.lng)


@dataclass(frozen=True, slots=True)
class Cache:
    """The trip under way. The names are a contract with what stores and shows it; fields of our own begin with `x_`."""

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
    audi_gps: Point | None = None  # the car's latest, of whatever make it is
    gps_only_mode: bool = False
    end_triggered: float | None = None  # when the phone said that the trip is over
    x_odo_anchor: float | None = None  # the odometer at the last parked reset
    x_parked_since: float | None = None
    x_odo_partial: bool = False  # the odometers don't cover the whole trip: the car was changed
    x_resumes_trip_id: str | None = None


@dataclass(frozen=True, slots=True)
class LastTrip:
    """Of the last finalised trip what the cooldown asks for."""

    trip_id: str
    car_id: str | None
    end_time: float
    end_odo: float | None


@dataclass(frozen=True, slots=True)
class TrackerState:
    """One user's; `last_parked_gps` by car id."""

    cache: Cache | None = None
    last_parked_gps: Mapping[str, Position] = field(default_factory=dict)
    last_trip: LastTrip | None = None


def state_name(cache: Cache | None) -> TripState:
    """The first that fits."""
    if cache is None:
        return TripState.IDLE
    if cache.skip_pause_count > 0:
        return TripState.PAUSED_AT_SKIP
    if cache.gps_only_mode:
        return TripState.GPS_ONLY
    if cache.car_id is None:
        return TripState.IDENTIFYING
    return TripState.PARKING if cache.parked_count > 0 else TripState.DRIVING
