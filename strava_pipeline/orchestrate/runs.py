"""Runs in Dagster's records: their data folder, their assets, which of them died and which a limit stopped.

Dagster's default launcher can't tell that a run's process is dead. A live run holds its lock in data/state/runs/; a run
that claims to be alive while its lock is free is reported as failed. Nothing is launched here: a stopped run is resumed
by sensors/resume.py.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from dagster import DagsterRunStatus

from strava_pipeline.lake.files import sweep_unfinished
from strava_pipeline.lake.locks import forget_run, is_live, runs_that_died
from strava_pipeline.lake.notifications import notify
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import end_request
from strava_pipeline.orchestrate.dagster_private import IMPLICIT_ASSET_JOB_NAME
from strava_pipeline.orchestrate.job_records import SEPARATOR, plain_name
from strava_pipeline.orchestrate.jobs import DETAILS, JOBS, LISTING, PULLING_JOBS, SOURCES_JOB, STREAMS, STREAMS_JOB
from strava_pipeline.orchestrate.tags import (
    BACKFILL,
    BY,
    BY_HAND,
    DATA_DIR,
    FIRST_PARTITION,
    HELD_BACK,
    LAST_PARTITION,
    LIMIT,
    LIMITS_WAITED_FOR,
    NO_LIMIT,
    PARTITION,
    REQUEST,
    RESUMES,
    SCHEDULE,
    SENSOR,
)

UNFINISHED = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
FAILED = [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
_EVENTS_OF_RETRIES = (dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_SUCCESS)


def is_ours(run: dg.DagsterRun, lake: Lake) -> bool:
    """Whether the run belongs to this data folder. One without the tag, which has not begun, counts as belonging."""
    return run.tags.get(DATA_DIR) in (None, str(lake.data_dir))


def newest(instance: dg.DagsterInstance, lake: Lake, job: str, statuses: list[DagsterRunStatus]) -> dg.RunRecord | None:
    """The newest run with all assets of `job`, of this data folder and in one of `statuses` (empty: in any)."""
    for record in all_records(instance, dg.RunsFilter(job_name=job, statuses=statuses or None)):
        if is_ours(record.dagster_run, lake) and assets_of(record.dagster_run) >= {*JOBS[job].assets}:
            return record
    return None


def all_records(
    instance: dg.DagsterInstance, wanted: dg.RunsFilter, *, ascending: bool = False
) -> Iterator[dg.RunRecord]:
    """Every record, the newest first or, if `ascending`, the oldest; read by pages."""
    cursor: str | None = None
    while page := instance.get_run_records(wanted, limit=50, cursor=cursor, ascending=ascending):
        yield from page
        cursor = page[-1].dagster_run.run_id


def job_of(run: dg.DagsterRun) -> str:
    """The job whose work the run does: a run launched from the asset graph is a backfill (see jobs.resolved), or streams."""
    name = plain_name(run.job_name)
    if name == SOURCES_JOB:
        return "backfill"  # what Strava's limit stopped of it; a provider's is gone on with by the provider's job
    if name != IMPLICIT_ASSET_JOB_NAME:
        return name
    assets = assets_of(run)
    return STREAMS_JOB if STREAMS in assets and not assets & {LISTING, DETAILS} else "backfill"


def assets_of(run: dg.DagsterRun) -> frozenset[str]:
    """The names of the assets it makes; empty for a job that is not one of ours."""
    if run.asset_selection:  # a run of the command line has an empty one
        return frozenset(key.path[-1] for key in run.asset_selection)
    name = plain_name(run.job_name)
    job = "backfill" if name == SOURCES_JOB else name
    return frozenset(JOBS[job].assets) if job in JOBS else frozenset()


def started_by(run: dg.DagsterRun) -> str:
    """The starter of the run: a schedule, a sensor, a backfill, Dagster's UI, or else a command line."""
    for tag, what in ((BACKFILL, "backfill"), (SCHEDULE, "schedule"), (SENSOR, "sensor")):
        if tag in run.tags:
            return f"{what} {run.tags[tag]}"
    by_command = run.tags.get(BY) == BY_HAND and run.parent_run_id is None  # run again in the UI, it has both
    return BY_HAND if by_command or run.remote_job_origin is None else "Dagster's UI"


def ended_at(record: dg.RunRecord) -> datetime:
    """When a run ended; for one that never began (cancelled in the queue), when it was made."""
    return datetime.fromtimestamp(record.end_time or record.create_timestamp.timestamp(), UTC)


def years_of_run(run: dg.DagsterRun) -> list[int]:
    """The years it covers; empty if it is not by year."""
    first = run.tags.get(FIRST_PARTITION) or run.tags.get(PARTITION)
    last = run.tags.get(LAST_PARTITION) or run.tags.get(PARTITION)
    return list(range(int(first), int(last) + 1)) if first and last and (first + last).isdecimal() else []


_STARTED = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
_DIED = "Its process is gone (a power cut, a kill). What it had landed is kept."


def clean_up(instance: dg.DagsterInstance, lake: Lake) -> list[str]:
    """Before the daemon starts: report every dead run as failed and release the locks of ended runs; returns the ids reported.

    Never call it next to a live daemon on the same instance: a run that has just begun may not hold its lock yet. Runs
    of other data folders are left alone.
    """
    dead = [run for run in our_runs(instance, lake, dg.RunsFilter(statuses=_STARTED)) if not is_live(lake, run.run_id)]
    for run in dead:
        _report_as_died(instance, lake, run)
    storage = instance.event_log_storage
    if storage.supports_global_concurrency_limits:
        for run_id in storage.get_concurrency_run_ids():
            record = instance.get_run_by_id(run_id)
            if record is None or record.is_finished:
                storage.free_concurrency_slots_for_run(run_id)
    return [run.run_id for run in dead] + fail_dead_runs(instance, lake)


def note_first_event(instance: dg.DagsterInstance) -> None:
    """On an instance that had no daemon yet: record after which event its daemon looks for runs to retry.

    The daemon would do so itself, with two lines of WARNING in the first log that a person sees.
    """
    names = {f"EVENT_LOG_CONSUMER_CURSOR-{kind.value}" for kind in _EVENTS_OF_RETRIES}
    noted = instance.daemon_cursor_storage.get_cursor_values(names)
    if missing := names - noted.keys():
        newest_event = str(instance.event_log_storage.get_maximum_record_id() or 0)
        instance.daemon_cursor_storage.set_cursor_values(dict.fromkeys(missing, newest_event))


def fail_dead_runs(instance: dg.DagsterInstance, lake: Lake) -> list[str]:
    """At any time: report runs as failed that once held their lock and no longer do; returns their ids.

    Their half written files are removed. A run may have died before this instance had a record of it.
    """
    dead_ids = runs_that_died(lake)
    dead = unfinished(instance, dead_ids)
    for run in dead:
        _report_as_died(instance, lake, run)
    sweep_unfinished(lake.data_dir if dead_ids else lake.state)
    for run_id in dead_ids:
        forget_run(lake, run_id)
    return [run.run_id for run in dead]


def _report_as_died(instance: dg.DagsterInstance, lake: Lake, run: dg.DagsterRun) -> None:
    instance.report_run_failed(run, _DIED)
    message = f"The process of the run {run.job_name} died. What was fetched is kept, and the next run goes on there."
    if (request := run.tags.get(REQUEST)) is not None:
        end_request(lake, request, "failed", datetime.now(UTC), _DIED, run.run_id)
    notify(lake, "warning", message, datetime.now(UTC), about=run.run_id, run_id=run.run_id)


def unfinished(instance: dg.DagsterInstance, run_ids: list[str]) -> list[dg.DagsterRun]:
    """The known runs that are not over by their records."""
    found = [run for run in map(instance.get_run_by_id, run_ids) if run is not None and not run.is_finished]
    return [run for run in found if not _prefix(run)]  # who has a Dagster of their own looks after its runs


def _prefix(run: dg.DagsterRun) -> str:
    """What stands before the names of an athlete in somebody else's Dagster; empty in our own."""
    key = next(iter(run.asset_selection or ()), dg.AssetKey(""))
    return run.job_name.removesuffix(plain_name(run.job_name)) or "".join(part + SEPARATOR for part in key.path[:-1])


def our_runs(instance: dg.DagsterInstance, lake: Lake, wanted: dg.RunsFilter) -> list[dg.DagsterRun]:
    """The runs of this data folder that are wanted, the newest first."""
    return [run for run in instance.get_runs(wanted) if is_ours(run, lake)]


TRIES = 3  # to resume one run: an outage at midnight must not end what takes days
PAUSE = timedelta(hours=1)  # after one that failed
RESUMABLE = tuple(
    name for name, job in JOBS.items() if name != "enrich" and {LISTING, DETAILS, STREAMS} & {*job.assets}
)


def waiting_runs(instance: dg.DagsterInstance, lake: Lake, now: datetime) -> list[dg.DagsterRun]:
    """The runs to resume now, those of the newest year first; after a failed resume, only after a pause."""
    left = [
        stopped.dagster_run
        for stopped, failed in unresumed_runs(instance, lake)
        if all(other.end_time is None or now.timestamp() - other.end_time > PAUSE.total_seconds() for other in failed)
    ]
    return sorted(left, key=lambda run: max(years_of_run(run)), reverse=True)


def unresumed_runs(instance: dg.DagsterInstance, lake: Lake) -> list[tuple[dg.RunRecord, list[dg.RunRecord]]]:
    """The runs that a limit stopped and that nothing has resumed since, each with the failed attempts."""
    ended = instance.get_run_records(
        dg.RunsFilter(
            statuses=[DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE],
            tags={LIMIT: LIMITS_WAITED_FOR},
        )
    )
    runs = [record for record in ended if is_ours(record.dagster_run, lake) and _is_resumable(record.dagster_run)]
    if not runs:
        return []
    later = instance.get_run_records(dg.RunsFilter(created_after=min(record.create_timestamp for record in runs)))
    left = []
    for record in runs:
        covering = [other for other in later if _covers(other, record) and is_ours(other.dagster_run, lake)]
        failed = [other for other in covering if _is_failed_resume(other, record)]
        if covering == failed and len(failed) < TRIES:
            left.append((record, failed))
        else:
            instance.add_run_tags(record.dagster_run.run_id, {LIMIT: NO_LIMIT})  # never to be looked at again
    return left


def is_done(run: dg.DagsterRun) -> bool:
    """Whether the run completed: all years except those that a check held back were done as far as limits allowed."""
    return run.status is DagsterRunStatus.SUCCESS or bool(run.tags.get(HELD_BACK))


def _is_resumable(run: dg.DagsterRun) -> bool:
    capped = any(config.get("max_calls") is not None for config in config_of(run).values())
    return is_done(run) and job_of(run) in RESUMABLE and bool(assets_of(run)) and bool(years_of_run(run)) and not capped


def _covers(later: dg.RunRecord, earlier: dg.RunRecord) -> bool:
    """Whether the later run (queued, running or over) does the same work. A pull resumes what the last one left."""
    new, old = later.dagster_run, earlier.dagster_run
    if later.storage_id <= earlier.storage_id or _prefix(new) != _prefix(old):
        return False
    if new.tags.get(RESUMES) == old.run_id:
        return True
    same_years = job_of(old) in PULLING_JOBS or {*years_of_run(new)} >= {*years_of_run(old)}
    return job_of(new) == job_of(old) and same_years and assets_of(new) >= assets_of(old) and _same_sports(new, old)


def _same_sports(new: dg.DagsterRun, old: dg.DagsterRun) -> bool:
    """Whether the later run fetches for every sport of the earlier one; without named sports: all."""
    later, earlier = ({asset: config.get("sports") for asset, config in config_of(run).items()} for run in (new, old))
    return all(not sports or {*sports} >= {*(earlier.get(asset) or ["*"])} for asset, sports in later.items())


def _is_failed_resume(later: dg.RunRecord, earlier: dg.RunRecord) -> bool:
    run = later.dagster_run
    failed = run.status is DagsterRunStatus.FAILURE and not is_done(run)
    return failed and run.tags.get(RESUMES) == earlier.dagster_run.run_id


def config_of(run: dg.DagsterRun) -> dict[str, dict[str, Any]]:
    """The config of the run's assets by name, without assets that have none."""
    ops: Any = run.run_config.get("ops") or {}
    return {plain_name(name): op["config"] for name, op in ops.items() if op.get("config")}
