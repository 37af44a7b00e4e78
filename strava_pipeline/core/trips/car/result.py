"""The result of a step: its status with what belongs to it, and the record of a trip that was cancelled.

Which event has which result is decided in tracker.py.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from strava_pipeline.core.trips.car.state import Cache, TripState, cache_json
from strava_pipeline.core.trips.car.trip import Trip, trip_json


class Status(StrEnum):
    """How a step ended."""

    TRIP_STARTED = "trip_started"
    WAITING_FOR_CAR = "waiting_for_car"
    GPS_ONLY_MODE = "gps_only_mode"
    PING_RECORDED = "ping_recorded"
    DRIVING = "driving"
    PARKING = "parking"
    PAUSED_AT_SKIP = "paused_at_skip"
    HOLDING_BLUETOOTH = "holding_bluetooth"
    CAR_REASSIGNED = "car_reassigned"
    COOLDOWN_IGNORED = "cooldown_ignored"
    ALREADY_ACTIVE = "already_active"
    END_DEFERRED = "end_deferred"
    FINALIZED = "finalized"
    FINALIZE_FAILED = "finalize_failed"
    CANCELLED = "cancelled"
    NO_ACTIVE_TRIP = "no_active_trip"
    NOT_STALE = "not_stale"


class Reason(StrEnum):
    """Why a trip was cancelled."""

    NO_DRIVING_CAR = "no_driving_car"
    BELOW_MIN_DISTANCE = "below_min_distance"
    NO_CAR_IDENTIFIED = "no_car_identified"
    NO_GPS = "no_gps"
    NO_DISTANCE = "no_distance"


CAR_STATUS_UNAVAILABLE = "car_status_unavailable"
"""`error` of a step whose car didn't answer."""
CAR_STATE_UNKNOWN = "car_state_unknown"
"""`warning` of a step whose car didn't know whether it is parked."""


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A cancelled trip, for the rate of cancellations; instants are epoch seconds, the end is the event's."""

    user_id: str
    car_id: str | None
    start_time: float
    end_time: float
    reason: Reason
    no_driving_count: int
    parked_count: int
    skip_pause_count: int
    api_error_count: int


@dataclass(frozen=True, slots=True)
class Result:
    """`api_calls`: calls of cars' APIs; `osrm_coords`: coordinates of each request to the router. None: doesn't apply."""

    status: Status
    state: TripState
    cache: Cache | None
    trip: Trip | None
    api_calls: int
    osrm_coords: tuple[int, ...]
    reason: Reason | None = None
    error: str | None = None
    warning: str | None = None
    counted: bool | None = None
    total_km: float | None = None
    pause_count: int | None = None
    parked_count: int | None = None
    no_driving_count: int | None = None
    car_id: str | None = None
    case: int | None = None
    cancellation: Cancellation | None = None


_OPTIONAL = (
    "reason",
    "error",
    "warning",
    "counted",
    "total_km",
    "pause_count",
    "parked_count",
    "no_driving_count",
    "car_id",
    "case",
)


def result_json(result: Result) -> dict[str, Any]:
    """The result as a replay prints it: what doesn't apply is left out."""
    optional = {name: getattr(result, name) for name in _OPTIONAL}
    return {
        "status": result.status.value,
        "state": result.state.value,
        "cache": cache_json(result.cache),
        "trip": None if result.trip is None else trip_json(result.trip),
        "api_calls": result.api_calls,
        "osrm_coords": list(result.osrm_coords),
        **{name: value for name, value in optional.items() if value is not None},
    }
