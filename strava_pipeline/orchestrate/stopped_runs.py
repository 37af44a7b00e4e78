"""Runs that one of Strava's limits stopped, and whether anybody went on with them since. Nothing is launched here.

Asked by the sensor that goes on with them (sensors/resume.py) and before old records are removed (run_records.py).
"""

from datetime import datetime, timedelta
from typing import Any

import dagster as dg
from dagster import DagsterRunStatus

from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.jobs import DETAILS, JOBS, LISTING, PULLING_JOBS, STREAMS
from strava_pipeline.orchestrate.runs import assets_of, is_ours, job_of, years_of_run
from strava_pipeline.orchestrate.tags import DATA_DIR, LIMIT, LIMITS_WAITED_FOR, NO_LIMIT, RESUMES

TRIES = 3  # of one stopped run: an outage at midnight must not end what goes on for days
PAUSE = timedelta(hours=1)  # after one that failed
RESUMABLE = tuple(
    name for name, job in JOBS.items() if name != "enrich" and {LISTING, DETAILS, STREAMS} & {*job.assets}
)


def waiting_runs(instance: dg.DagsterInstance, lake: Lake, now: datetime) -> list[dg.DagsterRun]:
    """The runs that are to be gone on with now, of the newest year first. Where going on failed, only after a pause."""
    left = [
        stopped.dagster_run
        for stopped, failed in not_gone_on_with(instance, lake)
        if all(other.end_time is None or now.timestamp() - other.end_time > PAUSE.total_seconds() for other in failed)
    ]
    return sorted(left, key=lambda run: max(years_of_run(run)), reverse=True)


def not_gone_on_with(instance: dg.DagsterInstance, lake: Lake) -> list[tuple[dg.RunRecord, list[dg.RunRecord]]]:
    """The runs that a limit stopped and that nobody went on with since, each with the tries that failed."""
    ended = instance.get_run_records(
        dg.RunsFilter(
            statuses=[DagsterRunStatus.SUCCESS], tags={LIMIT: LIMITS_WAITED_FOR, DATA_DIR: str(lake.data_dir)}
        )
    )
    runs = [record for record in ended if _may_go_on(record.dagster_run)]
    if not runs:
        return []
    later = instance.get_run_records(dg.RunsFilter(created_after=min(record.create_timestamp for record in runs)))
    left = []
    for record in runs:
        covering = [other for other in later if _covers(other, record) and is_ours(other.dagster_run, lake)]
        failed = [other for other in covering if _failed_to_go_on(other, record)]
        if covering == failed and len(failed) < TRIES:
            left.append((record, failed))
        else:
            instance.add_run_tags(record.dagster_run.run_id, {LIMIT: NO_LIMIT})  # never to be looked at again
    return left


def _may_go_on(run: dg.DagsterRun) -> bool:
    told = [asset.get("config", {}) for asset in config_of(run).values()]
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
    return job_of(new) == job_of(old) and same_years and assets_of(new) >= assets_of(old) and _same_sports(new, old)


def _same_sports(new: dg.DagsterRun, old: dg.DagsterRun) -> bool:
    """Whether the later run fetches for every sport that the earlier one did; no sports named: all."""
    later, earlier = (
        {asset: config["config"].get("sports") for asset, config in config_of(run).items()} for run in (new, old)
    )
    return all(not sports or {*sports} >= {*(earlier.get(asset) or ["*"])} for asset, sports in later.items())


def _failed_to_go_on(later: dg.RunRecord, earlier: dg.RunRecord) -> bool:
    run = later.dagster_run
    return run.tags.get(RESUMES) == earlier.dagster_run.run_id and run.status is DagsterRunStatus.FAILURE


def config_of(run: dg.DagsterRun) -> dict[str, Any]:
    """What the run's assets were told; what was for its console alone is left out."""
    ops: Any = run.run_config.get("ops", {})
    return {name: told for name, told in ops.items() if told.get("config")}
