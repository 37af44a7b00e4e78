"""Fetching something for each of many activities: each answer is on disk before the next call, one failure stops no other.

What to fetch, where an answer is kept and when a failed activity is fetched again are the caller's business.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from strava_pipeline.core.errors import (
    BudgetExhaustedError,
    CallCapReachedError,
    GoneError,
    LoginRefusedError,
    RefusedError,
    TransientError,
)
from strava_pipeline.ingest.clock import ServerClock

OUTAGE = 5  # failures in a row: one poisonous activity is likely, five one after the other are the service being down


class FetchItem(Protocol):
    """An activity to fetch something for. If it `is_poisoned` by earlier failures, the call is attempted once only."""

    @property
    def activity_id(self) -> int: ...

    @property
    def is_poisoned(self) -> bool: ...


class FetchClient(Protocol):
    """The part of a client that the loop needs."""

    @property
    def title(self) -> str:
        """How messages call the service."""
        ...

    @property
    def clock(self) -> ServerClock:
        """The server's time."""
        ...

    def landing(self) -> AbstractContextManager[None]:
        """An interrupt within the body waits from the sending of a call until the body has landed its answer."""
        ...

    def probe(self) -> object:
        """A call that succeeds while the service works and the login stands, whatever is wrong with single activities."""
        ...


class FetchAnswer(Protocol):
    """What the loop needs of an answer."""

    @property
    def body(self) -> bytes: ...

    @property
    def fetched_at(self) -> datetime: ...


class FetchCall(Protocol):
    """A client's call for one activity."""

    def __call__(self, activity_id: int, *, patient: bool) -> FetchAnswer: ...


T = TypeVar("T", bound=FetchItem)
Failure = TransientError | RefusedError | LoginRefusedError


@dataclass(slots=True)
class FetchReport:
    """What became of the activities. `gone`: answered with 404. `stopped`: the limit that ended the work early."""

    landed: int = 0
    bytes: int = 0
    gone: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    stopped: BudgetExhaustedError | CallCapReachedError | None = None

    @property
    def finished(self) -> int:
        """How many activities need no further call: landed, gone or failed."""
        return self.landed + len(self.gone) + len(self.failed)


def fetch_each(
    client: FetchClient,
    call: FetchCall,
    items: Iterable[T],
    *,
    land: Callable[[T, bytes, datetime], object],
    land_failure: Callable[[T, bytes, int | None, datetime], object],
    report: FetchReport,
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Make `call` for each of `items` in order; what became of them is added to `report`.

    A failure is landed as evidence once something else has succeeded. When OUTAGE activities in a row fail, or the last
    ones of all, the client is probed: if that succeeds, the activities are poisoned; if it fails, the service is down, which
    raises TransientError and leaves no evidence. A second activity in a row that is refused with 401 raises LoginRefusedError.
    """
    failures: list[tuple[T, Failure, datetime]] = []

    def land_failures() -> None:
        for item, error, at in failures:
            land_failure(item, error.body, error.status, at)
            report.failed.append(item.activity_id)
        failures.clear()

    def probe() -> None:
        report.stopped = _probe(client, failures[-1][1], len(failures))

    for item in items:
        with client.landing():
            try:
                answer = call(item.activity_id, patient=not item.is_poisoned)
            except GoneError as error:
                land_failure(item, error.body, error.status, client.clock.now())
                report.gone.append(item.activity_id)
                land_failures()
            except (TransientError, RefusedError, LoginRefusedError) as error:
                if isinstance(error, LoginRefusedError) and failures and isinstance(failures[-1][1], LoginRefusedError):
                    raise  # not one activity's fault: the login is no longer good for these
                failures.append((item, error, client.clock.now()))
                if len(failures) >= OUTAGE:
                    probe()
                    if report.stopped is not None:
                        break
                    land_failures()
            except (BudgetExhaustedError, CallCapReachedError) as error:
                report.stopped = error
                break
            else:
                land(item, answer.body, answer.fetched_at)
                report.landed += 1
                report.bytes += len(answer.body)
                land_failures()
        tick()
    if failures and report.stopped is None:
        probe()
    if report.stopped is None or report.landed:  # where a limit came before any answer, the service may be down
        land_failures()


def _probe(client: FetchClient, last: Failure, failed: int) -> BudgetExhaustedError | CallCapReachedError | None:
    """Raises TransientError unless the service answers; returns the limit that prevents the call."""
    try:
        client.probe()
    except TransientError as error:
        status = f"HTTP {last.status}" if last.status else "no answer"
        raise TransientError(
            f"The last {failed} activities asked for failed, the very last with {status}, and so did the athlete: "
            f"{client.title} seems to be down"
        ) from error
    except (BudgetExhaustedError, CallCapReachedError) as error:
        return error
    return None
