"""The verb `reconcile`: whole years compared with Strava, for what a daily run can't see."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.verbs.options import AsJson, Cushion15min, CushionDaily, MaxCalls, PerPage, Verbose, call_limits
from strava_pipeline.verbs.years import HELP, typed_years

if TYPE_CHECKING:
    from strava_pipeline.verbs.run_job import RunOutcome

AllowShrink = Annotated[
    bool,
    typer.Option("--allow-shrink", help="So much less was meant: mark what is gone, however much of a year that is."),
]


def reconcile(
    years: Annotated[list[str] | None, typer.Argument(help="More years.", show_default=False)] = None,
    first: Annotated[list[str] | None, typer.Option("--years", help=f"{HELP} None: all, in one listing.")] = None,
    allow_shrink: AllowShrink = False,
    per_page: PerPage = None,
    max_calls: MaxCalls = None,
    cushion_15min: Cushion15min = None,
    cushion_daily: CushionDaily = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Compare whole years with Strava: mark what was deleted there, take in edits and late uploads."""
    from strava_pipeline.orchestrate.jobs import DETAILS, LISTING, RECONCILE_JOB
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.looking import all_years
    from strava_pipeline.verbs.running import Report, end, run_verb, what_is_left

    settings = Settings.load()
    known = all_years(settings)
    words = [*(first or []), *(years or [])]
    limits = call_limits(max_calls, cushion_15min, cushion_daily)
    told: dict[str, dict[str, Any]] = {
        LISTING: {"per_page": per_page, **limits},
        DETAILS: limits,
        "activities": {"allow_shrink": allow_shrink},
    }
    report = Report(as_json=as_json)
    with report.shown():
        if not words:
            told[LISTING] |= {"mode": "all"}
            outcome = run_verb(settings, RECONCILE_JOB, years=known, told=told, verbose=verbose, report=report)
            end(outcome)
            raise typer.Exit(int(_is_held_back(outcome)))
        held_back = False
        for year in sorted(typed_years(words, known), reverse=True):
            report.heading(year)
            outcome = run_verb(settings, RECONCILE_JOB, years=[year], told=told, verbose=verbose, report=report)
            end(outcome)
            limits = what_is_left(limits, outcome)
            held_back |= _is_held_back(outcome)
            told |= {LISTING: {"per_page": per_page, **limits}, DETAILS: limits}
        raise typer.Exit(int(held_back))


def _is_held_back(outcome: "RunOutcome | None") -> bool:
    return outcome is not None and bool(outcome.metadata["activities"]["deletions_not_marked"])
