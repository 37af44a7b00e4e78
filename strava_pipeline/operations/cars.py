"""Trips by car: what came is taken into bronze, safety nets are sent, and the log is replayed into gold. No Dagster objects."""

import json
import time
from dataclasses import dataclass, field
from datetime import datetime

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.json_text import json_text
from strava_pipeline.core.pings.answers import NotedAnswers, Oracle, UnaskedError
from strava_pipeline.core.pings.fold import VERSION, User, content_of, digest_of
from strava_pipeline.core.pings.lines import Answered, Kept, new_id, to_bytes
from strava_pipeline.core.trips.activity.instants import format_milliseconds
from strava_pipeline.core.trips.car.limits import USUAL
from strava_pipeline.core.trips.car.result import Result
from strava_pipeline.ingest.cars.connect import oracle_of
from strava_pipeline.lake.car_trips import Replay, merge_replay, replayed
from strava_pipeline.lake.journal import ROOM, Writer
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.people_file import people_in
from strava_pipeline.lake.ping_log import LOCK, TakenIn, take_in
from strava_pipeline.lake.staging import MergeReport
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.settings import Settings

PATIENCE = 15.0  # seconds for answers that are on their way when a run begins
PAUSE = 0.2


@dataclass(slots=True)
class Trips:
    """What a replay came to. `agreed`, `differed`: users of whom the intake's live state was, or was not, the replayed one."""

    merged: MergeReport
    replay: Replay
    agreed: list[str] = field(default_factory=list)
    differed: list[str] = field(default_factory=list)


def take_pings(run: RunContext, settings: Settings, *, safety_net: bool) -> TakenIn:
    """Everything that came, into bronze; `safety_net`: also a clock to each user whose trip has heard nothing for long."""
    with run.exclusive(LOCK):
        taken = _settled(run)
        if safety_net:
            try:
                taken.clocks = _send_clocks(run, settings)
            except PipelineError as error:  # cars.toml, a package: what came is to be merged all the same
                taken.fault = str(error)
            _add(taken, take_in(run.lake, run.clock.local()))
    return taken


def merge_cars(run: RunContext) -> Trips:
    """The log into gold, from where the last replay ended."""
    found = _Compared(run.lake)
    with run.exclusive(LOCK):
        replay, merged = merge_replay(run.lake, found.look, found.look_before)
    return Trips(merged, replay, sorted(found.agreed), sorted(found.differed))


def _settled(run: RunContext) -> TakenIn:
    """Answers of the last moments are waited for, a little."""
    taken, until = take_in(run.lake, run.clock.local()), time.monotonic() + PATIENCE
    while taken.left and time.monotonic() < until:
        time.sleep(PAUSE)
        _add(taken, take_in(run.lake, run.clock.local()))
    return taken


def _add(taken: TakenIn, more: TakenIn) -> None:
    taken.pings += more.pings
    taken.readings += more.readings
    taken.left, taken.not_ours = more.left, taken.not_ours + more.not_ours


def _send_clocks(run: RunContext, settings: Settings) -> int:
    """A clock into the inbox for each trip of which nothing was heard for long, with what its car says now; how many."""
    users, now = replayed(run.lake).users, run.clock.local()
    stale = [(name, user) for name, user in users.items() if user.is_stale(now.timestamp())]
    if not stale:
        return 0
    writer = Writer(run.lake.inbox_pings, most_waiting=ROOM)
    try:
        with oracle_of(settings, people_in(settings.pings_config)) as oracle:
            for name, user in stale:
                line = _clock(name, now)
                writer.append([to_bytes(line), to_bytes(_answered(user, line, oracle))], now)
    finally:
        writer.close()
    return len(stale)


def _clock(user_id: str, now: datetime) -> Kept:
    body = json_text({"t": format_milliseconds(now.timestamp()), "event": "clock"})
    return Kept(id=new_id(now), kind="clock", user_id=user_id, received_at=now, body=body)


def _answered(user: User, line: Kept, oracle: Oracle) -> Answered:
    """What cars and routers say to it."""
    ping, answered = content_of(line), Answered(to=line.id, user_id=line.user_id)
    at = ping.event.t if ping else 0.0
    while True:
        try:
            user.taking(line, NotedAnswers(answered, at, asks_cars=True, asks_routes=True), USUAL, ping)
        except UnaskedError as need:
            answered = need.noted(answered, oracle, at)
        else:
            return answered


class _Compared:
    """The intake's live states beside the replayed ones, each at the line after which it was noted.

    After an update an intake that was not restarted notes digests of the older version, which say nothing about these.
    """

    def __init__(self, lake: Lake) -> None:
        self.agreed, self.differed = set[str](), set[str]()
        try:
            noted = dict(json.loads(lake.live_cars.read_bytes()))
        except (FileNotFoundError, ValueError):
            noted = {}
        self._live = {
            name: live for name, live in noted.items() if isinstance(live, dict) and live.get("version") == VERSION
        }

    def look_before(self, replay: Replay) -> None:
        for name, user in replay.users.items():
            self._compare(name, user)

    def look(self, line: Kept, user: User, _: Result | None) -> None:
        self._compare(line.user_id, user)

    def _compare(self, name: str, user: User) -> None:
        live = self._live.get(name)
        if live and live["after"] == user.after and name not in self.agreed | self.differed:
            (self.agreed if live["state"] == digest_of(user) else self.differed).add(name)
