"""What a phone is told of the trip under way: state, car, distance, duration, speed, how often to ping. No positions."""

from typing import Any

from strava_pipeline.core.haversine import distance_m
from strava_pipeline.core.pings.fold import User
from strava_pipeline.core.trips.car.config import DEFAULT_LIMITS
from strava_pipeline.core.trips.car.state import Cache, state_name
from strava_pipeline.core.trips.car.trip import km_now
from strava_pipeline.core.trips.values import format_milliseconds

MOVING_S, STANDING_S = 15, 60  # seconds between pings
DEBOUNCE = 0.8  # of the interval: what comes sooner after the last ping was sent twice by a timer that drifts
_STANDING = frozenset({"idle", "parking", "paused_at_skip"})


def told(user: User) -> dict[str, Any]:
    """The live state as JSON. `duration_s`, `distance_km`: since the trip began; null without one."""
    cache, wanted = user.tracker.cache, interval_s(user)
    return {
        "state": state_name(cache),
        "car_id": cache.car_id if cache else None,
        "car_name": cache.car_name if cache else None,
        "start_time": format_milliseconds(cache.start_time) if cache else None,
        "last_event_at": format_milliseconds(cache.x_last_event_at) if cache else None,
        "distance_km": round(km_now(cache, DEFAULT_LIMITS), 3) if cache else None,
        "duration_s": round(cache.x_last_event_at - cache.start_time, 3) if cache else None,
        "speed_kmh": round(user.speed_kmh, 1) if cache and user.speed_kmh is not None else None,
        "interval_s": wanted,
        "debounce_s": round(DEBOUNCE * wanted),
        "last_trip_id": user.tracker.last_trip.trip_id if user.tracker.last_trip else None,
    }


def interval_s(user: User) -> int:
    """Often in movement, seldom at rest: whoever has no trip, is parked or paused, or has hardly moved since the last ping."""
    cache = user.tracker.cache
    return STANDING_S if cache is None or state_name(cache) in _STANDING or _stands(cache) else MOVING_S


def _stands(cache: Cache) -> bool:
    """Whether the phone's last two positions, a minute or more apart, are one place."""
    points = cache.gps_events
    if len(points) < 2:
        return False
    last = points[-1]
    before = next(
        (point for point in reversed(points[:-1]) if last.timestamp - point.timestamp >= STANDING_S - MOVING_S), None
    )
    return before is not None and distance_m(before.lat, before.lng, last.lat, last.lng) < DEFAULT_LIMITS.thinning_m
