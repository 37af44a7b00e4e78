"""Whole years again, a run each, newest first: what Dagster's UI does with its backfill button, in this process."""

from typing import Annotated

import typer

from strava_pipeline.verbs.options import (
    AsJson,
    Cushion15min,
    CushionDaily,
    MaxCalls,
    PerPage,
    Sports,
    Verbose,
    call_limits,
    sports_of,
)
from strava_pipeline.verbs.years import HELP, typed_years

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="List the years and say what would be inserted, changed, deleted and fetched. Makes the listing calls, which "
        "a backfill within the hour does not repeat, and changes nothing.",
    ),
]


def backfill(
    years: Annotated[list[str] | None, typer.Argument(help="More years.", show_default=False)] = None,
    first: Annotated[list[str] | None, typer.Option("--years", help=HELP)] = None,
    per_page: PerPage = None,
    sports: Sports = None,
    max_calls: MaxCalls = None,
    cushion_15min: Cushion15min = None,
    cushion_daily: CushionDaily = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Pull whole years again and fetch their details: `backfill --years 2023 2024`."""
    from strava_pipeline.orchestrate.jobs import DETAILS, LISTING
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.looking import all_years
    from strava_pipeline.verbs.running import STOPPED, Report, end, fetch_new_gear, run_verb, what_is_left

    settings = Settings.load()
    chosen = typed_years([*(first or []), *(years or [])], all_years(settings))
    of_sports = sports_of(sports)
    limits = call_limits(max_calls, cushion_15min, cushion_daily)
    if dry_run:
        from strava_pipeline.operations.options import ListingOptions
        from strava_pipeline.verbs.dry import say_backfill

        listing = ListingOptions(mode="year", per_page=per_page, days=None, **limits)
        if not say_backfill(settings, chosen, listing, of_sports, as_json=as_json):
            raise typer.Exit(STOPPED)
        return
    outcome, report = None, Report(as_json=as_json)
    with report.shown():
        for year in sorted(chosen, reverse=True):
            report.heading(year)
            config = {LISTING: {"per_page": per_page, **limits}, DETAILS: {"sports": of_sports, **limits}}
            outcome = run_verb(settings, "backfill", years=[year], told=config, verbose=verbose, report=report)
            end(outcome)
            limits = what_is_left(limits, outcome)
        end(fetch_new_gear(settings, outcome, limits, report))
