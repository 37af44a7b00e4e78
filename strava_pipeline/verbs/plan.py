"""The command `plan`, and every `--dry-run`: calls by stage and year, the limits, the finish, before anything is done.

The sums are operations/planning.py's. Planning makes no call but for one command: `backfill --dry-run`
lists its years, whose pages the real run then uses. Gold, shards and the snapshot stay as they are.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from strava_pipeline.core.plan import RESTART_NOTE
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.text import at_minute, counted
from strava_pipeline.verbs.options import HELP, Json, MoreYears, all_years, context_without_run, typed_years
from strava_pipeline.verbs.output import echo_json, plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from strava_pipeline.core.plan import Plan
    from strava_pipeline.lake.gold.coverage import Differences
    from strava_pipeline.operations.options import ListingOptions
    from strava_pipeline.orchestrate.job_records import Job
    from strava_pipeline.settings import Settings


def plan(
    years: MoreYears = None,
    first: Annotated[list[str] | None, typer.Option("--years", help=f"{HELP} Default: all.")] = None,
    details: Annotated[bool, typer.Option("--details/--no-details", help="Whether details are fetched too.")] = True,
    as_json: Json = False,
) -> None:
    """Calls that a backfill of these years takes, by stage and year, and when it will be done. Makes no call."""

    from strava_pipeline.operations.budgeted_source import BudgetedSource
    from strava_pipeline.operations.options import ListingOptions
    from strava_pipeline.operations.planning import plan_backfill, plan_facts
    from strava_pipeline.operations.provider_access import plan_providers
    from strava_pipeline.operations.used import is_strava_used
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.terminal import out

    settings = Settings.load()
    known = all_years(settings)
    words = [*(first or []), *(years or [])]
    chosen = typed_years(words, known) if words else known
    run = context_without_run(settings)
    estimate, _ = plan_backfill(
        run, BudgetedSource(STRAVA, settings, run), chosen, ListingOptions(per_page=None, days=None), details=details
    )
    providers = plan_providers(run, settings, chosen)
    if as_json:
        echo_json(plain({**plan_facts(estimate), "providers": {name: asdict(one) for name, one in providers.items()}}))
    else:
        used = is_strava_used(settings)
        if used:
            print_plan(estimate, settings)
        for provider in providers.values():
            about = "" if provider.is_known else "at least "
            calls = counted(provider.listing_calls, "call")
            quiet = f"{provider.quiet_day_calls} on a day without news"
            beside = ", beside Strava's limits" if used else ""
            out.print(f"{provider.title}{beside}: {about}{calls} for listing these years, {quiet}")


def print_plan(plan: "Plan", settings: "Settings", what: str = "details", max_calls: int | None = None) -> None:
    """Print the plan. `what`: the kind of calls beside listings; `max_calls`: the number that the command may make."""
    from rich.table import Table

    from strava_pipeline.verbs.terminal import out

    if plan.years:
        table = Table("year", "activities", what)
        for year in plan.years:
            numbers = ["" if number is None else str(number) for number in (year.activities, year.details)]
            table.add_row(str(year.year), *(numbers if year.is_known else (f"≥{number}" for number in numbers)))
        out.print(table)
    for title, calls in (("Listings", plan.listing), ("Gear that was never fetched", plan.gear)):
        if calls:
            out.print(f"{title}: {counted(calls, 'call')}")
    if not plan.is_known:
        out.print("≥: never listed to its end, so there may be more; these are the fewest calls possible.")
    out.print(f"Calls: {'' if plan.is_known else 'at least '}{plan.calls}", style="bold")
    for ceiling, one in plan.allowances.items():
        mark = "; this one governs" if ceiling == plan.governing else ""
        out.print(f"Calls left: {one.left} of {one.limit} {ceiling}, until {at_minute(one.resets_at)}{mark}")
    out.print(_finish(plan, ZoneInfo(settings.timezone)))
    if max_calls is not None and plan.calls > max_calls:
        out.print(f"With --max-calls {max_calls} the command ends after {max_calls} of them; the next one goes on.")


def _finish(plan: "Plan", zone: ZoneInfo) -> str:
    done, days = plan.done_at, plan.days
    if not plan.calls:
        return "Nothing is to be asked for."
    if done is None or days is None:
        return "It never ends: a limit is kept back as a whole."
    earliest = "" if plan.is_known else "no earlier than "
    there = f"{done.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"
    span = ("today" if days == 1 else f"on {days} days") + (f", {RESTART_NOTE}" if plan.needs_another_day else "")
    return f"Done {earliest}{at_minute(done)} ({there}), begun now: {span}."


def print_job_plan(
    settings: "Settings", job: "Job", years: "Sequence[int]", config: dict[str, dict[str, Any]], *, as_json: bool
) -> None:
    """Print the calls that the job would make for its listing, details or streams; none is made. `config`: by asset."""
    from strava_pipeline.operations.budgeted_source import BudgetedSource
    from strava_pipeline.operations.listing_windows import window_of
    from strava_pipeline.operations.options import CallOptions, DetailsOptions, ListingOptions, StreamsOptions
    from strava_pipeline.operations.planning import plan_job, plan_streams
    from strava_pipeline.orchestrate.jobs import DETAILS, LISTING, STREAMS
    from strava_pipeline.verbs.terminal import out

    run = context_without_run(settings)
    strava = BudgetedSource(STRAVA, settings, run)
    options = {asset: entry["config"] for asset, entry in job.run_config(**config)["ops"].items()}
    listing = ListingOptions(**options[LISTING]) if LISTING in options else None
    details = DetailsOptions(**options[DETAILS]) if DETAILS in options else None
    streams = StreamsOptions(**options[STREAMS]) if STREAMS in options else None
    plan = plan_streams(run, strava, years, streams) if streams else plan_job(run, strava, years, listing, details)
    max_calls = (listing or details or streams or CallOptions()).max_calls  # of the first asset that makes calls
    if as_json:
        _echo(plan, max_calls=max_calls)
        return
    if listing is not None:
        window = window_of(run, strava, listing, ())
        out.print(f"List {window.mode}: {_window(window.after, window.before)}")
    what = "streams" if streams else "details"
    print_plan(plan, settings, what, max_calls)
    _print_sports((streams or details or StreamsOptions()).sports, what)
    if listing is not None and details is not None:
        out.print("New activities in the listing come on top: a call each.")
    out.print("Nothing was asked for, nothing changed.")


def print_backfill_plan(
    settings: "Settings", years: "Sequence[int]", listing: "ListingOptions", sports: "Sequence[str]", *, as_json: bool
) -> bool:
    """List the years, newest first, and print what a backfill would change and cost.

    `sports`: those whose details it would fetch; none: all. Returns whether all years could be listed.
    """
    from strava_pipeline.core.years import years_of_runs
    from strava_pipeline.operations.budgeted_source import BudgetedSource
    from strava_pipeline.operations.planning import plan_backfill
    from strava_pipeline.operations.pulling import Stopped, pull_listing
    from strava_pipeline.operations.run_context import run_context
    from strava_pipeline.verbs.terminal import err, out, progress_for_terminal

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
    if as_json:
        _echo(
            plan,
            max_calls=listing.max_calls,
            calls_made=calls,
            sports=list(sports),
            changes=[_change(year, brings.get(year), sports) for year in _newest_first(years)],
        )
    else:
        _print_changes(years, brings, sports)
        print_plan(plan, settings, max_calls=listing.max_calls)
        _print_sports(sports, "details")
        out.print(
            f"This dry run made {counted(calls, 'call')}, all of them listings, and changed nothing but "
            "bronze, where their pages lie. A backfill within the hour uses these; of this year it lists the last weeks again."
        )
    if stopped is not None:
        err.print(f"Stopped early. {stopped} What was listed is kept; the same command goes on.", style="yellow")
    return stopped is None


def _echo(plan: "Plan", **more: Any) -> None:
    from strava_pipeline.operations.planning import plan_facts

    echo_json(plain({**plan_facts(plan), **more}))


def _print_sports(sports: "Sequence[str]", what: str) -> None:
    from strava_pipeline.verbs.terminal import out

    if sports:
        out.print(f"Calls for {what} are counted for {', '.join(sports)} alone; every activity that is listed lands.")


def _change(year: int, found: "Differences | None", sports: "Sequence[str]") -> dict[str, Any]:
    """What a backfill of the year would change; nulls where its listing is not whole."""
    if found is None:
        return dict.fromkeys(("year", "listed", "inserted", "changed", "details_again", "deleted_ids")) | {"year": year}
    return {
        "year": year,
        "listed": len(found.listed),
        "inserted": len(found.inserted),
        "changed": len(found.changed),
        "details_again": len(_details_again(found, sports)),
        "deleted_ids": sorted(found.deleted or ()),
    }


def _details_again(found: "Differences", sports: "Sequence[str]") -> frozenset[int]:
    return found.of_sports(found.edited, frozenset(sports) or None)


def _newest_first(years: "Sequence[int]") -> list[int]:
    return sorted(years, reverse=True)


def _print_changes(years: "Sequence[int]", brings: "Mapping[int, Differences]", sports: "Sequence[str]") -> None:
    from rich.table import Table

    from strava_pipeline.lake.gold.deletions import is_suspicious
    from strava_pipeline.verbs.terminal import out

    table = Table("year", "listed", "to insert", "to change", "detail again", "to delete")
    for year in sorted(years, reverse=True):
        if year not in brings:
            table.add_row(str(year), "not whole", "?", "?", "?", "?")
            continue
        found = brings[year]
        counts = (found.listed, found.inserted, found.changed, _details_again(found, sports), found.deleted or ())
        table.add_row(str(year), *(str(len(ids)) for ids in counts))
    out.print(table)
    for year in sorted(brings, reverse=True):
        if gone := sorted(brings[year].deleted or ()):
            out.print(f"{year}, no longer on Strava: {', '.join(map(str, gone))}")
            if is_suspicious(len(gone), len(brings[year].listed) - len(brings[year].inserted) + len(gone)):
                out.print(f"  too much to be believed: only `reconcile --years {year} --allow-shrink` would mark these")


def _window(after: int | None, before: int | None) -> str:
    from datetime import UTC, datetime

    words = [
        f"{word} {datetime.fromtimestamp(bound, UTC):%Y-%m-%d %H:%M} UTC"
        for word, bound in (("after", after), ("before", before))
        if bound is not None
    ]
    return " and ".join(words) or "everything"
