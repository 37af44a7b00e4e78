"""The capability `budget`: how many calls may still be made, shared by all processes that use an API application.

A call is reserved before it is made, and its answer recorded afterwards, in all four windows at once; "now" is the server's
time. `Pacing` waits for the next quarter of an hour, or stops for the day; nothing else here sleeps. `ledger.py` keeps the
numbers, the client of the source makes the calls, and its `budget.py` names the ledger.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from strava_pipeline.core.errors import BudgetExhaustedError, CallCapReachedError, Ceiling
from strava_pipeline.core.limits import (
    DAY,
    QUARTER,
    Allowance,
    LimitPair,
    parse_rate_limits,
    quarter_start,
)
from strava_pipeline.ingest.clock import ServerClock, parse_date_header
from strava_pipeline.ingest.ledger import CEILINGS, Counter, Ledger, LedgerFile, Sharing

LENGTHS = {"15min": QUARTER, "day": DAY}
WORTH = 200  # of 1,000 calls a day, a run for five or fewer would cost more than it brings
YIELDING_SHARE = 10  # a tenth of a limit at most is left to others by default: a long backfill takes a ninth longer
OnWait = Callable[[BudgetExhaustedError, float], None]
NOTED_EVERY = 60.0  # seconds at the server between two notes of its time in the ledger
MARGIN = timedelta(seconds=1)  # the resolution of the Date header that the clock follows
SLICE = 60.0  # seconds at the server between two reports of a wait
_READS = Ceiling("read", "day")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CeilingState:
    """One ceiling now, in calls: `left` is the number that this process may still make (its cushion kept back)."""

    ceiling: Ceiling
    limit: int
    used: int
    left: int
    resets_at: datetime


@dataclass(frozen=True, slots=True)
class Remaining:
    """The four ceilings, and the governing one: with the fewest calls left, at a tie the one that opens last."""

    ceilings: tuple[CeilingState, ...]
    governing: CeilingState


@dataclass(frozen=True, slots=True)
class CallShare:
    """A run's share of a budget.

    Args:
        cushion_15min, cushion_daily: calls of each window that are left to others; None: `yielding`, a tenth of a limit
            at most.
        max_calls: the maximum number of the run's calls.
        quiet_day: the calls of a daily run that finds nothing new; 0: the run leaves nothing to other data folders.
    """

    cushion_15min: int | None = None
    cushion_daily: int | None = None
    yielding: int = 0
    max_calls: int | None = None
    quiet_day: int = 0


class RateBudget:
    """Reserve a call, then record its answer or its refusal, or release it.

    Args:
        path: the application's ledger.
        clock: the server's time.
        cushion_15min, cushion_daily: calls of each window that are left to others.
        yielding: the default cushion, but no more than a tenth of a limit; set for runs that fetch whole years.
        max_calls: the most calls of this object alone.
        who, quiet_day: the data folder's name in the ledger, and its daily run's calls; see shares.py.
    """

    def __init__(
        self,
        path: Path,
        clock: ServerClock,
        *,
        cushion_15min: int | None = None,
        cushion_daily: int | None = None,
        yielding: int = 0,
        max_calls: int | None = None,
        who: str = "",
        quiet_day: int = 0,
    ) -> None:
        self._file = LedgerFile(path)
        self._clock = clock
        self._cushions = {"15min": cushion_15min, "day": cushion_daily}
        self._yielding = yielding
        self._sharing = Sharing(who, bulk=yielding > 0, quiet_day=quiet_day)
        self._max_calls = max_calls
        self._reserved = 0

    def reserve(self, *, reads: bool = True) -> datetime:
        """Count a call that is about to be made; returns the moment it was counted at, for `release`.

        `reads`: whether it counts in the limits of reading calls, too: all do but those that change something.
        Raises BudgetExhaustedError, nothing counted, when a ceiling is full: of several the one that opens last.
        Raises CallCapReachedError when this process has made all the calls it was allowed.
        """
        if self._max_calls is not None and self._reserved >= self._max_calls:
            raise CallCapReachedError(self._max_calls)
        with self._file.open(self._clock.now()) as ledger:
            now = self._now(ledger)
            self._roll(ledger, now)
            concerned = _concerned(reads=reads)
            full = [state for state in self._states(ledger, now) if state.left <= 0 and state.ceiling in concerned]
            last = max(full, key=lambda state: state.resets_at, default=None)
            for ceiling in concerned if last is None else ():
                ledger.counters[ceiling].used += 1
            if reads:
                until_tomorrow = last is not None and last.ceiling.window == "day"
                self._sharing.note(ledger, now.timestamp(), calls=last is None, until_tomorrow=until_tomorrow)
        if last is not None:
            cushion = self._cushion(last.ceiling, last.limit)
            shared = max(0, last.limit - cushion - last.used)
            raise BudgetExhaustedError(last.ceiling, last.limit, last.resets_at, cushion=cushion, shared=shared)
        self._reserved += 1
        return now

    def finish(self) -> None:
        """Record that the run fetched everything it wanted, so that nothing is reserved for it any longer."""
        with self._file.open(self._clock.now()) as ledger:
            self._roll(ledger, self._now(ledger))
            self._sharing.note_done(ledger)

    def announce(self) -> None:
        """Record that the folder is in use, so that others leave calls to its daily run before its first one."""
        with self._file.open(self._clock.now()) as ledger:
            now = self._now(ledger)
            self._roll(ledger, now)
            self._sharing.note(ledger, now.timestamp())

    def record_answer(self, headers: Mapping[str, str], *, elapsed: float = 0.0) -> None:
        """Learn limits and usage from an answer that took `elapsed` seconds; the clock has observed it already."""
        if self._says_nothing_new(headers, elapsed):
            return
        with self._file.open(self._clock.now()) as ledger:
            self._learn(ledger, headers, elapsed)

    def record_refusal(self, headers: Mapping[str, str], *, elapsed: float = 0.0) -> None:
        """Learn from a 429. If no ceiling shows as full, the 15-minute ones are assumed to be full."""
        with self._file.open(self._clock.now()) as ledger:
            self._learn(ledger, headers, elapsed)
            sent_at, _ = self._interval(headers, elapsed)
            if quarter_start(sent_at) < quarter_start(self._clock.now()):
                return  # the window that refused is over, or may be
            if not any(counter.used >= counter.limit for counter in ledger.counters.values()):
                for ceiling, counter in ledger.counters.items():
                    if ceiling.window == "15min":
                        counter.used = counter.limit

    def release(self, reserved_at: datetime, *, reads: bool = True) -> None:
        """Cancel a reservation whose call certainly did not count: a 401, a refused connection."""
        with self._file.open(self._clock.now()) as ledger:
            self._roll(ledger, self._now(ledger))
            for ceiling in _concerned(reads=reads):
                counter = ledger.counters[ceiling]
                if counter.start == _window_start(ceiling, reserved_at) and counter.used > 0:
                    counter.used -= 1
            if reads and ledger.counters[_READS].start == _window_start(_READS, reserved_at):
                self._sharing.note(ledger, reserved_at.timestamp(), calls=-1)
        self._reserved = max(0, self._reserved - 1)

    def remaining(self) -> Remaining:
        """The calls left under every ceiling, without making one."""
        states = self._states(*self._peek())
        return Remaining(tuple(states), min(states, key=_governing))

    def is_worth_a_run(self) -> bool:
        """Whether enough calls may be made for a run to be worth its start; in a new window always true for a single folder.

        If not, the ledger records that this folder waits, and others of the application leave it its turn.
        """
        ledger, now = self._peek()
        least = min(self._states(ledger, now), key=_governing)
        is_worth = least.left > least.limit // WORTH
        if not is_worth and self._is_shared(ledger):
            with self._file.open(self._clock.now()) as ledger:
                self._roll(ledger, self._now(ledger))
                self._sharing.note(ledger, now.timestamp(), until_tomorrow=least.ceiling.window == "day")
        return is_worth

    def allowances(self) -> dict[Ceiling, Allowance]:
        """The calls that each ceiling allows, now and in later windows, without its cushion and the expected use of others."""
        ledger, now = self._peek()

        def later(state: CeilingState) -> int:
            limit = max(0, state.limit - self._cushion(state.ceiling, state.limit))
            if not self._is_shared(ledger):
                return limit
            from strava_pipeline.ingest.shares import left_later

            return left_later(self._sharing, ledger, state.ceiling, limit, now.timestamp())

        return {
            state.ceiling: Allowance(state.left, later(state), state.resets_at, LENGTHS[state.ceiling.window])
            for state in self._states(ledger, now)
        }

    def was_full(self) -> bool:
        """Whether a window in the ledger left no call, even if it is over by now."""
        ledger = self._file.peek()
        return any(state.left <= 0 for state in self._states(ledger, self._clock.now()))

    def _peek(self) -> tuple[Ledger, datetime]:
        """The present ledger and the time, without lock or trace."""
        ledger = self._file.peek()
        now = self._now(ledger)
        self._roll(ledger, now)
        return ledger, now

    def _now(self, ledger: Ledger) -> datetime:
        """The server's time; before this process's first answer, as recorded by the last process that saw one."""
        if not self._clock.synced and ledger.server is not None and ledger.local is not None:
            self._clock.suppose(datetime.fromtimestamp(ledger.server, UTC), datetime.fromtimestamp(ledger.local, UTC))
        return self._clock.now()

    def _roll(self, ledger: Ledger, now: datetime) -> None:
        for ceiling, counter in ledger.counters.items():
            start = _window_start(ceiling, now)
            # A later window in the ledger than ours: without an answer yet, it is our clock that is late.
            if counter.start < start or (counter.start > start and self._clock.synced):
                counter.start, counter.used = start, 0
        ledger.begin_day(ledger.counters[_READS].start)

    def _states(self, ledger: Ledger, now: datetime) -> list[CeilingState]:
        def left(ceiling: Ceiling, counter: Counter) -> int:
            free = counter.limit - self._cushion(ceiling, counter.limit) - counter.used
            if self._is_shared(ledger):
                from strava_pipeline.ingest.shares import left_of  # which a folder that is alone never needs

                free = left_of(self._sharing, ledger, ceiling, free, now.timestamp())
            return max(0, free)

        return [
            CeilingState(
                ceiling,
                counter.limit,
                counter.used,
                left(ceiling, counter),
                datetime.fromtimestamp(counter.start, UTC) + LENGTHS[ceiling.window],
            )
            for ceiling, counter in ledger.counters.items()
        ]

    def _is_shared(self, ledger: Ledger) -> bool:
        """Whether the calls are shared with other folders, and this budget takes part in that."""
        return self._sharing.quiet_day > 0 and bool(self._sharing.others(ledger))

    def _cushion(self, ceiling: Ceiling, limit: int) -> int:
        cushion = self._cushions[ceiling.window]
        return min(self._yielding, limit // YIELDING_SHARE) if cushion is None else cushion

    def _learn(self, ledger: Ledger, headers: Mapping[str, str], elapsed: float) -> None:
        now = self._now(ledger)
        self._roll(ledger, now)
        if self._clock.synced:
            ledger.server, ledger.local = now.timestamp(), self._clock.local().timestamp()
        limits = parse_rate_limits(headers)
        sent_at, answered_at = self._interval(headers, elapsed)
        for ceiling in CEILINGS:
            pair = limits.overall if ceiling.pair == "overall" else limits.read
            _record(ceiling, ledger.counters[ceiling], pair, sent_at, answered_at)

    def _says_nothing_new(self, headers: Mapping[str, str], elapsed: float) -> bool:
        """Whether the ledger would stay as it is: the usual answer to the only process that makes calls."""
        ledger = self._file.own()
        if ledger is None or ledger.server is None or ledger.local is None or not self._clock.synced:
            return False
        passed = self._clock.now().timestamp() - ledger.server
        if not 0 <= passed < NOTED_EVERY or abs(self._clock.local().timestamp() - ledger.local - passed) > 1:
            return False
        learnt = Ledger({ceiling: replace(counter) for ceiling, counter in ledger.counters.items()})
        self._learn(learnt, headers, elapsed)
        return learnt.counters == ledger.counters

    def _interval(self, headers: Mapping[str, str], elapsed: float) -> tuple[datetime, datetime]:
        """The interval in server time in which the server counted the call."""
        answered_at = parse_date_header(_header(headers, "date")) or self._clock.now()
        return answered_at - timedelta(seconds=elapsed * self._clock.speed), answered_at


def _governing(state: CeilingState) -> tuple[int, float]:
    """The order of ceilings: the fewest calls left, at a tie the one that opens last."""
    return state.left, -state.resets_at.timestamp()


def _concerned(*, reads: bool) -> list[Ceiling]:
    """The limits in which a call counts."""
    return [ceiling for ceiling in CEILINGS if reads or ceiling.pair == "overall"]


def _record(
    ceiling: Ceiling, counter: Counter, pair: LimitPair | None, sent_at: datetime, answered_at: datetime
) -> None:
    answered_in = _window_start(ceiling, answered_at)
    if pair is not None:
        counter.limit = pair.limit_15min if ceiling.window == "15min" else pair.limit_day
    if _window_start(ceiling, sent_at) != answered_in:
        # It crossed a window's edge: the usage may be the old window's, the call may count in the new one.
        if counter.start == answered_in:
            counter.used += 1
    elif pair is not None and counter.start == answered_in:
        counter.used = max(counter.used, pair.usage_15min if ceiling.window == "15min" else pair.usage_day)


def _window_start(ceiling: Ceiling, moment: datetime) -> int:
    # Epoch seconds count from a midnight UTC, so windows start at whole multiples, as in core.rate_limits.
    length = int(LENGTHS[ceiling.window].total_seconds())
    return int(moment.timestamp()) // length * length


def _header(headers: Mapping[str, str], name: str) -> str | None:
    return next((value for key, value in headers.items() if key.lower() == name), None)


def log_wait(error: BudgetExhaustedError, seconds: float) -> None:
    """Log that a wait continues for `seconds` more."""
    log.info(
        "waiting for the limit's next window, %.0f s, until %s UTC",
        seconds,
        error.resumes_at.strftime("%H:%M:%S"),
    )


class Pacing:
    """Reserves calls, waiting for a 15-minute window if `wait` allows; a full day always raises.

    `ask_time` makes the clock observe the server without a call that counts. It is called before a full window that is known
    from the ledger alone is believed, or believed to be over: this machine's clock may have been wrong, or set, since the
    ledger was written. `on_wait` is informed of a wait: its cause, and the seconds still to go.
    """

    def __init__(
        self,
        budget: RateBudget,
        clock: ServerClock,
        *,
        wait: bool = True,
        on_wait: OnWait | None = None,
        ask_time: Callable[[], None] = lambda: None,
    ) -> None:
        self.budget = budget
        self.waited = timedelta(0)  # for windows, in all, at the server
        self._clock, self._wait, self._on_wait, self._ask_time = clock, wait, on_wait or log_wait, ask_time

    def reserve(self, *, reads: bool = True) -> datetime:
        """A reserved call's moment (see RateBudget.reserve), after as much waiting as it takes."""
        while True:
            if not self._clock.synced and self.budget.was_full():
                self._ask_time()
            try:
                return self.budget.reserve(reads=reads)
            except BudgetExhaustedError as error:
                if not self.would_wait_for(error):
                    raise
                self.wait_for(error)

    @contextmanager
    def without_waiting(self) -> Iterator[None]:
        """In the body every full window raises: for callers that hold a lock which others want meanwhile."""
        waited, self._wait = self._wait, False
        try:
            yield
        finally:
            self._wait = waited

    def would_wait_for(self, error: BudgetExhaustedError) -> bool:
        """Whether waiting for the window helps: not for a day's, nor for one that is reserved as a whole."""
        return self._wait and error.ceiling.window != "day" and error.cushion < error.limit

    def wait_for(self, error: BudgetExhaustedError) -> None:
        """Wait in slices; before each slice `on_wait` gets the error and the server's seconds still to go."""
        until = error.resumes_at + MARGIN
        began = self._clock.monotonic()
        while (seconds := (until - self._clock.now()).total_seconds()) > 0:
            self._on_wait(error, seconds)
            self._clock.sleep(min(seconds, SLICE))
        self.waited += timedelta(seconds=self._clock.monotonic() - began) * self._clock.speed
