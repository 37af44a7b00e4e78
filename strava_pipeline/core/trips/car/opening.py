"""Whether an event opens a trip: always, but soon after a finished one only on evidence that a car drives again."""

from strava_pipeline.core.trips.car.config import Car
from strava_pipeline.core.trips.car.limits import rounded
from strava_pipeline.core.trips.car.state import Cache, LastTrip
from strava_pipeline.core.trips.car.turn import Turn


def opened(turn: Turn) -> Cache | None:
    """A trip that begins with this event; None: ignored."""
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
    """The car that Bluetooth names, unless it stands where the last trip left it; without one, a car that drives."""
    named = turn.bluetooth_car
    if named is None:
        return turn.asking.driving_car().car
    answer = turn.asking.car(named.car_id)
    if answer is None or answer.is_parked is False:
        return named
    if named.car_id != last.car_id or answer.odometer is None or last.end_odo is None:
        return None
    return named if rounded(answer.odometer - last.end_odo) > turn.limits.odometer_km else None
