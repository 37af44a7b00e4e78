"""Whole years again, a run each, newest first: what Dagster's UI does with its backfill button, in this process."""

from typing import Annotated

import typer

from strava_pipeline.verbs.options import Cushion15min, CushionDaily, DryRun, MaxCalls, PerPage, Verbose, call_limits

HELP = "Years, separated by spaces or commas, or a range: 2023 2024, 2015-2020."


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
    from strava_pipeline.orchestrate.jobs import DETAILS, JOBS, LISTING
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.running import all_years, end, fetch_new_gear, run_verb, what_is_left
    from strava_pipeline.verbs.terminal import out

    settings = Settings.load()
    chosen = _years([*(first or []), *(years or [])], all_years(settings))
    limits = call_limits(max_calls, cushion_15min, cushion_daily)
    if dry_run:
        from strava_pipeline.verbs.dry import say_plan

        say_plan(settings, JOBS["backfill"], chosen, {LISTING: {"per_page": per_page, **limits}, DETAILS: limits})
        return
    outcome = None
    for year in sorted(chosen, reverse=True):
        out.print(str(year), style="bold")
        told = {LISTING: {"per_page": per_page, **limits}, DETAILS: limits}
        outcome = run_verb(settings, "backfill", years=[year], told=told, verbose=verbose)
        end(outcome)
        limits = what_is_left(limits, outcome)
    end(fetch_new_gear(settings, outcome, limits))


def _years(words: list[str], known: list[int]) -> list[int]:
    chosen: set[int] = set()
    for word in " ".join(words).replace(",", " ").split():
        begin, dash, last = word.partition("-")
        try:
            chosen.update(range(int(begin), int(last if dash else begin) + 1))
        except ValueError as error:
            raise typer.BadParameter(f"{word!r} is no year; {HELP}", param_hint="--years") from error
    if not chosen:
        raise typer.BadParameter(f"which years? {HELP}", param_hint="--years")
    if outside := sorted(chosen - set(known)):
        raise typer.BadParameter(
            f"{', '.join(map(str, outside))}: years go from {known[0]} (STRAVA_FIRST_YEAR; it also holds what is older) "
            f"to {known[-1]}",
            param_hint="--years",
        )
    return sorted(chosen)
