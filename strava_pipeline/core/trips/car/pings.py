"""Pings, and the phone's start: which one counts, and what a counted one does in each mode of a trip.

Opening a trip is opening.py's, finding its car identifying.py's.
"""

from dataclasses import replace

from strava_pipeline.core.trips.car.answers import CarAnswer
from strava_pipeline.core.trips.car.config import Car
from strava_pipeline.core.trips.car.finalise import finalise
from strava_pipeline.core.trips.car.identifying import api_error, identifying
from strava_pipeline.core.trips.car.limits import rounded
from strava_pipeline.core.trips.car.opening import opened
from strava_pipeline.core.trips.car.places import is_at_skip
from strava_pipeline.core.trips.car.readings import (
    as_driving,
    is_driving,
    paused,
    stands_at_skip,
    with_answer,
    with_car,
    with_phone_gps,
)
from strava_pipeline.core.trips.car.result import CAR_STATE_UNKNOWN, CAR_STATUS_UNAVAILABLE, Reason, Status
from strava_pipeline.core.trips.car.state import Cache
from strava_pipeline.core.trips.car.told import told_paused, total_km
from strava_pipeline.core.trips.car.trail import km_now
from strava_pipeline.core.trips.car.trip import Via
from strava_pipeline.core.trips.car.turn import Stepped, Turn


def ping(turn: Turn) -> Stepped:
    """Its position is always kept; of a late one, and of one too soon after a counted one, nothing else."""
    cache, t = turn.state.cache, turn.event.t
    if cache is None:
        return _without_trip(turn)
    cache = with_phone_gps(turn, cache)
    if t < cache.x_last_event_at:
        return turn.told(Status.PING_RECORDED, cache, counted=False)
    cache = replace(cache, x_last_event_at=t)
    if rounded(t - cache.x_last_counted_at) < turn.limits.counted_s:
        return turn.told(Status.PING_RECORDED, cache, counted=False)
    return _counted(turn, replace(cache, x_last_counted_at=t))


def start(turn: Turn) -> Stepped:
    """Without a trip as a ping; with one it is a position and no more."""
    cache = turn.state.cache
    if cache is None:
        return _without_trip(turn)
    cache = with_phone_gps(turn, cache)
    return turn.told(Status.ALREADY_ACTIVE, replace(cache, x_last_event_at=max(cache.x_last_event_at, turn.event.t)))


def _without_trip(turn: Turn) -> Stepped:
    cache = opened(turn)
    if cache is None:
        return turn.told(Status.COOLDOWN_IGNORED, None)
    return _counted(turn, with_phone_gps(turn, cache))


def _counted(turn: Turn, cache: Cache) -> Stepped:
    mode = _gps_only if cache.gps_only_mode else identifying if cache.car_id is None else _assigned
    after, result = mode(turn, cache)
    return after, replace(result, counted=True)


def _gps_only(turn: Turn, cache: Cache) -> Stepped:
    """No API call, ever: only the phone's positions count."""
    named, position = turn.bluetooth_car, turn.event.position
    if cache.car_id is None and named is not None:
        cache = with_car(cache, named)
    if position is None:
        return turn.told(Status.PING_RECORDED, cache)
    if is_at_skip(turn.config, position):
        return told_paused(turn, paused(cache))
    return turn.told(Status.PING_RECORDED, replace(cache, skip_pause_count=0))


def _assigned(turn: Turn, cache: Cache) -> Stepped:
    named = turn.bluetooth_car
    if named is not None and named.car_id != cache.car_id:
        return _reassigned(turn, cache, named)
    answer = None if cache.car_id is None else turn.asking.car(cache.car_id)
    if answer is None:
        return api_error(turn, cache)
    cache = with_answer(turn, cache, answer)
    driving = is_driving(cache, answer, turn.limits)
    if driving is None:
        return turn.told(Status.PING_RECORDED, cache, warning=CAR_STATE_UNKNOWN)
    if driving:
        cache = replace(as_driving(cache), end_triggered=None)
        return turn.told(Status.DRIVING, cache, total_km=total_km(turn, cache))
    return _parked(turn, cache, answer)


def _reassigned(turn: Turn, cache: Cache, car: Car) -> Stepped:
    """The phone is in another car: what the first one told is not this one's, and its odometer saw only a part of the trip."""
    cache = replace(
        with_car(cache, car),
        start_odo=None,
        last_odo=None,
        x_odo_anchor=None,
        x_odo_partial=True,
        x_parked_since=None,
        x_resumes_trip_id=None,
        parked_count=0,
        skip_pause_count=0,
        api_error_count=0,
        gps_trail=(),
        audi_gps=None,
    )
    if not car.has_credentials:
        return turn.told(Status.CAR_REASSIGNED, replace(cache, gps_only_mode=True))
    answer = turn.asking.car(car.car_id)
    if answer is None:
        return turn.told(Status.CAR_REASSIGNED, replace(cache, api_error_count=1), error=CAR_STATUS_UNAVAILABLE)
    return turn.told(Status.CAR_REASSIGNED, with_answer(turn, cache, answer))


def _parked(turn: Turn, cache: Cache, answer: CarAnswer) -> Stepped:
    """Skip locations first: at one, a trip waits however long and however short it is."""
    since = turn.event.t if cache.x_parked_since is None else cache.x_parked_since
    cache = replace(cache, parked_count=cache.parked_count + 1, x_parked_since=since)
    if stands_at_skip(turn, cache, answer):
        return told_paused(turn, paused(cache))
    if cache.skip_pause_count > 0:  # it was moved, unseen
        cache = replace(cache, skip_pause_count=0, parked_count=1, x_parked_since=turn.event.t)
    km = km_now(cache, turn.limits)
    so_far = {"parked_count": cache.parked_count, "total_km": round(km, 3)}
    if cache.parked_count < turn.limits.parked_count:
        return turn.told(Status.PARKING, cache, **so_far)
    if rounded(km) >= turn.limits.min_trip_km:
        return finalise(turn, cache, Via.PARKED)
    if turn.event.bluetooth == cache.car_id:
        return turn.told(Status.HOLDING_BLUETOOTH, cache, **so_far)
    return turn.cancelled(cache, Reason.BELOW_MIN_DISTANCE, **so_far)
