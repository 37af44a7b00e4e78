"""What a verb would do, before it does it. A backfill lists its years for that, which the real run then doesn't repeat;
every other verb is planned from what is on disk, without a call. Gold, shards and the snapshot stay as they are."""

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from rich.table import Table

from strava_pipeline.core.plan import Plan
from strava_pipeline.core.text import counted
from strava_pipeline.lake.differences import Differences
from strava_pipeline.lake.tombstones import is_too_much
from strava_pipeline.operations.options import CallOptions, DetailsOptions, ListingOptions, StreamsOptions
from strava_pipeline.operations.planning import plan_backfill, plan_job, plan_streams
from strava_pipeline.operations.pulling import Stopped, pull_listing, window_of
from strava_pipeline.operations.run_context import run_context
from strava_pipeline.operations.strava_source import StravaSource
from strava_pipeline.orchestrate.jobs import DETAILS, LISTING, Job
from strava_pipeline.settings import Settings
from strava_pipeline.verbs.looking import looking
from strava_pipeline.verbs.output import echo_json, plain
from strava_pipeline.verbs.plan import say_plan, shape
from strava_pipeline.verbs.terminal import err, out, progress_for_terminal


def say_job(
    settings: Settings, job: Job, years: Sequence[int], told: dict[str, dict[str, Any]], *, as_json: bool
) -> None:
    """Print the listing and the details that the job would ask for; no call is made."""
    run = looking(settings)
    strava = StravaSource(settings, run)
    config = {asset: entry["config"] for asset, entry in job.run_config(**told)["ops"].items()}
    listing = ListingOptions(**config[LISTING]) if LISTING in config else None
    details = DetailsOptions(**config[DETAILS]) if DETAILS in config else None
    max_calls = (listing or details or CallOptions()).max_calls  # of the first asset that makes calls
    plan = plan_job(run, strava, years, listing, details)
    if as_json:
        _echo(plan, settings, max_calls=max_calls)
        return
    if listing is not None:
        window = window_of(run, strava, listing, None)
        out.print(f"List {window.mode}: {_bounds(window.after, window.before)}")
    say_plan(plan, ZoneInfo(settings.timezone), max_calls=max_calls)
    if listing is not None and details is not None:
        out.print("Activities that the listing brings anew come on top: a call each.")
    out.print("Nothing was asked for, nothing changed.")


def say_streams(settings: Settings, years: Sequence[int], config: dict[str, Any], *, as_json: bool) -> None:
    """Print the streams that would be asked for; no call is made."""
    options = StreamsOptions(**config)
    run = looking(settings)
    plan = plan_streams(run, StravaSource(settings, run), years, options)
    if as_json:
        _echo(plan, settings, max_calls=options.max_calls)
        return
    say_plan(plan, ZoneInfo(settings.timezone), "streams", options.max_calls)
    _say_sports(options.sports, "streams")
    out.print("Nothing was asked for, nothing changed.")


def say_backfill(
    settings: Settings, years: Sequence[int], listing: ListingOptions, sports: Sequence[str], *, as_json: bool
) -> bool:
    """List the years, newest first, and print what a backfill would change and cost.

    `sports`: those whose details it would fetch; none: all. Returns whether all years could be listed.
    """
    run = run_context(settings, progress_for_terminal()(), "backfill --dry-run")
    strava = StravaSource(settings, run)
    stopped: Stopped | None = None
    before = strava.client(listing).calls
    for year in _newest(years):
        stopped = pull_listing(run, strava, listing, year).stopped
        if stopped is not None:
            break
    calls = strava.client().calls - before
    plan, at_hand = plan_backfill(run, strava, years, listing, sports=sports)
    brings = {year: found.brings for year, found in at_hand.items() if found.brings is not None}
    if as_json:
        _echo(
            plan,
            settings,
            max_calls=listing.max_calls,
            calls_made=calls,
            sports=list(sports),
            changes=[_change(year, brings.get(year), sports) for year in _newest(years)],
        )
    else:
        _say_changes(years, brings, sports)
        say_plan(plan, ZoneInfo(settings.timezone), max_calls=listing.max_calls)
        _say_sports(sports, "details")
        out.print(
            f"This dry run made {counted(calls, 'call')}, all of them listings, and changed nothing but "
            "bronze, where their pages lie. A backfill within the hour uses these and does not list again."
        )
    if stopped is not None:
        err.print(f"Stopped early. {stopped} What was listed is kept; the same command goes on.", style="yellow")
    return stopped is None


def _echo(plan: Plan, settings: Settings, **more: Any) -> None:
    echo_json(plain({**shape(plan, ZoneInfo(settings.timezone)), **more}))


def _say_sports(sports: Sequence[str], what: str) -> None:
    if sports:
        out.print(f"Calls for {what} are counted for {', '.join(sports)} alone; every activity that is listed lands.")


def _change(year: int, found: Differences | None, sports: Sequence[str]) -> dict[str, Any]:
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


def _details_again(found: Differences, sports: Sequence[str]) -> frozenset[int]:
    return found.of_sports(found.edited, frozenset(sports) or None)


def _newest(years: Sequence[int]) -> list[int]:
    return sorted(years, reverse=True)


def _say_changes(years: Sequence[int], brings: Mapping[int, Differences], sports: Sequence[str]) -> None:
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
            if is_too_much(len(gone), len(brings[year].listed) - len(brings[year].inserted) + len(gone)):
                out.print(f"  too much to be believed: only `reconcile --years {year} --allow-shrink` would mark these")


def _bounds(after: int | None, before: int | None) -> str:
    from datetime import UTC, datetime

    words = [
        f"{word} {datetime.fromtimestamp(bound, UTC):%Y-%m-%d %H:%M} UTC"
        for word, bound in (("after", after), ("before", before))
        if bound is not None
    ]
    return " and ".join(words) or "everything"
