"""Which records of runs are removed, and that nothing which is still asked for goes with them."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from sqlalchemy import text

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.locks import live_run
from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.run_records import Pruned, prune, prune_daily
from strava_pipeline.orchestrate.tags import DATA_DIR, LIMIT, RESUMES
from strava_pipeline.verbs.instance import open_instance
from strava_pipeline_tests.orchestrate.sensors.ticks import watched
from strava_pipeline_tests.rig import Rig

YEARS = dg.StaticPartitionsDefinition(["2023", "2024", "2025", "2026"])


@dg.asset(partitions_def=YEARS, check_specs=[dg.AssetCheckSpec("sound", asset="by_year")])
def by_year(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
    if context.run.tags.get("fails"):
        raise RuntimeError("as it was told")
    yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name="sound")])


@dg.asset
def at_once() -> None:
    """An asset without partitions."""


DEFS = dg.Definitions(
    assets=[by_year, at_once],
    jobs=[
        dg.define_asset_job("flow", [by_year]),
        dg.define_asset_job("backfill", [by_year]),
        dg.define_asset_job("profile", [at_once]),
    ],
    executor=dg.in_process_executor,
)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(tmp_path / "home") as made:
        yield made


def run(instance: dg.DagsterInstance, lake: Lake, job: str, year: str | None = None, **tags: str) -> str:
    told = DEFS.resolve_job_def(job).execute_in_process(
        instance=instance, partition_key=year, tags={DATA_DIR: str(lake.data_dir), **tags}, raise_on_error=False
    )
    return told.run_id


def state(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What the UI shows of assets, their partitions and checks, and what sensors ask of the assets."""
    kinds = (dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    storage = instance.event_log_storage
    key, check = dg.AssetKey("by_year"), dg.AssetCheckKey(dg.AssetKey("by_year"), "sound")
    found: dict[str, Any] = {kind.value: storage.get_latest_storage_id_by_partition(key, kind) for kind in kinds}
    found["partitions"] = instance.get_materialized_partitions(key)
    found["failed"] = storage.get_latest_asset_partition_materialization_attempts_without_materializations(key)
    found["check"] = storage.get_latest_asset_check_execution_by_key([check])[check].run_id
    for record in instance.get_asset_records():
        last = record.asset_entry.last_materialization_record
        found[record.asset_entry.asset_key.to_user_string()] = (last and last.run_id, record.asset_entry.last_run_id)
    return found


@pytest.mark.dear
def test_a_run_is_kept_while_it_is_the_last_of_its_kind_or_waits(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    lake, other = Lake(tmp_path / "data"), Lake(tmp_path / "another")
    replaced = [run(instance, lake, "flow", "2024"), run(instance, lake, "profile")]
    kept = {
        "the only one of its partition": run(instance, lake, "flow", "2025"),
        "of another data folder": run(instance, other, "flow", "2024"),
        "waits for a limit": run(instance, lake, "backfill", "2024", **{LIMIT: "day"}),
    }
    kept["tried to go on with what waits"] = run(
        instance, lake, "backfill", "2024", fails="yes", **{RESUMES: kept["waits for a limit"]}
    )
    kept["the last of its partition, which failed"] = run(instance, lake, "flow", "2026", fails="yes")
    replaced.append(run(instance, lake, "backfill", "2023", **{LIMIT: "day"}))
    kept["went on with it"] = run(instance, lake, "backfill", "2023")
    last = [run(instance, lake, "flow", "2024"), run(instance, lake, "profile")]
    before = datetime.now(UTC) + timedelta(seconds=1)
    shown, home = state(instance), tmp_path / "home"
    assert prune(instance, lake, before - timedelta(days=1)).removed == 0, "all are too new"

    assert prune(instance, lake, before, last=1).removed == len(replaced)
    assert {one.run_id for one in instance.get_runs()} == {*kept.values(), *last}
    assert state(instance) == shown
    assert {path.name.partition(".")[0] for path in (home / "history/runs").iterdir()} == {
        *kept.values(),
        *last,
        "index",
    }
    assert not [run_id for run_id in replaced if (home / "storage" / run_id).exists()]
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        for table in ("event_logs", "asset_check_executions"):
            known = {row[0] for row in connection.execute(text(f"SELECT DISTINCT run_id FROM {table}"))}
            assert not known & {*replaced}, table
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        assert not {row[0] for row in connection.execute(text("SELECT run_id FROM run_tags"))} & {*replaced}
    assert prune(instance, lake, before, last=1).removed == 0


@pytest.mark.slow
def test_records_that_can_not_be_read_keep_no_others_and_fail_no_run(tmp_path: Path) -> None:
    settings = Settings.load(_env_file=None, data_dir=tmp_path / "data", dagster_home=tmp_path / "home")
    lake, now = Lake(settings.data_dir), datetime.now(UTC) + timedelta(minutes=1)
    with open_instance(settings.dagster_home) as instance:
        damaged, _, last = [run(instance, lake, "profile") for _ in range(3)]
    for file in (settings.dagster_home / "history/runs").glob(f"{damaged}.db*"):
        file.write_bytes(b"no database" * 1000)
    with open_instance(settings.dagster_home) as instance:
        assert prune(instance, lake, now, last=1) == Pruned(1, skipped=1)
        assert [one.run_id for one in instance.get_runs()] == [last, damaged]
        with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
            connection.execute(text("UPDATE runs SET run_body = '{}'"))
        told = prune_daily(instance, settings, now + timedelta(days=9999)).why
    assert told is not None
    assert told.startswith("Old records could not be removed (")


def test_old_files_of_runs_that_nobody_knows_go_too(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    runs, logs = tmp_path / "home/history/runs", tmp_path / "home/storage"
    now = datetime.now(UTC)
    for name, at in (("forgotten", 0), ("just-made", now.timestamp()), ("", 0)):  # Dagster makes the nameless one
        (runs / f"{name}.db").touch()
        os.utime(runs / f"{name}.db", (at, at))
        (logs / name / "compute_logs").mkdir(parents=True)
    assert prune(instance, Lake(tmp_path / "data"), now - timedelta(days=1)).removed == 0
    assert not {path.name for path in runs.iterdir()} & {"forgotten.db"}
    assert {".db", "just-made.db"} <= {path.name for path in runs.iterdir()}
    assert {path.name for path in logs.iterdir()} == {"just-made", "compute_logs"}


def test_records_are_looked_at_once_a_day_and_never_beside_a_run(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    settings = Settings.load(_env_file=None, data_dir=tmp_path / "data", dagster_home=tmp_path / "home")
    now = datetime(2026, 3, 10, tzinfo=UTC)
    with live_run(Lake(settings.data_dir), "of-a-command"):
        assert prune_daily(instance, settings, now).why == "A run is at work."
    at_work = instance.create_run_for_job(DEFS.resolve_job_def("profile"), status=DagsterRunStatus.STARTED)
    assert prune_daily(instance, settings, now).why == "A run is at work."
    instance.report_run_canceled(at_work)
    assert prune_daily(instance, settings, now).why is None
    assert prune_daily(instance, settings, now + timedelta(hours=23)).why == "Looked at within a day."
    assert prune_daily(instance, settings, now + timedelta(hours=25)).why is None


@pytest.mark.parametrize(("days", "removed"), [(7, 1), (8, 0)])
def test_records_are_kept_for_as_many_days_as_is_set(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, removed: int
) -> None:
    monkeypatch.setattr(prune, "__defaults__", (1,))  # how many of the newest it keeps
    for _ in range(2):
        instance.create_run_for_job(DEFS.resolve_job_def("profile"), status=DagsterRunStatus.SUCCESS)
    settings = Settings.load(
        _env_file=None, data_dir=tmp_path / "data", dagster_home=tmp_path / "home", run_records_days=days
    )
    assert prune_daily(instance, settings, datetime.now(UTC) + timedelta(days=7, hours=1)).removed == removed


@pytest.mark.dear
def test_sensors_do_the_same_after_old_records_are_gone(rig: Rig) -> None:
    with watched(rig, on_disk=True) as watch:
        now = datetime.now(UTC)
        waits = watch.note("backfill", DagsterRunStatus.SUCCESS, at=now, years="2023", tags={LIMIT: "day"})
        done = watch.note("backfill", DagsterRunStatus.SUCCESS, at=now, years="2025", tags={LIMIT: "gone on with"})
        watch.note("backfill", DagsterRunStatus.FAILURE, at=now, years="2023", tags={RESUMES: waits.run_id})
        watch.note("backfill", DagsterRunStatus.SUCCESS, at=now, years="2025")
        replaced = watch.note("flow", DagsterRunStatus.SUCCESS, at=now)
        watch.note("flow", DagsterRunStatus.SUCCESS, at=now)
        watch.note("flow", DagsterRunStatus.FAILURE, at=now)

        def asked() -> dict[str, Any]:
            names = ("catch_up", "resume", "webhooks", "inbox")
            watch.cursors.clear()
            return {name: watch.tick(name) for name in names}

        watch.later = timedelta(hours=30)  # a daily run is due, and the pause after a failed one is over
        before = asked()
        assert before["catch_up"][0] is not None
        assert before["resume"][0] is not None
        assert before["resume"][0].tags[RESUMES] == waits.run_id
        assert prune(watch.instance, rig.lake, now + timedelta(hours=1), last=1).removed == 2
        assert not watch.instance.has_run(done.run_id) or watch.instance.has_run(replaced.run_id)
        assert asked() == before
