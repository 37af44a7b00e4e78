"""Removing Dagster's records of old runs, with their files, so that a daily run does not fill the disk.

Records that the UI and the sensors still read are kept, however old (docs/adr/0039): a run that was the last to make,
to plan or to check a partition of an asset, the last runs of each job and sensor, and runs that wait for a limit. The
logs in logs/ are operations/log_files.py's. The sensor that calls this while the daemon runs for months is at the end.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus

from strava_pipeline.environment.file_locks import LockHeldError, exclusive
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.files import write_whole
from strava_pipeline.lake.locks import is_live, runs_with_lock_file
from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.dagster_private import (
    BULK_ACTION_TERMINAL_STATUSES,
    AssetCheckExecutionsTable,
    SqlEventLogStorage,
    SqliteEventLogStorage,
)
from strava_pipeline.orchestrate.jobs import JOBS
from strava_pipeline.orchestrate.runs import UNFINISHED, all_records, is_ours, newest, unresumed_runs
from strava_pipeline.orchestrate.tags import BACKFILL, LIMIT, SENSOR

AT_ONCE = 100  # runs that are removed in one look: some seconds, of the minute that Dagster gives a sensor
LAST_OF_A_JOB = 10  # as many of its runs as any sensor looks back on (sensors/inbox.py)
_DAILY = timedelta(days=1)
_NOTE, _LOCK = ".run_records_pruned", ".run_records.lock"
_ASSET_EVENTS = (
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_OBSERVATION,
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
)
_FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many records of runs were removed, and whether there may be more; `why`: the reason why nothing was done.

    `skipped`: runs whose records could not be read or removed.
    """

    removed: int = 0
    more: bool = False
    skipped: int = 0
    why: str | None = None


def prune_daily(instance: dg.DagsterInstance, settings: Settings, now: datetime) -> Pruned:
    """Remove records older than STRAVA_RUN_RECORDS_DAYS, once a day and while no run is at work; otherwise say why not."""
    note = settings.dagster_home / _NOTE
    with suppress(OSError, ValueError):
        if now - datetime.fromisoformat(note.read_text()) < _DAILY:
            return Pruned(why="Looked at within a day.")
    try:
        with exclusive(settings.dagster_home / _LOCK, timeout=0):
            if _at_work(instance, Lake(settings.data_dir)):
                return Pruned(why="A run is at work.")
            pruned = prune(instance, Lake(settings.data_dir), now - timedelta(days=settings.run_records_days))
            if not pruned.more:
                write_whole(note, now.isoformat().encode())
            return pruned
    except LockHeldError:
        return Pruned(why="Another process is at it.")
    # A good run calls this at its end: it must not fail, whatever Dagster raises of records that are old or damaged.
    except Exception as error:  # noqa: BLE001 - the answer says so
        return Pruned(why=f"Old records could not be removed ({type(error).__name__}); the next look tries again.")


def prune(instance: dg.DagsterInstance, lake: Lake, before: datetime, last: int = LAST_OF_A_JOB) -> Pruned:
    """Remove the records of this data folder's runs that ended before `before` and that nothing needs any more.

    `last`: how many of the newest runs of each job are kept, whatever their result.
    """
    old = [
        record
        for record in all_records(instance, dg.RunsFilter(statuses=_FINISHED, created_before=before), ascending=True)
        if (record.end_time or 0) < before.timestamp() and is_ours(record.dagster_run, lake)
    ]
    if not old:
        _sweep_files(instance, before)
        return Pruned()
    runs = [record.dagster_run for record in old]
    kept = _last_of_assets(instance, before) | _last_of_jobs(instance, lake, runs, last)
    removed, skipped = 0, 0
    for run in (run for run in runs if run.run_id not in kept):
        if removed == AT_ONCE:
            break
        try:
            if _is_over(instance, run) and not _is_last_of_a_check(instance, run):
                _remove(instance, run.run_id)
                removed += 1
        except Exception:  # noqa: BLE001 - of a run that Dagster can't read; the others' records go all the same
            skipped += 1
    _sweep_files(instance, before)
    return Pruned(removed, more=removed == AT_ONCE, skipped=skipped)


def _at_work(instance: dg.DagsterInstance, lake: Lake) -> bool:
    if instance.get_runs_count(dg.RunsFilter(statuses=UNFINISHED)):
        return True
    return any(is_live(lake, run_id) for run_id in runs_with_lock_file(lake))  # before Dagster has heard of one


def _last_of_assets(instance: dg.DagsterInstance, before: datetime) -> set[str]:
    """The runs that were the last to make, to plan or to observe an asset, or a partition of one; newer runs are left out."""
    found: set[str] = set()
    for record in instance.get_asset_records():
        key, last = record.asset_entry.asset_key, record.asset_entry.last_run_id
        found |= {last} if last else set()
        for kind in _ASSET_EVENTS:
            found |= {each.run_id for each in _events(instance, key, kind, limit=1)}  # of an asset without partitions
            old = _events(instance, key, kind, limit=1, before_timestamp=before.timestamp())
            by_partition = instance.get_latest_storage_id_by_partition(key, kind).values() if old else ()
            if ids := [each for each in by_partition if each <= old[0].storage_id]:
                found |= {each.run_id for each in _events(instance, key, kind, limit=len(ids), storage_ids=ids)}
    return found


def _events(
    instance: dg.DagsterInstance, key: dg.AssetKey, kind: DagsterEventType, *, limit: int, **more: Any
) -> Sequence[dg.EventLogRecord]:
    wanted = dg.EventRecordsFilter(kind, asset_key=key, **more)
    return instance.event_log_storage.get_event_records(wanted, limit=limit)  # the instance's own has no planned ones


def _last_of_jobs(instance: dg.DagsterInstance, lake: Lake, old: Sequence[dg.DagsterRun], last: int) -> set[str]:
    """The runs that sensors look back on: a job's last runs and last successful ones, a sensor's last, and those that
    wait for a limit.
    """
    kept: set[str] = set()

    def keep(wanted: dg.RunsFilter, most: int) -> None:
        ours = (each.dagster_run for each in all_records(instance, wanted) if is_ours(each.dagster_run, lake))
        kept.update(run.run_id for run in islice(ours, most))

    for job in {run.job_name for run in old}:
        keep(dg.RunsFilter(job_name=job), last)
        keep(dg.RunsFilter(job_name=job, statuses=[DagsterRunStatus.SUCCESS]), 1)
        wholes = (
            [newest(instance, lake, job, [DagsterRunStatus.SUCCESS]), newest(instance, lake, job, [])]
            if job in JOBS
            else []
        )
        kept |= {record.dagster_run.run_id for record in wholes if record is not None}
    for sensor in {run.tags[SENSOR] for run in old if SENSOR in run.tags}:
        keep(dg.RunsFilter(tags={SENSOR: sensor}), 1)  # Dagster starts no run key twice
    if any(LIMIT in run.tags for run in old):
        for stopped, failed in unresumed_runs(instance, lake):
            kept |= {record.dagster_run.run_id for record in (stopped, *failed)}
    return kept


def _is_over(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether the backfill that it belongs to, if any, is over."""
    backfill = instance.get_backfill(run.tags[BACKFILL]) if BACKFILL in run.tags else None
    return backfill is None or backfill.status in BULK_ACTION_TERMINAL_STATUSES


def _is_last_of_a_check(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    entries = instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED)
    planned = [entry.dagster_event.asset_check_planned_data for entry in entries if entry.dagster_event]
    last = instance.event_log_storage.get_latest_asset_check_execution_by_key([one.asset_check_key for one in planned])
    return any(record.run_id == run.run_id for record in last.values())


def _remove(instance: dg.DagsterInstance, run_id: str) -> None:
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):
        with storage.index_connection() as connection:
            checks = AssetCheckExecutionsTable
            connection.execute(checks.delete().where(checks.c.run_id == run_id))
    storage.delete_events(run_id)
    instance.run_storage.delete_run(run_id)  # last: what breaks off before is taken up again
    if isinstance(storage, SqliteEventLogStorage):
        _remove_files(storage, run_id)


def _sweep_files(instance: dg.DagsterInstance, before: datetime) -> None:
    """Delete the files of unknown runs: of one that a person deleted in the UI, or whose removal was interrupted."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        return
    for run_id in storage.get_all_run_ids():
        path = Path(storage.path_for_shard(run_id))
        if _is_older(path, before) and not instance.has_run(run_id):
            _remove_files(storage, run_id)
            instance.compute_log_manager.delete_logs(prefix=[run_id])


def _is_older(path: Path, before: datetime) -> bool:
    with suppress(OSError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) < before
    return False


def _remove_files(storage: SqliteEventLogStorage, run_id: str) -> None:
    path = Path(storage.path_for_shard(run_id))
    for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        file.unlink(missing_ok=True)


def run_records_sensor(
    settings: Settings, status: dg.DefaultSensorStatus, now: Callable[[], datetime]
) -> dg.SensorDefinition:
    @dg.sensor(
        minimum_interval_seconds=3600,
        default_status=status,
        description="Removes Dagster's records of runs older than STRAVA_RUN_RECORDS_DAYS that nothing asks for any more.",
    )
    def run_records(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        pruned = prune_daily(context.instance, settings, now())
        left = f" Those of {pruned.skipped} can't be read or removed." if pruned.skipped else ""
        return dg.SkipReason(pruned.why or f"{pruned.removed} records of runs removed.{left}")

    return run_records
