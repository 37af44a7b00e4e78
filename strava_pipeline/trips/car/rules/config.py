"""The configuration of a tracker: limits, and each user's cars, places and time zone; and which place a position is at.

A configuration is read from JSON and checked field by field. An error names a field and what is expected there, never the value
that was found. What happens at a limit stands with the rule that uses it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.geodesy import distance_m
from strava_pipeline.core.json_values import finite_number


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts are reached (>=), everything else is exceeded (>) or fallen short of (<). Raises MisuseError for a wrong one."""

    no_driving_count: int = 3  # pings without a driving car, then the trip is given up; the former tracker
    api_error_count: int = 2  # errors of the car's API, then GPS alone; the former tracker
    parked_count: int = 3  # parked readings in a row, then the trip is over; the former tracker
    stale_s: float = 7200.0  # without any event, then the safety net ends the trip; the former tracker
    thinning_m: float = 50.0  # between two points of a trail; a parked phone's GPS wanders as far, the former tracker
    skip_radius_m: float = 200.0  # of a skip location that names none; the former tracker
    location_radius_m: float = 150.0  # of any other location that names none; the former tracker
    odometer_km: float = 0.5  # more since the last parked reset: it drives, whatever the API says; the former tracker
    counted_s: float = 50.0  # between two counted pings; the app's own pause when it sent one a minute
    cooldown_s: float = 1800.0  # after a trip one needs evidence to begin; chosen, AutoPi reopens for 600 s
    min_trip_km: float = 0.1  # less is no trip; the former tracker
    long_route_percent: float = 5.0  # over the direct route; the former tracker
    haversine_factor: float = 1.15  # roads are longer than straight lines between points; the former tracker

    def __post_init__(self) -> None:
        for name in _names():
            value = getattr(self, name)
            if _is_count(name) and (isinstance(value, float) or value < 1):
                raise MisuseError(f"{name} is a count: a whole number from 1 on. {_choices()}")
            if not math.isfinite(value) or value < 0:
                raise MisuseError(f"{name} is a number from 0 on. {_choices()}")


def limits_with(assignments: Sequence[str]) -> Limits:
    """The default limits with some replaced, as in `parked_count=4`. Raises MisuseError for what is no limit."""
    values: dict[str, float] = {}
    for assignment in assignments:
        name, _, text = (part.strip() for part in assignment.partition("="))
        if name not in _names():
            raise MisuseError(f"{assignment!r} sets no limit: write NAME=NUMBER. {_choices()}")
        values[name] = _number(name, text)
    return Limits(**values)  # type: ignore[arg-type]  # a count that is no whole number is refused there


def rounded(value: float) -> float:
    """Round a value before it is compared with a limit: 0.1 + 0.2 must not exceed 0.3."""
    return round(value, 6)


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise MisuseError(f"{name}={text}: {text or 'nothing'} is no number. {_choices()}") from None
    return int(number) if _is_count(name) and number.is_integer() else number


def _names() -> list[str]:
    return [limit.name for limit in fields(Limits)]


def _is_count(name: str) -> bool:
    return name.endswith("_count")


def _choices() -> str:
    return f"There are: {', '.join(_names())}"


DEFAULT_LIMITS = Limits()
"""Shared, because the constructor checks each field."""


MAX_LAT, MAX_LNG = 90.0, 180.0  # degrees


class Position(NamedTuple):
    """Degrees; 0.0 is a latitude and a longitude like any other."""

    lat: float
    lng: float


def read_position(value: Any) -> Position | None:
    """The position in an object with `lat` and `lng` (or `lon`); None where these aren't two numbers on the Earth."""
    if not isinstance(value, Mapping):
        return None
    lat, lng = degrees(value.get("lat"), MAX_LAT), degrees(longitude(value), MAX_LNG)
    return None if lat is None or lng is None else Position(lat, lng)


def longitude(value: Mapping[str, Any]) -> Any:
    """The value of `lng`, else of `lon`: senders use either name."""
    lng = value.get("lng")
    return value.get("lon") if lng is None else lng


def degrees(value: Any, limit: float) -> float | None:
    """The number that a value is, where it lies within ±limit."""
    number = finite_number(value)
    return None if number is None or abs(number) > limit else number


def position_json(position: Position | None) -> dict[str, float] | None:
    """`{"lat": …, "lng": …}`."""
    return None if position is None else {"lat": position.lat, "lng": position.lng}


SKIP, OFFICE = "skip", "office"
KINDS = (SKIP, OFFICE, "home", "other")
_Read = TypeVar("_Read")


class CarConfigError(PipelineError):
    """A field of the cars' configuration isn't what it should be; `path` names it."""

    exit_code = 2

    def __init__(self, path: str, expected: str) -> None:
        super().__init__(f"{path}: expected {expected}.")
        self.path = path


@dataclass(frozen=True, slots=True)
class Car:
    """`car_id` is what Bluetooth and the API know it by; without credentials its API can't be asked."""

    car_id: str
    name: str
    has_credentials: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A location with a name: at one of kind `skip` a parked car doesn't end a trip, at an `office` one is business."""

    name: str
    kind: str
    lat: float
    lng: float
    radius_m: float

    @property
    def position(self) -> Position:
        return Position(self.lat, self.lng)


@dataclass(frozen=True, slots=True)
class CarConfig:
    """The configuration of one user; cars in the order in which they are asked."""

    user_id: str
    timezone: str
    cars: tuple[Car, ...]
    locations: tuple[Place, ...]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def car(self, car_id: str | None) -> Car | None:
        """The configured car of this id."""
        return next((car for car in self.cars if car.car_id == car_id), None)


def read_config(json: Mapping[str, Any], limits: Limits = Limits()) -> CarConfig:
    """Read a configuration; radii that aren't given come from `limits`. Raises CarConfigError."""
    user_id, timezone = _text(json, "user_id", ""), _text(json, "timezone", "")
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones
        raise CarConfigError("timezone", "a time zone's name, as Europe/Amsterdam") from None
    cars = _each(json, "cars", _car)
    ids = [car.car_id for car in cars]
    for number, car_id in enumerate(ids):
        if car_id in ids[:number]:
            raise CarConfigError(f"cars[{number}].car_id", "an id that no other car has")
    return CarConfig(user_id, timezone, cars, _each(json, "locations", lambda entry, path: _place(entry, path, limits)))


def config_json(config: CarConfig) -> dict[str, Any]:
    """The configuration as JSON, which `read_config` reads back."""
    return {
        "user_id": config.user_id,
        "timezone": config.timezone,
        "cars": [asdict(car) for car in config.cars],
        "locations": [asdict(place) for place in config.locations],
    }


def checked_position(json: Any, path: str) -> Position:
    """The position of a configured thing. Raises CarConfigError."""
    if not isinstance(json, Mapping):
        raise CarConfigError(path, "an object with lat and lng")
    lat, lng = degrees(json.get("lat"), MAX_LAT), degrees(longitude(json), MAX_LNG)
    if lat is None:
        raise CarConfigError(f"{path}.lat", "degrees from -90 to 90")
    if lng is None:
        raise CarConfigError(f"{path}.lng", "degrees from -180 to 180")
    return Position(lat, lng)


def _car(json: Mapping[str, Any], path: str) -> Car:
    car_id, has_credentials = _text(json, "car_id", path), json.get("has_credentials")
    if not isinstance(has_credentials, bool):
        raise CarConfigError(f"{path}.has_credentials", "true or false")
    return Car(car_id, car_id if json.get("name") is None else _text(json, "name", path), has_credentials)


def _place(json: Mapping[str, Any], path: str, limits: Limits) -> Place:
    name, kind, position = _text(json, "name", path), json.get("kind"), checked_position(json, path)
    if kind not in KINDS:
        raise CarConfigError(f"{path}.kind", f"one of {', '.join(KINDS)}")
    given = json.get("radius_m")
    radius = (limits.skip_radius_m if kind == SKIP else limits.location_radius_m) if given is None else given
    metres = finite_number(radius)
    if metres is None or metres < 0:
        raise CarConfigError(f"{path}.radius_m", "metres from 0 on")
    return Place(name, kind, *position, metres)


def _each(json: Mapping[str, Any], key: str, read: Callable[[Mapping[str, Any], str], _Read]) -> tuple[_Read, ...]:
    entries = json.get(key)
    if entries is None:
        return ()
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise CarConfigError(key, "a list")
    for number, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            raise CarConfigError(f"{key}[{number}]", "an object")
    return tuple(read(entry, f"{key}[{number}]") for number, entry in enumerate(entries))


def _text(json: Mapping[str, Any], key: str, path: str) -> str:
    value = json.get(key)
    if not isinstance(value, str) or not value:
        raise CarConfigError(f"{path}.{key}".removeprefix("."), "text")
    return value


def is_at_skip(config: CarConfig, position: Position) -> bool:
    """Whether any skip location's radius reaches it; its edge belongs to the place."""
    return any(place.kind == SKIP and _off_m(place, position) <= place.radius_m for place in config.locations)


def place_at(config: CarConfig, position: Position | None) -> Place | None:
    """The nearest place whose radius reaches it; of equally near ones the first configured."""
    if position is None:
        return None
    reaching = [place for place in config.locations if _off_m(place, position) <= place.radius_m]
    return min(reaching, key=lambda place: _off_m(place, position), default=None)


def _off_m(place: Place, position: Position) -> float:
    return rounded(distance_m(place.lat, place.lng, position.lat, position.lng))
