"""Whose trips are tracked: the user's cars, places and time zone, read from JSON and checked field by field.

An error names a field and what is expected there, never what stood there. How far a place reaches is places.py's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.trips.activity.values import finite_number
from strava_pipeline.core.trips.car.limits import Limits
from strava_pipeline.core.trips.car.position import MAX_LAT, MAX_LNG, Position, degrees, longitude

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
    """One user's; cars in the order in which they are asked."""

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
    """The configuration that JSON holds; of `limits` come the radii that aren't named. Raises CarConfigError."""
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
    """What `read_config` reads as the same configuration."""
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
    car_id, known = _text(json, "car_id", path), json.get("has_credentials")
    if not isinstance(known, bool):
        raise CarConfigError(f"{path}.has_credentials", "true or false")
    return Car(car_id, car_id if json.get("name") is None else _text(json, "name", path), known)


def _place(json: Mapping[str, Any], path: str, limits: Limits) -> Place:
    name, kind, position = _text(json, "name", path), json.get("kind"), checked_position(json, path)
    if kind not in KINDS:
        raise CarConfigError(f"{path}.kind", f"one of {', '.join(KINDS)}")
    told = json.get("radius_m")
    radius = (limits.skip_radius_m if kind == SKIP else limits.location_radius_m) if told is None else told
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
