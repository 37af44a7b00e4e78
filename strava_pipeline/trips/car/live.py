"""Each user's present trip: passes received lines through the tracker, and asks cars and routers at that moment.

A cache: gold is made from the log alone, by the same functions. One event loop; questions to a car or a router run in a
thread, and pings are acknowledged long before. Lines of one user are processed one after the other, of several users in
parallel.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.json_values import json_text
from strava_pipeline.lake.files import write_whole
from strava_pipeline.lake.paths import Lake
from strava_pipeline.trips.car.keeping import replayed
from strava_pipeline.trips.car.log import bronze_files, newest_file, waiting_lines
from strava_pipeline.trips.car.rules.config import DEFAULT_LIMITS
from strava_pipeline.trips.car.rules.formats import Ping
from strava_pipeline.trips.car.rules.lines import (
    MOMENT,
    AnswerLine,
    Line,
    LoggedAnswers,
    MissingAnswerError,
    Oracle,
    ReceivedLine,
    is_of_moment,
    line_bytes,
    new_id,
)
from strava_pipeline.trips.car.rules.people import People, Person
from strava_pipeline.trips.car.rules.users import (
    VERSION,
    User,
    config_body,
    interval_s,
    live_status,
    ping_in,
    user_digest,
)

log = logging.getLogger(__name__)

LOOK = 5.0  # seconds between two looks for what others put into the log (the safety net)
AT_ONCE = 8  # questions under way to cars and routers
_Received = tuple[ReceivedLine, Ping | None]


class Live:
    """The live state of all users. `keep`: appends a line to the log. `now`: this machine's time."""

    def __init__(
        self, lake: Lake, oracle: Oracle, keep: Callable[[bytes], Awaitable[None]], now: Callable[[], datetime]
    ) -> None:
        self._lake, self._oracle, self._keep, self._now = lake, oracle, keep, now
        self._users: dict[str, User] = {}
        self._queues: dict[str, deque[_Received]] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}  # the task that processes a user's queue
        self._tasks: set[asyncio.Task[None]] = set()
        self._questions = asyncio.Semaphore(AT_ONCE)
        self._after: str | None = None
        self._ready = False
        self._received: set[str] = set()  # ids of the lines before that
        self._logged_answers: dict[str, AnswerLine] = {}  # answers that a former process noted
        self._clocks: set[str] = set()  # ids of those that came from phones
        self._unlogged: list[Person] = []

    async def begin(self, people: People) -> None:
        """Record the users and cars from now on, then catch up with the log; pings that come meanwhile wait for that."""
        self._unlogged = list(people.people)
        await self._log_people()
        self._start(self._load_log())

    async def _log_people(self) -> None:
        while self._unlogged:
            person, at = self._unlogged[0], self._now()
            body = config_body(person.config, person.last_parked_gps)
            line = ReceivedLine(id=new_id(at), kind="config", user_id=person.config.user_id, received_at=at, body=body)
            try:
                await self._keep(line_bytes(line))
            except (OSError, PipelineError) as error:  # a full disk, a full inbox: nothing else is kept either
                log.error("Who pings can't be noted yet: %s", error)
                return
            self._unlogged.pop(0)
            self.receive(line)

    async def _load_log(self) -> None:
        while not self._ready:
            try:
                waiting = await asyncio.to_thread(waiting_lines, self._lake)
                replay = await asyncio.to_thread(replayed, self._lake)
            except Exception as error:  # noqa: BLE001 - pings are kept all the same, and the log may be mended
                log.error("The trips under way can't be shown yet (%s): %s", type(error).__name__, error)
                await asyncio.sleep(LOOK)
            else:
                self._users, self._after, self._ready = replay.users, replay.after, True
                self._queue(waiting)
        for user_id in list(self._queues):
            self._work(user_id)
        self._start(self._look())

    def _queue(self, waiting: Sequence[Line]) -> None:
        """Queue the inbox's lines before those that came since. Answers already there are not asked for again."""
        self._logged_answers = {line.to: line for line in waiting if isinstance(line, AnswerLine)}
        before: dict[str, deque[_Received]] = {}
        for line in waiting:
            if isinstance(line, ReceivedLine) and line.id not in self._received:
                before.setdefault(line.user_id, deque()).append((line, None))
                self._received.add(line.id)
        for user_id, lines in before.items():
            self._queues[user_id] = lines + self._queues.get(user_id, deque())

    async def close(self) -> None:
        """Leave waiting lines to the next start: they are in the log."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._ready:
            await asyncio.to_thread(self._save)

    def receive(self, line: ReceivedLine, ping: Ping | None = None) -> None:
        """Process a line that is on disk now; `ping`: its content, if it was already read."""
        if line.id in self._received:  # it was found in the log already
            return
        if not self._ready:
            self._received.add(line.id)
        self._queues.setdefault(line.user_id, deque()).append((line, ping))
        if self._ready:
            self._work(line.user_id)

    def status(self, user_id: str) -> dict[str, Any]:
        waiting = len(self._queues.get(user_id, ()))
        return {"user_id": user_id, **live_status(self._user(user_id)), "waiting": waiting}

    def interval_s(self, user_id: str) -> int:
        return interval_s(self._user(user_id))

    def _user(self, user_id: str) -> User:
        return self._users.get(user_id, User())

    def _work(self, user_id: str) -> None:
        follower = self._workers.get(user_id)
        if follower is None or follower.done():
            self._workers[user_id] = self._start(self._drain_queue(user_id))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _drain_queue(self, user_id: str) -> None:
        queue = self._queues[user_id]
        while queue:
            try:
                await self._process(*queue[0])
            except Exception as error:  # noqa: BLE001 - a fault of ours must not keep the user's next pings from being processed
                log.error("A ping of %s could not be followed (%s).", user_id, type(error).__name__)
            queue.popleft()
            await asyncio.sleep(0)

    async def _process(self, line: ReceivedLine, ping: Ping | None) -> None:
        """Ask for what the tracker needs, store the answers in the log, and take the resulting step."""
        await self._apply_ends(line.user_id)
        if line.kind == "config" or line.id in self._logged_answers:
            self._apply(line, self._logged_answers.pop(line.id, None))
            return
        if line.kind == "clock":
            self._clocks.add(line.id)
        ping, answered, user = ping or ping_in(line), AnswerLine(to=line.id, user_id=line.user_id), None
        at = ping.event.t if ping else 0.0
        while user is None:
            try:
                user = self._step(line, ping, answered)
            except MissingAnswerError as need:
                async with self._questions:
                    answered = await asyncio.to_thread(need.noted, answered, self._oracle, at)
        try:
            await self._keep(line_bytes(answered))
        except (OSError, PipelineError):  # a full disk, a full inbox: a line outside the log was not received
            self._apply(line, None)
        else:
            self._users[line.user_id] = user

    def _step(self, line: ReceivedLine, ping: Ping | None, answered: AnswerLine) -> User:
        """The user after `line`. Raises a MissingAnswerError if an answer is needed first, and it is not too late for that."""
        now, at = self._now(), ping.event.t if ping else 0.0
        in_time = now - line.received_at <= MOMENT
        asks = in_time and (line.scripted or is_of_moment(now.timestamp(), at))
        answers = LoggedAnswers(answered, at, asks_cars=asks, asks_routes=in_time)
        return self._user(line.user_id).after_line(line, answers, DEFAULT_LIMITS, ping)[0]

    def _apply(self, line: ReceivedLine, answered: AnswerLine | None) -> None:
        """Update the user's state with the lines of the log."""
        ping = ping_in(line)
        answers = LoggedAnswers(answered, ping.event.t if ping else 0.0)
        self._users[line.user_id] = self._user(line.user_id).after_line(line, answers, DEFAULT_LIMITS, ping)[0]

    async def _look(self) -> None:
        """From time to time: record the present state, and retry postponed work."""
        while True:
            await asyncio.sleep(LOOK)
            try:
                await self._log_people()
                await asyncio.to_thread(self._save)
                await self._follow()
            except (OSError, PipelineError) as error:
                log.warning("The log of pings can't be followed: %s", error)

    async def _apply_ends(self, user_id: str) -> None:
        """Apply a run's ending of a silent trip before newer lines."""
        if self._user(user_id).is_stale(self._now().timestamp()):
            await self._follow()

    async def _follow(self) -> None:
        """Process the safety nets that runs put into the log."""
        if await asyncio.to_thread(newest_file, self._lake) == self._after:
            return
        for name, lines in await asyncio.to_thread(lambda: list(bronze_files(self._lake, self._after))):
            if self._after is not None and name <= self._after:
                continue  # another task was faster
            for line, answered in lines:
                if line.kind == "clock" and line.id not in self._clocks:
                    self._apply(line, answered)
            self._after = name

    def _save(self) -> None:
        users = {
            name: {"version": VERSION, "after": user.after, "state": user_digest(user)}
            for name, user in self._users.items()
        }
        write_whole(self._lake.live_cars, json_text(users).encode())
