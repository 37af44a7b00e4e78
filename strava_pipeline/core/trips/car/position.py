"""A position: what counts as one in JSON, and how it is written. With an instant it is a Point, which is state.py's."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from strava_pipeline.core.trips.activity.values import finite_number

MAX_LAT, MAX_LNG = 90.0, 180.0  # degrees


class Position(NamedTuple):
    """Degrees; 0.0 is a latitude and a longitude like any other."""

    lat: float
    lng: float


def read_position(value: Any) -> Position | None:
    """Of an object with `lat` and `lng`, else `lon`. None where these aren't two numbers on the Earth."""
    if not isinstance(value, Mapping):
        return None
    lat, lng = degrees(value.get("lat"), MAX_LAT), degrees(longitude(value), MAX_LNG)
    return None if lat is None or lng is None else Position(lat, lng)


def longitude(value: Mapping[str, Any]) -> Any:
    """What stands under `lng`, else under `lon`: both are written."""
    told = value.get("lng")
    return value.get("lon") if told is None else told


def degrees(value: Any, limit: float) -> float | None:
    """The number that a value is, where it lies within ±limit."""
    number = finite_number(value)
    return None if number is None or abs(number) > limit else number


def position_json(position: Position | None) -> dict[str, float] | None:
    """`{"lat": …, "lng": …}`."""
    return None if position is None else {"lat": position.lat, "lng": position.lng}
