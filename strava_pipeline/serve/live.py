"""Each user's trip as it is now: takes what came through the tracker, and asks cars and routers at that moment.

A cache: gold is made of the log alone, by the same functions. One event loop; who asks a car or a router does so in a thread,
and pings are acknowledged long before. Of one user's lines one after the other is taken, of several users' side by side.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, Protocol

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.json_text import json_text
from strava_pipeline.core.pings.age import belongs
from strava_pipeline.core.pings.answers import NotedAnswers, UnaskedCarError, UnaskedRouteError, with_car, with_route
from strava_pipeline.core.pings.fold import User, content_of, digest_of
from strava_pipeline.core.pings.formats import Ping
from strava_pipeline.core.pings.lines import MOMENT, Answered, Kept, Line, Read, new_id, to_bytes
from strava_pipeline.core.pings.people import People
from strava_pipeline.core.pings.told import interval_s, told
from strava_pipeline.core.trips.car.config import config_json
from strava_pipeline.core.trips.car.limits import Limits
from strava_pipeline.lake.car_trips import Replay, last_replay
from strava_pipeline.lake.files import write_whole
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.ping_log import landed, newest_file, waiting_lines

log = logging.getLogger(__name__)

LOOK = 5.0  # seconds between two looks for what others put into the log (the safety net)
AT_ONCE = 8  # questions under way to cars and routers


class Oracle(Protocol):
    """Who asks cars and routers, at length: both are called in a thread. Neither raises."""

    def car(self, user_id: str, car_id: str, at: float) -> Read: ...

    def route(self, user_id: str, points: Sequence[tuple[float, float]], at: float) -> float | None: ...


class Live:
    """The live state of all users. `keep`: puts a line into the log. `now`: this machine's time."""

    def __init__(
        self, lake: Lake, oracle: Oracle, keep: Callable[[bytes], Awaitable[None]], now: Callable[[], datetime]
    ) -> None:
        self._lake, self._oracle, self._keep, self._now = lake, oracle, keep, now
        self._users: dict[str, User] = {}
        self._queues: dict[str, deque[Kept]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._questions = asyncio.Semaphore(AT_ONCE)
        self._after: str | None = None
        self._ready = False
        self._came: set[str] = set()  # of the lines before that

    async def begin(self, people: People) -> None:
        """Note who is who from now on, then take up where the log is; pings that come meanwhile wait for that."""
        for config in people.configs:
            at, told = self._now(), json_text(config_json(config))
            line = Kept(id=new_id(at), kind="config", user_id=config.user_id, received_at=at, body=told)
            await self._keep(to_bytes(line))
        self._start(self._take_up())

    async def _take_up(self) -> None:
        try:
            waiting = await asyncio.to_thread(waiting_lines, self._lake)
            replay = await asyncio.to_thread(self._replayed)
        except (OSError, PipelineError) as error:
            log.error("The trips under way can't be told; pings are kept all the same. %s", error)
            return
        self._users, self._after, self._ready = replay.users, replay.after, True
        self._queue(waiting)
        for user_id in list(self._queues):
            self._work(user_id)
        self._start(self._look())

    def _replayed(self) -> Replay:
        replay = last_replay(self._lake)
        replay.run(self._lake, Limits())
        return replay

    def _queue(self, waiting: Sequence[Line]) -> None:
        """What is in the inbox: up to what nobody has been asked about yet at once, the rest like what comes now."""
        answers = {line.to: line for line in waiting if isinstance(line, Answered)}
        before: dict[str, deque[Kept]] = {}
        for line in waiting:
            if isinstance(line, Kept) and line.id not in self._came:
                before.setdefault(line.user_id, deque()).append(line)
                self._came.add(line.id)
        for user_id, lines in before.items():
            while lines and (lines[0].kind == "config" or lines[0].id in answers):
                self._take(lines[0], answers.get(lines.popleft().id))
            self._queues[user_id] = lines + self._queues.get(user_id, deque())

    async def close(self) -> None:
        """Leave what waits to the next start: it is in the log."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._ready:
            await asyncio.to_thread(self._save)

    def came(self, line: Kept) -> None:
        """A line that is on disk now."""
        if line.id in self._came:  # it was found in the log already
            return
        if not self._ready:
            self._came.add(line.id)
        self._queues.setdefault(line.user_id, deque()).append(line)
        if self._ready:
            self._work(line.user_id)

    def status(self, user_id: str) -> dict[str, Any]:
        waiting = len(self._queues.get(user_id, ()))
        return {"user_id": user_id, **told(self._users.get(user_id, User())), "waiting": waiting}

    def interval_s(self, user_id: str) -> int:
        return interval_s(self._users.get(user_id, User()))

    def _work(self, user_id: str) -> None:
        name = f"trips of {user_id}"
        if not any(task.get_name() == name and not task.done() for task in self._tasks):
            self._start(self._take_all(user_id), name)

    def _start(self, work: Coroutine[Any, Any, None], name: str | None = None) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take_all(self, user_id: str) -> None:
        queue = self._queues[user_id]
        while queue:
            try:
                await self._through(queue[0])
            except Exception as error:  # noqa: BLE001 - a fault of ours must not keep the user's next pings from being told
                log.error("A ping of %s could not be followed (%s).", user_id, type(error).__name__)
            queue.popleft()
            await asyncio.sleep(0)

    async def _through(self, line: Kept) -> None:
        """Ask what the tracker needs to know, note it in the log, and take the step that it led to."""
        if line.kind == "config":
            self._take(line, None)
            return
        ping, answered, user = content_of(line), Answered(to=line.id, user_id=line.user_id), None
        at = ping.event.t if ping else 0.0
        while user is None:
            try:
                user = self._asking(line, ping, answered)
            except UnaskedCarError as need:
                async with self._questions:
                    read = await asyncio.to_thread(self._oracle.car, line.user_id, need.car_id, at)
                answered = with_car(answered, read)
            except UnaskedRouteError as need:
                async with self._questions:
                    km = await asyncio.to_thread(self._oracle.route, line.user_id, need.points, at)
                answered = with_route(answered, need.points, km)
        try:
            await self._keep(to_bytes(answered))
        except (OSError, PipelineError):  # a full disk, a full inbox: what is not in the log was not said
            self._take(line, None)
        else:
            self._users[line.user_id] = user

    def _asking(self, line: Kept, ping: Ping | None, answered: Answered) -> User:
        """The user after `line`. Raises Unasked… where something is to be asked first, and it is not too late for that."""
        in_time = self._now() - line.received_at <= MOMENT
        at = ping.event.t if ping else 0.0
        asks = in_time and (line.scripted or belongs(line.received_at.timestamp(), at))
        answers = NotedAnswers(answered, at, asks_cars=asks, asks_routes=in_time)
        return self._users.get(line.user_id, User()).taking(line, answers, Limits(), ping)[0]

    def _take(self, line: Kept, answered: Answered | None) -> None:
        """With what the log tells."""
        ping = content_of(line)
        answers = NotedAnswers(answered, ping.event.t if ping else 0.0)
        self._users[line.user_id] = self._users.get(line.user_id, User()).taking(line, answers, Limits(), ping)[0]

    async def _look(self) -> None:
        """Now and then: take what others put into the log, and leave a note of how things stand."""
        while True:
            await asyncio.sleep(LOOK)
            try:
                await asyncio.to_thread(self._save)
                if await asyncio.to_thread(newest_file, self._lake) != self._after:
                    self._follow(await asyncio.to_thread(lambda: list(landed(self._lake, self._after))))
            except (OSError, PipelineError) as error:
                log.warning("The log of pings can't be followed: %s", error)

    def _follow(self, files: Sequence[tuple[str, Sequence[tuple[Kept, Answered | None]]]]) -> None:
        for name, lines in files:
            for line, answered in lines:
                if line.kind == "clock":
                    self._take(line, answered)
            self._after = name

    def _save(self) -> None:
        users = {name: {"after": user.after, "state": digest_of(user)} for name, user in self._users.items()}
        write_whole(self._lake.live_cars, json_text(users).encode())
