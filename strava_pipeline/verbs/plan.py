"""The command `plan`, and every `--dry-run`: calls by stage and year, the limits, the finish, before anything is done.

The sums are operations/planning.py's. Planning makes no call except for one command: `backfill --dry-run` lists its
years, whose pages the real run then uses. Gold, shards and the snapshot stay unchanged.
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.core.plan import RESTART_NOTE
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.verbs.options import (
    HELP,
    NONE_ENABLED,
    Json,
    MoreYears,
    all_years,
    context_without_run,
    typed_years,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from strava_pipeline.core.plan import Plan
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.gold.coverage import Differences
    from strava_pipeline.operations.options import ListingOptions
    from strava_pipeline.orchestrate.job_records import Job


def plan(
    years: MoreYears = None,
    first: Annotated[list[str] | None, typer.Option("--years", help=f"{HELP} Default: all.")] = None,
    details: Annotated[bool, typer.Option("--details/--no-details", help="Whether details are fetched too.")] = True,
    as_json: Json = False,
) -> None:
    """Calls that a backfill of these years takes, by stage and year, and when it will be done. Makes no call."""

    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.operations.options import ListingOptions
    from strava_pipeline.operations.planning import plan_backfill, plan_facts
    from strava_pipeline.operations.provider_access import plan_providers
    from strava_pipeline.operations.source import BudgetedSource
    from strava_pipeline.operations.used import is_strava_used
    from strava_pipeline.verbs.views import show

    settings = Settings.load()
    known = all_years(settings)
    words = [*(first or []), *(years or [])]
    chosen = typed_years(words, known) if words else known
    run = context_without_run(settings)
    estimate, _ = plan_backfill(
        run, BudgetedSource(STRAVA, settings, run), chosen, ListingOptions(per_page=None, days=None), details=details
    )
    providers = {"providers": plan_providers(run, settings, chosen)}
    if as_json or is_strava_used(settings):
        show(plan_facts(estimate) | providers, as_json=as_json, advice=_notes(estimate))
    else:
        show(providers, nothing=NONE_ENABLED)


def print_job_plan(
    settings: "Settings", job: "Job", years: "Sequence[int]", config: dict[str, dict[str, Any]], *, as_json: bool
) -> None:
    """Print the calls that the job would make for its listing, details or streams; none is made. `config`: by asset."""
    from strava_pipeline.operations.listing_windows import window_of
    from strava_pipeline.operations.options import CallOptions, DetailsOptions, ListingOptions, StreamsOptions
    from strava_pipeline.operations.planning import plan_facts, plan_job, plan_streams
    from strava_pipeline.operations.source import BudgetedSource
    from strava_pipeline.orchestrate.jobs import DETAILS, LISTING, STREAMS
    from strava_pipeline.verbs.views import show

    run = context_without_run(settings)
    strava = BudgetedSource(STRAVA, settings, run)
    options = {asset: entry["config"] for asset, entry in job.run_config(**config)["ops"].items()}
    listing = ListingOptions(**options[LISTING]) if LISTING in options else None
    details = DetailsOptions(**options[DETAILS]) if DETAILS in options else None
    streams = StreamsOptions(**options[STREAMS]) if STREAMS in options else None
    plan = plan_streams(run, strava, years, streams) if streams else plan_job(run, strava, years, listing, details)
    max_calls = (listing or details or streams or CallOptions()).max_calls  # of the first asset that makes calls
    facts = {**plan_facts(plan), "max_calls": max_calls}
    if not as_json:
        facts |= {"mode": window_of(run, strava, listing, ()).mode} if listing else {}
        facts |= {"sports": (streams or details or StreamsOptions()).sports}
    show(facts, as_json=as_json, advice=[*_notes(plan), "Nothing was asked for, nothing changed."])


def print_backfill_plan(
    settings: "Settings", years: "Sequence[int]", listing: "ListingOptions", sports: "Sequence[str]", *, as_json: bool
) -> bool:
    """List the years, newest first, and print the changes and the cost of a backfill.

    `sports`: those whose details it would fetch; empty for all. Returns whether all years could be listed.
    """
    from strava_pipeline.core.years import years_of_runs
    from strava_pipeline.operations.planning import plan_backfill, plan_facts
    from strava_pipeline.operations.pulling import Stopped, pull_listing
    from strava_pipeline.operations.run_context import run_context
    from strava_pipeline.operations.source import BudgetedSource
    from strava_pipeline.verbs.terminal import err, progress_for_terminal
    from strava_pipeline.verbs.views import show

    run = run_context(settings, progress_for_terminal()(), "backfill --dry-run")
    strava = BudgetedSource(STRAVA, settings, run)
    stopped: Stopped | None = None
    before = strava.client_for(listing).calls
    for several in years_of_runs(years):
        stopped = pull_listing(run, strava, listing, several).stopped
        if stopped is not None:
            break
    calls = strava.calls - before
    plan, at_hand = plan_backfill(run, strava, years, listing, sports=sports)
    brings = {year: found.changes for year, found in at_hand.items() if found.changes is not None}
    facts = {
        **plan_facts(plan),
        "max_calls": listing.max_calls,
        "calls_made": calls,
        "sports": list(sports),
        "changes": [_change(year, brings.get(year), sports) for year in sorted(years, reverse=True)],
    }
    note = "Nothing was changed but bronze, where the pages lie; a backfill within the hour uses them."
    show(facts, as_json=as_json, advice=[*_notes(plan), *_suspicious(brings), note])
    if stopped is not None:
        err.print(f"Stopped early. {stopped} What was listed is kept; the same command goes on.", style="yellow")
    return stopped is None


def _notes(plan: "Plan") -> "Iterator[str]":
    """Notes that a person needs to read the plan."""
    if not plan.is_known:
        yield "Of a year that is not known, no listing reached the end: there may be more calls, and it ends later."
    if plan.needs_another_day:
        yield f"It is done then {RESTART_NOTE}."


def _change(year: int, found: "Differences | None", sports: "Sequence[str]") -> dict[str, Any]:
    """The changes by a backfill of the year; nulls if its listing is incomplete."""
    if found is None:
        return dict.fromkeys(("year", "listed", "inserted", "changed", "details_again", "deleted_ids")) | {"year": year}
    return {
        "year": year,
        "listed": len(found.listed),
        "inserted": len(found.inserted),
        "changed": len(found.changed),
        "details_again": len(found.of_sports(found.edited, frozenset(sports) or None)),
        "deleted_ids": sorted(found.deleted or ()),
    }


def _suspicious(brings: "Mapping[int, Differences]") -> "Iterator[str]":
    """A line for each year that lacks too much to be believed."""
    from strava_pipeline.lake.gold.deletions import is_suspicious

    for year, found in sorted(brings.items(), reverse=True):
        gone = len(found.deleted or ())
        if is_suspicious(gone, len(found.listed) - len(found.inserted) + gone):
            yield (
                f"{year} lacks too much to be believed: only `reconcile --years {year} --allow-shrink` would mark these as "
                "deleted."
            )
