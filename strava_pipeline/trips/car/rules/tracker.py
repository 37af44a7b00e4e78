"""The tracker: from a state, an event and the available answers to the next state and a result.

By event: pings and the phone's start, which open trips and follow them; the phone's end; the clock of the safety net,
which ends trips that were silent for long. Ending a trip that counts is turn.py's.
"""

from dataclasses import replace

from strava_pipeline.trips.car.rules.config import Car, CarConfig, Limits, is_at_skip, rounded
from strava_pipeline.trips.car.rules.events import (
    CAR_STATE_UNKNOWN,
    CAR_STATUS_UNAVAILABLE,
    Answers,
    CarAnswer,
    Event,
    Reason,
    Result,
    Status,
)
from strava_pipeline.trips.car.rules.trip import Cache, LastTrip, TrackerState, Via, km_now
from strava_pipeline.trips.car.rules.turn import (
    Asking,
    Stepped,
    Turn,
    as_driving,
    finalise,
    is_driving,
    paused_result,
    stands_at_skip,
    total_km,
    with_answer,
    with_car,
    with_error,
    with_phone_gps,
)


def step(
    state: TrackerState, event: Event, answers: Answers, config: CarConfig, limits: Limits = Limits()
) -> tuple[TrackerState, Result]:
    """Returns the state after the event, and the result. Changes no argument; raises what `answers` raises, nothing else."""
    return _HANDLERS[event.kind](Turn(state, event, Asking(answers, config), config, limits))


def ping(turn: Turn) -> Stepped:
    """Always store its position; a late ping, or one too soon after a counted ping, changes nothing else."""
    cache, t = turn.state.cache, turn.event.t
    if cache is None:
        return _without_trip(turn)
    cache = with_phone_gps(turn, cache)
    if t < cache.x_last_event_at:
        return turn.result(Status.PING_RECORDED, cache, counted=False)
    cache = replace(cache, x_last_event_at=t)
    if rounded(t - cache.x_last_counted_at) < turn.limits.counted_s:
        return turn.result(Status.PING_RECORDED, cache, counted=False)
    return _counted(turn, replace(cache, x_last_counted_at=t))


def start(turn: Turn) -> Stepped:
    """Without a trip, the same as a ping; during a trip only the position is stored."""
    cache = turn.state.cache
    if cache is None:
        return _without_trip(turn)
    cache = with_phone_gps(turn, cache)
    return turn.result(Status.ALREADY_ACTIVE, replace(cache, x_last_event_at=max(cache.x_last_event_at, turn.event.t)))


def _without_trip(turn: Turn) -> Stepped:
    cache = _opened(turn)
    if cache is None:
        return turn.result(Status.COOLDOWN_IGNORED, None)
    return _counted(turn, with_phone_gps(turn, cache))


def _counted(turn: Turn, cache: Cache) -> Stepped:
    mode = _gps_only if cache.gps_only_mode else _identifying if cache.car_id is None else _assigned
    after, result = mode(turn, cache)
    return after, replace(result, counted=True)


def _gps_only(turn: Turn, cache: Cache) -> Stepped:
    """Use only the phone's positions: no API is called in this mode."""
    named, position = turn.bluetooth_car, turn.event.position
    if cache.car_id is None and named is not None:
        cache = with_car(cache, named)
    if position is None:
        return turn.result(Status.PING_RECORDED, cache)
    if is_at_skip(turn.config, position):
        return paused_result(turn, cache)
    return turn.result(Status.PING_RECORDED, replace(cache, skip_pause_count=0))


def _assigned(turn: Turn, cache: Cache) -> Stepped:
    named = turn.bluetooth_car
    if named is not None and named.car_id != cache.car_id:
        return _reassigned(turn, cache, named)
    answer = None if cache.car_id is None else turn.asking.car(cache.car_id)
    if answer is None:
        return _api_error(turn, cache)
    cache = with_answer(turn, cache, answer)
    driving = is_driving(cache, answer, turn.limits)
    if driving is None:
        return turn.result(Status.PING_RECORDED, cache, warning=CAR_STATE_UNKNOWN)
    if driving:
        cache = replace(as_driving(cache), end_triggered=None)
        return turn.result(Status.DRIVING, cache, total_km=total_km(turn, cache))
    return _parked(turn, cache, answer)


def _reassigned(turn: Turn, cache: Cache, car: Car) -> Stepped:
    """The phone is in another car: drop the first car's readings; the new car's odometer covers only a part of the trip."""
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
        return turn.result(Status.CAR_REASSIGNED, replace(cache, gps_only_mode=True))
    answer = turn.asking.car(car.car_id)
    if answer is None:
        return turn.result(Status.CAR_REASSIGNED, replace(cache, api_error_count=1), error=CAR_STATUS_UNAVAILABLE)
    return turn.result(Status.CAR_REASSIGNED, with_answer(turn, cache, answer))


def _parked(turn: Turn, cache: Cache, answer: CarAnswer) -> Stepped:
    """Count a parked reading. At a skip location a trip waits, however long and however short it is."""
    since = turn.event.t if cache.x_parked_since is None else cache.x_parked_since
    cache = replace(cache, parked_count=cache.parked_count + 1, x_parked_since=since)
    if stands_at_skip(turn, cache, answer):
        return paused_result(turn, cache)
    if cache.skip_pause_count > 0:  # the car was moved between two readings
        cache = replace(cache, skip_pause_count=0, parked_count=1, x_parked_since=turn.event.t)
    km = km_now(cache, turn.limits)
    so_far = {"parked_count": cache.parked_count, "total_km": round(km, 3)}
    if cache.parked_count < turn.limits.parked_count:
        return turn.result(Status.PARKING, cache, **so_far)
    if rounded(km) >= turn.limits.min_trip_km:
        return finalise(turn, cache, Via.PARKED)
    if turn.event.bluetooth == cache.car_id:
        return turn.result(Status.HOLDING_BLUETOOTH, cache, **so_far)
    return turn.cancelled(cache, Reason.BELOW_MIN_DISTANCE, **so_far)


def _opened(turn: Turn) -> Cache | None:
    """The trip that begins with this event, or None in the cooldown after a trip, without evidence that a car drives again."""
    last, resumes = turn.state.last_trip, None
    if last is not None and _cools_down(turn, last):
        car = _evidence(turn, last)
        if car is None:
            return None
        resumes = last.trip_id if car.car_id == last.car_id else None
    t = turn.event.t
    return Cache(turn.config.user_id, t, x_last_counted_at=t, x_last_event_at=t, x_resumes_trip_id=resumes)


def _cools_down(turn: Turn, last: LastTrip) -> bool:
    return 0 <= rounded(turn.event.t - last.end_time) < turn.limits.cooldown_s


def _evidence(turn: Turn, last: LastTrip) -> Car | None:
    """The car named by Bluetooth, unless it still stands where the last trip left it; without Bluetooth a car that drives."""
    named = turn.bluetooth_car
    if named is None:
        return turn.asking.driving_car().car
    answer = turn.asking.car(named.car_id)
    if answer is None or answer.is_parked is False:
        return named
    if named.car_id != last.car_id or answer.odometer is None or last.end_odo is None:
        return None
    return named if rounded(answer.odometer - last.end_odo) > turn.limits.odometer_km else None


def _identifying(turn: Turn, cache: Cache) -> Stepped:
    """Find the car of a trip: the one named by Bluetooth, in which case no other is asked; otherwise one that drives."""
    named = turn.bluetooth_car
    if named is not None:
        return _named(turn, cache, named)
    found = turn.asking.driving_car()
    if found.car is not None:
        return _named(turn, cache, found.car)
    cache = replace(cache, no_driving_count=cache.no_driving_count + 1)
    cache = with_error(cache) if found.outcome == "api_error" else replace(cache, api_error_count=0)
    count = cache.no_driving_count
    if count < turn.limits.no_driving_count:
        return turn.result(Status.WAITING_FOR_CAR, cache, no_driving_count=count)
    if cache.api_error_count >= turn.limits.api_error_count:
        return turn.result(Status.GPS_ONLY_MODE, replace(cache, gps_only_mode=True), no_driving_count=count)
    return turn.cancelled(cache, Reason.NO_DRIVING_CAR, no_driving_count=count)


def _api_error(turn: Turn, cache: Cache) -> Stepped:
    """Count an error of the assigned car's API. Without any odometer reading, some errors in a row lead to GPS-only mode."""
    cache = with_error(cache)
    if cache.start_odo is None and cache.api_error_count >= turn.limits.api_error_count:
        return turn.result(Status.GPS_ONLY_MODE, replace(cache, gps_only_mode=True), error=CAR_STATUS_UNAVAILABLE)
    return turn.result(Status.PING_RECORDED, cache, error=CAR_STATUS_UNAVAILABLE)


def _named(turn: Turn, cache: Cache, car: Car) -> Stepped:
    cache = with_car(cache, car)
    if not car.has_credentials:
        return turn.result(Status.GPS_ONLY_MODE, replace(cache, gps_only_mode=True))
    answer = turn.asking.car(car.car_id)
    if answer is None:
        return _api_error(turn, cache)
    cache = with_answer(turn, replace(cache, no_driving_count=0), answer)
    return turn.result(Status.TRIP_STARTED, cache, total_km=total_km(turn, cache))


def end(turn: Turn) -> Stepped:
    """End the trip at once, unless its car still drives or stands at a skip location. Each one counts, however soon."""
    cache, t = turn.state.cache, turn.event.t
    if cache is None:
        return turn.result(Status.NO_ACTIVE_TRIP, None)
    cache = with_phone_gps(turn, cache)
    cache = replace(cache, end_triggered=t, x_last_event_at=max(cache.x_last_event_at, t))
    if cache.gps_only_mode:
        return paused_result(turn, cache) if stands_at_skip(turn, cache, None) else finalise(turn, cache, Via.END)
    if cache.car_id is None:
        return turn.cancelled(cache, Reason.NO_CAR_IDENTIFIED)
    return _end_assigned(turn, cache, cache.car_id)


def _end_assigned(turn: Turn, cache: Cache, car_id: str) -> Stepped:
    answer = turn.asking.car(car_id)
    if answer is None:
        cache = with_error(cache)
    else:
        cache = with_answer(turn, cache, answer)
        if answer.is_parked is False:  # the odometer doesn't decide here
            cache = as_driving(cache)
            return turn.result(Status.END_DEFERRED, cache, total_km=total_km(turn, cache))
    if stands_at_skip(turn, cache, answer):
        return paused_result(turn, cache)
    return finalise(turn, cache, Via.END, api_down=answer is None)


def clock(turn: Turn) -> Stepped:
    """End a stale trip, by case: no position or no car (1), GPS only (2), no odometer (3), the car answers (4) or not (5)."""
    cache = turn.state.cache
    if cache is None:
        return turn.result(Status.NO_ACTIVE_TRIP, None)
    if rounded(turn.event.t - cache.x_last_event_at) < turn.limits.stale_s:
        return turn.result(Status.NOT_STALE, cache)
    if not cache.gps_events and not cache.gps_trail:
        return turn.cancelled(cache, Reason.NO_GPS, case=1)
    if cache.gps_only_mode:
        return finalise(turn, cache, Via.SAFETY_NET, case=2)
    if cache.car_id is None:
        return turn.cancelled(cache, Reason.NO_CAR_IDENTIFIED, case=1)
    if cache.start_odo is None or cache.last_odo is None:
        return finalise(turn, cache, Via.SAFETY_NET, case=3)
    answer = turn.asking.car(cache.car_id)
    if answer is None:
        return finalise(turn, with_error(cache), Via.SAFETY_NET, api_down=True, case=5)
    cache = with_answer(turn, cache, answer, at=cache.x_last_event_at)
    return finalise(turn, cache, Via.SAFETY_NET, case=4)


_HANDLERS = {"ping": ping, "start": start, "end": end, "clock": clock}
