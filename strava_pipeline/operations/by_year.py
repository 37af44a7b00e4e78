"""Fetching what is asked for per activity, year by year, each under its year's lock: details and streams alike.

Which activities is fetching.py's and streaming.py's business. A limit ends the work early and is told in the report;
what came before it is on disk. Everything else raises.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from strava_pipeline.core.errors import BudgetExhaustedError
from strava_pipeline.core.plan import Forecast
from strava_pipeline.ingest.calls import MOST_REFUSALS, FetchCall, FetchItem, FetchReport, fetch_each
from strava_pipeline.lake.bronze.landing import require_writable
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.progress import Eta
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.strava_source import StravaSource


class OfYear(FetchItem, Protocol):
    """An activity to be asked for, in the folder of a year."""

    @property
    def year(self) -> int: ...


T = TypeVar("T", bound=OfYear)
Land = Callable[[Lake, int, int, bytes, datetime], object]
LandFailure = Callable[[Lake, int, int, bytes, int | None, datetime], object]


@dataclass(frozen=True, slots=True)
class Errand(Generic[T]):
    """What is fetched of an activity, and how it is kept: in a folder named by its id, in that of its year.

    `name` is that of the years' locks.
    """

    name: str
    call: Callable[[StravaSource], FetchCall]
    still_wanted: Callable[[Lake, Sequence[T]], list[T]]  # others may have fetched some since these were chosen
    of_year: Callable[[Lake, int], Path]
    land: Land
    land_failure: LandFailure


@dataclass(slots=True)
class YearsReport:
    """What became of some years. `resting` waits for its retry; `missing` is still to be fetched.

    `estimate`: what was to be fetched when it began.
    """

    fetched: FetchReport = field(default_factory=FetchReport)
    calls: int = 0
    by_year: dict[int, int] = field(default_factory=dict)
    resting: int = 0
    missing: int = 0
    estimate: Forecast | None = None


def fetch_by_year(
    run: RunContext, source: StravaSource, errand: Errand[T], chosen: Sequence[T], report: YearsReport
) -> None:
    """Fetch `chosen`, newest year first, until a limit stops it."""
    for year in sorted({candidate.year for candidate in chosen}, reverse=True):
        if report.fetched.stopped is None:
            _fetch_year(
                run, source, errand, year, [candidate for candidate in chosen if candidate.year == year], report
            )


def eta_of(source: StravaSource, total: int) -> Eta:
    """When `total` calls will be made, after so many of them."""
    return lambda done: source.pace.done_at(max(total - done, 0))


def _fetch_year(
    run: RunContext, source: StravaSource, errand: Errand[T], year: int, chosen: Sequence[T], report: YearsReport
) -> None:
    """Fetch under the year's lock. A full window is waited for without it, so that the daily run may fetch there."""
    client, refusals = source.client(), 0
    while True:
        calls, finished = client.calls, report.fetched.finished
        with run.exclusive(f"{errand.name}-{year}"), client.pacing.without_waiting():
            _fetch(run, source, errand, errand.still_wanted(run.lake, chosen), report)
        full = report.fetched.stopped
        if not isinstance(full, BudgetExhaustedError) or not client.pacing.would_wait_for(full):
            return
        refusals = refusals + 1 if client.calls > calls and report.fetched.finished == finished else 0
        if refusals >= MOST_REFUSALS:
            return
        report.fetched.stopped = None
        client.pacing.wait_for(full)


def _fetch(run: RunContext, source: StravaSource, errand: Errand[T], wanted: Sequence[T], report: YearsReport) -> None:
    def writable() -> Iterator[T]:
        """`wanted`, each after a look at the folder that its answer will be written into."""
        for candidate in wanted:
            of_year = errand.of_year(run.lake, candidate.year)
            require_writable(run.lake, of_year / str(candidate.activity_id))
            yield candidate

    def land(candidate: T, body: bytes, at: datetime) -> None:
        errand.land(run.lake, candidate.year, candidate.activity_id, body, at)
        report.by_year[candidate.year] = report.by_year.get(candidate.year, 0) + 1

    fetch_each(
        source.client(),
        errand.call(source),
        writable(),
        land=land,
        land_failure=lambda candidate, body, status, at: errand.land_failure(
            run.lake, candidate.year, candidate.activity_id, body, status, at
        ),
        report=report.fetched,
        tick=run.progress.advance,
    )
