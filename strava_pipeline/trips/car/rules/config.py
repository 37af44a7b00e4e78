"""The configuration of a tracker: limits, and each user's cars, places and time zone; and which place a position is at.

A configuration is read from JSON and checked field by field. An error names a field and the expected value, never the
value found. The effect of a limit stands with the rule that uses it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Annotated, Any, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.dataclasses import dataclass as checked_dataclass

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.geodesy import distance_m
from strava_pipeline.core.json_values import finite_number

ONLY_KNOWN = ConfigDict(extra="forbid")
Count = Annotated[int, Field(ge=1)]
Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@checked_dataclass(frozen=True, slots=True, config=ONLY_KNOWN)
class Limits:
    """The limits. Counts are reached (>=), all others are exceeded (>) or undercut (<)."""

    no_driving_count: Count = 3  # pings without a driving car, then the trip is given up; the former tracker
    api_error_count: Count = 2  # errors of the car's API, then GPS alone; the former tracker
    parked_count: Count = 3  # parked readings in a row, then the trip is over; the former tracker
    stale_s: Number = 7200.0  # without any event, then the safety net ends the trip; the former tracker
    thinning_m: Number = 50.0  # between two points of a trail; a parked phone's GPS wanders as far, the former tracker
    skip_radius_m: Number = 200.0  # of a skip location that names none; the former tracker
    location_radius_m: Number = 150.0  # of any other location that names none; the former tracker
    odometer_km: Number = 0.5  # more since the last parked reset: it drives, whatever the API says; the former tracker
    counted_s: Number = 50.0  # between two counted pings; the app's own pause when it sent one a minute
    cooldown_s: Number = 1800.0  # after a trip one needs evidence to begin; chosen, AutoPi reopens for 600 s
    min_trip_km: Number = 0.1  # a shorter one isn't a trip; the former tracker
    long_route_percent: Number = 5.0  # over the direct route; the former tracker
    haversine_factor: Number = 1.15  # roads are longer than straight lines between points; the former tracker


DEFAULT_LIMITS = Limits()
_LIMITS = TypeAdapter(Limits)


def limits_with(assignments: Sequence[str]) -> Limits:
    """The default limits with some replaced, as in `parked_count=4`. Raises MisuseError for an unknown limit."""
    pairs = (assignment.partition("=") for assignment in assignments)
    try:
        return _LIMITS.validate_python({name.strip(): text.strip() for name, _, text in pairs})
    except ValidationError as error:
        names = ", ".join(limit.name for limit in fields(Limits))
        raise MisuseError(f"{faults_of(error)[0]}: write NAME=NUMBER. There are: {names}") from None


def rounded(value: float) -> float:
    """Round a value before it is compared with a limit: 0.1 + 0.2 must not exceed 0.3."""
    return round(value, 6)


MAX_LAT, MAX_LNG = 90.0, 180.0  # degrees
Latitude = Annotated[float, Strict(), Field(ge=-MAX_LAT, le=MAX_LAT, allow_inf_nan=False)]
Longitude = Annotated[float, Strict(), Field(ge=-MAX_LNG, le=MAX_LNG, allow_inf_nan=False)]


class Position(NamedTuple):
    """Degrees; 0.0 is an ordinary latitude and longitude."""

    lat: Latitude
    lng: Longitude


def read_position(value: Any) -> Position | None:
    """The position in an object with `lat` and `lng` (or `lon`), or None if these aren't two numbers on the Earth."""
    if not isinstance(value, Mapping):
        return None
    lat, lng = degrees(value.get("lat"), MAX_LAT), degrees(longitude(value), MAX_LNG)
    return None if lat is None or lng is None else Position(lat, lng)


def longitude(value: Mapping[str, Any]) -> Any:
    """The value of `lng`, or else of `lon`: senders use either name."""
    lng = value.get("lng")
    return value.get("lon") if lng is None else lng


def degrees(value: Any, limit: float) -> float | None:
    """The value as a number, if it lies within ±limit."""
    number = finite_number(value)
    return None if number is None or abs(number) > limit else number


def position_json(position: Position | None) -> dict[str, float] | None:
    """`{"lat": …, "lng": …}`."""
    return None if position is None else {"lat": position.lat, "lng": position.lng}


SKIP, OFFICE = "skip", "office"


class CarConfigError(MisuseError):
    """An invalid field in the cars' configuration."""


def faults_of(error: ValidationError) -> list[str]:
    """A line per fault: its place, as `cars[0].name`, and the expected value; nothing of the value found."""
    found = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        parts = [f"[{part}]" if isinstance(part, int) else f".{_shown(part)}" for part in fault["loc"]]
        message = fault["msg"].removeprefix("Value error, ")
        found.append(f"{''.join(parts).removeprefix('.')}: {message}".removeprefix(": "))
    return found


def _shown(name: str) -> str:
    """A name in a fault's safe form: somebody may have pasted anything before the `=`."""
    return name if re.fullmatch(r"\w{1,30}", name) else "(a name)"


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones
        raise ValueError("expected a time zone's name, as Europe/Amsterdam") from None


Text = Annotated[str, Strict(), Field(min_length=1)]
Zone = Annotated[Text, AfterValidator(_zone)]
Metres = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]


def _with_lng(found: Any) -> Any:
    """The values of a place with `lng`, for which `lon` may stand."""
    if not isinstance(found, Mapping):
        return found
    return {**{name: value for name, value in found.items() if name != "lon"}, "lng": longitude(found)}


Parked = Annotated[Position, BeforeValidator(_with_lng)]


@checked_dataclass(frozen=True, slots=True, config=ONLY_KNOWN)
class Car:
    """`car_id` is the car's name in Bluetooth and the API; without credentials its API can't be asked."""

    car_id: Text
    name: Text
    has_credentials: Annotated[bool, Strict()]

    @model_validator(mode="before")
    @classmethod
    def _named(cls, found: Any) -> Any:
        if isinstance(found, Mapping) and found.get("name") is None:
            return {**found, "name": found.get("car_id")}
        return found


@checked_dataclass(frozen=True, slots=True, config=ONLY_KNOWN)
class Place:
    """A location with a name: at one of kind `skip` a parked car doesn't end a trip; one at an `office` makes a trip business."""

    name: Text
    kind: Literal["skip", "office", "home", "other"]
    lat: Latitude
    lng: Longitude
    radius_m: Metres

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, found: Any, info: ValidationInfo) -> Any:
        """A missing radius becomes that of the limits."""
        if isinstance(found, Mapping) and found.get("radius_m") is None:
            limits = info.context or DEFAULT_LIMITS
            usual = limits.skip_radius_m if found.get("kind") == SKIP else limits.location_radius_m
            found = {**found, "radius_m": usual}
        return _with_lng(found)

    @property
    def position(self) -> Position:
        return Position(self.lat, self.lng)


@checked_dataclass(frozen=True, slots=True)
class CarConfig:
    """The configuration of one user; cars in the order in which they are asked."""

    user_id: Text
    timezone: Zone
    cars: tuple[Car, ...] = ()
    locations: tuple[Place, ...] = ()

    @model_validator(mode="after")
    def _each_car_once(self) -> "CarConfig":
        if len({car.car_id for car in self.cars}) < len(self.cars):
            raise ValueError("cars: expected ids that no other car has")
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def car(self, car_id: str | None) -> Car | None:
        """The configured car of this id."""
        return next((car for car in self.cars if car.car_id == car_id), None)


_CONFIG = TypeAdapter(CarConfig)


_PARKED = TypeAdapter(dict[str, Parked | None])


def read_config(json: Mapping[str, Any], limits: Limits = Limits()) -> CarConfig:
    """Read a configuration; missing radii come from `limits`. Raises CarConfigError."""
    try:
        return _CONFIG.validate_python(dict(json), context=limits)
    except ValidationError as error:
        raise CarConfigError(faults_of(error)[0]) from None


def read_parked(json: Any) -> dict[str, Position]:
    """The positions of parked cars by their ids. Raises CarConfigError."""
    try:
        found = _PARKED.validate_python(json or {})
    except ValidationError as error:
        raise CarConfigError(f"last_parked_gps.{faults_of(error)[0]}") from None
    return {car_id: position for car_id, position in found.items() if position is not None}


def config_json(config: CarConfig) -> dict[str, Any]:
    """The configuration as JSON, which `read_config` reads back."""
    return asdict(config)


def is_at_skip(config: CarConfig, position: Position) -> bool:
    """Whether any skip location's radius includes it; the edge belongs to the place."""
    return any(place.kind == SKIP and _off_m(place, position) <= place.radius_m for place in config.locations)


def place_at(config: CarConfig, position: Position | None) -> Place | None:
    """The nearest place whose radius includes it; among equally near ones the first configured."""
    if position is None:
        return None
    reaching = [place for place in config.locations if _off_m(place, position) <= place.radius_m]
    return min(reaching, key=lambda place: _off_m(place, position), default=None)


def _off_m(place: Place, position: Position) -> float:
    return rounded(distance_m(place.lat, place.lng, position.lat, position.lng))
