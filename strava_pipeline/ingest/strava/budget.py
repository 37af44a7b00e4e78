"""The rate budget: how many calls may still be made, shared by all processes that use an API application.

A call is reserved before it is made and settled by its answer, in all four windows at once; "now" is the
server's time. Nothing sleeps here (`pacing.py` waits) and nothing is sent (`client.py` calls).
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from strava_pipeline.core.errors import BudgetExhaustedError, CallCapReachedError, Ceiling
from strava_pipeline.core.rate_limits import (
    DAY,
    QUARTER,
    Allowance,
    LimitPair,
    parse_rate_limits,
    quarter_start,
)
from strava_pipeline.ingest.clock import ServerClock, parse_date_header
from strava_pipeline.ingest.strava.ledger import CEILINGS, Counter, Ledger, LedgerFile

LENGTHS = {"15min": QUARTER, "day": DAY}
YIELDED = 10  # part of a limit that may be kept back untold: a tenth makes a long backfill a ninth longer


@dataclass(frozen=True, slots=True)
class CeilingState:
    """One ceiling now, in calls: `left` is what this process may still make of it (its cushion kept back)."""

    ceiling: Ceiling
    limit: int
    used: int
    left: int
    resets_at: datetime


@dataclass(frozen=True, slots=True)
class Remaining:
    """The four ceilings, and the one that governs: the fewest left, at a tie the one that opens last."""

    ceilings: tuple[CeilingState, ...]
    governing: CeilingState


class RateBudget:
    """Reserve, then settle, release or refuse.

    `folder`: the data folder's own ledger, see LedgerFile. `cushion_*` calls of each window are left to others; where
    none is told, `yielding` calls, but no more than a tenth of a limit. `max_calls` caps the calls of this object alone.
    """

    def __init__(
        self,
        path: Path,
        clock: ServerClock,
        *,
        folder: Path | None = None,
        cushion_15min: int | None = None,
        cushion_daily: int | None = None,
        yielding: int = 0,
        max_calls: int | None = None,
    ) -> None:
        self._file = LedgerFile(path, folder)
        self._clock = clock
        self._cushions = {"15min": cushion_15min, "day": cushion_daily}
        self._yielding = yielding
        self._max_calls = max_calls
        self._reserved = 0

    def _opened(self) -> AbstractContextManager[Ledger]:
        return self._file.open(self._clock.now(), is_synced=self._clock.synced)

    def reserve(self) -> datetime:
        """Count a call that is about to be made; returns the moment it was counted at, for `release`.

        Raises BudgetExhaustedError, nothing counted, when a ceiling is full: of several the one opening last.
        Raises CallCapReachedError when this process has made all the calls it was allowed.
        """
        if self._max_calls is not None and self._reserved >= self._max_calls:
            raise CallCapReachedError(self._max_calls)
        with self._opened() as ledger:
            now = self._now(ledger)
            self._roll(ledger, now)
            full = [state for state in self._states(ledger) if state.left <= 0]
            if full:
                last = max(full, key=lambda state: state.resets_at)
                cushion = self._cushion(last.ceiling, last.limit)
                raise BudgetExhaustedError(last.ceiling, last.limit, last.resets_at, cushion=cushion)
            for counter in ledger.counters.values():
                counter.used += 1
        self._reserved += 1
        return now

    def settle(self, headers: Mapping[str, str], *, elapsed: float = 0.0) -> None:
        """Learn limits and usage from an answer that took `elapsed` seconds and the clock has observed."""
        with self._opened() as ledger:
            self._learn(ledger, headers, elapsed)

    def refuse(self, headers: Mapping[str, str], *, elapsed: float = 0.0) -> None:
        """Learn from a 429. If no ceiling shows as full, the 15-minute ones are taken to be."""
        with self._opened() as ledger:
            self._learn(ledger, headers, elapsed)
            sent_at, _ = self._interval(headers, elapsed)
            if quarter_start(sent_at) < quarter_start(self._clock.now()):
                return  # the window that refused is over, or may be
            if not any(counter.used >= counter.limit for counter in ledger.counters.values()):
                for ceiling, counter in ledger.counters.items():
                    if ceiling.window == "15min":
                        counter.used = counter.limit

    def release(self, reserved_at: datetime) -> None:
        """Take back a reservation whose call surely did not count: a 401, a refused connection."""
        with self._opened() as ledger:
            self._roll(ledger, self._now(ledger))
            for ceiling, counter in ledger.counters.items():
                if counter.start == _window_start(ceiling, reserved_at) and counter.used > 0:
                    counter.used -= 1
        self._reserved = max(0, self._reserved - 1)

    def remaining(self) -> Remaining:
        """What is left of every ceiling, without a call."""
        ledger = self._file.peek()
        self._roll(ledger, self._now(ledger))
        states = self._states(ledger)
        governing = min(states, key=lambda state: (state.left, -state.resets_at.timestamp()))
        return Remaining(tuple(states), governing)

    def allowances(self) -> dict[Ceiling, Allowance]:
        """What each ceiling lets through, now and in later windows, its cushion kept back in all of them."""
        return {
            state.ceiling: Allowance(
                state.left,
                max(0, state.limit - self._cushion(state.ceiling, state.limit)),
                state.resets_at,
                LENGTHS[state.ceiling.window],
            )
            for state in self.remaining().ceilings
        }

    def was_full(self) -> bool:
        """Whether a window in the ledger left no call, be it over by now or not."""
        return any(state.left <= 0 for state in self._states(self._file.peek()))

    def _now(self, ledger: Ledger) -> datetime:
        """The server's time; before this process saw an answer, what the last one to see one makes of it."""
        if not self._clock.synced and ledger.server is not None and ledger.local is not None:
            self._clock.suppose(datetime.fromtimestamp(ledger.server, UTC), datetime.fromtimestamp(ledger.local, UTC))
        return self._clock.now()

    def _roll(self, ledger: Ledger, now: datetime) -> None:
        for ceiling, counter in ledger.counters.items():
            start = _window_start(ceiling, now)
            # A later window in the ledger than ours: without an answer yet, it is our clock that is late.
            if counter.start < start or (counter.start > start and self._clock.synced):
                counter.start, counter.used = start, 0

    def _states(self, ledger: Ledger) -> list[CeilingState]:
        return [
            CeilingState(
                ceiling,
                counter.limit,
                counter.used,
                max(0, counter.limit - self._cushion(ceiling, counter.limit) - counter.used),
                datetime.fromtimestamp(counter.start, UTC) + LENGTHS[ceiling.window],
            )
            for ceiling, counter in ledger.counters.items()
        ]

    def _cushion(self, ceiling: Ceiling, limit: int) -> int:
        told = self._cushions[ceiling.window]
        return min(self._yielding, limit // YIELDED) if told is None else told

    def _learn(self, ledger: Ledger, headers: Mapping[str, str], elapsed: float) -> None:
        now = self._now(ledger)
        self._roll(ledger, now)
        if self._clock.synced:
            ledger.server, ledger.local = now.timestamp(), self._clock.local().timestamp()
        limits = parse_rate_limits(headers)
        sent_at, answered_at = self._interval(headers, elapsed)
        for ceiling in CEILINGS:
            pair = limits.overall if ceiling.pair == "overall" else limits.read
            _settle(ceiling, ledger.counters[ceiling], pair, sent_at, answered_at)

    def _interval(self, headers: Mapping[str, str], elapsed: float) -> tuple[datetime, datetime]:
        """Between which moments of the server the call was counted there."""
        answered_at = parse_date_header(_header(headers, "date")) or self._clock.now()
        return answered_at - timedelta(seconds=elapsed * self._clock.speed), answered_at


def _settle(
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
