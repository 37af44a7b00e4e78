"""Gathers what a plan is computed from: counts from the lake, allowances from the budget. No call is made here.

The plan itself is core/plan.py's, the look into the lake lake/gold/coverage.py's.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from strava_pipeline.core.plan import Plan, YearPlan, listing_calls, plan_years
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.listings import resumable_listing
from strava_pipeline.lake.gold.coverage import ListingAtHand, coverage_of, differences, year_counts
from strava_pipeline.lake.gold.fetch_selection import detail_candidates, select_details, select_streams
from strava_pipeline.lake.gold.quality import is_gear_id, known_gear, unknown_gear
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.locks import try_locked
from strava_pipeline.operations.fetching import scope_of
from strava_pipeline.operations.options import DetailsOptions, ListingOptions, StreamsOptions
from strava_pipeline.operations.pulling import listing_lock, window_of
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.strava_source import StravaSource


def plan_backfill(
    run: RunContext,
    source: StravaSource,
    years: Sequence[int],
    listing: ListingOptions,
    *,
    details: bool = True,
    sports: Sequence[str] = (),
) -> tuple[Plan, dict[int, ListingAtHand]]:
    """The plan of a run per year, and the listings at hand that these runs would use instead of asking again.

    `sports`: those whose details are fetched; none: all.
    """
    at_hand = _at_hand(run, source, years)
    of_sports = frozenset(sports) or None
    plan = _by_year(run, source, years, listing, at_hand, details=details, one_listing=False, sports=of_sports)
    return plan, at_hand


def plan_job(
    run: RunContext,
    source: StravaSource,
    years: Sequence[int],
    listing: ListingOptions | None,
    details: DetailsOptions | None,
) -> Plan:
    """The plan of one run over `years` with one listing, or none. What a listing brings anew is not known before."""
    if (
        listing is not None
        and window_of(run, source, listing, None).mode == "all"
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
        after = window_of(run, source, listing, None).after
        known = detail_candidates(run.lake, years) if there else []
        again = sum(one.start_date is not None and one.start_date.timestamp() > (after or 0) for one in known)
        pages = max(listing_calls(again, _per_page(source, listing)), 2)  # whatever is new fills a page
    return Plan(
        made_at=run.now(),
        years=tuple(YearPlan(year, "known", None, 0, by_year[year]) for year in sorted(by_year, reverse=True)),
        allowances=source.allowances(listing or details),
        listing=pages,
    )


def plan_streams(run: RunContext, source: StravaSource, years: Sequence[int], config: StreamsOptions) -> Plan:
    """The plan of one run over `years` that fetches streams."""
    due = select_streams(run.lake, years, run.now(), config.sports).due if run.lake.working.exists() else []
    by_year = Counter(each.year for each in due)
    return Plan(
        made_at=run.now(),
        years=tuple(YearPlan(year, "known", None, 0, by_year[year]) for year in sorted(by_year, reverse=True)),
        allowances=source.allowances(config),
    )


def _by_year(
    run: RunContext,
    source: StravaSource,
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
        pages = max(listing_calls(sum(one.activities or counts[one.year].activities for one in plans), per_page), 2)
        plans = tuple(one.without_listing() for one in plans)
    gear = _unknown_gear(run, at_hand.values())
    return Plan(now, plans, source.allowances(listing), gear=len(gear), listing=pages)


def _at_hand(run: RunContext, source: StravaSource, years: Iterable[int]) -> dict[int, ListingAtHand]:
    found: dict[int, ListingAtHand] = {}
    for year in years if run.lake.listings.is_dir() else ():
        listing = _resumable(run, source, year)
        if listing is not None:
            whole = listing.manifest.complete
            brings = differences(run.lake, listing, [year], run.years) if whole else None
            found[year] = ListingAtHand(listing, brings)
    return found


def _resumable(run: RunContext, source: StravaSource, year: int) -> Listing | None:
    """What a run of the year would go on with; whoever is listing it right now is left alone."""
    window = window_of(run, source, ListingOptions(mode="year", per_page=None, days=None), year)
    with try_locked(run.lake, listing_lock(source, window, year)) as free:
        return resumable_listing(run.lake, window, at=run.now(), years=run.years) if free else None


def _unknown_gear(run: RunContext, at_hand: Iterable[ListingAtHand]) -> set[str]:
    named = {one for found in at_hand if found.brings for one in found.brings.gear if is_gear_id(one)}
    if not run.lake.working.exists():
        return named
    with reading(run.lake) as connection:
        return {*unknown_gear(connection), *(named - set(known_gear(connection)))}


def _per_page(source: StravaSource, listing: ListingOptions) -> int:
    return listing.per_page or source.settings.per_page


def _is_all(details: DetailsOptions) -> bool:
    return details.scope == "all" and not (details.ids or details.first_on or details.last_on or details.sports)
