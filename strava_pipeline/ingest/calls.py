"""Making calls, for the client of any service: attempts and pauses, interrupts, and one call for each of many activities.

An interrupt waits from the sending of a call until its answer is on disk, so that no call is made twice. Which failures are
transient, what to fetch, and where an answer is kept are the caller's business.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from logging import Logger
from typing import Protocol, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, retry_if_not_exception_type, stop_after_attempt

from strava_pipeline.core.errors import (
    BudgetExhaustedError,
    CallCapReachedError,
    GoneError,
    LimitReachedError,
    LoginRefusedError,
    RefusedError,
    TransientError,
)
from strava_pipeline.core.numbers import Numbers
from strava_pipeline.core.process import deferred_interrupts
from strava_pipeline.ingest.clock import ServerClock

ATTEMPTS = 3  # in all; each counts in the budget
FIRST_PAUSE = 1.0  # seconds at the server; bursts of 5xx last a few seconds
LONGEST_PAUSE = 30.0
OUTAGE = 5  # failures in a row: one poisonous activity is likely, five in a row mean that the service is down
MOST_REFUSALS = 4  # 429s in a row for one call, each after its wait: then somebody else uses up the limit
T = TypeVar("T")
Failure = TransientError | RefusedError | LoginRefusedError


class StillDownError(TransientError):
    """The service was not back after all the pauses that it asked for: no further attempt follows."""


def retrying(
    jitter: Callable[[], float],
    sleep: Callable[[float], None],
    log: Logger | None = None,
    *,
    after: type[Exception] = TransientError,
) -> Retrying:
    """The attempts at one call: an error of the type `after` is tried again after a pause, the last one is raised as it is.

    `log` gets a line before each pause.
    """
    return Retrying(
        retry=retry_if_exception_type(after) & retry_if_not_exception_type(StillDownError),
        stop=stop_after_attempt(ATTEMPTS),
        wait=backoff(jitter),
        sleep=sleep,
        before_sleep=None if log is None else partial(_log_retry, log),
        reraise=True,
    )


def backoff(jitter: Callable[[], float]) -> Callable[[RetryCallState], float]:
    """Pauses of 1 s, 2 s, 4 s … times a factor in [1, 2) that `jitter` (a number in [0, 1)) chooses."""

    def pause(state: RetryCallState) -> float:
        doubled: float = FIRST_PAUSE * 2.0 ** (state.attempt_number - 1)
        return min(LONGEST_PAUSE, doubled * (1 + jitter()))

    return pause


def _log_retry(log: Logger, state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome is not None else None
    log.warning("%s; attempt %d of %d, trying again", error, state.attempt_number, ATTEMPTS)


class LandingClient:
    """The part of a client that lands answers. A client calls `_hold_interrupts` when it sends, the other before it pauses."""

    def __init__(self) -> None:
        self._under_way: ExitStack | None = None  # within `landing`: what holds interrupts back since a call was sent

    @contextmanager
    def landing(self) -> Iterator[None]:
        """An interrupt within the body waits from the sending of a call until the body has landed its answer.

        Waiting for a limit or for another attempt is interrupted at once.
        """
        under_way = self._under_way = ExitStack()
        try:
            yield
        finally:
            self._under_way = None
            under_way.close()

    def landed(self, answers: Iterator[T], land: Callable[[T], object]) -> Iterator[T]:
        """Each of `answers`, which are asked for as they are taken, after `land` has put it on disk."""
        return landed_each(self.landing, answers, land)

    def _hold_interrupts(self) -> None:
        if self._under_way is not None:
            self._under_way.enter_context(deferred_interrupts())

    def _let_interrupts_through(self) -> None:
        """Let an interrupt that came during the last call take effect here."""
        if self._under_way is not None:
            self._under_way.close()


def landed_each(
    landing: Callable[[], AbstractContextManager[None]], answers: Iterator[T], land: Callable[[T], object]
) -> Iterator[T]:
    """Each of `answers`, which are asked for as they are taken, after `land` has put it on disk, both within `landing`."""
    while True:
        with landing():
            answer = next(answers, None)
            if answer is None:
                return
            land(answer)
        yield answer


class FetchItem(Protocol):
    """An activity to fetch something for. If it `is_poisoned` by earlier failures, the call is attempted only once."""

    @property
    def activity_id(self) -> int: ...

    @property
    def is_poisoned(self) -> bool: ...


class FetchClient(Protocol):
    """The part of a client that the loop needs."""

    @property
    def title(self) -> str:
        """The service's name in messages."""

    @property
    def clock(self) -> ServerClock:
        """The server's time."""

    def landing(self) -> AbstractContextManager[None]:
        """An interrupt within the body waits from the sending of a call until the body has landed its answer."""

    def probe(self) -> object:
        """A call that succeeds while the service works and the login is valid, even if single activities fail."""


class FetchAnswer(Protocol):
    """The part of an answer that the loop needs."""

    @property
    def body(self) -> bytes: ...

    @property
    def fetched_at(self) -> datetime: ...


class FetchCall(Protocol):
    """A client's call for one activity."""

    def __call__(self, activity_id: int, *, patient: bool) -> FetchAnswer: ...


Item = TypeVar("Item", bound=FetchItem)
Limit = BudgetExhaustedError | CallCapReachedError | LimitReachedError


@dataclass(slots=True)
class FetchReport(Numbers):
    """The results for the activities. `gone_ids`: answered with 404. `stopped`: the limit that ended the work early."""

    received: int = 0
    bytes: int = 0
    gone_ids: list[int] = field(default_factory=list)
    failed_ids: list[int] = field(default_factory=list)
    stopped: Limit | None = field(default=None, repr=False)

    @property
    def finished(self) -> int:
        """How many activities need no further call: received, gone or failed."""
        return self.received + len(self.gone_ids) + len(self.failed_ids)


def fetch_each(
    client: FetchClient,
    call: FetchCall,
    items: Iterable[Item],
    *,
    land: Callable[[Item, bytes, datetime], object],
    land_failure: Callable[[Item, bytes, int | None, datetime], object],
    report: FetchReport,
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Make `call` for each of `items` in order; adds the results to `report`.

    A failure is landed as evidence once something else has succeeded. When OUTAGE activities in a row fail, or the last
    ones of all, the client is probed: if that succeeds, the activities are poisoned; if it fails, the service is down,
    which raises TransientError and leaves no evidence. The second 401 in a row raises LoginRefusedError.
    """
    failures: list[tuple[Item, Failure, datetime]] = []

    def land_failures() -> None:
        for item, error, at in failures:
            land_failure(item, error.body, error.status, at)
            report.failed_ids.append(item.activity_id)
        failures.clear()

    def probe() -> None:
        report.stopped = _probe(client, failures[-1][1], len(failures))

    for item in items:
        with client.landing():
            try:
                answer = call(item.activity_id, patient=not item.is_poisoned)
            except GoneError as error:
                land_failure(item, error.body, error.status, client.clock.now())
                report.gone_ids.append(item.activity_id)
                land_failures()
            except (TransientError, RefusedError, LoginRefusedError) as error:
                if isinstance(error, LoginRefusedError) and failures and isinstance(failures[-1][1], LoginRefusedError):
                    raise  # not one activity's fault: the login is no longer valid for these
                failures.append((item, error, client.clock.now()))
                if len(failures) >= OUTAGE:
                    probe()
                    if report.stopped is not None:
                        break
                    land_failures()
            except (BudgetExhaustedError, CallCapReachedError, LimitReachedError) as error:
                report.stopped = error
                break
            else:
                land(item, answer.body, answer.fetched_at)
                report.received += 1
                report.bytes += len(answer.body)
                land_failures()
        tick()
    if failures and report.stopped is None:
        probe()
    if report.stopped is None or report.received:  # where a limit came before any answer, the service may be down
        land_failures()


def _probe(client: FetchClient, last: Failure, failed: int) -> Limit | None:
    """Raises TransientError unless the service answers; returns the limit that prevents the call."""
    try:
        client.probe()
    except TransientError as error:
        status = f"HTTP {last.status}" if last.status else "no answer"
        raise TransientError(
            f"The last {failed} activities asked for failed, the very last with {status}, and so did a call that should succeed: "
            f"{client.title} seems to be down"
        ) from error
    except (BudgetExhaustedError, CallCapReachedError, LimitReachedError) as error:
        return error
    return None
