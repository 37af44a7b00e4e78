"""Whole years again, a run each, newest first: what Dagster's UI does with its backfill button, in this process."""

from typing import Annotated

import typer

from strava_pipeline.verbs.options import Cushion15min, CushionDaily, MaxCalls, PerPage, Verbose, call_limits
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
    max_calls: MaxCalls = None,
    cushion_15min: Cushion15min = None,
    cushion_daily: CushionDaily = None,
    dry_run: DryRun = False,
    verbose: Verbose = False,
) -> None:
    """Pull whole years again and fetch their details: `backfill --years 2023 2024`."""
    from strava_pipeline.orchestrate.jobs import DETAILS, LISTING
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.running import STOPPED, all_years, end, fetch_new_gear, run_verb, what_is_left
    from strava_pipeline.verbs.terminal import out

    settings = Settings.load()
    chosen = typed_years([*(first or []), *(years or [])], all_years(settings))
    limits = call_limits(max_calls, cushion_15min, cushion_daily)
    if dry_run:
        from strava_pipeline.orchestrate.config import ListingConfig
        from strava_pipeline.verbs.dry import say_backfill

        if not say_backfill(settings, chosen, ListingConfig(mode="year", per_page=per_page, days=None, **limits)):
            raise typer.Exit(STOPPED)
        return
    outcome = None
    for year in sorted(chosen, reverse=True):
        out.print(str(year), style="bold")
        told = {LISTING: {"per_page": per_page, **limits}, DETAILS: limits}
        outcome = run_verb(settings, "backfill", years=[year], told=told, verbose=verbose)
        end(outcome)
        limits = what_is_left(limits, outcome)
    end(fetch_new_gear(settings, outcome, limits))
