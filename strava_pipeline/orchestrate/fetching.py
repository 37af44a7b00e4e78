"""Fetch and land details: which are asked for, in which order, and the loop over years. No Dagster objects.

A limit ends the work early and is told in the report; what came before it is on disk. Everything else raises.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from strava_pipeline.core.errors import (
    BudgetExhaustedError,
)
from strava_pipeline.core.forecast import Forecast
from strava_pipeline.ingest.strava.client import REFUSALS
from strava_pipeline.ingest.strava.enrich import FetchReport, fetch_details
from strava_pipeline.lake.behind import first_pull_ended_at
from strava_pipeline.lake.detail_files import land_detail, land_failure
from strava_pipeline.lake.wanted import REFRESH_REST, Candidate, Scope, as_of_now, still_wanted, wanted_details
from strava_pipeline.lake.watermark import listed_since, watermark
from strava_pipeline.orchestrate.config import DetailsConfig
from strava_pipeline.orchestrate.progress import progressing
from strava_pipeline.orchestrate.resources import Pipeline

_NEVER = datetime.max.replace(tzinfo=UTC)  # no activity is that young


@dataclass(slots=True)
class DetailsReport:
    """What became of the details of some years. `resting` waits for its retry; `missing` is still to be fetched.

    `estimate`: what was to be fetched when it began.
    """

    fetched: FetchReport = field(default_factory=FetchReport)
    calls: int = 0
    by_year: dict[int, int] = field(default_factory=dict)
    resting: int = 0
    missing: int = 0
    estimate: Forecast | None = None


def pull_details(pipeline: Pipeline, config: DetailsConfig, years: Sequence[int]) -> DetailsReport:
    """Fetch what is due in `years`, newest year first, then look again at some of the window; a lock per year."""
    scope = scope_of(pipeline, config)
    report = DetailsReport()
    client = pipeline.client(config)
    calls = client.calls

    wanted = wanted_details(pipeline.lake, years, scope, pipeline.now())
    total = len(wanted.due) + len(wanted.refresh)
    report.estimate = Forecast(0, 0, total, pipeline.pace.done_at(total))

    def eta(done: int) -> datetime | None:
        return pipeline.pace.done_at(max(total - done, 0))

    with progressing(pipeline.progress, "Fetching details", total, eta), pipeline.pace.calling():
        _fetch_by_year(pipeline, wanted.due, report)
        if scope.refresh_calls is None:
            _fetch_by_year(pipeline, wanted.refresh, report)
        else:
            _fetch_spare(pipeline, wanted.refresh, report)
    now, left = pipeline.now(), as_of_now(pipeline.lake, wanted.due + wanted.refresh)
    report.missing = sum(candidate.is_due and not candidate.rests(now) for candidate in left)
    report.resting = len(wanted.resting) + sum(candidate.rests(now) for candidate in left)
    report.calls = client.calls - calls
    return report


def _fetch_by_year(pipeline: Pipeline, chosen: Sequence[Candidate], report: DetailsReport) -> None:
    for year in sorted({candidate.year for candidate in chosen}, reverse=True):
        if report.fetched.stopped is None:
            _fetch_year(pipeline, year, [candidate for candidate in chosen if candidate.year == year], report)


def _fetch_year(pipeline: Pipeline, year: int, chosen: Sequence[Candidate], report: DetailsReport) -> None:
    """Fetch under the year's lock. A full window is waited for without it, so that the daily run may fetch there."""
    client, refusals = pipeline.client(), 0
    while True:
        calls, told = client.calls, report.fetched.told
        with pipeline.alone(f"details-{year}"), client.pacing.without_waiting():
            _fetch(pipeline, still_wanted(pipeline.lake, chosen), report)  # others may have fetched some meanwhile
        full = report.fetched.stopped
        if not isinstance(full, BudgetExhaustedError) or not client.pacing.would_wait_for(full):
            return
        refusals = refusals + 1 if client.calls > calls and report.fetched.told == told else 0
        if refusals >= REFUSALS:
            return
        report.fetched.stopped = None
        client.pacing.wait_for(full)


def _fetch_spare(pipeline: Pipeline, chosen: Sequence[Candidate], report: DetailsReport) -> None:
    """Look again at `chosen` with calls that are to spare: no window is waited for, and none that is full is a stop."""
    if report.fetched.stopped is not None:
        return
    with pipeline.client().pacing.without_waiting():
        _fetch_by_year(pipeline, chosen, report)
    if isinstance(report.fetched.stopped, BudgetExhaustedError):
        report.fetched.stopped = None


def scope_of(pipeline: Pipeline, config: DetailsConfig) -> Scope:
    """The config as a choice of activities, as of now."""
    now = pipeline.now()
    days = config.since_days if config.since_days is not None else pipeline.settings.days
    if config.ids or config.scope == "rested":
        return Scope(ids=frozenset(config.ids), refresh_before=now, patient=config.scope == "rested")
    if config.scope == "all" or config.first_on or config.last_on:
        return Scope(first_on=_day(config.first_on), last_on=_day(config.last_on))
    if config.scope == "changed":
        return Scope(since=_NEVER, new_since=first_pull_ended_at(pipeline.lake))
    if config.scope == "window":
        return Scope(since=now - timedelta(days=days), refresh_before=now)
    newest = min(now, watermark(pipeline.lake) or now)
    return Scope(
        since=min(newest - timedelta(days=days), listed_since(pipeline.lake) or now),
        new_since=first_pull_ended_at(pipeline.lake),
        refresh_before=now - REFRESH_REST,
        refresh_calls=pipeline.settings.refresh_calls,
    )


def _fetch(pipeline: Pipeline, wanted: Sequence[Candidate], report: DetailsReport) -> None:
    if report.fetched.stopped is not None:
        return

    def land(candidate: Candidate, body: bytes, at: datetime) -> None:
        land_detail(pipeline.lake, candidate.year, candidate.activity_id, body, at)
        report.by_year[candidate.year] = report.by_year.get(candidate.year, 0) + 1

    fetch_details(
        pipeline.client(),
        wanted,
        land=land,
        land_failure=lambda candidate, body, status, at: land_failure(
            pipeline.lake, candidate.year, candidate.activity_id, body, status, at
        ),
        report=report.fetched,
        tick=pipeline.progress.advance,
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
