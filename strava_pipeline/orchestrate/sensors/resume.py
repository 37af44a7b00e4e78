"""Goes on with what a limit stopped, as soon as the limit's next window is open, until nothing is left.

Asked is the shared ledger, so looking costs no call. One run at a time, the newest year first: a second would only share
the same calls. What a person capped with `--max-calls`, or asked for once (`enrich`), is left to that person.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import dagster as dg
from dagster import DagsterEventType

from strava_pipeline.ingest.clock import ServerClock, system_clock
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.options import CallOptions
from strava_pipeline.operations.strava_source import budget_of
from strava_pipeline.orchestrate.asset_jobs import asset_jobs
from strava_pipeline.orchestrate.config import DetailsConfig, ListingConfig, StreamsConfig
from strava_pipeline.orchestrate.jobs import DETAILS, ENRICH, JOBS, LISTING, STREAMS, resolved
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline.orchestrate.runs import (
    RESUMABLE,
    UNFINISHED,
    assets_of,
    config_of,
    fail_dead_runs,
    is_ours,
    job_of,
    waiting_runs,
    years_of_run,
)
from strava_pipeline.orchestrate.schedules import no_login
from strava_pipeline.orchestrate.tags import DATA_DIR, LAST, RESUMES
from strava_pipeline.settings import Settings


def resume_sensor(
    settings: Settings, status: dg.DefaultSensorStatus, now: Callable[[], datetime]
) -> dg.SensorDefinition:
    @dg.sensor(
        name="resume",
        jobs=[job for job in asset_jobs() if job.name in RESUMABLE],
        minimum_interval_seconds=60,
        default_status=status,
        description="Goes on with what one of Strava's limits stopped, once calls can be made again.",
    )
    def resume(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if skip := no_login(settings):
            return skip
        lake = Lake(settings.data_dir)
        clock = system_clock(settings, now)
        stopped = waiting_runs(context.instance, lake, clock.now())
        if not stopped:
            return dg.SkipReason("Nothing waits for a limit.")
        fail_dead_runs(context.instance, lake)  # or one of them would be taken to be at work for ever
        if at_work := _at_work(context.instance, lake):
            return dg.SkipReason(f"Run {at_work} goes on with what a limit stopped; {len(stopped)} more wait.")
        for run in stopped:
            rest = _rest(context.instance, run)
            if _is_open(settings, run, rest, clock):
                return _again(context.instance, lake, run, rest)
        return dg.SkipReason(f"{len(stopped)} runs wait for the limit's next window.")

    return resume


def _at_work(instance: dg.DagsterInstance, lake: Lake) -> str | None:
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        if RESUMES in run.tags and is_ours(run, lake):
            return run.run_id
    return None


def _is_open(settings: Settings, run: dg.DagsterRun, rest: frozenset[str], clock: ServerClock) -> bool:
    """Whether a call may be made under every ceiling, with what the run would leave to others."""
    return budget_of(settings, _first_to_call(run, rest), clock).remaining().governing.left > 0


def _first_to_call(run: dg.DagsterRun, rest: frozenset[str]) -> CallOptions:
    """What the first asset that will make calls is given: its limits are the whole run's."""
    ops, job = _ops(run, rest), job_of(run)
    if LISTING in rest:
        return resolved(ListingConfig(**ops.get(LISTING, {}).get("config", {})), job, LISTING)
    if DETAILS not in rest:
        return StreamsConfig(**ops.get(STREAMS, {}).get("config", {}))
    return resolved(DetailsConfig(**ops.get(DETAILS, {}).get("config", {})), job, DETAILS)


def _again(instance: dg.DagsterInstance, lake: Lake, run: dg.DagsterRun, rest: frozenset[str]) -> dg.RunRequest:
    """The same job, years and config. Where the listing had reached its end, it is not paid for twice: details only.

    A run of a backfill launched from the asset graph is of Dagster's implicit job, which no sensor with jobs can ask for
    ("Expected one of …", Dagster 1.13). The job `backfill` with the same year and selection does the same: see
    jobs.resolved. It carries no `dagster/backfill` tag: a backfill that is over would keep Dagster from retrying it.
    """
    job, years = job_of(run), years_of_run(run)
    return dg.RunRequest(
        run_key=f"resumes {run.run_id} {_tries(instance, run)}",
        job_name=job,
        partition_key=str(years[0]) if len(years) == 1 else None,
        asset_selection=[dg.AssetKey(name) for name in JOBS[job].assets if name in rest],
        run_config={"ops": _ops(run, rest)},
        tags={
            RESUMES: run.run_id,
            DATA_DIR: str(lake.data_dir),
            **LAST,
            **(range_tags(years) if len(years) > 1 else {}),
        },
    )


def _tries(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int:
    return instance.get_runs_count(dg.RunsFilter(tags={RESUMES: run.run_id}))


def _rest(instance: dg.DagsterInstance, run: dg.DagsterRun) -> frozenset[str]:
    """The assets that are still to be made."""
    assets = frozenset(assets_of(run))
    return assets.intersection(ENRICH) if DETAILS in assets and _listed(instance, run) else assets


def _ops(run: dg.DagsterRun, rest: frozenset[str]) -> dict[str, Any]:
    """The config of what is still to be made. What the listing left to others, the details alone leave, too.

    That a shrink was meant is not carried on: it was said of another listing.
    """
    config = config_of(run)
    ops = {name: {"config": {**op["config"]}} for name, op in config.items() if name in rest}
    ops.get("activities", {"config": {}})["config"].pop("allow_shrink", None)
    listing = config.get(LISTING, {}).get("config", {})
    kept = {name: listing[name] for name in ("cushion_15min", "cushion_daily") if listing.get(name) is not None}
    if kept and LISTING not in rest:
        ops[DETAILS] = {"config": {**kept, **ops.get(DETAILS, {}).get("config", {})}}
    return ops


def _listed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether its listing reached its end, or was not its business."""
    if LISTING not in assets_of(run):
        return True
    entries = instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION)
    checks = [entry.dagster_event.asset_check_evaluation_data for entry in entries if entry.dagster_event]
    return any(check.check_name == "listing_complete" and check.passed for check in checks)
