"""Finding the car of a trip: the one that Bluetooth names, else one that drives; and what an error of its API leads to."""

from dataclasses import replace

from strava_pipeline.core.trips.car.config import Car
from strava_pipeline.core.trips.car.readings import with_answer, with_car, with_error
from strava_pipeline.core.trips.car.result import CAR_STATUS_UNAVAILABLE, Reason, Status
from strava_pipeline.core.trips.car.state import Cache
from strava_pipeline.core.trips.car.told import total_km
from strava_pipeline.core.trips.car.turn import Stepped, Turn


def identifying(turn: Turn, cache: Cache) -> Stepped:
    """A counted ping of a trip without a car. Bluetooth wins over everything: no other car is asked then."""
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
        return turn.told(Status.WAITING_FOR_CAR, cache, no_driving_count=count)
    if cache.api_error_count >= turn.limits.api_error_count:
        return turn.told(Status.GPS_ONLY_MODE, replace(cache, gps_only_mode=True), no_driving_count=count)
    return turn.cancelled(cache, Reason.NO_DRIVING_CAR, no_driving_count=count)


def api_error(turn: Turn, cache: Cache) -> Stepped:
    """An error of the assigned car's API. Where it never told an odometer, GPS is all there is after some errors in a row."""
    cache = with_error(cache)
    if cache.start_odo is None and cache.api_error_count >= turn.limits.api_error_count:
        return turn.told(Status.GPS_ONLY_MODE, replace(cache, gps_only_mode=True), error=CAR_STATUS_UNAVAILABLE)
    return turn.told(Status.PING_RECORDED, cache, error=CAR_STATUS_UNAVAILABLE)


def _named(turn: Turn, cache: Cache, car: Car) -> Stepped:
    cache = with_car(cache, car)
    if not car.has_credentials:
        return turn.told(Status.GPS_ONLY_MODE, replace(cache, gps_only_mode=True))
    answer = turn.asking.car(car.car_id)
    if answer is None:
        return api_error(turn, cache)
    cache = with_answer(turn, replace(cache, no_driving_count=0), answer)
    return turn.told(Status.TRIP_STARTED, cache, total_km=total_km(turn, cache))
