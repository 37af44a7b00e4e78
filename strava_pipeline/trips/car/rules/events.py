"""The input and the output of a step of the tracker: the event, the answers that the step can ask for, the result.

Answers come from a car's API, a router, and the saving of a trip. An event's effect on a trip is decided in tracker.py;
turn.py asks, and the answers come from outside core.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Literal, Protocol, get_args

from strava_pipeline.core.json_values import finite_number, parse_instant
from strava_pipeline.trips.car.rules.config import Position, read_position
from strava_pipeline.trips.car.rules.trip import Cache, Trip, TripState, cache_json, trip_json

Kind = Literal["ping", "start", "end", "clock"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# Instants that a calendar holds in every time zone: from the year 2 up to the year 9999
EARLIEST, LATEST = -62_104_060_800.0, 253_370_764_800.0


class NoEventError(ValueError):
    """The received data isn't an event. The text says what is expected, and nothing of the received data."""


@dataclass(frozen=True, slots=True)
class Event:
    """`t` and `gps_at` are epoch seconds; without `gps_at` the position is one at `t`."""

    kind: Kind
    t: float
    lat: float | None = None
    lng: float | None = None
    gps_at: float | None = None
    bluetooth: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise NoEventError(f"event: expected one of {', '.join(KINDS)}")
        if not EARLIEST <= self.t < LATEST:
            raise NoEventError("t: expected epoch seconds of the years 2 to 9998")
        if (self.lat is None) != (self.lng is None):
            raise NoEventError("lat and lng: expected both or none")

    @property
    def position(self) -> Position | None:
        """Where the phone was."""
        return None if self.lat is None or self.lng is None else Position(self.lat, self.lng)


def read_event(json: Mapping[str, Any]) -> Event:
    """The event of `{t, event, gps?, bluetooth?}`; an invalid `gps` counts as missing. Raises NoEventError."""
    kind, t, gps, bluetooth = json.get("event"), parse_instant(json.get("t")), json.get("gps"), json.get("bluetooth")
    if kind not in KINDS:
        raise NoEventError(f"event: expected one of {', '.join(KINDS)}")
    if t is None:
        raise NoEventError("t: expected seconds, milliseconds or ISO-8601 text")
    position = read_position(gps)
    named = bluetooth if isinstance(bluetooth, str) and bluetooth else None
    if gps is None or position is None:
        return Event(kind, t, bluetooth=named)
    return Event(kind, t, *position, moment(gps.get("timestamp")), named)


def moment(value: Any) -> float | None:
    """Epoch seconds of a timestamp that some calendar holds."""
    instant = parse_instant(value)
    return instant if instant is not None and EARLIEST <= instant < LATEST else None


@dataclass(frozen=True, slots=True)
class CarAnswer:
    """`is_parked` None: the car doesn't know. `odometer` in km."""

    is_parked: bool | None = None
    odometer: float | None = None
    lat: float | None = None
    lng: float | None = None

    @property
    def is_usable(self) -> bool:
        """Whether the answer says anything about driving; otherwise it counts as an error."""
        return self.is_parked is not None or self.odometer is not None

    @property
    def position(self) -> Position | None:
        """Where the car was."""
        return None if self.lat is None or self.lng is None else Position(self.lat, self.lng)


class Answers(Protocol):
    """A step asks each car at most once. `car` and `route` may raise: then the step hasn't happened and can be repeated."""

    def car(self, car_id: str) -> CarAnswer | None:
        """The present answer of the car's API, or None after an error."""

    def route(self, points: Sequence[tuple[float, float]]) -> float | None:
        """Kilometres of the route through points (longitude, latitude), or None without a route or a router."""

    def save(self, trip: Trip) -> bool:
        """Whether the trip was stored."""


def read_answer(json: Any) -> CarAnswer | None:
    """A car's answer, or None for anything except an object, as `"error"`. A field of another type counts as missing."""
    if not isinstance(json, Mapping):
        return None
    parked, position = json.get("is_parked"), read_position(json)
    is_parked = parked if isinstance(parked, bool) else None
    return CarAnswer(is_parked, finite_number(json.get("odometer")), *(position or (None, None)))


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


_OPTIONAL = [each.name for each in fields(Result) if each.default is None and each.name != "cancellation"]


def result_json(result: Result) -> dict[str, Any]:
    """The result as a replay prints it, without fields that don't apply."""
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
