"""The safety net: the clock ends a trip of which nothing was heard for long, as well as what is known allows."""

from strava_pipeline.core.trips.car.finalise import finalise
from strava_pipeline.core.trips.car.limits import rounded
from strava_pipeline.core.trips.car.readings import with_answer, with_error
from strava_pipeline.core.trips.car.result import Reason, Status
from strava_pipeline.core.trips.car.trip import Via
from strava_pipeline.core.trips.car.turn import Stepped, Turn


def clock(turn: Turn) -> Stepped:
    """The cases in order: nowhere to be found or no car (1), GPS only (2), no odometer (3), the car answers (4) or not (5)."""
    cache = turn.state.cache
    if cache is None:
        return turn.told(Status.NO_ACTIVE_TRIP, None)
    if rounded(turn.event.t - cache.x_last_event_at) < turn.limits.stale_s:
        return turn.told(Status.NOT_STALE, cache)
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
