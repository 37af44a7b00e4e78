"""The commands on whole years: `backfill`, `reconcile` and `streams`. A few years are a run, the newest first."""

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import years_of_runs
from strava_pipeline.verbs.options import (
    HELP,
    AllowShrink,
    AsJson,
    DryRun,
    Limits,
    MoreYears,
    PerPage,
    Sports,
    Verbose,
    Years,
    all_years,
    grouped,
    sports_of,
    typed_years,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.run_job import RunOutcome


_ListingDryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="List the years and show what would be inserted, changed, deleted and fetched. Makes the listing calls, which "
        "a backfill within the hour does not repeat, and changes nothing.",
    ),
]


@grouped
def backfill(
    *,
    years: MoreYears = None,
    first: Years = None,
    per_page: PerPage = None,
    sports: Sports = None,
    limits: Limits,
    dry_run: _ListingDryRun = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Pull whole years again and fetch their details: `backfill --years 2023 2024`."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.orchestrate.jobs import DETAILS, LISTING
    from strava_pipeline.verbs.run_report import (
        STOPPED,
        Report,
        exit_if_stopped,
        fetch_new_gear,
        remaining_limits,
        run_and_report,
    )

    settings = Settings.load()
    chosen = typed_years([*(first or []), *(years or [])], all_years(settings))
    of_sports = sports_of(sports)
    calls = asdict(limits)
    if dry_run:
        from strava_pipeline.operations.options import ListingOptions
        from strava_pipeline.verbs.plan import print_backfill_plan

        listing = ListingOptions(mode="year", per_page=per_page, days=None, **calls)
        if not print_backfill_plan(settings, chosen, listing, of_sports, as_json=as_json):
            raise typer.Exit(STOPPED)
        return
    outcome, report = None, Report(as_json=as_json)
    with report.shown():
        for several in years_of_runs(chosen):
            report.heading(several)
            config = {LISTING: {"per_page": per_page, **calls}, DETAILS: {"sports": of_sports, **calls}}
            outcome = run_and_report(settings, "backfill", years=several, config=config, verbose=verbose, report=report)
            exit_if_stopped(outcome)
            calls = remaining_limits(calls, outcome)
        exit_if_stopped(fetch_new_gear(settings, outcome, calls, report))


@grouped
def reconcile(
    *,
    years: MoreYears = None,
    first: Annotated[list[str] | None, typer.Option("--years", help=f"{HELP} None: all, in one listing.")] = None,
    provider: Annotated[
        list[str] | None,
        typer.Option(
            "--provider", help="Compare with this service instead of Strava, or with `all` others; may be repeated."
        ),
    ] = None,
    allow_shrink: AllowShrink = False,
    per_page: PerPage = None,
    limits: Limits,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Compare whole years with Strava or other services: mark what was deleted there, merge edits and late uploads."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.orchestrate.jobs import DETAILS, LISTING, RECONCILE_JOB
    from strava_pipeline.verbs.run_report import Report, exit_if_stopped, remaining_limits, run_and_report

    settings = Settings.load()
    known = all_years(settings)
    words = [*(first or []), *(years or [])]
    calls = asdict(limits)
    options = {"allow_shrink": allow_shrink, "as_json": as_json, "verbose": verbose}
    if provider:
        raise typer.Exit(_compare(settings, provider, words, per_page, calls, **options))
    config: dict[str, dict[str, Any]] = {
        LISTING: {"per_page": per_page, **calls},
        DETAILS: calls,
        "activities": {"allow_shrink": allow_shrink},
    }
    report = Report(as_json=as_json)
    run = partial(run_and_report, settings, RECONCILE_JOB, verbose=verbose, report=report)
    with report.shown():
        if not words:
            config[LISTING] |= {"mode": "all"}
            outcome = run(years=known, config=config)
            exit_if_stopped(outcome)
            raise typer.Exit(int(_is_held_back(outcome)))
        held_back = False
        for several in years_of_runs(typed_years(words, known)):
            report.heading(several)
            outcome = run(years=several, config=config)
            exit_if_stopped(outcome)
            calls = remaining_limits(calls, outcome)
            held_back |= _is_held_back(outcome)
            config |= {LISTING: {"per_page": per_page, **calls}, DETAILS: calls}
        raise typer.Exit(int(held_back))


def _compare(
    settings: "Settings",
    providers: list[str],
    words: list[str],
    per_page: int | None,
    limits: "Mapping[str, int | None]",
    **options: bool,
) -> int:
    """Compare years, or everything, with services besides Strava; returns the exit code."""
    if any(limit is not None for limit in limits.values()):
        raise typer.BadParameter("limits of calls are Strava's; a service's own hold by themselves")
    from strava_pipeline.verbs.provider_pulls import exit_code, pull_and_report, wanted

    wants = wanted(settings, month=None, years=words, everything=not words, per_page=per_page)
    found = pull_and_report(settings, [] if providers == ["all"] else providers, wants, **options)
    return exit_code(found.values()) or int(any(one.is_held_back(name) for name, one in found.items()))


def _is_held_back(outcome: "RunOutcome | None") -> bool:
    from strava_pipeline.verbs.provider_pulls import is_held_back

    return outcome is not None and is_held_back(outcome, STRAVA)


@grouped
def streams(
    *,
    years: MoreYears = None,
    first: Annotated[list[str] | None, typer.Option("--years", help=f"{HELP} None: all, in one run.")] = None,
    sports: Sports = None,
    limits: Limits,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Fetch the streams of activities that lack a track, a call each, newest first, and write their tracks."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.orchestrate.job_years import lake_years
    from strava_pipeline.orchestrate.jobs import JOBS, STREAMS, STREAMS_JOB
    from strava_pipeline.verbs.run_report import Report, exit_if_stopped, remaining_limits, run_and_report

    settings = Settings.load()
    words = [*(first or []), *(years or [])]
    chosen = typed_years(words, all_years(settings)) if words else lake_years(settings)
    of_sports = sports_of(sports)
    calls = asdict(limits)
    if dry_run:
        from strava_pipeline.verbs.plan import print_job_plan

        config = {STREAMS: {"sports": of_sports, **calls}}
        print_job_plan(settings, JOBS[STREAMS_JOB], chosen, config, as_json=as_json)
        return
    report = Report(as_json=as_json)
    with report.shown():
        for several in years_of_runs(chosen) if words else [chosen]:
            if words:
                report.heading(several)
            config = {STREAMS: {"sports": of_sports, **calls}}
            outcome = run_and_report(
                settings, STREAMS_JOB, years=several, config=config, verbose=verbose, report=report
            )
            exit_if_stopped(outcome)
            calls = remaining_limits(calls, outcome)
