"""Cleaning up after a power cut, before the daemon starts: Dagster's default launcher can't tell that a run is dead.

A run that claims to be alive while nobody holds its lock is reported as failed, and the slots of ended runs are freed.
Never to be run beside a live daemon on the same instance.
"""

import dagster as dg
from dagster import DagsterRunStatus

from strava_pipeline.lake.locks import is_live
from strava_pipeline.lake.paths import Lake

_ALIVE = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]


def clean_up(instance: dg.DagsterInstance, lake: Lake) -> list[str]:
    """Report orphaned runs as failed and free what ended runs hold; the ids of the runs reported."""
    orphans = [
        run for run in instance.get_runs(filters=dg.RunsFilter(statuses=_ALIVE)) if not is_live(lake, run.run_id)
    ]
    for run in orphans:
        instance.report_run_failed(run, "Its process is gone (a power cut, a kill). What it had landed is kept.")
    storage = instance.event_log_storage
    if storage.supports_global_concurrency_limits:
        for run_id in storage.get_concurrency_run_ids():
            record = instance.get_run_by_id(run_id)
            if record is None or record.is_finished:
                storage.free_concurrency_slots_for_run(run_id)
    return [run.run_id for run in orphans]
