"""Fetching and landing data that take a call each: details and streams, year by year under the year's lock; athlete and gear.

A limit ends the work early and stands in the report; earlier answers are on disk. Everything else raises. Which
activities are due is lake/gold/fetch_selection.py's.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from strava_pipeline.core.errors import (
    BudgetExhaustedError,
    CallCapReachedError,
    GoneError,
    NeedsLoginError,
    RefusedError,
    TransientError,
)
from strava_pipeline.core.numbers import Numbers, sentence
from strava_pipeline.core.plan import RESTART_NOTE
from strava_pipeline.core.text import at_minute, counted, some_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.calls import MOST_REFUSALS, FetchCall, FetchItem, FetchReport, fetch_each
from strava_pipeline.lake.bronze.answers import (
    gear_folder,
    land_answer,
    land_athlete,
    land_evidence,
    land_gear,
    land_stats,
    newest_athlete,
    stats_asked_at,
    stats_folder,
)
from strava_pipeline.lake.bronze.landing import require_writable
from strava_pipeline.lake.bronze.listings import listed_since, watermark
from strava_pipeline.lake.gold.coverage import first_pull_ended_at
from strava_pipeline.lake.gold.fetch_selection import (
    REFRESH_REST,
    Candidate,
    Scope,
    due_streams,
    select_details,
    select_streams,
    unfetched_details,
    unfetched_streams,
    with_current_files,
)
from strava_pipeline.lake.gold.merge_details import merge_profile
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.options import CallOptions, DetailsOptions, StreamsOptions
from strava_pipeline.operations.progress import Eta, progressing
from strava_pipeline.operations.pulling import Stopped
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.source import BudgetedSource


class OfYear(FetchItem, Protocol):
    """An activity to be asked for, in the folder of a year."""

    @property
    def year(self) -> int: ...


T = TypeVar("T", bound=OfYear)
Land = Callable[[Lake, Path, int, bytes, datetime], object]
LandFailure = Callable[[Lake, Path, int, bytes, int | None, datetime], object]


@dataclass(frozen=True, slots=True)
class Errand(Generic[T]):
    """What is fetched about an activity, and how it is stored: in a folder named by its id, in that of its year.

    `name` is that of the years' locks. `before_wait` is called before waiting for a limit's window that is used up.
    """

    name: str
    call: Callable[[BudgetedSource], FetchCall]
    still_wanted: Callable[[Lake, Sequence[T]], list[T]]  # others may have fetched some since these were chosen
    of_year: Callable[[Lake, int], Path]
    land: Land = land_answer
    land_failure: LandFailure = land_evidence
    before_wait: Callable[[], object] = lambda: None


@dataclass(slots=True)
class YearsReport(Numbers):
    """The results for the answers (`what`: their noun, `of` which source) that some years lack. `missing`: still to be fetched.

    `estimated_calls`, `estimated_done_at`: at the start, the planned number of calls, and the planned end (None:
    never).
    """

    what: str = field(default="detail", repr=False)
    of: str = field(default="", repr=False)
    fetched: FetchReport = field(default_factory=FetchReport)
    calls: int = 0
    by_year: dict[int, int] = field(default_factory=dict, repr=False)
    waiting_for_retry: int = 0
    missing: int = 0
    estimated_calls: int = 0
    estimated_done_at: datetime | None = None

    def __str__(self) -> str:
        gone, failed = self.fetched.gone_ids, self.fetched.failed_ids
        more = [
            (self.missing, f"{self.missing} missing"),
            (self.waiting_for_retry, f"{self.waiting_for_retry} resting"),
            (gone, f"{len(gone)} have none there" if self.of else f"{len(gone)} gone: {some_of(gone, _NAMED)}"),
            (failed, f"{len(failed)} failed: {some_of(failed, _NAMED)}"),
        ]
        if not self.calls and not any(value for value, _ in more):
            return ""
        fetched = counted(self.fetched.received, self.what)
        return sentence(f"Fetched {fetched}{self.of} in {counted(self.calls, 'call')}", *more)


DETAILS = Errand("details", lambda source: source.client_for().get_detail, unfetched_details, Lake.details_of)
STREAMS = Errand("streams", lambda source: source.client_for().get_streams, unfetched_streams, Lake.streams_of)


_NAMED = 20  # ids in a sentence; Dagster shows all
_NEVER = datetime.max.replace(tzinfo=UTC)  # no activity is that young


def pull_details(
    run: RunContext,
    source: BudgetedSource,
    config: DetailsOptions,
    years: Sequence[int],
    before_wait: Callable[[], object] = lambda: None,
) -> YearsReport:
    """Fetch due details of `years`, newest year first, then refresh some of the window; a lock per year.

    `before_wait` is called before waiting for a limit's window that is used up.
    """
    scope = scope_of(run, source.settings, config)
    errand, report = replace(DETAILS, before_wait=before_wait), YearsReport()
    client = source.client_for(config)
    calls = client.calls

    stats_of = _stats_due(run, source) if scope.refresh_calls else None
    if stats_of is not None and scope.refresh_calls:
        scope = replace(scope, refresh_calls=scope.refresh_calls - 1)
    wanted = select_details(run.lake, years, scope, run.now())
    total = len(wanted.due) + len(wanted.refresh)
    with _fetching(run, source, "details", total, report):
        fetch_by_year(run, source, errand, wanted.due, report)
        if scope.refresh_calls is None:
            fetch_by_year(run, source, errand, wanted.refresh, report)
        else:
            if stats_of is not None and report.fetched.stopped is None:
                _fetch_stats(run, source, stats_of)
            _fetch_spare(run, source, wanted.refresh, report)
    now, left = run.now(), with_current_files(run.lake, wanted.due + wanted.refresh)
    report.missing = sum(candidate.is_due and not candidate.is_resting(now) for candidate in left)
    report.waiting_for_retry = len(wanted.resting) + sum(candidate.is_resting(now) for candidate in left)
    report.calls = client.calls - calls
    if report.fetched.stopped is None and not config.ids and config.scope != "window":  # those a person asked for
        client.budget.finish()
    return report


def _stats_due(run: RunContext, source: BudgetedSource) -> int | None:
    """The athlete whose totals at Strava are to be asked for, at most once in STATS_REST, whatever was answered.

    None also where what the API told is not kept that long.
    """
    athlete = newest_athlete(run.lake)
    if athlete is None or source.settings.api_keep_days:
        return None
    athlete_id = int(athlete[1]["id"])
    asked_at = stats_asked_at(run.lake, athlete_id, run.now())
    return athlete_id if asked_at is None or run.now() - asked_at >= STATS_REST else None


def _fetch_stats(run: RunContext, source: BudgetedSource, athlete_id: int) -> None:
    """Fetch the totals that Strava shows of the athlete, and merge them. Nothing that is answered ends a run: they only stand
    beside this program's own numbers.
    """
    client, lake = source.client_for(), run.lake
    require_writable(lake, stats_folder(lake, athlete_id))
    try:
        with client.pacing.without_waiting(), client.landing():
            answer = client.get_stats(athlete_id)
            land_stats(lake, athlete_id, answer.body, answer.fetched_at)
    except (BudgetExhaustedError, CallCapReachedError):
        return  # the next run asks
    except (GoneError, RefusedError, NeedsLoginError, TransientError) as error:
        status = 404 if isinstance(error, GoneError) else getattr(error, "status", None) or 0
        land_stats(lake, athlete_id, getattr(error, "body", b""), run.now(), failed=status)
    with writing(lake) as connection:
        merge_profile(connection, lake)


STATS_REST = timedelta(days=7)


@contextmanager
def _fetching(run: RunContext, source: BudgetedSource, what: str, total: int, report: YearsReport) -> Iterator[None]:
    """Show progress and the expected end; and beforehand whether a day's limit ends it sooner."""
    report.estimated_calls, report.estimated_done_at = total, source.pace.done_at(total)
    if report.estimated_done_at is not None and source.pace.needs_another_day(total):
        run.progress.say(f"{total:,} {what}: done about {at_minute(report.estimated_done_at)}, {RESTART_NOTE}.")
    with progressing(run.progress, f"Fetching {what}", total, eta_of(source, total)), source.pace.calling():
        yield


def _fetch_spare(run: RunContext, source: BudgetedSource, chosen: Sequence[Candidate], report: YearsReport) -> None:
    """Refresh `chosen` with spare calls: no window is waited for, and a used-up one doesn't count as a stop."""
    if report.fetched.stopped is not None:
        return
    with source.client_for().pacing.without_waiting():
        fetch_by_year(run, source, DETAILS, chosen, report)
    if isinstance(report.fetched.stopped, BudgetExhaustedError):
        report.fetched.stopped = None


def scope_of(run: RunContext, settings: Settings, config: DetailsOptions) -> Scope:
    """The options as a choice of activities, as of now."""
    return replace(_scope_of_any_sport(run, settings, config), sports=frozenset(config.sports) or None)


def _scope_of_any_sport(run: RunContext, settings: Settings, config: DetailsOptions) -> Scope:
    now = run.now()
    days = config.since_days if config.since_days is not None else settings.days
    if config.ids or config.scope == "rested":
        return Scope(ids=frozenset(config.ids), refresh_before=now, patient=config.scope == "rested")
    if config.scope == "all" or config.first_on or config.last_on:
        return Scope(first_on=_day(config.first_on), last_on=_day(config.last_on))
    if config.scope == "changed":
        return Scope(since=_NEVER, new_since=first_pull_ended_at(run.lake))
    if config.scope == "window":
        return Scope(since=now - timedelta(days=days), refresh_before=now)
    newest = min(now, watermark(run.lake) or now)
    return Scope(
        since=min(newest - timedelta(days=days), listed_since(run.lake) or now),
        new_since=first_pull_ended_at(run.lake),
        refresh_before=now - REFRESH_REST,
        refresh_calls=settings.refresh_calls,
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def pull_streams(run: RunContext, source: BudgetedSource, config: StreamsOptions, years: Sequence[int]) -> YearsReport:
    """Fetch the streams that `years` lack, newest year first; a lock per year."""
    report = YearsReport("stream")
    client = source.client_for(config)
    calls = client.calls
    wanted = select_streams(run.lake, years, run.now(), config.sports)
    total = len(wanted.due)
    with _fetching(run, source, "streams", total, report):
        fetch_by_year(run, source, STREAMS, wanted.due, report)
    now, left = run.now(), due_streams(run.lake, wanted.due)
    report.missing = sum(not candidate.is_resting(now) for candidate in left)
    report.waiting_for_retry = len(wanted.resting) + len(left) - report.missing
    report.calls = client.calls - calls
    if report.fetched.stopped is None:
        client.budget.finish()
    return report


@dataclass(slots=True)
class ProfileReport(Numbers):
    """The results for the athlete and the gear (`what`) asked for. A failed one doesn't keep the others from being asked."""

    what: str = field(repr=False)
    calls: int = 0
    failed_names: list[str] = field(default_factory=list)
    stopped: Stopped | None = field(default=None, repr=False)

    def shown(self) -> dict[str, Any]:
        return {**Numbers.shown(self), "names_failed": len(self.failed_names)}

    def __str__(self) -> str:
        failed = f"failed, to be asked for again: {', '.join(self.failed_names)}"
        return sentence(f"{self.what}: {counted(self.calls, 'call')}", (self.failed_names, failed))


def pull_profile(
    run: RunContext, source: BudgetedSource, gear_ids: Sequence[str], limits: CallOptions, *, athlete: bool
) -> ProfileReport:
    """Fetch the athlete and the gear named, each landed at once."""
    report = ProfileReport("Athlete" if athlete else "Gear")
    client = source.client_for(limits)
    calls = client.calls
    try:
        if athlete:
            require_writable(run.lake, run.lake.athlete)
            try:
                with client.landing():
                    answer = client.get_athlete()
                    land_athlete(run.lake, answer.body, answer.fetched_at)
            except (TransientError, RefusedError, GoneError):
                report.failed_names.append("athlete")
        for gear_id in gear_ids:
            require_writable(run.lake, gear_folder(run.lake, gear_id))
            try:
                with client.landing():
                    answer = client.get_gear(gear_id)
                    land_gear(run.lake, gear_id, answer.body, answer.fetched_at)
            except GoneError as error:
                land_gear(run.lake, gear_id, error.body, run.now(), gone=True)
            except (TransientError, RefusedError):
                report.failed_names.append(gear_id)
    except (BudgetExhaustedError, CallCapReachedError) as error:
        report.stopped = error
    report.calls = client.calls - calls
    return report


def fetch_by_year(
    run: RunContext, source: BudgetedSource, errand: Errand[T], chosen: Sequence[T], report: YearsReport
) -> None:
    """Fetch `chosen`, newest year first, until a limit stops it."""
    for year in sorted({candidate.year for candidate in chosen}, reverse=True):
        if report.fetched.stopped is None:
            _fetch_year(
                run, source, errand, year, [candidate for candidate in chosen if candidate.year == year], report
            )


def eta_of(source: BudgetedSource, total: int) -> Eta:
    """When `total` calls will be made, given the number so far."""
    return lambda done: source.pace.done_at(max(total - done, 0))


def _fetch_year(
    run: RunContext, source: BudgetedSource, errand: Errand[T], year: int, chosen: Sequence[T], report: YearsReport
) -> None:
    """Fetch under the year's lock. Waiting for a window releases it, so that the daily run may fetch there."""
    client, refusals = source.client_for(), 0
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
        errand.before_wait()
        client.pacing.wait_for(full)


def _fetch(
    run: RunContext, source: BudgetedSource, errand: Errand[T], wanted: Sequence[T], report: YearsReport
) -> None:
    def writable() -> Iterator[T]:
        """`wanted`, each after a check that the folder of its answer is writable."""
        for candidate in wanted:
            of_year = errand.of_year(run.lake, candidate.year)
            require_writable(run.lake, of_year / str(candidate.activity_id))
            yield candidate

    def land(candidate: T, body: bytes, at: datetime) -> None:
        errand.land(run.lake, errand.of_year(run.lake, candidate.year), candidate.activity_id, body, at)
        report.by_year[candidate.year] = report.by_year.get(candidate.year, 0) + 1

    fetch_each(
        source.client_for(),
        errand.call(source),
        writable(),
        land=land,
        land_failure=lambda candidate, body, status, at: errand.land_failure(
            run.lake, errand.of_year(run.lake, candidate.year), candidate.activity_id, body, status, at
        ),
        report=report.fetched,
        tick=run.progress.advance,
    )
