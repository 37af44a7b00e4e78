"""A tracker's state as JSON: exactly, to be kept between two events, and the cache as it is shown.

Kept instants are numbers, so that nothing is rounded on the way; shown ones are UTC texts.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from strava_pipeline.core.trips.activity.instants import format_milliseconds
from strava_pipeline.core.trips.car.position import Position, position_json
from strava_pipeline.core.trips.car.state import Cache, LastTrip, Point, TrackerState

FORMAT = "car-tracker-state/1"
_INSTANTS = ("start_time", "end_triggered", "x_last_counted_at", "x_last_event_at", "x_parked_since")
_MANY = 65_536  # a replay shows the whole cache after every step: the same points again and again


def state_json(state: TrackerState) -> dict[str, Any]:
    """The state, complete: `read_state` makes an equal one of it."""
    return {
        "format": FORMAT,
        "cache": None if state.cache is None else _cache(state.cache, _as_it_is, _exact),
        "last_parked_gps": {car_id: position_json(position) for car_id, position in state.last_parked_gps.items()},
        "last_trip": None if state.last_trip is None else asdict(state.last_trip),
    }


def read_state(json: Mapping[str, Any]) -> TrackerState:
    """The state that `state_json` wrote. Raises ValueError for what it didn't."""
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


def _as_it_is(seconds: float | None) -> float | None:
    return seconds
