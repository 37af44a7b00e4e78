"""Cleaning up after a power cut or a kill: Dagster's default launcher can't tell that a run is dead.

A live run holds its lock in data/state/runs/; one that claims to be alive while its lock is free is reported as failed.
"""

import dagster as dg
from dagster import DagsterRunStatus

from strava_pipeline.lake.files import sweep_unfinished
from strava_pipeline.lake.locks import forget_run, has_died, is_live, noted_runs
from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.runs import is_ours

_ALIVE = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
_WORDS = "Its process is gone (a power cut, a kill). What it had landed is kept."


def clean_up(instance: dg.DagsterInstance, lake: Lake) -> list[str]:
    """Before the daemon starts: report every orphan as failed and free what ended runs hold; the ids reported.

    Never to be run beside a live daemon on the same instance: a run that has just begun may not hold its lock yet.
    Runs of other data folders are left to their own.
    """
    dead = [run for run in _runs(instance, lake, _ALIVE) if not is_live(lake, run.run_id)]
    for run in dead:
        instance.report_run_failed(run, _WORDS)
    storage = instance.event_log_storage
    if storage.supports_global_concurrency_limits:
        for run_id in storage.get_concurrency_run_ids():
            record = instance.get_run_by_id(run_id)
            if record is None or record.is_finished:
                storage.free_concurrency_slots_for_run(run_id)
    return [run.run_id for run in dead] + fail_dead_runs(instance, lake)


def fail_dead_runs(instance: dg.DagsterInstance, lake: Lake) -> list[str]:
    """At any time: report the runs as failed that held their lock once and do no more; their ids.

    What they left half written is swept away. One may have died before this instance heard of it.
    """
    gone = _gone(lake)
    dead = _unfinished(instance, gone)
    for run in dead:
        instance.report_run_failed(run, _WORDS)
    sweep_unfinished(lake.data_dir if gone else lake.state)
    for run_id in gone:
        forget_run(lake, run_id)
    return [run.run_id for run in dead]


def dead_runs(instance: dg.DagsterInstance, lake: Lake) -> list[str]:
    """What `fail_dead_runs` would report; nothing is changed."""
    return [run.run_id for run in _unfinished(instance, _gone(lake))]


def _gone(lake: Lake) -> list[str]:
    return [run_id for run_id in noted_runs(lake) if has_died(lake, run_id)]


def _unfinished(instance: dg.DagsterInstance, run_ids: list[str]) -> list[dg.DagsterRun]:
    return [run for run in map(instance.get_run_by_id, run_ids) if run is not None and not run.is_finished]


def _runs(instance: dg.DagsterInstance, lake: Lake, statuses: list[DagsterRunStatus]) -> list[dg.DagsterRun]:
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=statuses))
    return [run for run in runs if is_ours(run, lake)]
