"""Fetch and land: the listing loop and the details loop, between the client and the lake. No Dagster objects.

A limit ends the work early and is told in the report; what came before it is on disk. Everything else raises.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from strava_pipeline.core.errors import (
    BudgetExhaustedError,
    CallCapReachedError,
    GoneError,
    PipelineError,
    RefusedError,
    TransientError,
)
from strava_pipeline.core.forecast import Forecast
from strava_pipeline.core.windows import year_window
from strava_pipeline.ingest.strava.activities import Page, get_athlete, get_gear, list_pages
from strava_pipeline.ingest.strava.enrich import FetchReport, fetch_details
from strava_pipeline.lake.behind import first_pull_ended_at
from strava_pipeline.lake.detail_files import land_detail, land_failure
from strava_pipeline.lake.listings import Listing, begin, resume
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.manifests import Manifest, Window
from strava_pipeline.lake.profile_files import land_athlete, land_gear, newest_athlete
from strava_pipeline.lake.wanted import REFRESH_REST, Candidate, Scope, as_of_now, still_wanted, wanted_details
from strava_pipeline.lake.watermark import listed_since, watermark
from strava_pipeline.orchestrate.config import CallLimits, DetailsConfig, ListingConfig
from strava_pipeline.orchestrate.resources import Pipeline

Stopped = BudgetExhaustedError | CallCapReachedError


@dataclass(frozen=True, slots=True)
class PullReport:
    """What a listing brought. `stopped`: the limit that ended it early; `resumed`: it went on with an earlier one.

    `estimate` is the forecast after the first page, `forecast` the last one.
    """

    manifest: Manifest
    calls: int
    rows: int
    bytes: int
    resumed: bool
    stopped: Stopped | None
    estimate: Forecast | None = None
    forecast: Forecast | None = None


Look = Callable[[Listing, Page | None, int, int], Forecast]
"""Forecasts a run from its listing, the page that just came, the page size and the calls made so far."""


def window_of(pipeline: Pipeline, config: ListingConfig, year: int | None) -> Window:
    """What is to be listed, by the mode."""
    mode = "year" if config.mode == "job" else config.mode
    if mode == "year" and year is None:
        raise PipelineError(
            'The mode "year" lists one year a run. For several years in one run, set the mode to "incremental" or "all".'
        )
    if mode == "year" and year is not None:
        after, before = year_window(year, pipeline.years)
        return Window(mode="year", after=after, before=before)
    known = watermark(pipeline.lake)
    if mode == "all" or known is None:
        return Window(mode="all", after=None, before=None)
    days = config.days if config.days is not None else pipeline.settings.days
    lookback = timedelta(days=days) if mode == "incremental" else timedelta(seconds=1)
    return Window(mode=mode, after=int((known - lookback).timestamp()), before=None, watermark=known)


def listing_lock(window: Window, year: int | None) -> str:
    """The lock that whoever lists the window holds."""
    return f"listing-{window.mode}-{year or 'all'}"


def pull_listing(pipeline: Pipeline, config: ListingConfig, year: int | None, look: Look | None = None) -> PullReport:
    """List a window, each page on disk before the next call; goes on where an earlier listing of it broke off.

    `look` forecasts the run after each page; the first forecast is told.
    """
    window = window_of(pipeline, config, year)
    client = pipeline.client(config)
    per_page = config.per_page or pipeline.settings.per_page
    forecasts: list[Forecast] = []

    def forecast(listing: Listing, page: Page | None) -> None:
        nonlocal look
        if look is None:
            return
        try:
            forecasts.append(look(listing, page, per_page, client.calls - calls))
        except PipelineError as error:  # the warehouse is in use elsewhere, or to be made anew: no reason not to list
            look = None
            pipeline.progress.say(f"There is no estimate of this run's calls. {error}")
        else:
            if len(forecasts) == 1 and forecasts[0].still:
                pipeline.progress.say(str(forecasts[0]))

    with _alone(pipeline, listing_lock(window, year)), pipeline.pace.calling():
        earlier = resume(pipeline.lake, window, at=pipeline.now(), years=pipeline.years)
        listing, calls, rows, size = earlier, client.calls, 0, 0
        stopped: Stopped | None = None
        pipeline.progress.begin("Listing activities", None, eta=lambda _: forecasts[-1].done_at if forecasts else None)
        try:
            for page in _pages(pipeline, per_page, window, earlier):
                listing = listing or _begin(pipeline, window, page.fetched_at)
                listing.land(page.activities, page.body, dict(page.request), page.fetched_at, pipeline.years)
                rows, size = rows + len(page.activities), size + len(page.body)
                forecast(listing, page)
                pipeline.progress.advance(len(page.activities))
        except (BudgetExhaustedError, CallCapReachedError) as error:
            stopped = error
        finally:
            pipeline.progress.end()
        if listing is not None and not forecasts:
            forecast(listing, None)
    pipeline.listing = listing
    manifest = listing.manifest if listing else Manifest(athlete_id=None, window=window, started_at=pipeline.now())
    first, last = (forecasts[0], forecasts[-1]) if forecasts else (None, None)
    return PullReport(manifest, client.calls - calls, rows, size, earlier is not None, stopped, first, last)


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
    pipeline.progress.begin("Fetching details", total, eta=lambda done: pipeline.pace.done_at(max(total - done, 0)))
    try:
        with pipeline.pace.calling():
            _fetch_by_year(pipeline, wanted.due, report)
            _fetch_by_year(pipeline, wanted.refresh, report)
    finally:
        pipeline.progress.end()
    now, left = pipeline.now(), as_of_now(pipeline.lake, wanted.due + wanted.refresh)
    report.missing = sum(candidate.is_due and not candidate.rests(now) for candidate in left)
    report.resting = len(wanted.resting) + sum(candidate.rests(now) for candidate in left)
    report.calls = client.calls - calls
    return report


def _fetch_by_year(pipeline: Pipeline, chosen: Sequence[Candidate], report: DetailsReport) -> None:
    for year in sorted({candidate.year for candidate in chosen}, reverse=True):
        with _alone(pipeline, f"details-{year}"):  # another run may have fetched some before it was free
            of_year = [candidate for candidate in chosen if candidate.year == year]
            _fetch(pipeline, still_wanted(pipeline.lake, of_year), report)


def scope_of(pipeline: Pipeline, config: DetailsConfig) -> Scope:
    """The config as a choice of activities, as of now."""
    now = pipeline.now()
    days = config.since_days if config.since_days is not None else pipeline.settings.days
    if config.ids:
        return Scope(ids=frozenset(config.ids), refresh_before=now)
    if config.scope == "all" or config.first_on or config.last_on:
        return Scope(first_on=_day(config.first_on), last_on=_day(config.last_on))
    if config.scope == "window":
        return Scope(since=now - timedelta(days=days), refresh_before=now)
    newest = min(now, watermark(pipeline.lake) or now)
    return Scope(
        since=min(newest - timedelta(days=days), listed_since(pipeline.lake) or now),
        new_since=first_pull_ended_at(pipeline.lake),
        refresh_before=now - REFRESH_REST,
        refresh_calls=pipeline.settings.refresh_calls,
    )


@dataclass(slots=True)
class ProfileReport:
    """What became of the athlete and the gear asked for. One that `failed` doesn't keep the others from being asked."""

    calls: int = 0
    failed: list[str] = field(default_factory=list)
    stopped: Stopped | None = None


def pull_profile(pipeline: Pipeline, gear_ids: Sequence[str], limits: CallLimits, *, athlete: bool) -> ProfileReport:
    """Fetch the athlete and the gear named, each landed at once."""
    report = ProfileReport()
    client = pipeline.client(limits)
    calls = client.calls
    try:
        if athlete:
            try:
                answer = get_athlete(client)
            except (TransientError, RefusedError, GoneError):
                report.failed.append("athlete")
            else:
                land_athlete(pipeline.lake, answer.body, answer.fetched_at)
        for gear_id in gear_ids:
            try:
                answer = get_gear(client, gear_id)
            except GoneError as error:
                land_gear(pipeline.lake, gear_id, error.body, pipeline.now(), gone=True)
            except (TransientError, RefusedError):
                report.failed.append(gear_id)
            else:
                land_gear(pipeline.lake, gear_id, answer.body, answer.fetched_at)
    except (BudgetExhaustedError, CallCapReachedError) as error:
        report.stopped = error
    report.calls = client.calls - calls
    return report


def _alone(pipeline: Pipeline, name: str) -> AbstractContextManager[None]:
    return locked(pipeline.lake, name, who=pipeline.who, tell=pipeline.progress.say)


def _pages(pipeline: Pipeline, per_page: int, window: Window, earlier: Listing | None) -> Iterable[Page]:
    """What is still to be listed; nothing where the earlier listing is complete."""
    if earlier is not None and earlier.manifest.complete:
        return ()
    after, before = earlier.rest() if earlier else (window.after, window.before)
    return list_pages(pipeline.client(), after, before, per_page)


def _begin(pipeline: Pipeline, window: Window, at: datetime) -> Listing:
    """A listing begins when its first page is here: by the server's clock, whatever this machine's shows."""
    athlete = newest_athlete(pipeline.lake)
    athlete_id = athlete[1].get("id") if athlete else None
    return begin(pipeline.lake, window, athlete_id=athlete_id, at=at.astimezone(UTC))


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
