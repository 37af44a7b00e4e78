"""Goes on with what a limit stopped, as soon as the limit's next window is open, until nothing is left.

Asked is the shared ledger, so looking costs no call. One run at a time, the newest year first: a second would only share
the same calls. What a person capped with `--max-calls`, or asked for once (`enrich`), is left to that person.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus

from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.strava.connect import make_budget, system_clock
from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.config import CallLimits, DetailsConfig, ListingConfig, StreamsConfig
from strava_pipeline.orchestrate.janitor import fail_dead_runs
from strava_pipeline.orchestrate.jobs import DETAILS, ENRICH, JOBS, LISTING, PULLING_JOBS, STREAMS, asset_jobs, resolved
from strava_pipeline.orchestrate.login import no_login
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline.orchestrate.resources import DATA_DIR, calls_of_a_quiet_day
from strava_pipeline.orchestrate.runs import UNFINISHED, assets_of, is_ours, job_of, years_of_run
from strava_pipeline.orchestrate.tags import LAST, LIMIT, RESUMES
from strava_pipeline.settings import Settings

TRIES = 3  # of one stopped run: an outage at midnight must not end what goes on for days
PAUSE = timedelta(hours=1)  # after one that failed
RESUMABLE = tuple(
    name for name, job in JOBS.items() if name != "enrich" and {LISTING, DETAILS, STREAMS} & {*job.assets}
)


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
        stopped = _waiting(context.instance, lake, clock.now())
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


def _waiting(instance: dg.DagsterInstance, lake: Lake, now: datetime) -> list[dg.DagsterRun]:
    """The runs that a limit stopped and that nobody went on with since, of the newest year first.

    Where going on failed, it is tried again after a pause.
    """
    ended = instance.get_run_records(
        dg.RunsFilter(statuses=[DagsterRunStatus.SUCCESS], tags={LIMIT: ["15min", "day"], DATA_DIR: str(lake.data_dir)})
    )
    runs = [record for record in ended if _may_go_on(record.dagster_run)]
    if not runs:
        return []
    later = instance.get_run_records(dg.RunsFilter(created_after=min(record.create_timestamp for record in runs)))
    left = []
    for record in runs:
        covering = [other for other in later if _covers(other, record) and is_ours(other.dagster_run, lake)]
        failed = [other for other in covering if _failed_to_go_on(other, record)]
        if covering and covering == failed and len(failed) < TRIES:
            if all(
                other.end_time is None or now.timestamp() - other.end_time > PAUSE.total_seconds() for other in failed
            ):
                left.append(record.dagster_run)
        elif covering:
            instance.add_run_tags(record.dagster_run.run_id, {LIMIT: "gone on with"})  # never to be looked at again
        else:
            left.append(record.dagster_run)
    return sorted(left, key=lambda run: max(years_of_run(run)), reverse=True)


def _may_go_on(run: dg.DagsterRun) -> bool:
    told = [asset.get("config", {}) for asset in _config(run).values()]
    capped = any(config.get("max_calls") is not None for config in told)
    return job_of(run) in RESUMABLE and bool(assets_of(run)) and bool(years_of_run(run)) and not capped


def _covers(later: dg.RunRecord, earlier: dg.RunRecord) -> bool:
    """Whether the later run is the same work, be it queued, at work or over. A pull takes up what the last one left."""
    new, old = later.dagster_run, earlier.dagster_run
    if later.storage_id <= earlier.storage_id:
        return False
    if new.tags.get(RESUMES) == old.run_id:
        return True
    same_years = job_of(old) in PULLING_JOBS or {*years_of_run(new)} >= {*years_of_run(old)}
    return job_of(new) == job_of(old) and same_years and assets_of(new) >= assets_of(old)


def _failed_to_go_on(later: dg.RunRecord, earlier: dg.RunRecord) -> bool:
    run = later.dagster_run
    return run.tags.get(RESUMES) == earlier.dagster_run.run_id and run.status is DagsterRunStatus.FAILURE


def _at_work(instance: dg.DagsterInstance, lake: Lake) -> str | None:
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        if RESUMES in run.tags and is_ours(run, lake):
            return run.run_id
    return None


def _is_open(settings: Settings, run: dg.DagsterRun, rest: frozenset[str], clock: ServerClock) -> bool:
    """Whether a call may be made under every ceiling, with what the run would leave to others."""
    told = _first_to_call(run, rest)
    budget = make_budget(
        settings,
        clock,
        cushion_15min=told.cushion_15min,
        cushion_daily=told.cushion_daily,
        yielding=calls_of_a_quiet_day(settings) if told.whole_years else 0,
    )
    return budget.remaining().governing.left > 0


def _first_to_call(run: dg.DagsterRun, rest: frozenset[str]) -> CallLimits:
    """What the first asset that will make calls is told: its limits are the whole run's."""
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
    config = _config(run)
    ops = {name: {"config": {**told.get("config", {})}} for name, told in config.items() if name in rest}
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


def _config(run: dg.DagsterRun) -> dict[str, Any]:
    """What the run's assets were told; what was for its console alone is left out."""
    ops: Any = run.run_config.get("ops", {})
    return {name: told for name, told in ops.items() if told.get("config")}
