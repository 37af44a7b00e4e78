"""What a plan and a run's forecast are computed from: counts of the lake, allowances of the budget. No call is made here.

A forecast is there as soon as the first page of a listing is. What the listing still holds is counted in gold where whole
listings cover that stretch, else reckoned from what came. The plan itself is core/plan.py's.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from statistics import median

from strava_pipeline.core.activities import local_years, start_instants
from strava_pipeline.core.plan import (
    LEAST,
    MOST,
    Bounds,
    Forecast,
    Plan,
    ReceivedActivities,
    YearPlan,
    estimate_season,
    expected_between,
    listing_calls,
    plan_years,
    remaining_pages,
    share_listing,
)
from strava_pipeline.core.rows import Json
from strava_pipeline.core.years import years_of_runs
from strava_pipeline.ingest.provider import Page
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.manifests import Manifest
from strava_pipeline.lake.bronze.resuming import resumable_listing
from strava_pipeline.lake.gold.coverage import (
    Coverage,
    ListingAtHand,
    coverage_of,
    differences,
    first_pull_ended_at,
    year_counts,
)
from strava_pipeline.lake.gold.fetch_selection import detail_candidates, select_details, select_streams
from strava_pipeline.lake.gold.quality import count_between, is_gear_id, known_gear, unknown_gear
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.locks import try_locked
from strava_pipeline.operations.budgeted_source import BudgetedSource
from strava_pipeline.operations.fetching import scope_of
from strava_pipeline.operations.listing_windows import listing_lock, recent_window, window_of
from strava_pipeline.operations.options import DetailsOptions, ListingOptions, StreamsOptions
from strava_pipeline.operations.run_context import RunContext

FEWEST = 2  # calls of a listing: whatever is new fills a page, and an empty one ends it
FULL = 2 / 3  # Strava leaves out what it may not show after it cut the page: an emptier one is taken for the last


def plan_backfill(
    run: RunContext,
    source: BudgetedSource,
    years: Sequence[int],
    listing: ListingOptions,
    *,
    details: bool = True,
    sports: Sequence[str] = (),
) -> tuple[Plan, dict[int, ListingAtHand]]:
    """The plan of the runs that whole years take, and the listings at hand that these would use instead of asking again.

    `sports`: those whose details are fetched; none: all.
    """
    at_hand = _at_hand(run, source, years)
    of_sports = frozenset(sports) or None
    plan = _by_year(run, source, years, listing, at_hand, details=details, one_listing=False, sports=of_sports)
    return plan, at_hand


def plan_job(
    run: RunContext,
    source: BudgetedSource,
    years: Sequence[int],
    listing: ListingOptions | None,
    details: DetailsOptions | None,
) -> Plan:
    """The plan of one run over `years` with one listing, or none. What is new in a listing is not known before."""
    if (
        listing is not None
        and window_of(run, source, listing, ()).mode == "all"
        and (details is None or _is_all(details))
    ):
        return _by_year(run, source, years, listing, {}, details=details is not None, one_listing=True)
    by_year: Counter[int] = Counter()
    there = run.lake.working.exists()
    if details is not None and there:
        wanted = select_details(run.lake, years, scope_of(run, source.settings, details), run.now())
        by_year = Counter(candidate.year for candidate in (*wanted.due, *wanted.refresh))
    pages = 0
    if listing is not None:
        after = window_of(run, source, listing, ()).after
        known = detail_candidates(run.lake, years) if there else []
        again = sum(one.start_date is not None and one.start_date.timestamp() > (after or 0) for one in known)
        pages = max(listing_calls(again, _per_page(source, listing)), FEWEST)
    return Plan(
        made_at=run.now(),
        years=tuple(YearPlan(year, "known", None, 0, by_year[year]) for year in sorted(by_year, reverse=True)),
        allowances=source.allowances(listing or details),
        listing=pages,
        per_call=source.usual_per_call,
    )


def plan_streams(run: RunContext, source: BudgetedSource, years: Sequence[int], config: StreamsOptions) -> Plan:
    """The plan of one run over `years` that fetches streams."""
    due = select_streams(run.lake, years, run.now(), config.sports).due if run.lake.working.exists() else []
    by_year = Counter(each.year for each in due)
    return Plan(
        made_at=run.now(),
        years=tuple(YearPlan(year, "known", None, 0, by_year[year]) for year in sorted(by_year, reverse=True)),
        allowances=source.allowances(config),
        per_call=source.usual_per_call,
    )


def _by_year(
    run: RunContext,
    source: BudgetedSource,
    years: Sequence[int],
    listing: ListingOptions,
    at_hand: Mapping[int, ListingAtHand],
    *,
    details: bool,
    one_listing: bool,
    sports: frozenset[str] | None = None,
) -> Plan:
    lake, now, per_page = run.lake, run.now(), _per_page(source, listing)
    counts = year_counts(lake, coverage_of(lake, run.years, now), years, at_hand, now, sports)
    plans = plan_years(years, counts, per_page=per_page, details=details)
    pages = 0
    if one_listing:
        rows = sum(one.activities or counts[one.year].activities for one in plans)
        pages = max(listing_calls(rows, per_page), FEWEST)
        plans = tuple(one.without_listing() for one in plans)
    else:
        runs = [[one for one in plans if one.year in several] for several in years_of_runs(years)]
        plans = tuple(one for of_run in runs for one in share_listing(of_run, counts, per_page))
        present = at_hand.get(max(years, default=0))  # of no other year's listing is a part looked at again
        if present is not None and recent_window(source, listing, present.listing.manifest) is not None:
            plans = tuple(one.with_calls(FEWEST) if one.year == max(years) else one for one in plans)
    gear = _unknown_gear(run, at_hand.values())
    allowances, per_call = source.allowances(listing), source.usual_per_call
    return Plan(now, plans, allowances, gear=len(gear), listing=pages, per_call=per_call)


def _at_hand(run: RunContext, source: BudgetedSource, years: Iterable[int]) -> dict[int, ListingAtHand]:
    found: dict[int, ListingAtHand] = {}
    for several in years_of_runs(years) if run.lake.listings.is_dir() else ():
        listing = _resumable(run, source, several)
        if listing is None:
            continue
        for year in several:
            whole = listing.manifest.complete
            brings = differences(run.lake, listing, [year], run.years) if whole else None
            found[year] = ListingAtHand(listing, brings)
    return found


def _resumable(run: RunContext, source: BudgetedSource, years: Sequence[int]) -> Listing | None:
    """What a run of the years would go on with; whoever is listing them right now is left alone."""
    window = window_of(run, source, ListingOptions(mode="year", per_page=None, days=None), years)
    with try_locked(run.lake, listing_lock(source, window, years)) as free:
        if not free:
            return None
        return resumable_listing(run.lake, window, run_id=run.run_id, at=run.now(), years=run.years)


def _unknown_gear(run: RunContext, at_hand: Iterable[ListingAtHand]) -> set[str]:
    named = {one for found in at_hand if found.changes for one in found.changes.gear if is_gear_id(one)}
    if not run.lake.working.exists():
        return named
    with reading(run.lake) as connection:
        return {*unknown_gear(connection), *(named - set(known_gear(connection)))}


def _per_page(source: BudgetedSource, listing: ListingOptions) -> int:
    return listing.per_page or source.settings.per_page


def _is_all(details: DetailsOptions) -> bool:
    return details.scope == "all" and not (details.ids or details.first_on or details.last_on or details.sports)


@dataclass(frozen=True, slots=True)
class _Details:
    """Details due whatever the listing brings, and the new or edited ones that it brings, per activity that may have any."""

    due: int
    per_activity: float
    since: datetime | None  # what starts earlier brings none


@dataclass(frozen=True, slots=True)
class _Rest:
    """Activities that a listing still holds, and those of them that may bring a detail; counted in gold or reckoned.

    `is_certain`: there is more, because the page was full and it is known how far back the athlete goes.
    """

    expected: float
    detailed: float
    is_counted: bool
    is_certain: bool


class Forecaster:
    """Looks at a run's listing as it grows. `details`: how the run fetches them; None: it doesn't."""

    def __init__(
        self, run: RunContext, source: BudgetedSource, years: Sequence[int], details: DetailsOptions | None
    ) -> None:
        self._run, self._source = run, source
        self._years, self._config = years, details
        self._details: _Details | None = None
        self._listed = 0  # activities that came and may bring a detail
        self._latitude: float | None = None
        self._is_first_pull = first_pull_ended_at(run.lake) is None  # now: afterwards the listing itself is one

    def __call__(self, listing: Listing, page: Page | None, per_page: int, made: int) -> Forecast:
        """The forecast as of now, `made` calls after the run began; `page` is the one that just came."""
        if page is not None and self._latitude is None:
            self._latitude = _latitude(page)
        whole = listing.manifest.complete and listing.manifest.whole_pages > 2  # the first one shows only itself
        if self._details is None or whole:
            self._details = self._judge(listing)
        elif page is not None:
            self._listed += sum(self._may_bring_one(one, self._details.since) for one in page.read.activities)
        rest = self._rest_of(listing, fullness=len(page.read.activities) / per_page if page is not None else 1.0)
        pages, still = self._calls(rest, per_page)
        pace, bounds = self._source.pace, self._bounds(rest, per_page, made)
        at_most = pages + still if bounds is None else bounds.most - made
        done_at = pace.done_at(still, pages=pages)
        return Forecast(made, pages, still, done_at, bounds, needs_another_day=pace.needs_another_day(at_most))

    def _rest_of(self, listing: Listing, *, fullness: float) -> "_Rest | None":
        """What is still to be listed; None: nothing. `fullness`: how much of the page that came holds activities."""
        if listing.manifest.complete:
            return None
        begin, end = self._rest(listing)
        reaches_back = listing.remaining_window()[0] is not None or self._known.joined is not None
        if fullness < (FULL if reaches_back else 1.0):
            return _Rest(0.0, 0.0, is_counted=True, is_certain=False)
        expected = self._expected(listing.manifest, begin, end)
        since = self._details.since if self._details is not None else None
        return _Rest(
            expected,
            expected if since is None else self._expected(listing.manifest, max(begin, since), end),
            is_counted=begin < end and self._known.is_covered(begin, end),
            is_certain=reaches_back and fullness == 1.0,
        )

    def _calls(self, rest: "_Rest | None", per_page: int, share: float = 1.0) -> tuple[int, int]:
        """Those still to be made to list and for details, where a share of the expected rest comes."""
        found = self._details or _Details(0, 0.0, None)
        detailed = rest.detailed * share if rest is not None else 0.0
        pages = remaining_pages(rest.expected * share, per_page) if rest is not None else 0
        return pages, found.due + round((self._listed + detailed) * found.per_activity)

    def _bounds(self, rest: "_Rest | None", per_page: int, made: int) -> Bounds | None:
        if rest is None or rest.is_counted:
            return None
        fewest, most = (self._calls(rest, per_page, share) for share in (LEAST * rest.is_certain, MOST))
        if sum(fewest) == sum(most):
            return None
        done = (self._source.pace.done_at(details, pages=pages) for pages, details in (fewest, most))
        return Bounds(made + sum(fewest), made + sum(most), *done)

    def _judge(self, listing: Listing) -> _Details:
        if self._config is None:
            return _Details(0, 0.0, None)
        run = self._run
        scope = scope_of(run, self._source.settings, self._config)
        known: set[int] = set()
        due = 0
        is_there = run.lake.working.exists()
        with reading(run.lake) if is_there else nullcontext():  # once for both looks
            if is_there:
                wanted = select_details(run.lake, self._years, scope, run.now())
                due = len(wanted.due) + len(wanted.refresh)
                known = {one.activity_id for one in (*wanted.due, *wanted.refresh, *wanted.resting)}
            changes = differences(run.lake, listing, self._years, run.years)
        since = scope.since if self._is_first_pull or scope.new_since is None else None
        inside = {
            key for key, start in changes.listed.items() if _is_inside(start and start.replace(tzinfo=UTC), since)
        }
        news = changes.of_sports((changes.inserted & inside) | changes.edited, scope.sports) - known
        self._listed = len(inside)
        return _Details(due, len(news) / max(len(inside), 1), since)

    def _may_bring_one(self, activity: Json, since: datetime | None) -> bool:
        (year,) = local_years([activity])
        return self._run.years.clamp(year) in self._years and _is_inside(
            next(iter(start_instants([activity])), None), since
        )

    def _rest(self, listing: Listing) -> tuple[datetime, datetime]:
        """Which stretch is still to be listed."""
        after, before = listing.remaining_window()
        now = self._run.now()
        end = now if before is None else min(datetime.fromtimestamp(before, UTC), now)
        if after is not None:
            return datetime.fromtimestamp(after, UTC), end
        return self._known.joined or datetime(self._run.years.first, 1, 1, tzinfo=UTC), end

    def _expected(self, manifest: Manifest, begin: datetime, end: datetime) -> float:
        if begin < end and self._known.is_covered(begin, end):
            with reading(self._run.lake) as connection:
                return count_between(connection, begin, end)
        seen = ReceivedActivities(manifest.rows, manifest.oldest, manifest.newest)
        return expected_between(begin, end, seen, estimate_season(self._known.season(but=self._years), self._latitude))

    @cached_property
    def _known(self) -> Coverage:
        return coverage_of(self._run.lake, self._run.years, self._run.now())


def _is_inside(start: datetime | None, since: datetime | None) -> bool:
    return since is None or (start is not None and start >= since)


def _latitude(page: Page) -> float | None:
    """Where the athlete mostly starts, north or south: only how far summer and winter differ there is taken from it."""
    found = [activity.get("start_latlng") for activity in page.read.activities]
    return median([one[0] for one in found if isinstance(one, list) and one and isinstance(one[0], float)] or [0.0])
