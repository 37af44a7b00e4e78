"""The verb `streams`: the tracks of activities from Strava, with calls to spare."""

from typing import Annotated

import typer

from strava_pipeline.verbs.options import (
    AsJson,
    Cushion15min,
    CushionDaily,
    DryRun,
    MaxCalls,
    Sports,
    Verbose,
    call_limits,
    sports_of,
)
from strava_pipeline.verbs.years import HELP, typed_years


def streams(
    years: Annotated[list[str] | None, typer.Argument(help="More years.", show_default=False)] = None,
    first: Annotated[list[str] | None, typer.Option("--years", help=f"{HELP} None: all, in one run.")] = None,
    sports: Sports = None,
    max_calls: MaxCalls = None,
    cushion_15min: Cushion15min = None,
    cushion_daily: CushionDaily = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Fetch the streams of activities that lack a track, a call each, newest first, and make tracks of them."""
    from strava_pipeline.orchestrate.jobs import STREAMS, STREAMS_JOB
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.looking import all_years, lake_years
    from strava_pipeline.verbs.running import Report, end, run_verb, what_is_left

    settings = Settings.load()
    words = [*(first or []), *(years or [])]
    chosen = typed_years(words, all_years(settings)) if words else lake_years(settings)
    of_sports = sports_of(sports)
    limits = call_limits(max_calls, cushion_15min, cushion_daily)
    if dry_run:
        from strava_pipeline.verbs.dry import say_streams

        say_streams(settings, chosen, {"sports": of_sports, **limits}, as_json=as_json)
        return
    report = Report(as_json=as_json)
    with report.shown():
        for several in [[year] for year in reversed(chosen)] if words else [chosen]:
            if words:
                report.heading(several[0])
            config = {STREAMS: {"sports": of_sports, **limits}}
            outcome = run_verb(settings, STREAMS_JOB, years=several, told=config, verbose=verbose, report=report)
            end(outcome)
            limits = what_is_left(limits, outcome)
