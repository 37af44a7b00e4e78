"""One step of the tracker: its questions, the changes of the cache by positions and answers, and the end of a trip that counts.

Each car is asked at most once in a step, and every call is counted. A trip that ends is measured, located, compared
with the direct route, classified and saved, in this order. Which event reads what, and when a trip is over, is decided
in tracker.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from strava_pipeline.core.geodesy import sampled
from strava_pipeline.trips.car.rules.config import Car, CarConfig, Limits, Position, is_at_skip, place_at, rounded
from strava_pipeline.trips.car.rules.events import Answers, Cancellation, CarAnswer, Event, Reason, Result, Status
from strava_pipeline.trips.car.rules.trip import (
    Cache,
    DistanceSource,
    LastTrip,
    Point,
    TrackerState,
    Trip,
    Via,
    classify,
    km_now,
    length_km,
    state_name,
    trail,
    trip_id,
)


@dataclass(frozen=True, slots=True)
class Search:
    """The outcome of asking all cars; `car` is the one that drives."""

    outcome: Literal["driving", "no_cars", "parked", "api_error"]
    car: Car | None = None


class Asking:
    """The questions of one step, counted. A car that was asked once in the step is not asked again."""

    def __init__(self, answers: Answers, config: CarConfig) -> None:
        self._answers = answers
        self._config = config
        self._answered: dict[str, CarAnswer | None] = {}
        self.osrm_coords: list[int] = []

    @property
    def api_calls(self) -> int:
        return len(self._answered)

    def car(self, car_id: str) -> CarAnswer | None:
        """The car's usable answer, or None after an error, or without credentials."""
        car = self._config.car(car_id)
        if car is None or not car.has_credentials:
            return None
        if car_id not in self._answered:
            self._answered[car_id] = self._answers.car(car_id)
        answer = self._answered[car_id]
        return answer if answer is not None and answer.is_usable else None

    def driving_car(self) -> Search:
        """Ask the cars with credentials in order, up to the first that drives."""
        asked = [car for car in self._config.cars if car.has_credentials]
        usable = False
        for car in asked:
            answer = self.car(car.car_id)
            usable = usable or answer is not None
            if answer is not None and answer.is_parked is False:
                return Search("driving", car)
        if not asked:
            return Search("no_cars")
        return Search("parked" if usable else "api_error")

    def route_km(self, positions: Sequence[Position]) -> float | None:
        """Kilometres of the route through the positions, or through a sample of many. None without a route."""
        points = [(position.lng, position.lat) for position in sampled(positions)]
        self.osrm_coords.append(len(points))
        return self._answers.route(points)

    def save(self, trip: Trip) -> bool:
        return self._answers.save(trip)


Stepped = tuple[TrackerState, Result]


@dataclass(frozen=True, slots=True)
class Turn:
    """`state` is the one before the event."""

    state: TrackerState
    event: Event
    asking: Asking
    config: CarConfig
    limits: Limits

    @property
    def bluetooth_car(self) -> Car | None:
        """The configured car that the phone is connected to; unknown ids are ignored."""
        return self.config.car(self.event.bluetooth)

    def result(self, status: Status, cache: Cache | None, **fields: Any) -> Stepped:
        """End the step with this cache: a trip under way, or still none. `fields` are Result's."""
        return self.ended(status, replace(self.state, cache=cache), **fields)

    def cancelled(self, cache: Cache, reason: Reason, **fields: Any) -> Stepped:
        """End the step and cancel the trip."""
        cancellation = Cancellation(
            user_id=cache.user_id,
            car_id=cache.car_id,
            start_time=cache.start_time,
            end_time=self.event.t,
            reason=reason,
            no_driving_count=cache.no_driving_count,
            parked_count=cache.parked_count,
            skip_pause_count=cache.skip_pause_count,
            api_error_count=cache.api_error_count,
        )
        fields = {"car_id": cache.car_id, "reason": reason, "cancellation": cancellation, **fields}
        return self.ended(Status.CANCELLED, replace(self.state, cache=None), **fields)

    def ended(self, status: Status, after: TrackerState, **fields: Any) -> Stepped:
        """End the step with this state. `fields` are Result's."""
        cache = after.cache
        fields = {"trip": None, "car_id": None if cache is None else cache.car_id, **fields}
        return after, Result(
            status=status,
            state=state_name(cache),
            cache=cache,
            api_calls=self.asking.api_calls,
            osrm_coords=tuple(self.asking.osrm_coords),
            **fields,
        )


def with_phone_gps(turn: Turn, cache: Cache) -> Cache:
    """Add the event's position to the phone's points; without a position the cache stays as it is."""
    event, position = turn.event, turn.event.position
    if position is None:
        return cache
    at = event.t if event.gps_at is None else event.gps_at
    point = Point(*position, at, is_at_skip(turn.config, position))
    return replace(cache, gps_events=(*cache.gps_events, point))


def with_car(cache: Cache, car: Car) -> Cache:
    """Assign the trip to this car."""
    return replace(cache, car_id=car.car_id, car_name=car.name)


def with_answer(turn: Turn, cache: Cache, answer: CarAnswer, *, at: float | None = None) -> Cache:
    """Add the odometer and position of a usable answer, the position as of `at`, else of the event; the row of errors ends."""
    cache = replace(cache, api_error_count=0)
    if answer.odometer is not None:
        cache = _with_odometer(cache, answer.odometer)
    position = answer.position
    if position is None:
        return cache
    point = Point(*position, turn.event.t if at is None else at, is_at_skip(turn.config, position))
    return replace(cache, gps_trail=(*cache.gps_trail, point), audi_gps=point)


def with_error(cache: Cache) -> Cache:
    """Count one more error in a row; nothing else changes."""
    return replace(cache, api_error_count=cache.api_error_count + 1)


def as_driving(cache: Cache) -> Cache:
    """The cache after a reading that says driving. Whether the phone ended the trip is unchanged."""
    return replace(cache, parked_count=0, skip_pause_count=0, x_parked_since=None, x_odo_anchor=cache.last_odo)


def is_driving(cache: Cache, answer: CarAnswer, limits: Limits) -> bool | None:
    """Whether the car drives, by an answer that the cache already contains: odometer first, then API. None if neither knows."""
    if answer.odometer is not None and cache.last_odo is not None and cache.x_odo_anchor is not None:
        driven = rounded(cache.last_odo - cache.x_odo_anchor)  # since the last parked reset: small steps add up
        if driven > limits.odometer_km:
            return True
    return None if answer.is_parked is None else not answer.is_parked


def stands_at_skip(turn: Turn, cache: Cache, answer: CarAnswer | None) -> bool:
    """Whether the best known position is at a skip location: this answer's, this event's, the car's last, the phone's last."""
    candidates: tuple[Position | None, ...] = (
        None if answer is None else answer.position,
        turn.event.position,
        None if cache.audi_gps is None else cache.audi_gps.position,
        cache.gps_events[-1].position if cache.gps_events else None,
    )
    position = next((position for position in candidates if position is not None), None)
    return position is not None and is_at_skip(turn.config, position)


def _with_odometer(cache: Cache, km: float) -> Cache:
    """Update the odometer, which never goes back: a smaller value is bad data."""
    now = km if cache.last_odo is None else max(km, cache.last_odo)
    return replace(
        cache,
        last_odo=now,
        start_odo=now if cache.start_odo is None else cache.start_odo,
        x_odo_anchor=now if cache.x_odo_anchor is None else cache.x_odo_anchor,
    )


def total_km(turn: Turn, cache: Cache) -> float:
    """Kilometres so far, to the metre."""
    return round(km_now(cache, turn.limits), 3)


def paused_result(turn: Turn, cache: Cache) -> Stepped:
    """Count one more parked reading at a skip location."""
    cache = replace(cache, skip_pause_count=cache.skip_pause_count + 1)
    return turn.result(Status.PAUSED_AT_SKIP, cache, pause_count=cache.skip_pause_count, total_km=total_km(turn, cache))


class Measured(NamedTuple):
    """The length of a trip, and its source."""

    km: float
    source: DistanceSource


def finalise(turn: Turn, cache: Cache, via: Via, *, api_down: bool = False, **fields: Any) -> Stepped:
    """Save the trip's record, or cancel the trip and say why; a save that fails leaves the trip unchanged.

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
    return turn.ended(Status.FINALIZED, TrackerState(None, parked, last), trip=trip, car_id=trip.car_id, **fields)


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
    """The place where the car was left, because the phone's first point may come late."""
    parked = None if cache.car_id is None else turn.state.last_parked_gps.get(cache.car_id)
    if parked is not None:
        return parked
    return points[0].position if points else None


def _end(cache: Cache, points: tuple[Point, ...]) -> Position | None:
    if cache.audi_gps is not None and not cache.gps_only_mode:
        return cache.audi_gps.position
    return points[-1].position if points else None


def _end_time(cache: Cache) -> float:
    """When it was parked, or when the phone ended it, or its last event; a late `end` doesn't make the end earlier."""
    candidates = (cache.x_parked_since, cache.end_triggered, cache.x_last_event_at)
    return max(cache.start_time, next(instant for instant in candidates if instant is not None))


def _deviation_percent(km: float, direct: float | None) -> float | None:
    if direct is None or rounded(direct) <= 0:
        return None
    return (km - direct) / direct * 100


def _is_long(percent: float | None, limits: Limits) -> bool:
    return percent is not None and rounded(percent) > limits.long_route_percent
