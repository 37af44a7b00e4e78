"""The inputs of a plan: counts of the lake, allowances of the budget. No call is made. The plan is core/plan.py's."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from strava_pipeline.core.plan import Plan, YearPlan, listing_calls
from strava_pipeline.core.years import years_of_runs
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.resuming import resumable_listing
from strava_pipeline.lake.gold.coverage import ListingAtHand, differences, year_plans
from strava_pipeline.lake.gold.fetch_selection import detail_candidates, select_details, select_streams
from strava_pipeline.lake.gold.quality import is_gear_id, known_gear, unknown_gear
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.locks import try_locked
from strava_pipeline.operations.fetching import scope_of
from strava_pipeline.operations.listing_windows import listing_lock, recent_window, window_of
from strava_pipeline.operations.options import CallOptions, DetailsOptions, ListingOptions, StreamsOptions
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.source import BudgetedSource

FEWEST = 2  # calls of a listing: one page takes all that is new, and an empty one ends it


def plan_backfill(
    run: RunContext,
    source: BudgetedSource,
    years: Sequence[int],
    listing: ListingOptions,
    *,
    details: bool = True,
    sports: Sequence[str] = (),
) -> tuple[Plan, dict[int, ListingAtHand]]:
    """The plan of runs over whole years, and the existing listings that these would use instead of asking again.

    `sports`: those whose details are fetched; empty for all.
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
    """The plan of one run over `years` with one listing, or none. New activities in a listing are not known in advance."""
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
    return _of_some(run, source, by_year, listing or details, pages)


def plan_streams(run: RunContext, source: BudgetedSource, years: Sequence[int], config: StreamsOptions) -> Plan:
    """The plan of one run over `years` that fetches streams."""
    due = select_streams(run.lake, years, run.now(), config.sports).due if run.lake.working.exists() else []
    by_year = Counter(each.year for each in due)
    return _of_some(run, source, by_year, config)


def _of_some(
    run: RunContext, source: BudgetedSource, by_year: Counter[int], limits: CallOptions | None, pages: int = 0
) -> Plan:
    """The plan of calls for single activities, counted by year, and of `pages` pages of a listing."""
    years = tuple(YearPlan(year, None, by_year[year]) for year in sorted(by_year, reverse=True))
    return Plan(run.now(), years, source.allowances(limits), listing=pages, per_call=source.usual_per_call)


def plan_facts(plan: Plan) -> dict[str, Any]:
    """The plan as it is shown: the shape of `plan --json` (docs/formats.md), from which pages are made, too."""
    return {
        "made_at": plan.made_at,
        "is_known": plan.is_known,
        "calls": plan.calls,
        "listing_calls": plan.listing,
        "details_calls": plan.details,
        "gear_calls": plan.gear,
        "years": [asdict(year) for year in plan.years],
        "limits": [
            {"limit": one.limit, "of": str(ceiling), "left": one.left, "resets_at": one.resets_at}
            for ceiling, one in plan.allowances.items()
        ],
        "governing": str(plan.governing),
        "done_at": plan.done_at,
        "days": plan.days,
        "needs_another_day": plan.needs_another_day,
    }


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
    """The plan of whole years. `one_listing`: for all of them; otherwise one for the years of each run."""
    per_page = _per_page(source, listing)
    plans = year_plans(run.lake, run.years, years, at_hand, run.now(), sports)
    known = {plan.year: plan.activities or 0 for plan in plans}
    if one_listing:
        pages = max(listing_calls(sum(known.values()), per_page), FEWEST)
    else:
        pages = sum(pages_left(several, known, at_hand, per_page) for several in years_of_runs(years))
        present = at_hand.get(max(years, default=0))  # of no other year's listing is a part looked at again
        if present is not None and recent_window(source, listing, present.listing.manifest) is not None:
            pages += FEWEST
    return Plan(
        run.now(),
        tuple(plans if details else (replace(plan, details=0) for plan in plans)),
        source.allowances(listing),
        gear=len(_unknown_gear(run, at_hand.values())),
        listing=pages,
        per_call=source.usual_per_call,
    )


def pages_left(
    several: Sequence[int], known: Mapping[int, int], at_hand: Mapping[int, ListingAtHand], per_page: int
) -> int:
    """The remaining calls of one run's listing of several years; those of an existing interrupted listing are already made."""
    found = at_hand.get(several[0])
    if found is not None and found.changes is not None:
        return 0
    landed = found.listing.manifest.whole_pages if found is not None else 0
    return max(listing_calls(sum(known[year] for year in several), per_page) - landed, 1)


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
    """The listing that a run of the years would resume; None if a run is listing them right now."""
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
