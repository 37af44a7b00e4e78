"""One user's log, line by line, through the tracker: what the intake does at once, and what every replay does again. Pure.

Beside the tracker's rules there are three of our own: what came twice counts once; what is older than the end of the last
trip, while none is under way, opens none; a phone whose clock is ahead is taken at the time of its coming.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from strava_pipeline.core.json_text import json_text, parse_json
from strava_pipeline.core.pings.formats import Ping, believable_time, read_ping
from strava_pipeline.core.pings.lines import Kept
from strava_pipeline.core.trips.car.answers import Answers
from strava_pipeline.core.trips.car.config import CarConfig, config_json, read_config
from strava_pipeline.core.trips.car.events import Event, NoEventError
from strava_pipeline.core.trips.car.limits import Limits
from strava_pipeline.core.trips.car.result import Result
from strava_pipeline.core.trips.car.state import TrackerState
from strava_pipeline.core.trips.car.state_json import read_state, state_json
from strava_pipeline.core.trips.car.tracker import step

REMEMBERED = 300  # events of a user that may come again: five hours of pings a minute
VERSION = 1  # of what a state says; another one makes every replay begin anew


@dataclass(frozen=True, slots=True)
class User:
    """How far one user's log was taken. `config` None: none of it has come; `seen`: digests of the last events."""

    config: CarConfig | None = None
    tracker: TrackerState = field(default_factory=TrackerState)
    seen: tuple[str, ...] = ()
    after: str = ""
    speed_kmh: float | None = None

    def taking(self, line: Kept, answers: Answers, limits: Limits, ping: Ping | None) -> tuple["User", Result | None]:
        """After `line`, whose content is `ping`; no result: it changed nothing of a trip."""
        here = replace(self, after=line.id)
        if line.kind == "config":
            return replace(here, config=read_config(parse_json(line.body.encode()))), None
        if ping is None or self.config is None:
            return here, None
        here = replace(here, speed_kmh=ping.speed_kmh)
        told = _digest(ping.event)
        if told in self.seen or self._is_late(ping.event):
            return here, None
        tracker, result = step(self.tracker, ping.event, answers, self.config, limits)
        return replace(here, tracker=tracker, seen=(*self.seen[-REMEMBERED:], told)), result

    def _is_late(self, event: Event) -> bool:
        """Whether it tells of a time that is done with."""
        last = self.tracker.last_trip
        return self.tracker.cache is None and last is not None and event.t < last.end_time


def content_of(line: Kept) -> Ping | None:
    """What a line says; None: nothing about a trip."""
    if line.kind == "config":
        return None
    came = line.received_at.timestamp()
    try:
        kind = "ping" if line.kind == "clock" else line.kind
        ping = read_ping(line.body.encode(), line.query, kind, came)
    except NoEventError:  # an older version of ours took it
        return None
    if ping is None or line.scripted:
        return ping
    return replace(ping, event=replace(ping.event, t=believable_time(ping.event.t, came)))


def user_json(user: User) -> dict[str, Any]:
    return {
        "version": VERSION,
        "config": config_json(user.config) if user.config else None,
        "tracker": state_json(user.tracker),
        "seen": list(user.seen),
        "after": user.after,
        "speed_kmh": user.speed_kmh,
    }


def digest_of(user: User) -> str:
    """The same for two states that are the same."""
    return hashlib.blake2b(json_text(user_json(user)).encode(), digest_size=8).hexdigest()


def read_user(told: Mapping[str, Any]) -> User:
    """ValueError or KeyError where another version wrote it."""
    if told["version"] != VERSION:
        raise ValueError("another version's")
    config = read_config(told["config"]) if told["config"] else None
    return User(config, read_state(told["tracker"]), tuple(told["seen"]), told["after"], told["speed_kmh"])


def _digest(event: Event) -> str:
    told = (event.kind, event.t, event.lat, event.lng, event.gps_at, event.bluetooth)
    return hashlib.blake2b(repr(told).encode(), digest_size=8).hexdigest()
