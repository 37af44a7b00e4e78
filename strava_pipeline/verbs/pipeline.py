"""The commands that run a job of the pipeline, over a range of years or on everything; and `logs`, which shows runs' logs.

Commands on chosen years stand in whole_years.py; how logs are written in orchestrate/run_log.py.
"""

import sys
from collections.abc import Callable
from dataclasses import asdict
from inspect import Signature, signature
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.text import counted, escaped_json, printable
from strava_pipeline.verbs.options import (
    AsJson,
    Days,
    DryRun,
    Limits,
    PerPage,
    SinceDays,
    Verbose,
    Wait,
    all_years,
    command_group,
    context_without_run,
    grouped,
    typed_ids,
)
from strava_pipeline.verbs.output import echo, echo_json

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings


def _command(job: str, help_text: str, *, lookback: bool = False) -> Callable[..., None]:
    """The command for a job that pulls new activities; --days only where it has a lookback."""

    @grouped
    def command(
        *,
        per_page: PerPage = None,
        days: Days = None,
        limits: Limits,
        wait: Wait = False,
        dry_run: DryRun = False,
        as_json: AsJson = False,
        verbose: Verbose = False,
    ) -> None:
        from strava_pipeline.environment.settings import Settings
        from strava_pipeline.orchestrate.job_years import flow_years
        from strava_pipeline.orchestrate.jobs import DETAILS, JOBS, LISTING
        from strava_pipeline.verbs.run_report import (
            Report,
            exit_if_stopped,
            fetch_new_gear,
            remaining_limits,
            run_and_report,
        )

        settings, calls = Settings.load(), asdict(limits)
        everything = JOBS[job].config[LISTING]["mode"] == "all"
        years = all_years(settings) if everything else flow_years(settings, days=days)
        config = {LISTING: {"per_page": per_page, "days": days, **calls}, DETAILS: {"since_days": days, **calls}}
        if dry_run:
            from strava_pipeline.verbs.plan import print_job_plan

            print_job_plan(settings, JOBS[job], years, config, as_json=as_json)
            return
        report = Report(as_json=as_json)
        with report.shown():
            outcome = run_and_report(
                settings, job, years=years, config=config, wait=wait, verbose=verbose, report=report
            )
            gear = None
            if "activities" in JOBS[job].assets:
                gear = fetch_new_gear(settings, outcome, remaining_limits(calls, outcome), report)
            exit_if_stopped(outcome, gear)

    command.__doc__ = help_text
    if not lookback:
        options = signature(command).parameters.values()
        vars(command)["__signature__"] = Signature([option for option in options if option.name != "days"])
    return command


flow = _command(
    "flow", "The daily run: pull what is new, merge, fetch details of the recent window, publish.", lookback=True
)
flow_backfill = _command(
    "flow_backfill", "Everything: pull all, merge, fetch every detail that is missing or was edited, publish."
)
run = _command("run", "Pull what is new, and the lookback window again: bronze and shards.", lookback=True)
run_lite = _command("run_lite", "Pull what is new since the newest known activity, without a lookback.")
run_all = _command("run_all", "Pull everything, back to day zero.")
refresh = _command("refresh", "Pull what is new, merge, publish; no details.", lookback=True)


def compact(as_json: AsJson = False, verbose: Verbose = False) -> None:
    """Merge shards into gold and publish."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.operations.compacting import years_to_compact
    from strava_pipeline.orchestrate.job_years import lake_years

    settings = Settings.load()
    if years := years_to_compact(context_without_run(settings), settings, lake_years(settings)):
        _run_on_years("compact", years, settings, as_json=as_json, verbose=verbose)
    elif as_json:
        from strava_pipeline.verbs.run_report import report_json

        unchanged = {"inserted": 0, "changed": 0, "deleted": 0, "restored": 0, "published": False}
        echo_json(report_json([], None) | unchanged)
    else:
        echo("Nothing to merge: gold holds all that the shards do, and is published. No run was made.")


def recompact(as_json: AsJson = False, verbose: Verbose = False) -> None:
    """Merge all shards again, changed or not, and publish."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.orchestrate.job_years import lake_years

    settings = Settings.load()
    _run_on_years("recompact", lake_years(settings), settings, as_json=as_json, verbose=verbose)


@grouped
def enrich(
    *,
    since_days: SinceDays = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Every detail that is missing or was edited, of all years.")
    ] = False,
    ids: Annotated[str | None, typer.Option(help="Only these activities, separated by commas; fetched again.")] = None,
    first_on: Annotated[str | None, typer.Option("--from", help="Only activities from this local date on.")] = None,
    last_on: Annotated[str | None, typer.Option("--to", help="Only activities up to this local date.")] = None,
    include_efforts: Annotated[
        bool,
        typer.Option(
            "--include-efforts", help="Accepted and without effect: efforts are always included.", hidden=True
        ),
    ] = True,
    limits: Limits,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Fetch details: of the recent window, also where there is one; or of all, of chosen ids, of a range of dates."""
    config: dict[str, Any] = {
        "scope": "all" if all_ or first_on or last_on else "window",
        "since_days": since_days,
        "ids": typed_ids([ids or ""], "--ids"),
        "first_on": _date(first_on, "--from"),
        "last_on": _date(last_on, "--to"),
        **asdict(limits),
    }
    narrow = not (all_ or ids or first_on or last_on)
    _enrich("enrich", config, narrow=narrow, dry_run=dry_run, as_json=as_json, verbose=verbose)


@grouped
def enrich_all(
    *,
    all_: Annotated[bool, typer.Option("--all", help="As always with this command.")] = True,
    limits: Limits,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Fetch every detail that is missing or was edited, newest first."""
    _enrich("enrich_all", asdict(limits), narrow=False, dry_run=dry_run, as_json=as_json, verbose=verbose)


def profile(verbose: Verbose = False) -> None:
    """Fetch the athlete and all gear again."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.run_report import run_and_report

    run_and_report(Settings.load(), "profile", years=None, verbose=verbose)


def _run_on_years(job: str, years: list[int], settings: "Settings", *, as_json: bool, verbose: bool) -> None:
    from strava_pipeline.verbs.run_report import Report, run_and_report

    report = Report(as_json=as_json)
    with report.shown():
        run_and_report(settings, job, years=years, verbose=verbose, report=report)


def _enrich(job: str, config: dict[str, Any], *, narrow: bool, dry_run: bool, as_json: bool, verbose: bool) -> None:
    from datetime import UTC, datetime, timedelta

    from strava_pipeline.core.years import years_since
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.bronze.listings import watermark
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.years import year_range
    from strava_pipeline.orchestrate.job_years import lake_years
    from strava_pipeline.orchestrate.jobs import DETAILS, JOBS
    from strava_pipeline.verbs.run_report import Report, exit_if_stopped, run_and_report

    settings = Settings.load()
    if narrow:
        days = settings.days if config.get("since_days") is None else config["since_days"]
        now = datetime.now(UTC)
        newest = min(now, watermark(Lake(settings.data_dir)) or now)  # no later, should this machine's clock be ahead
        years = years_since(newest - timedelta(days=days), year_range(settings.first_year))
    else:
        years = lake_years(settings)
    _check_ids(settings, config.get("ids") or [])
    if dry_run:
        from strava_pipeline.verbs.plan import print_job_plan

        print_job_plan(settings, JOBS[job], years, {DETAILS: config}, as_json=as_json)
        return
    report = Report(as_json=as_json)
    with report.shown():
        exit_if_stopped(
            run_and_report(settings, job, years=years, config={DETAILS: config}, verbose=verbose, report=report)
        )


def _check_ids(settings: "Settings", ids: list[int]) -> None:
    from strava_pipeline.lake.gold.quality import unknown_ids
    from strava_pipeline.lake.gold.quarantine import drops
    from strava_pipeline.lake.gold.warehouse import reading
    from strava_pipeline.lake.paths import Lake

    if not ids:
        return
    lake = Lake(settings.data_dir)
    if dropped := sorted(drops(lake).keys() & set(ids)):
        one = " ".join(map(str, dropped))
        raise PipelineError(f"Dropped: {one}. `strava-pipeline quarantine retry {one}` asks all the same.")
    with reading(lake) as connection:
        unknown = unknown_ids(connection, ids)
    if unknown:
        raise PipelineError(
            f"No listing ever held {', '.join(map(str, unknown))}. If it is new, run `strava-pipeline flow` first."
        )


def _date(text: str | None, option: str) -> str | None:
    from datetime import date

    try:
        return date.fromisoformat(text).isoformat() if text else None
    except ValueError as error:
        raise typer.BadParameter("a date is written YYYY-MM-DD", param_hint=option) from error


def rebuild(verbose: Verbose = False) -> None:
    """Rebuild shards and the warehouse from data/bronze, without a call. Readers keep the old snapshot meanwhile."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.orchestrate.jobs import REBUILD_JOB
    from strava_pipeline.verbs.run_job import run_in_terminal
    from strava_pipeline.verbs.terminal import out, print_views_left_out

    outcome = run_in_terminal(Settings.load(), REBUILD_JOB, verbose=verbose)
    metadata = outcome.metadata["published_warehouse"]
    print_views_left_out(metadata.get("views_left_out", {}))
    out.print(
        f"Rebuilt from bronze and published: {counted(metadata['rows/activities_all'], 'row')} of sources, "
        f"{counted(metadata['rows/activity_details'], 'detail')} ({metadata['seconds']:.1f} s)"
    )


logs = command_group("Logs of runs: the newest one, or remove old ones.")


@logs.command()
def latest(
    as_json: Annotated[bool, typer.Option("--json", help="The structured log: one JSON object per line.")] = False,
) -> None:
    """Print the log of the run that began last."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.operations.log_files import HUMAN, STRUCTURED, list_logs

    logs_dir = Settings.load().logs_dir
    found = list_logs(logs_dir, STRUCTURED if as_json else HUMAN)
    if not found:
        raise PipelineError(f"No run has left a log in {logs_dir} yet. `strava-pipeline flow` makes the first.")
    with found[-1].open(encoding="utf-8", errors="replace") as file:  # a full disk may have cut its last line
        for line in file:
            sys.stdout.write(escaped_json(line) if as_json else printable(line))


@logs.command()
def clean(
    days: Annotated[
        int | None, typer.Option(min=0, help="Keep both kinds for N days instead of 14 and 30; 0: today's only.")
    ] = None,
) -> None:
    """Remove logs older than 14 days, structured ones older than 30, as every run does."""
    from datetime import UTC, datetime

    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.operations.log_files import prune

    logs_dir = Settings.load().logs_dir
    removed, faults = prune(logs_dir, datetime.now(UTC).date(), days)
    echo(f"{counted(removed, 'old log')} removed from {logs_dir}.")
    if faults:
        raise PipelineError(f"These could not be removed: {'; '.join(faults)}. Check who owns them.")
