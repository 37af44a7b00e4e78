"""The phone's end: it ends a trip at once, unless the car still drives or stands at a skip location."""

from dataclasses import replace

from strava_pipeline.core.trips.car.finalise import finalise
from strava_pipeline.core.trips.car.readings import (
    as_driving,
    paused,
    stands_at_skip,
    with_answer,
    with_error,
    with_phone_gps,
)
from strava_pipeline.core.trips.car.result import Reason, Status
from strava_pipeline.core.trips.car.state import Cache
from strava_pipeline.core.trips.car.told import told_paused, total_km
from strava_pipeline.core.trips.car.trip import Via
from strava_pipeline.core.trips.car.turn import Stepped, Turn


def end(turn: Turn) -> Stepped:
    """Every one counts, however soon after a ping."""
    cache, t = turn.state.cache, turn.event.t
    if cache is None:
        return turn.told(Status.NO_ACTIVE_TRIP, None)
    cache = with_phone_gps(turn, cache)
    cache = replace(cache, end_triggered=t, x_last_event_at=max(cache.x_last_event_at, t))
    if cache.gps_only_mode:
        return told_paused(turn, paused(cache)) if stands_at_skip(turn, cache, None) else finalise(turn, cache, Via.END)
    if cache.car_id is None:
        return turn.cancelled(cache, Reason.NO_CAR_IDENTIFIED)
    return _assigned(turn, cache, cache.car_id)


def _assigned(turn: Turn, cache: Cache, car_id: str) -> Stepped:
    answer = turn.asking.car(car_id)
    if answer is None:
        cache = with_error(cache)
    else:
        cache = with_answer(turn, cache, answer)
        if answer.is_parked is False:  # what the odometer says doesn't matter here
            cache = as_driving(cache)
            return turn.told(Status.END_DEFERRED, cache, total_km=total_km(turn, cache))
    if stands_at_skip(turn, cache, answer):
        return told_paused(turn, paused(cache))
    return finalise(turn, cache, Via.END, api_down=answer is None)
