"""One user's log, line by line, through the tracker: what the intake does at once, and what every replay does again. Pure.

Beside the tracker's rules there are three of our own: what came twice counts once; what is not newer than the end of the last
trip, or ends one that began after it, is of a time that is done with; a phone whose clock is ahead is taken at its coming.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from strava_pipeline.core.json_text import json_text, parse_json
from strava_pipeline.core.pings.formats import FUTURE_S, Ping, believable_time, read_ping
from strava_pipeline.core.pings.lines import Kept
from strava_pipeline.core.trips.car.config import (
    DEFAULT_LIMITS,
    CarConfig,
    Limits,
    Position,
    config_json,
    position_json,
    read_config,
)
from strava_pipeline.core.trips.car.events import Answers, Event, NoEventError
from strava_pipeline.core.trips.car.result import Result
from strava_pipeline.core.trips.car.state import TrackerState, read_state, state_json
from strava_pipeline.core.trips.car.tracker import step

REMEMBERED = 300  # events of a user that may come again: five hours of pings a minute
VERSION = 2  # of what a state says and how trips are named; another one starts every replay from the first ping


@dataclass(frozen=True, slots=True)
class User:
    """How far one user's log was taken. `config` None: none of it has come; `seen`: digests of the last events.

    `parked`: where cars stand as long as no trip tells it; `came_at`: when the last of it came, in epoch seconds.
    """

    config: CarConfig | None = None
    tracker: TrackerState = field(default_factory=TrackerState)
    seen: tuple[str, ...] = ()
    after: str = ""
    speed_kmh: float | None = None
    parked: Mapping[str, Position] = field(default_factory=dict)
    came_at: float = 0.0

    def taking(self, line: Kept, answers: Answers, limits: Limits, ping: Ping | None) -> tuple["User", Result | None]:
        """After `line`, whose content is `ping`; no result: it changed nothing of a trip."""
        here = replace(self, after=line.id, came_at=line.received_at.timestamp())
        if line.kind == "config":
            return _configured(here, parse_json(line.body.encode())), None
        if ping is None or self.config is None:
            return here, None
        here = replace(here, speed_kmh=ping.speed_kmh)
        told = _digest(ping.event)
        if told in self.seen or self._is_late(ping.event):
            return here, None
        known = self.tracker.last_parked_gps
        tracker, result = step(
            replace(self.tracker, last_parked_gps={**self.parked, **known}), ping.event, answers, self.config, limits
        )
        told_by_trips = {
            car_id: position
            for car_id, position in tracker.last_parked_gps.items()
            if car_id in known or position != self.parked.get(car_id)
        }
        tracker = replace(tracker, last_parked_gps=told_by_trips)
        return replace(here, tracker=tracker, seen=(*self.seen[-REMEMBERED:], told)), result

    def is_stale(self, now: float) -> bool:
        """Whether a trip is under way of which nothing was heard for long, neither by its own time nor by its coming."""
        cache, long = self.tracker.cache, DEFAULT_LIMITS.stale_s
        return cache is not None and now - cache.x_last_event_at >= long and now - self.came_at >= long

    def _is_late(self, event: Event) -> bool:
        """Whether it tells of a time that is done with."""
        last, cache = self.tracker.last_trip, self.tracker.cache
        if last is not None and event.t <= last.end_time:
            return True
        return event.kind == "end" and cache is not None and event.t < cache.start_time


def config_body(config: CarConfig, last_parked_gps: Mapping[str, Position]) -> str:
    """What a `config` line says: the user's cars and places, and where the cars stand as long as no trip tells it."""
    parked = {car_id: position_json(position) for car_id, position in last_parked_gps.items()}
    return json_text({**config_json(config), "last_parked_gps": parked})


def _configured(user: User, told: Mapping[str, Any]) -> User:
    parked = {car_id: Position(**position) for car_id, position in told.get("last_parked_gps", {}).items()}
    return replace(user, config=read_config(told), parked=parked)


def content_of(line: Kept) -> Ping | None:
    """What a line says; None: nothing about a trip."""
    if line.kind == "config":
        return None
    try:
        kind = "ping" if line.kind == "clock" else line.kind
        ping = read_ping(line.body.encode(), line.query, kind, line.received_at.timestamp())
    except NoEventError:  # an older version of ours took it
        return None
    return None if ping is None else believed(ping, line)


def believed(ping: Ping, line: Kept) -> Ping:
    """What `line` says, as read of it, at a time that it can have been: a phone's clock may be ahead, a script's is right."""
    event, came = ping.event, line.received_at.timestamp()
    if line.scripted or max(event.t, event.gps_at or 0.0) <= came + FUTURE_S:
        return ping
    told_at = None if event.gps_at is not None and event.gps_at > came + FUTURE_S else event.gps_at
    return replace(ping, event=replace(event, t=believable_time(event.t, came), gps_at=told_at))


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


def digest_of(user: User) -> str:
    """The same for two states that are the same."""
    return hashlib.blake2b(json_text(user_json(user)).encode(), digest_size=8).hexdigest()


def read_user(told: Mapping[str, Any]) -> User:
    """ValueError or KeyError where another version wrote it."""
    if told["version"] != VERSION:
        raise ValueError("another version's")
    config = read_config(told["config"]) if told["config"] else None
    parked = {car_id: Position(**position) for car_id, position in told["parked"].items()}
    tracker = read_state(told["tracker"])
    return User(config, tracker, tuple(told["seen"]), told["after"], told["speed_kmh"], parked, float(told["came_at"]))


def _digest(event: Event) -> str:
    told = (event.kind, event.t, event.lat, event.lng, event.gps_at, event.bluetooth)
    return hashlib.blake2b(repr(told).encode(), digest_size=8).hexdigest()
