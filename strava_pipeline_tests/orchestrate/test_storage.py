"""Dagster's databases hold what stock Dagster would write, in fewer transactions, and are open once per instance."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import OperationalError

from strava_pipeline.verbs.instance import open_instance

pytestmark = pytest.mark.slow

YEARS = dg.StaticPartitionsDefinition(["2024", "2025"])
TABLES = {
    "event_logs": "run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition",
    "asset_keys": "asset_key, last_materialization, last_run_id, asset_details, last_materialization_timestamp",
    "asset_event_tags": "event_id, asset_key, key, value, event_timestamp",
    "asset_check_executions": "asset_key, check_name, partition, run_id, execution_status, evaluation_event, "
    "evaluation_event_timestamp, evaluation_event_storage_id, materialization_event_storage_id",
}


@dg.asset(partitions_def=YEARS)
def thing(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    context.log.info("made")
    return dg.MaterializeResult(tags={"size": "small"})


@dg.asset(deps=[thing], partitions_def=YEARS)
def other() -> None: ...


@dg.asset_check(asset=thing)
def good() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


DEFINITIONS = dg.Definitions([thing, other], asset_checks=[good], jobs=[dg.define_asset_job("both", [thing, other])])
PLANNED = 3  # two assets and a check


def planned(instance: dg.DagsterInstance, year: str = "2025") -> dg.DagsterRun:
    """A run that is created and not begun."""
    return instance.create_run_for_job(DEFINITIONS.resolve_job_def("both"), tags={"dagster/partition": year})


def made(instance: dg.DagsterInstance) -> str:
    """The id of a run that made both assets and checked one."""
    job = DEFINITIONS.resolve_job_def("both")
    return job.execute_in_process(instance=instance, partition_key="2025").run_id


@contextmanager
def stock(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance as Dagster's own storage opens it."""
    home.mkdir(exist_ok=True)
    with dg.DagsterInstance.local_temp(str(home), {"storage": {"sqlite": {"base_dir": str(home)}}}) as instance:
        assert type(instance.event_log_storage).__name__ == "SqliteEventLogStorage"
        yield instance


def rows(home: Path, database: str) -> dict[str, list[Any]]:
    """Everything that is kept of events, when it was written aside."""
    with closing(sqlite3.connect(home / "history" / "runs" / f"{database}.db")) as connection:
        return {
            table: connection.execute(f"SELECT id, {columns} FROM {table} ORDER BY id").fetchall()
            for table, columns in TABLES.items()
        }


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which SQLite files were opened."""
    found: list[str] = []
    connect = sqlite3.dbapi2.connect

    def counted(database: str, *args: object, **more: object) -> sqlite3.Connection:
        found.append(Path(database).name)
        return connect(database, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(sqlite3.dbapi2, "connect", counted)
    return found


def events(home: Path, database: str) -> list[str]:
    with closing(sqlite3.connect(home / "history" / "runs" / f"{database}.db")) as connection:
        return [row[0] for row in connection.execute("SELECT dagster_event_type FROM event_logs ORDER BY id") if row[0]]


def test_a_run_opens_each_database_hardly_twice_and_keeps_all_events(tmp_path: Path, opened: list[str]) -> None:
    with open_instance(tmp_path) as instance:
        opened.clear()
        run = made(instance)
        assert max(Counter(opened).values()) <= 2, "once more where a database is made"
        told = [entry.dagster_event.event_type_value for entry in instance.all_logs(run) if entry.dagster_event]
        assert instance.get_latest_materialization_event(thing.key) is not None
    assert told == events(tmp_path, run)
    assert told[-1] == "PIPELINE_SUCCESS"
    assert {"ASSET_MATERIALIZATION", "PIPELINE_SUCCESS"} <= set(events(tmp_path, "index"))


def test_events_stored_as_a_batch_or_one_by_one_leave_the_rows_that_stock_dagster_leaves(tmp_path: Path) -> None:
    homes = {name: tmp_path / name for name in ("source", "stock", "single", "batch")}
    with stock(homes["source"]) as instance:
        run = made(instance)
        entries = instance.all_logs(run)
    with stock(homes["stock"]) as instance:
        instance.event_log_storage.store_event_batch(entries)
    with open_instance(homes["single"]) as instance:
        for entry in entries:
            instance.event_log_storage.store_event(entry)
    with open_instance(homes["batch"]) as instance:
        instance.event_log_storage.store_event_batch(entries)
    for database in (run, "index"):
        expected = rows(homes["stock"], database)
        assert expected["event_logs"]
        assert rows(homes["batch"], database) == rows(homes["single"], database) == expected
    assert all(expected.values()), "each table was written to"


def test_a_check_that_a_run_did_not_reach_keeps_its_last_result(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        storage, never = instance.event_log_storage, planned(instance)
        instance.report_run_failed(never)
        assert storage.get_latest_asset_check_execution_by_key([good.check_key]) == {}
        run_id, another = made(instance), planned(instance)
        instance.report_run_failed(planned(instance))
        instance.report_run_canceled(planned(instance))
        skipped = planned(instance)
        instance.report_dagster_event(dg.DagsterEvent("PIPELINE_SUCCESS", skipped.job_name), skipped.run_id)
        found = storage.get_asset_check_execution_history(good.check_key, limit=9)
        assert [(one.run_id, one.status.value) for one in found] == [(another.run_id, "PLANNED"), (run_id, "SUCCEEDED")]


def test_what_one_storage_wrote_the_other_reads_and_goes_on_with(tmp_path: Path) -> None:
    with stock(tmp_path) as instance:
        first = made(instance)
    with open_instance(tmp_path) as instance:
        assert type(instance.event_log_storage).__name__ != "SqliteEventLogStorage"
        assert [run.run_id for run in instance.get_runs()] == [first]
        logs = instance.all_logs(first)
        second = made(instance)
    with stock(tmp_path) as instance:
        assert instance.all_logs(first) == logs
        assert len(instance.all_logs(second)) == len(logs)
        assert {run.run_id: run.status for run in instance.get_runs()} == dict.fromkeys(
            (first, second), dg.DagsterRunStatus.SUCCESS
        )
        assert instance.get_materialized_partitions(thing.key) == {"2025"}


def test_the_planned_events_of_a_run_are_one_transaction_of_each_database(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        planned(instance)
        with commits() as databases:
            run = planned(instance)
    assert databases == ["runs.db", f"{run.run_id}.db", f"{run.run_id}.db", "index.db"], "tables, then events"
    assert len(rows(tmp_path, run.run_id)["event_logs"]) == PLANNED


def test_a_batch_of_which_one_event_fails_leaves_nothing(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        before = planned(instance)
        with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
            connection.execute(text("ALTER TABLE asset_check_executions RENAME COLUMN check_name TO name"))
        kept = events(tmp_path, "index")
        with pytest.raises(OperationalError, match="check_name"):
            instance.event_log_storage.store_event_batch(instance.all_logs(before.run_id))
    assert len(events(tmp_path, before.run_id)) == PLANNED
    assert events(tmp_path, "index") == kept


def test_a_batch_whose_commit_fails_is_stored_again_and_nothing_is_there_twice(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        whole = planned(instance)
        with commit_that_fails():
            run = planned(instance)
        assert Counter(entry.dagster_event_type for entry in instance.all_logs(run.run_id)) == Counter(
            entry.dagster_event_type for entry in instance.all_logs(whole.run_id)
        )
    index = rows(tmp_path, "index")
    for table, column in (("event_logs", 1), ("asset_check_executions", 4)):
        count = Counter(row[column] for row in index[table])
        assert count[run.run_id] == count[whole.run_id] > 0, table


@pytest.mark.dear
@pytest.mark.parametrize("commit", [0, 1], ids=["before the first commit", "before the second"])
def test_a_kill_inside_a_batch_leaves_all_of_it_or_nothing_in_each_database(tmp_path: Path, commit: int) -> None:
    code = "from strava_pipeline_tests.orchestrate import test_storage; test_storage.killed()"
    with open_instance(tmp_path) as instance:
        before = rows(tmp_path, "index")
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path), str(commit)], check=False)
        assert done.returncode == -signal.SIGKILL
        (run,) = instance.get_runs()
        assert len(instance.all_logs(run.run_id)) == (PLANNED if commit else 0)
        assert rows(tmp_path, "index") == before
        assert made(instance)


def killed() -> None:
    """In a process of its own: create a run, and die inside its batch."""
    home, commit = Path(sys.argv[1]), int(sys.argv[2])
    left = commit + 1

    @event.listens_for(Engine, "commit")
    def kill(connection: Connection) -> None:
        nonlocal left
        if has_events(connection):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    with open_instance(home) as instance:
        planned(instance)


def test_two_who_write_at_once_lose_nothing(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        whole = len(instance.all_logs(made(instance)))
        assert whole

    def work() -> None:
        with open_instance(tmp_path) as mine:  # connections of its own, as another process has
            for _ in range(3):
                planned(mine)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_instance(tmp_path) as instance:
        created = [run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.NOT_STARTED]))]
        assert [len(instance.all_logs(run)) for run in created] == [PLANNED] * 6
    index = Counter(row[1] for row in rows(tmp_path, "index")["event_logs"])
    assert [index[run] for run in created] == [PLANNED] * 6


def test_an_interrupt_inside_a_transaction_leaves_nothing_and_the_next_goes_on(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        run = planned(instance)
        storage: Any = instance.event_log_storage
        with suppress(KeyboardInterrupt), storage.index_connection(), storage.run_connection(run.run_id):
            instance.report_engine_event("lost", run)
            raise KeyboardInterrupt
        instance.report_engine_event("kept", run)
        assert [entry.message for entry in instance.all_logs(run.run_id)][PLANNED:] == ["kept"]


def test_who_watches_a_run_sees_events_of_another_process_as_they_come(tmp_path: Path) -> None:
    seen: list[str] = []
    arrived = threading.Event()

    def look(entry: dg.EventLogEntry, cursor: str) -> None:
        seen.append(entry.message)
        if seen[-1] == "second":
            arrived.set()

    with open_instance(tmp_path) as worker, open_instance(tmp_path) as server:
        run = planned(worker)
        worker.report_engine_event("first", run)
        server.watch_event_logs(run.run_id, None, look)
        worker.report_engine_event("second", run)
        assert arrived.wait(60)
        server.end_watch_event_logs(run.run_id, look)
    assert seen[PLANNED:] == ["first", "second"]


def test_records_are_kept_in_the_home_that_is_opened_whatever_dagster_home_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, elsewhere = tmp_path / "mine", tmp_path / "elsewhere"
    elsewhere.mkdir()
    for variable in (str(elsewhere), None):
        if variable is None:
            monkeypatch.delenv("DAGSTER_HOME", raising=False)
        else:
            monkeypatch.setenv("DAGSTER_HOME", variable)
        with open_instance(mine) as instance:
            planned(instance)
    assert list(elsewhere.iterdir()) == []
    with open_instance(mine) as instance:
        assert len(instance.get_runs()) == 2
    monkeypatch.setenv("DAGSTER_HOME", str(mine))
    with dg.DagsterInstance.get() as instance:
        assert len(instance.get_runs()) == 2


def test_many_runs_are_read_through_few_open_databases(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        runs = [planned(instance).run_id for _ in range(10)]
        assert [len(instance.all_logs(run)) for run in runs] == [PLANNED] * 10
        if sys.platform == "linux":
            assert len({name for name in files_open_in(tmp_path) if name.endswith(".db")}) <= 9


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_end_of_an_instance_lets_go_of_every_file(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        made(instance)
        assert "runs.db" in files_open_in(tmp_path)
    assert files_open_in(tmp_path) == set()
    assert not list(tmp_path.rglob("*.db-wal"))


def test_wiped_it_begins_anew(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        before = instance.get_run_by_id(made(instance))
        assert before is not None
        instance.wipe()
        assert instance.get_runs() == []
        again = made(instance)
        instance.report_engine_event("later", before)  # into a new file of the name of the one that is gone
    with open_instance(tmp_path) as instance:
        assert [run.run_id for run in instance.get_runs()] == [again]
    assert events(tmp_path, again)[-1] == "PIPELINE_SUCCESS"
    assert events(tmp_path, before.run_id) == ["ENGINE_EVENT"]


def test_moved_away_it_takes_nothing_more(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        run = instance.get_run_by_id(made(instance))
        assert run is not None
        (tmp_path / "history").rename(tmp_path / "history.away")
        for look in (
            instance.get_runs,
            partial(instance.add_run_tags, run.run_id, {"a": "b"}),
            partial(instance.report_engine_event, "lost", run),
        ):
            with pytest.raises(OperationalError, match="unable to open database file"):
                look()
    (tmp_path / "history.away").rename(tmp_path / "history")
    assert events(tmp_path, run.run_id)[-1] == "PIPELINE_SUCCESS"


def test_another_history_in_its_place_is_the_one_that_is_read(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        first = made(instance)
    shutil.copytree(tmp_path / "history", tmp_path / "backup")
    with open_instance(tmp_path) as instance:
        assert [run.run_id for run in instance.get_runs()] == [first]
        made(instance)
        (tmp_path / "history").rename(tmp_path / "history.away")
        (tmp_path / "backup").rename(tmp_path / "history")
        assert [run.run_id for run in instance.get_runs()] == [first]
        again = made(instance)
        assert {run.run_id for run in instance.get_runs()} == {first, again}
        assert len(instance.all_logs(again)) == len(instance.all_logs(first)) > 0


def name_of(connection: Connection) -> str:
    return Path(str(connection.engine.url.database)).name


def has_events(connection: Connection) -> bool:
    """Whether a transaction is about events, and neither about runs nor about an empty database's tables."""
    if name_of(connection) in ("runs.db", "schedules.db") or not is_in_transaction(connection):
        return False
    held: Any = connection.connection.dbapi_connection
    return bool(held.execute("SELECT count(*) FROM event_logs").fetchone()[0])


def is_in_transaction(connection: Connection) -> bool:
    held: Any = connection.connection.dbapi_connection
    return bool(held.in_transaction)


@contextmanager
def commits() -> Iterator[list[str]]:
    """The databases to which something is committed, in this order; a table outside a transaction is one by itself."""
    found: list[str] = []

    def committed(connection: Connection) -> None:
        if is_in_transaction(connection):
            found.append(name_of(connection))

    def executed(connection: Connection, cursor: object, statement: str, *_: object) -> None:
        if "CREATE" in statement and not is_in_transaction(connection):
            found.append(name_of(connection))

    event.listen(Engine, "commit", committed)
    event.listen(Engine, "before_cursor_execute", executed)
    try:
        yield found
    finally:
        event.remove(Engine, "commit", committed)
        event.remove(Engine, "before_cursor_execute", executed)


@contextmanager
def commit_that_fails() -> Iterator[None]:
    """The first commit of events fails, which is that to a run's database, as on a disk that is full."""
    failed: list[str] = []

    def fail(connection: Connection) -> None:
        if not failed and has_events(connection):
            failed.append(name_of(connection))
            raise sqlite3.OperationalError("database or disk is full")

    event.listen(Engine, "commit", fail)
    try:
        yield
    finally:
        event.remove(Engine, "commit", fail)
    assert failed


def files_open_in(home: Path) -> set[str]:
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        try:
            target = str(each.readlink())
        except OSError:
            continue
        if target.startswith(f"{home}/history"):
            found.add(Path(target).name)
    return found
