"""One user's log, line by line, through the tracker: the state after each line, the live status, and rows of the tables. Pure.

The intake does this at once, and every replay repeats it. In addition to the tracker's rules there are three: a line
that was received twice counts once; an event that is not newer than the end of the last trip, or ends a trip that began
after the event, is too late; the time of a phone whose clock is ahead is replaced by the time of arrival.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from strava_pipeline.core.geodesy import distance_m
from strava_pipeline.core.json_values import format_milliseconds, json_text, parse_json
from strava_pipeline.core.tables.model import Kind, Table
from strava_pipeline.trips.car.rules.config import (
    DEFAULT_LIMITS,
    CarConfig,
    Limits,
    Position,
    config_json,
    position_json,
    read_config,
)
from strava_pipeline.trips.car.rules.events import Answers, Cancellation, Event, NoEventError, Result
from strava_pipeline.trips.car.rules.formats import FUTURE_S, Ping, believable_time, read_ping
from strava_pipeline.trips.car.rules.lines import ReceivedLine
from strava_pipeline.trips.car.rules.tracker import step
from strava_pipeline.trips.car.rules.trip import Cache, TrackerState, Trip, km_now, read_state, state_json, state_name
from strava_pipeline.trips.car.tables import CAR_TRIP_CANCELLATIONS, CAR_TRIP_POINTS, CAR_TRIPS

REMEMBERED = 300  # a user's events that may come again: five hours of pings a minute
SET_BACK_S = 600  # more than a clock that runs is corrected by
VERSION = 3  # of states and of how trips are named; with another one, every replay starts from the first ping


@dataclass(frozen=True, slots=True)
class User:
    """The state of one user after some of their log. `config` None: none was received yet; `seen`: digests of the last events.

    `parked`: where cars stand until a trip says otherwise; `came_at`: arrival of the last line, in epoch seconds.
    """

    config: CarConfig | None = None
    tracker: TrackerState = field(default_factory=TrackerState)
    seen: tuple[str, ...] = ()
    after: str = ""
    speed_kmh: float | None = None
    parked: Mapping[str, Position] = field(default_factory=dict)
    came_at: float = 0.0

    def after_line(
        self, line: ReceivedLine, answers: Answers, limits: Limits, ping: Ping | None
    ) -> tuple["User", Result | None]:
        """The state after `line`, whose content is `ping`, and the result, or None if the line changed no trip."""
        here = replace(self, after=line.id, came_at=line.received_at.timestamp())
        if line.kind == "config":
            return _configured(here, parse_json(line.body.encode())), None
        if ping is None or self.config is None:
            return here, None
        here = replace(here, speed_kmh=ping.speed_kmh, tracker=self._believed(line))
        digest = _digest(ping.event)
        if digest in self.seen or here._is_late(ping.event):
            return here, None
        before = here.tracker.last_parked_gps
        tracker, result = step(
            replace(here.tracker, last_parked_gps={**self.parked, **before}), ping.event, answers, self.config, limits
        )
        left_by_trips = {
            car_id: position
            for car_id, position in tracker.last_parked_gps.items()
            if car_id in before or position != self.parked.get(car_id)
        }
        tracker = replace(tracker, last_parked_gps=left_by_trips)
        return replace(here, tracker=tracker, seen=(*self.seen[-REMEMBERED:], digest)), result

    def is_stale(self, now: float) -> bool:
        """Whether a trip is under way but has been silent for long, both by the phone's time and by arrival."""
        cache, long = self.tracker.cache, DEFAULT_LIMITS.stale_s
        return cache is not None and now - cache.x_last_event_at >= long and now - self.came_at >= long

    def _believed(self, line: ReceivedLine) -> TrackerState:
        """The tracker's state, without trips that lie after the line's arrival: this machine's clock was ahead when they came.
        Else all events until then would be late. A clock event, which another process sends, may stand behind later lines.
        """
        cache, last = self.tracker.cache, self.tracker.last_trip
        latest = line.received_at.timestamp() + SET_BACK_S
        if line.scripted or line.kind == "clock":
            return self.tracker
        cache = cache if cache is None or cache.x_last_event_at <= latest else None
        last = last if last is None or last.end_time <= latest else None
        return replace(self.tracker, cache=cache, last_trip=last)

    def _is_late(self, event: Event) -> bool:
        """Whether the event is not newer than the last trip's end, or ends a trip that began after the event."""
        last, cache = self.tracker.last_trip, self.tracker.cache
        if last is not None and event.t <= last.end_time:
            return True
        return event.kind == "end" and cache is not None and event.t < cache.start_time


def config_body(config: CarConfig, last_parked_gps: Mapping[str, Position]) -> str:
    """The body of a `config` line: the user's cars and places, and where the cars stand until a trip says otherwise."""
    parked = {car_id: position_json(position) for car_id, position in last_parked_gps.items()}
    return json_text({**config_json(config), "last_parked_gps": parked})


def _configured(user: User, body: Mapping[str, Any]) -> User:
    parked = {car_id: Position(**position) for car_id, position in body.get("last_parked_gps", {}).items()}
    return replace(user, config=read_config(body), parked=parked)


def ping_in(line: ReceivedLine) -> Ping | None:
    """The ping in a line, or None for other lines."""
    if line.kind == "config":
        return None
    try:
        kind = "ping" if line.kind == "clock" else line.kind
        ping = read_ping(line.body.encode(), line.query, kind, line.received_at.timestamp())
    except NoEventError:  # an older version accepted it
        return None
    return None if ping is None else with_believable_time(ping, line)


def with_believable_time(ping: Ping, line: ReceivedLine) -> Ping:
    """`ping`, as read from `line`, with a believable time: a phone's clock may be ahead, a script's is right."""
    event, came = ping.event, line.received_at.timestamp()
    if line.scripted or max(event.t, event.gps_at or 0.0) <= came + FUTURE_S:
        return ping
    believed_gps_at = None if event.gps_at is not None and event.gps_at > came + FUTURE_S else event.gps_at
    return replace(ping, event=replace(event, t=believable_time(event.t, came), gps_at=believed_gps_at))


def user_json(user: User) -> dict[str, Any]:
    return {
        "version": VERSION,
        "config": config_json(user.config) if user.config else None,
        "tracker": state_json(user.tracker),
        "seen": list(user.seen),
        "after": user.after,
        "speed_kmh": user.speed_kmh,
        "parked": {car_id: position_json(position) for car_id, position in user.parked.items()},
        "came_at": user.came_at,
    }


def user_digest(user: User) -> str:
    """A digest that is the same for equal states."""
    return hashlib.blake2b(json_text(user_json(user)).encode(), digest_size=8).hexdigest()


def read_user(saved: Mapping[str, Any]) -> User:
    """The state in `saved`. Raises ValueError or KeyError if another version wrote it."""
    if saved["version"] != VERSION:
        raise ValueError("another version's")
    config = read_config(saved["config"]) if saved["config"] else None
    parked = {car_id: Position(**position) for car_id, position in saved["parked"].items()}
    tracker = read_state(saved["tracker"])
    return User(
        config, tracker, tuple(saved["seen"]), saved["after"], saved["speed_kmh"], parked, float(saved["came_at"])
    )


def _digest(event: Event) -> str:
    fields = (event.kind, event.t, event.lat, event.lng, event.gps_at, event.bluetooth)
    return hashlib.blake2b(repr(fields).encode(), digest_size=8).hexdigest()


MOVING_S, STANDING_S = 15, 60  # seconds between pings
DEBOUNCE = 0.8  # of the interval: what comes sooner after the last ping was sent twice by a timer that drifts
_STANDING = frozenset({"idle", "parking", "paused_at_skip"})


def live_status(user: User) -> dict[str, Any]:
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
    """Seconds until the next ping: short in movement; long without a trip, parked, paused or hardly moving."""
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


PINGS = "pings"  # the source of these rows, as `strava` is of activities


@dataclass(slots=True)
class Outcomes:
    """Trips and cancellations, each with the user's zone and the arrival of the event that ended it."""

    trips: list[tuple[Trip, str, datetime]] = field(default_factory=list)
    cancellations: list[tuple[Cancellation, str, datetime]] = field(default_factory=list)

    def add(self, result: Result, config: CarConfig | None, came_at: datetime) -> None:
        zone = config.timezone if config else "UTC"
        if result.trip is not None:
            self.trips.append((result.trip, zone, came_at))
        if result.cancellation is not None:
            self.cancellations.append((result.cancellation, zone, came_at))

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """The rows of each table."""
        return {
            CAR_TRIPS.name: [_trip(trip, _year(trip.start_time, zone), at) for trip, zone, at in self.trips],
            CAR_TRIP_CANCELLATIONS.name: [
                _cancellation(one, _year(one.start_time, zone), at) for one, zone, at in self.cancellations
            ],
            CAR_TRIP_POINTS.name: [
                row for trip, zone, _ in self.trips for row in _points(trip, _year(trip.start_time, zone))
            ],
        }


def _alike(table: Table, record: Trip | Cancellation) -> dict[str, Any]:
    """The values of a record that its table has under the same names; instants are converted."""
    names = [column.name for column in table.columns if column.kind is not Kind.INSTANT]
    return {name: getattr(record, name) for name in names if hasattr(record, name)}


def _trip(trip: Trip, year: int, at: datetime) -> dict[str, Any]:
    return {
        "trip_id": trip.trip_id,
        **_user(trip.user_id, year),
        "start_time": _moment(trip.start_time),
        "end_time": _moment(trip.end_time),
        "start_lat": trip.start_gps.lat if trip.start_gps else None,
        "start_lng": trip.start_gps.lng if trip.start_gps else None,
        "end_lat": trip.end_gps.lat if trip.end_gps else None,
        "end_lng": trip.end_gps.lng if trip.end_gps else None,
        **_alike(CAR_TRIPS, trip),
        **dict.fromkeys(("start_address", "end_address")),  # trips/car/keeping.py's
        "fetched_at": at,
    }


def _cancellation(one: Cancellation, year: int, at: datetime) -> dict[str, Any]:
    return {
        "cancellation_id": f"{one.user_id}:{format_milliseconds(one.start_time)}:{format_milliseconds(one.end_time)}",
        **_user(one.user_id, year),
        "start_time": _moment(one.start_time),
        "end_time": _moment(one.end_time),
        **_alike(CAR_TRIP_CANCELLATIONS, one),
        "fetched_at": at,
    }


def _points(trip: Trip, year: int) -> list[dict[str, Any]]:
    shared = {"trip_id": trip.trip_id, **_user(trip.user_id, year)}
    return [
        {**shared, "sequence": number, "at": _moment(point.timestamp), "lat": point.lat, "lng": point.lng}
        for number, point in enumerate(trip.gps_trail)
    ]


def _user(user_id: str, year: int) -> dict[str, Any]:
    return {"source": PINGS, "user_id": user_id, "year": year}


def _moment(seconds: float) -> datetime:
    """To the millisecond, as in every other output."""
    return datetime.fromtimestamp(round(seconds, 3), UTC)


def _year(seconds: float, zone: str) -> int:
    return _moment(seconds).astimezone(ZoneInfo(zone)).year
