"""Fetch and land details: which are asked for, in which order. The loop over years is by_year.py's. No Dagster objects."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from strava_pipeline.core.errors import BudgetExhaustedError
from strava_pipeline.core.plan import Forecast
from strava_pipeline.lake.bronze.answers import land_detail, land_failed_detail
from strava_pipeline.lake.bronze.listings import listed_since, watermark
from strava_pipeline.lake.gold.coverage import first_pull_ended_at
from strava_pipeline.lake.gold.fetch_selection import (
    REFRESH_REST,
    Candidate,
    Scope,
    select_details,
    unfetched_details,
    with_current_files,
)
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.by_year import Errand, YearsReport, eta_of, fetch_by_year
from strava_pipeline.operations.options import DetailsOptions
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.strava_source import StravaSource
from strava_pipeline.settings import Settings

_NEVER = datetime.max.replace(tzinfo=UTC)  # no activity is that young


DETAILS = Errand(
    "details",
    lambda source: source.client().get_detail,
    unfetched_details,
    Lake.details_of,
    land_detail,
    land_failed_detail,
)


def pull_details(run: RunContext, source: StravaSource, config: DetailsOptions, years: Sequence[int]) -> YearsReport:
    """Fetch what is due in `years`, newest year first, then look again at some of the window; a lock per year."""
    scope = scope_of(run, source.settings, config)
    report = YearsReport()
    client = source.client(config)
    calls = client.calls

    wanted = select_details(run.lake, years, scope, run.now())
    total = len(wanted.due) + len(wanted.refresh)
    report.estimate = Forecast(0, 0, total, source.pace.done_at(total))
    eta = eta_of(source, total)
    with progressing(run.progress, "Fetching details", total, eta), source.pace.calling():
        fetch_by_year(run, source, DETAILS, wanted.due, report)
        if scope.refresh_calls is None:
            fetch_by_year(run, source, DETAILS, wanted.refresh, report)
        else:
            _fetch_spare(run, source, wanted.refresh, report)
    now, left = run.now(), with_current_files(run.lake, wanted.due + wanted.refresh)
    report.missing = sum(candidate.is_due and not candidate.rests(now) for candidate in left)
    report.resting = len(wanted.resting) + sum(candidate.rests(now) for candidate in left)
    report.calls = client.calls - calls
    return report


def _fetch_spare(run: RunContext, source: StravaSource, chosen: Sequence[Candidate], report: YearsReport) -> None:
    """Look again at `chosen` with calls that are to spare: no window is waited for, and none that is full is a stop."""
    if report.fetched.stopped is not None:
        return
    with source.client().pacing.without_waiting():
        fetch_by_year(run, source, DETAILS, chosen, report)
    if isinstance(report.fetched.stopped, BudgetExhaustedError):
        report.fetched.stopped = None


def scope_of(run: RunContext, settings: Settings, config: DetailsOptions) -> Scope:
    """The config as a choice of activities, as of now."""
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
