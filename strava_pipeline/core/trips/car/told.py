"""What several kinds of event tell in the same way: how far a trip has gone, and that it waits at a skip location."""

from strava_pipeline.core.trips.car.result import Status
from strava_pipeline.core.trips.car.state import Cache
from strava_pipeline.core.trips.car.trail import km_now
from strava_pipeline.core.trips.car.turn import Stepped, Turn


def total_km(turn: Turn, cache: Cache) -> float:
    """To the metre."""
    return round(km_now(cache, turn.limits), 3)


def told_paused(turn: Turn, cache: Cache) -> Stepped:
    return turn.told(Status.PAUSED_AT_SKIP, cache, pause_count=cache.skip_pause_count, total_km=total_km(turn, cache))
