"""What to do when the budget is used up: wait for the next quarter of an hour, or stop for the day.

The only place that waits for a limit. Counting is `budget.py`; the waits of retries are `client.py`'s.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from strava_pipeline.core.errors import BudgetExhaustedError
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.strava.budget import RateBudget

OnWait = Callable[[BudgetExhaustedError, float], None]
MARGIN = timedelta(seconds=1)  # the resolution of the Date header that the clock follows
SLICE = 60.0  # seconds at the server between two words about a wait

log = logging.getLogger(__name__)


def log_wait(error: BudgetExhaustedError, seconds: float) -> None:
    """Say in the log that a wait goes on for `seconds` more."""
    log.info(
        "waiting for the limit's next window, %.0f s, until %s UTC",
        seconds,
        error.resumes_at.strftime("%H:%M:%S"),
    )


class Pacing:
    """Reserves calls, waiting for a 15-minute window if `wait` allows; a full day always raises.

    `ask_time` has the clock observe the server without a call that counts. It is used before a full window that only
    the ledger tells of is believed, or believed to be over: this machine's clock may have been wrong, or set, since the
    ledger was written.
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

    def reserve(self) -> datetime:
        """A reserved call's moment (see RateBudget.reserve), after as much waiting as it takes."""
        while True:
            if not self._clock.synced and self.budget.was_full():
                self._ask_time()
            try:
                return self.budget.reserve()
            except BudgetExhaustedError as error:
                if not self.would_wait_for(error):
                    raise
                self.wait_for(error)

    @contextmanager
    def without_waiting(self) -> Iterator[None]:
        """In the body a full window raises, whichever it is: for who holds something that others want meanwhile."""
        waited, self._wait = self._wait, False
        try:
            yield
        finally:
            self._wait = waited

    def would_wait_for(self, error: BudgetExhaustedError) -> bool:
        """Whether the window is one to wait for; with all of it kept back, none would ever do."""
        return self._wait and error.ceiling.window != "day" and error.cushion < error.limit

    def wait_for(self, error: BudgetExhaustedError) -> None:
        """Wait in slices, before each telling `on_wait` the error and the server's seconds still to go."""
        until = error.resumes_at + MARGIN
        began = self._clock.monotonic()
        while (seconds := (until - self._clock.now()).total_seconds()) > 0:
            self._on_wait(error, seconds)
            self._clock.sleep(min(seconds, SLICE))
        self.waited += timedelta(seconds=self._clock.monotonic() - began) * self._clock.speed
