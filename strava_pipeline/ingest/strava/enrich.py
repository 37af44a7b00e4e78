"""Fetching what is asked for per activity one by one: each landed before the next call, one that fails never stops the next.

What to fetch, where it is kept and when a failed one is asked for again are the caller's business.
"""

from collections.abc import Callable, Iterable
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
from strava_pipeline.ingest.strava.activities import get_athlete
from strava_pipeline.ingest.strava.client import Answer, StravaClient

OUTAGE = 5  # failures in a row: one poisonous activity is likely, five one after the other are Strava being down


class Named(Protocol):
    """Something that names an activity. One that `is_poisoned` by what is known of it is asked for in one attempt."""

    @property
    def activity_id(self) -> int: ...

    @property
    def is_poisoned(self) -> bool: ...


class Get(Protocol):
    """The call for one activity: ingest/strava/activities.py's `get_detail`, `get_streams`."""

    def __call__(self, client: StravaClient, activity_id: int, *, patient: bool) -> Answer: ...


T = TypeVar("T", bound=Named)
Failure = TransientError | RefusedError | LoginRefusedError


@dataclass(slots=True)
class FetchReport:
    """What became of what was asked for. `gone`: answered with 404. `stopped`: the limit that ended the work early."""

    landed: int = 0
    bytes: int = 0
    gone: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    stopped: BudgetExhaustedError | CallCapReachedError | None = None

    @property
    def told(self) -> int:
        """Of how many it is known what became of them."""
        return self.landed + len(self.gone) + len(self.failed)


def fetch_each(
    client: StravaClient,
    get: Get,
    wanted: Iterable[T],
    *,
    land: Callable[[T, bytes, datetime], object],
    land_failure: Callable[[T, bytes, int | None, datetime], object],
    report: FetchReport,
    tick: Callable[[], None] = lambda: None,
) -> None:
    """`get` each of `wanted` in order, into `report`.

    A failure is landed as evidence once something else has succeeded. When OUTAGE of them fail in a row, or the last
    ones of all, the athlete is asked for: if that succeeds, it is the activities that are poisoned; if it fails, Strava
    is down, which raises and leaves no evidence. So does a second one in a row that is refused with 401.
    """
    held: list[tuple[T, Failure, datetime]] = []

    def settle() -> None:
        for item, error, at in held:
            land_failure(item, error.body, error.status, at)
            report.failed.append(item.activity_id)
        held.clear()

    def ask_whether_alive() -> None:
        report.stopped = _is_alive(client, held[-1][1], len(held))

    for item in wanted:
        with client.landing():
            try:
                answer = get(client, item.activity_id, patient=not item.is_poisoned)
            except GoneError as error:
                land_failure(item, error.body, error.status, client.clock.now())
                report.gone.append(item.activity_id)
                settle()
            except (TransientError, RefusedError, LoginRefusedError) as error:
                if isinstance(error, LoginRefusedError) and held and isinstance(held[-1][1], LoginRefusedError):
                    raise  # not one activity's fault: the login is no longer good for these
                held.append((item, error, client.clock.now()))
                if len(held) >= OUTAGE:
                    ask_whether_alive()
                    if report.stopped is not None:
                        break
                    settle()
            except (BudgetExhaustedError, CallCapReachedError) as error:
                report.stopped = error
                break
            else:
                land(item, answer.body, answer.fetched_at)
                report.landed += 1
                report.bytes += len(answer.body)
                settle()
        tick()
    if held and report.stopped is None:
        ask_whether_alive()
    if report.stopped is None or report.landed:  # where a limit came before any answer, it may be Strava that is down
        settle()


def _is_alive(client: StravaClient, last: Failure, failed: int) -> BudgetExhaustedError | CallCapReachedError | None:
    """Raises unless Strava still answers something else; a limit that keeps from asking is returned."""
    try:
        get_athlete(client)
    except TransientError as error:
        raise TransientError(
            f"The last {failed} activities asked for failed, the very last with {_status(last)}, and so did the athlete: "
            "Strava seems to be down"
        ) from error
    except (BudgetExhaustedError, CallCapReachedError) as error:
        return error
    return None


def _status(error: Failure) -> str:
    return f"HTTP {error.status}" if error.status else "no answer"
