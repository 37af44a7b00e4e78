"""The end of a trip that counts: measured, located, compared with the direct route, classified, saved. In this order.

When a trip is over is decided in tracker.py.
"""

from typing import Any, NamedTuple

from strava_pipeline.core.trips.car.config import Limits, Position, place_at, rounded
from strava_pipeline.core.trips.car.result import Reason, Status
from strava_pipeline.core.trips.car.state import Cache, LastTrip, Point, TrackerState
from strava_pipeline.core.trips.car.trip import DistanceSource, Trip, Via, classify, length_km, trail, trip_id
from strava_pipeline.core.trips.car.turn import Stepped, Turn


class Measured(NamedTuple):
    """How long a trip was, and by what."""

    km: float
    source: DistanceSource


def finalise(turn: Turn, cache: Cache, via: Via, *, api_down: bool = False, **fields: Any) -> Stepped:
    """Save the trip's record, or cancel the trip and say why; a save that fails leaves the trip as it is.

    `api_down`: the last reading of the odometer failed. `fields` are those of the result.
    """
    points = trail(cache, turn.limits)
    measured = _measured(turn, cache, points, api_down=api_down)
    if measured is None:
        return turn.cancelled(cache, Reason.NO_DISTANCE, **fields)
    if rounded(measured.km) < turn.limits.min_trip_km:
        return turn.cancelled(cache, Reason.BELOW_MIN_DISTANCE, **fields)
    trip = _record(turn, cache, points, measured, via)
    if not turn.asking.save(trip):
        return turn.result(Status.FINALIZE_FAILED, cache, **fields)
    parked = dict(turn.state.last_parked_gps)
    if trip.car_id is not None and trip.end_gps is not None:
        parked[trip.car_id] = trip.end_gps
    last = LastTrip(trip.trip_id, trip.car_id, trip.end_time, trip.end_odo)
    return turn.finalised(TrackerState(None, parked, last), trip=trip, car_id=trip.car_id, **fields)


def _measured(turn: Turn, cache: Cache, points: tuple[Point, ...], *, api_down: bool) -> Measured | None:
    odometer = None if cache.start_odo is None or cache.last_odo is None else cache.last_odo - cache.start_odo
    if odometer is not None and not cache.gps_only_mode:
        incomplete = cache.x_odo_partial or api_down
        if not incomplete or len(points) < 2:
            return Measured(odometer, DistanceSource.ODOMETER)
    if len(points) < 2:
        return None
    route = turn.asking.route_km([point.position for point in points])
    if route is not None and rounded(route) > 0:
        return Measured(route, DistanceSource.OSRM)
    return Measured(length_km(points, turn.limits), DistanceSource.HAVERSINE)


def _record(turn: Turn, cache: Cache, points: tuple[Point, ...], measured: Measured, via: Via) -> Trip:
    start_gps, end_gps = _start(turn, cache, points), _end(cache, points)
    start, end = place_at(turn.config, start_gps), place_at(turn.config, end_gps)
    direct = None if start_gps is None or end_gps is None else turn.asking.route_km([start_gps, end_gps])
    percent = _deviation_percent(measured.km, direct)
    return Trip(
        trip_id=trip_id(cache.user_id, cache.start_time),
        user_id=cache.user_id,
        car_id=cache.car_id,
        car_name=cache.car_name,
        start_time=cache.start_time,
        end_time=_end_time(cache),
        start_odo=cache.start_odo,
        end_odo=cache.last_odo,
        distance_km=round(measured.km, 3),
        distance_source=measured.source,
        gps_only=cache.gps_only_mode,
        start_gps=start_gps,
        end_gps=end_gps,
        start_location=None if start is None else start.name,
        end_location=None if end is None else end.name,
        gps_trail=points,
        trail_points=len(points),
        phone_points=len(cache.gps_events),
        car_points=len(cache.gps_trail),
        direct_km=None if direct is None else round(direct, 3),
        deviation_percent=None if percent is None else round(percent, 1),
        long_route=_is_long(percent, turn.limits),
        classification=classify(turn.config, cache.start_time, start, end),
        via=via,
        resumes_trip_id=cache.x_resumes_trip_id,
    )


def _start(turn: Turn, cache: Cache, points: tuple[Point, ...]) -> Position | None:
    """Where the car was left, for the phone's first point may come late."""
    parked = None if cache.car_id is None else turn.state.last_parked_gps.get(cache.car_id)
    if parked is not None:
        return parked
    return points[0].position if points else None


def _end(cache: Cache, points: tuple[Point, ...]) -> Position | None:
    if cache.audi_gps is not None and not cache.gps_only_mode:
        return cache.audi_gps.position
    return points[-1].position if points else None


def _end_time(cache: Cache) -> float:
    """Since when it was parked, else when the phone ended it, else its last event; an `end` that came late is no earlier end."""
    known = (cache.x_parked_since, cache.end_triggered, cache.x_last_event_at)
    return max(cache.start_time, next(instant for instant in known if instant is not None))


def _deviation_percent(km: float, direct: float | None) -> float | None:
    if direct is None or rounded(direct) <= 0:
        return None
    return (km - direct) / direct * 100


def _is_long(percent: float | None, limits: Limits) -> bool:
    return percent is not None and rounded(percent) > limits.long_route_percent
