"""Gathers what a plan is computed from: counts from the lake, allowances from the budget. No call is made here.

The plan itself is core/plan.py's, the look into the lake lake/known.py's.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from strava_pipeline.core.errors import Ceiling
from strava_pipeline.core.plan import Plan, YearPlan, listing_calls, plan_years
from strava_pipeline.core.windows import Allowance
from strava_pipeline.ingest.strava.clocks import make_budget
from strava_pipeline.lake.counts import could_be_gear, known_gear, unknown_gear
from strava_pipeline.lake.differences import differences
from strava_pipeline.lake.known import AtHand, known_of, year_counts
from strava_pipeline.lake.listing import Listing
from strava_pipeline.lake.listings import resume
from strava_pipeline.lake.locks import locked_or_none
from strava_pipeline.lake.wanted import candidates, wanted_details
from strava_pipeline.lake.wanted_streams import wanted_streams
from strava_pipeline.lake.warehouse import reading
from strava_pipeline.operations.fetching import scope_of
from strava_pipeline.operations.options import CallOptions, DetailsOptions, ListingOptions, StreamsOptions
from strava_pipeline.operations.pipeline import Pipeline, calls_of_a_quiet_day
from strava_pipeline.operations.pulling import listing_lock, window_of


def plan_backfill(
    pipeline: Pipeline, years: Sequence[int], listing: ListingOptions, *, details: bool = True
) -> tuple[Plan, dict[int, AtHand]]:
    """The plan of a run per year, and the listings at hand that these runs would use instead of asking again."""
    at_hand = _at_hand(pipeline, years)
    return _by_year(pipeline, years, listing, at_hand, details=details, one_listing=False), at_hand


def plan_job(
    pipeline: Pipeline, years: Sequence[int], listing: ListingOptions | None, details: DetailsOptions | None
) -> Plan:
    """The plan of one run over `years` with one listing, or none. What a listing brings anew is not known before."""
    if (
        listing is not None
        and window_of(pipeline, listing, None).mode == "all"
        and (details is None or _is_all(details))
    ):
        return _by_year(pipeline, years, listing, {}, details=details is not None, one_listing=True)
    by_year: Counter[int] = Counter()
    there = pipeline.lake.working.exists()
    if details is not None and there:
        wanted = wanted_details(pipeline.lake, years, scope_of(pipeline, details), pipeline.now())
        by_year = Counter(candidate.year for candidate in (*wanted.due, *wanted.refresh))
    pages = 0
    if listing is not None:
        after = window_of(pipeline, listing, None).after
        known = candidates(pipeline.lake, years) if there else []
        again = sum(one.start_date is not None and one.start_date.timestamp() > (after or 0) for one in known)
        pages = max(listing_calls(again, _per_page(pipeline, listing)), 2)  # whatever is new fills a page
    return Plan(
        made_at=pipeline.now(),
        years=tuple(YearPlan(year, "known", None, 0, by_year[year]) for year in sorted(by_year, reverse=True)),
        allowances=_allowances(pipeline, listing or details),
        listing=pages,
    )


def plan_streams(pipeline: Pipeline, years: Sequence[int], config: StreamsOptions) -> Plan:
    """The plan of one run over `years` that fetches streams."""
    due = wanted_streams(pipeline.lake, years, pipeline.now()).due if pipeline.lake.working.exists() else []
    by_year = Counter(each.year for each in due)
    return Plan(
        made_at=pipeline.now(),
        years=tuple(YearPlan(year, "known", None, 0, by_year[year]) for year in sorted(by_year, reverse=True)),
        allowances=_allowances(pipeline, config),
    )


def _by_year(
    pipeline: Pipeline,
    years: Sequence[int],
    listing: ListingOptions,
    at_hand: Mapping[int, AtHand],
    *,
    details: bool,
    one_listing: bool,
) -> Plan:
    lake, now, per_page = pipeline.lake, pipeline.now(), _per_page(pipeline, listing)
    counts = year_counts(lake, known_of(lake, pipeline.years, now), years, at_hand, now)
    plans = plan_years(years, counts, per_page=per_page, details=details)
    pages = 0
    if one_listing:
        pages = max(listing_calls(sum(one.activities or counts[one.year].activities for one in plans), per_page), 2)
        plans = tuple(one.without_listing() for one in plans)
    gear = _unknown_gear(pipeline, at_hand.values())
    return Plan(now, plans, _allowances(pipeline, listing), gear=len(gear), listing=pages)


def _at_hand(pipeline: Pipeline, years: Iterable[int]) -> dict[int, AtHand]:
    found: dict[int, AtHand] = {}
    for year in years if pipeline.lake.listings.is_dir() else ():
        listing = _resumable(pipeline, year)
        if listing is not None:
            whole = listing.manifest.complete
            brings = differences(pipeline.lake, listing, [year], pipeline.years) if whole else None
            found[year] = AtHand(listing, brings)
    return found


def _resumable(pipeline: Pipeline, year: int) -> Listing | None:
    """What a run of the year would go on with; whoever is listing it right now is left alone."""
    window = window_of(pipeline, ListingOptions(mode="year", per_page=None, days=None), year)
    with locked_or_none(pipeline.lake, listing_lock(window, year)) as free:
        return resume(pipeline.lake, window, at=pipeline.now(), years=pipeline.years) if free else None


def _unknown_gear(pipeline: Pipeline, at_hand: Iterable[AtHand]) -> set[str]:
    named = {one for found in at_hand if found.brings for one in found.brings.gear if could_be_gear(one)}
    if not pipeline.lake.working.exists():
        return named
    with reading(pipeline.lake) as connection:
        return {*unknown_gear(connection), *(named - set(known_gear(connection)))}


def _allowances(pipeline: Pipeline, limits: CallOptions | None) -> dict[Ceiling, Allowance]:
    told = limits or CallOptions()
    budget = make_budget(
        pipeline.settings,
        pipeline.clock,
        cushion_15min=told.cushion_15min,
        cushion_daily=told.cushion_daily,
        yielding=calls_of_a_quiet_day(pipeline.settings) if told.whole_years else 0,
    )
    return budget.allowances()


def _per_page(pipeline: Pipeline, listing: ListingOptions) -> int:
    return listing.per_page or pipeline.settings.per_page


def _is_all(details: DetailsOptions) -> bool:
    return details.scope == "all" and not (details.ids or details.first_on or details.last_on)
