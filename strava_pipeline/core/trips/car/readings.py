"""What positions and a car's answers leave in the cache, and what they say: driving, parked where, an error.

Which event reads what, and what becomes of the trip, stands in pings.py, endings.py and safety_net.py.
"""

from dataclasses import replace

from strava_pipeline.core.trips.car.answers import CarAnswer
from strava_pipeline.core.trips.car.config import Car
from strava_pipeline.core.trips.car.limits import Limits, rounded
from strava_pipeline.core.trips.car.places import is_at_skip
from strava_pipeline.core.trips.car.position import Position
from strava_pipeline.core.trips.car.state import Cache, Point
from strava_pipeline.core.trips.car.turn import Turn


def with_phone_gps(turn: Turn, cache: Cache) -> Cache:
    """The event's position among the phone's points; without one the cache as it is."""
    event, position = turn.event, turn.event.position
    if position is None:
        return cache
    at = event.t if event.gps_at is None else event.gps_at
    point = Point(*position, at, is_at_skip(turn.config, position))
    return replace(cache, gps_events=(*cache.gps_events, point))


def with_car(cache: Cache, car: Car) -> Cache:
    """The trip is this car's."""
    return replace(cache, car_id=car.car_id, car_name=car.name)


def with_answer(turn: Turn, cache: Cache, answer: CarAnswer, *, at: float | None = None) -> Cache:
    """A usable answer's odometer and position, the latter as of `at`, else of the event; errors in a row are over."""
    cache = replace(cache, api_error_count=0)
    if answer.odometer is not None:
        cache = _with_odometer(cache, answer.odometer)
    position = answer.position
    if position is None:
        return cache
    point = Point(*position, turn.event.t if at is None else at, is_at_skip(turn.config, position))
    return replace(cache, gps_trail=(*cache.gps_trail, point), audi_gps=point)


def with_error(cache: Cache) -> Cache:
    """One more error in a row; nothing else is known, so nothing else changes."""
    return replace(cache, api_error_count=cache.api_error_count + 1)


def as_driving(cache: Cache) -> Cache:
    """After a reading that says driving; whether the phone ended the trip is left to the event."""
    return replace(cache, parked_count=0, skip_pause_count=0, x_parked_since=None, x_odo_anchor=cache.last_odo)


def paused(cache: Cache) -> Cache:
    """One more parked reading at a skip location."""
    return replace(cache, skip_pause_count=cache.skip_pause_count + 1)


def is_driving(cache: Cache, answer: CarAnswer, limits: Limits) -> bool | None:
    """What an answer that the cache already holds says: the odometer before the API; None: neither knows."""
    if answer.odometer is not None and cache.last_odo is not None and cache.x_odo_anchor is not None:
        driven = rounded(cache.last_odo - cache.x_odo_anchor)  # since the last parked reset: small steps add up
        if driven > limits.odometer_km:
            return True
    return None if answer.is_parked is None else not answer.is_parked


def stands_at_skip(turn: Turn, cache: Cache, answer: CarAnswer | None) -> bool:
    """Whether the best known position is at a skip location: this answer's, this event's, the car's last, the phone's last."""
    known: tuple[Position | None, ...] = (
        None if answer is None else answer.position,
        turn.event.position,
        None if cache.audi_gps is None else cache.audi_gps.position,
        cache.gps_events[-1].position if cache.gps_events else None,
    )
    position = next((position for position in known if position is not None), None)
    return position is not None and is_at_skip(turn.config, position)


def _with_odometer(cache: Cache, told: float) -> Cache:
    """An odometer never goes back: a smaller value is bad data."""
    now = told if cache.last_odo is None else max(told, cache.last_odo)
    return replace(
        cache,
        last_odo=now,
        start_odo=now if cache.start_odo is None else cache.start_odo,
        x_odo_anchor=now if cache.x_odo_anchor is None else cache.x_odo_anchor,
    )
