"""A club in simulated time: athletes of several API applications, each with a daily run and a backfill, on the real budget.

The ledger, `RateBudget` and `Pacing` are the product's, the counter at the server is the emulator's; time passes only when
everybody sleeps. Each process of an athlete is a thread, of which one runs at a time, and may be killed whenever it sleeps.
"""

import heapq
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from strava_pipeline.core.errors import BudgetExhaustedError
from strava_pipeline.ingest.budget import Pacing, RateBudget
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.strava.emulator.application import Limits, Usage
from strava_pipeline_tests.ingest.fakes import http_date

BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
QUIET_DAY, SPARE = 52, 50  # calls of a daily run: two of a listing, and as many details looked at again
DAY, HOUR, MINUTE = 86_400.0, 3600.0, 60.0


class KilledError(BaseException):
    """The process ends at once, whatever it does; nothing of it is tidied up."""


class Actor(threading.Thread):
    """A process in simulated time."""

    def __init__(self, club: "Club", body: Callable[["Actor"], None]) -> None:
        super().__init__(daemon=True)
        self.club, self.body, self.turn = club, body, threading.Semaphore(0)
        self.is_killed = False

    def run(self) -> None:
        self.turn.acquire()
        with suppress(KilledError):
            self.body(self)
        self.club.back.release()

    def sleep(self, seconds: float) -> None:
        self.club.later(self, seconds)
        self.club.back.release()
        self.turn.acquire()
        if self.is_killed:
            self.is_killed = False
            raise KilledError


@dataclass(slots=True)
class Athlete:
    """What became of an athlete's runs. `daily`: days whose daily run has all; `waits`: hours from its time until then."""

    name: str
    application: int
    details: int  # still to be fetched by the backfill
    daily: set[int] = field(default_factory=set)
    waits: list[float] = field(default_factory=list)
    by_day: Counter[int] = field(default_factory=Counter)
    bulk_at: float = 0.0
    longest_pause: float = 0.0  # seconds between two details of the backfill


class Club:
    """Athletes of applications with Strava's usual limits, whose folders share a ledger for each application.

    `in_a_house`: its Dagster announces them all, and lets three backfills at a time go on.
    """

    def __init__(
        self,
        folder: Path,
        athletes: int,
        applications: int = 1,
        *,
        details: int = 3000,
        seed: int = 1,
        in_a_house: bool = False,
    ) -> None:
        self.random, self.now, self.back = Random(seed), 0.0, threading.Semaphore(0)
        self.servers = [Usage(Limits()) for _ in range(applications)]
        self.ledgers = [folder / f"{number}.json" for number in range(applications)]
        self.athletes = [Athlete(f"athlete{n:02}", n % applications, details) for n in range(athletes)]
        self.refused, self.calls, self.kills = 0, 0, 0
        self.in_a_house, self._at_work = in_a_house, 0
        self._agenda: list[tuple[float, int, Actor]] = []
        self._number = 0

    def later(self, actor: Actor, seconds: float) -> None:
        self._number += 1
        heapq.heappush(self._agenda, (self.now + seconds, self._number, actor))

    def start(self, body: Callable[[Actor], None], at: float = 0.0) -> Actor:
        actor = Actor(self, body)
        actor.start()
        self.later(actor, at)
        return actor

    def run(self, days: float, kill_every: float | None = None) -> None:
        """Let time pass; `kill_every`: seconds between two kills, on average."""
        next_kill = self._next_kill(kill_every)
        while self._agenda and self._agenda[0][0] < days * DAY:
            self.now, _, actor = heapq.heappop(self._agenda)
            while self.now >= next_kill:
                next_kill += self._next_kill(kill_every)
                actor.is_killed = True
                self.kills += 1
            actor.turn.release()
            self.back.acquire()

    def _next_kill(self, every: float | None) -> float:
        return float("inf") if every is None else self.random.expovariate(1 / every)

    def budget(self, actor: Actor, athlete: Athlete, *, bulk: bool) -> Pacing:
        clock = ServerClock(lambda: BEGIN + timedelta(seconds=self.now), lambda: self.now, actor.sleep)
        budget = RateBudget(
            self.ledgers[athlete.application],
            clock,
            yielding=QUIET_DAY if bulk else 0,
            who=athlete.name,
            quiet_day=QUIET_DAY,
        )
        return Pacing(budget, clock, on_wait=lambda error, seconds: None)

    def call(self, actor: Actor, pacing: Pacing, athlete: Athlete) -> None:
        """A call of half a second, at whose end the server counts and answers. Raises BudgetExhaustedError."""
        pacing.reserve()
        actor.sleep(self.random.uniform(0.2, 0.8))
        at, server = BEGIN + timedelta(seconds=self.now), self.servers[athlete.application]
        self.calls += 1
        self.refused += not server.count(at.timestamp())
        headers = {name.decode(): value.decode() for name, value in server.headers()} | {"Date": http_date(at)}
        pacing._clock.learn(headers)
        pacing.budget.record_answer(headers)

    def daily_runs(self, athlete: Athlete, at: float) -> Callable[[Actor], None]:
        """The daily run at `at` seconds after each midnight, repeated where it was killed, as by the sensor `catch_up`."""

        def body(actor: Actor) -> None:
            day = 0
            while True:
                due = day * DAY + at
                while True:
                    try:
                        actor.sleep(max(due - self.now, 0) or 2 * HOUR)
                        self._daily_run(actor, athlete, day, due)
                        break
                    except (KilledError, BudgetExhaustedError):
                        if self.now >= (day + 1) * DAY:
                            break
                day += 1

        return body

    def _daily_run(self, actor: Actor, athlete: Athlete, day: int, due: float) -> None:
        pacing = self.budget(actor, athlete, bulk=False)
        for _ in range(2 + self.random.randrange(5)):
            self.call(actor, pacing, athlete)
        if int(self.now // DAY) == day:
            athlete.daily.add(day)
        athlete.waits.append((self.now - due) / HOUR)
        with suppress(BudgetExhaustedError), pacing.without_waiting():
            for _ in range(SPARE):
                self.call(actor, pacing, athlete)
        pacing.budget.finish()

    def backfill(self, athlete: Athlete) -> Callable[[Actor], None]:
        """A backfill that goes on when a call may be made again, as by the sensor `resume`, and after a kill."""

        def body(actor: Actor) -> None:
            is_first = True
            while athlete.details:
                with suppress(KilledError, BudgetExhaustedError):
                    pacing = self.budget(actor, athlete, bulk=True)
                    if is_first or pacing.budget.is_worth_a_run():
                        is_first = False
                        self._fetch(actor, pacing, athlete)
                with suppress(KilledError):
                    actor.sleep(15 * MINUTE)

        return body

    def _fetch(self, actor: Actor, pacing: Pacing, athlete: Athlete) -> None:
        while self.in_a_house and self._at_work == 3:
            actor.sleep(MINUTE)
        self._at_work += 1
        try:
            while athlete.details:
                self.call(actor, pacing, athlete)
                athlete.details -= 1
                athlete.by_day[int(self.now // DAY)] += 1
                athlete.longest_pause = max(athlete.longest_pause, self.now - athlete.bulk_at)
                athlete.bulk_at = self.now
            pacing.budget.finish()
        finally:
            self._at_work -= 1

    def everybody(self, daily_at: Callable[[int], float]) -> None:
        """Start the daily runs and the backfills of all."""
        for number, athlete in enumerate(self.athletes):
            if self.in_a_house:
                self.start(lambda actor, athlete=athlete: self.budget(actor, athlete, bulk=False).budget.announce())  # type: ignore[misc]
            self.start(self.daily_runs(athlete, daily_at(number)))
            self.start(self.backfill(athlete), self.random.uniform(0, 60))

    def of_applications(self) -> Iterator[list[Athlete]]:
        for number in range(len(self.servers)):
            yield [each for each in self.athletes if each.application == number]

    def summary(self) -> str:
        wait = max(max(each.waits, default=0) for each in self.athletes)
        pause = max(each.longest_pause for each in self.athletes) / HOUR
        fetched = [sum(each.by_day.values()) for each in self.athletes]
        return (
            f"{len(self.athletes)} athletes of {len(self.servers)} applications: {self.calls:,} calls, {self.refused} refused; "
            f"a daily run waited {wait * 60:.0f} minutes at most, a backfill {pause:.1f} hours; "
            f"backfills fetched {min(fetched):,} to {max(fetched):,} details each"
        )
