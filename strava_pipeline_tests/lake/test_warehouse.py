"""lake.gold.warehouse: one writer, one transaction; a second process waits, a dead one leaves nothing behind."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pytest

from strava_pipeline.core import tables
from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.tables import TABLES, catalogue_version
from strava_pipeline.lake.bronze.answers import land_gear
from strava_pipeline.lake.gold import sessions, warehouse
from strava_pipeline.lake.gold.merge_details import merge_profile
from strava_pipeline.lake.gold.notes import begin_change, mark_changed, note, revision, unmark
from strava_pipeline.lake.gold.publish import current_snapshot, publish
from strava_pipeline.lake.gold.quality import (
    counted,
    counts_by_year,
    known_gear,
    row_counts,
    rows_by_year,
    unknown_gear,
)
from strava_pipeline.lake.gold.shared_snapshot import SharedSnapshot
from strava_pipeline.lake.gold.warehouse import (
    Connection,
    DamagedWarehouseError,
    OtherCatalogueError,
    connect,
    is_due,
    reading,
    spill,
    spill_folder,
    transaction,
    version_of,
    writing,
)
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import DAY, NOW, activity, detailed, listed, merge, merge_detailed, rows
from strava_pipeline_tests.lake.test_locks import held, kill
from strava_pipeline_tests.patience import PATIENCE

pytestmark = pytest.mark.closed  # how it is opened and closed is what these tests are about


def put(lake: Lake, activity_id: int) -> None:
    with writing(lake) as connection:
        connection.execute("INSERT INTO activities_all BY NAME SELECT $id AS id", {"id": activity_id})
        mark_changed(connection)


def present(lake: Lake) -> list[int]:
    return [found["id"] for found in rows(lake)]


def test_a_new_warehouse_has_every_table_of_the_catalogue_and_no_rows(lake: Lake) -> None:
    with reading(lake) as connection:
        assert version_of(connection) == f"{catalogue_version()}.2"
        assert row_counts(connection) == dict.fromkeys(TABLES, 0)
        for name in ("activities", "deleted_activities"):
            assert connection.execute(f"SELECT * FROM {name}").fetchall() == []
        for table in TABLES.values():
            described = connection.execute(f"DESCRIBE {table.name}").fetchall()
            assert [name for name, *_ in described] == [column.name for column in table.columns]


CHANGES: dict[str, Callable[[Connection], object]] = {
    "a change": mark_changed,
    "a note": lambda connection: note(connection, "made:x", "1"),
    "a note that goes": lambda connection: unmark(connection, "made:x"),
    "a change that will be": lambda connection: begin_change(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_step_that_is_asked_whether_it_is_due_changes_nothing(
    lake: Lake, change: Callable[[Connection], object]
) -> None:
    put(lake, 1)
    reached = []

    def step(connection: Connection) -> None:
        with transaction(connection):
            connection.execute("DELETE FROM activities_all")
            change(connection)
            reached.append(True)

    with reading(lake) as connection:
        assert is_due(connection, partial(step, connection))
        assert not reached
        assert not is_due(connection, lambda: connection.execute("SELECT 1"))
        assert present(lake) == [1]
        step(connection)
    assert reached
    assert present(lake) == []


def test_a_step_that_asks_another_one_is_asked_itself(lake: Lake) -> None:
    def step(connection: Connection) -> None:
        assert not is_due(connection, lambda: connection.execute("SELECT 1"))
        mark_changed(connection)

    with reading(lake) as connection:
        assert is_due(connection, partial(step, connection))


def test_a_step_that_fails_when_it_is_asked_is_no_answer_and_the_next_one_is_work(lake: Lake) -> None:
    with reading(lake) as connection:
        with pytest.raises(duckdb.CatalogException):
            is_due(connection, lambda: connection.execute("FROM nothing"))
        put(lake, 1)
    assert present(lake) == [1]


def test_what_another_thread_does_meanwhile_is_work(lake: Lake, tmp_path: Path) -> None:
    other = Lake(tmp_path / "other")

    def step() -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(put, other, 1).result()

    with reading(lake) as connection:
        assert not is_due(connection, step)
    assert present(other) == [1]


def test_what_a_body_wrote_is_there_when_it_ends(lake: Lake) -> None:
    put(lake, 1)
    assert present(lake) == [1]


def test_a_look_within_a_look_uses_the_connection_that_is_open(lake: Lake) -> None:
    with reading(lake) as connection:
        with writing(lake) as inner:
            assert inner is connection
            inner.execute("INSERT INTO activities_all BY NAME SELECT 1 AS id")
            mark_changed(inner)
        with reading(lake) as again:
            assert again is connection
        assert connection.execute("SELECT id FROM activities_all").fetchall() == [(1,)], "the inner body left it open"
    with reading(lake) as another:
        assert another is not connection
    assert present(lake) == [1]


@pytest.mark.closed
def test_the_next_opening_finds_nothing_of_the_last_one(lake: Lake) -> None:
    """Though both are of one instance of DuckDB, unless a body raised, set what is the instance's, or left its temporary folder."""
    place, seen = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'mine'", []
    for setting in ("TimeZone = 'UTC'", "threads = 3", "memory_limit = '100MB'", "TimeZone = 'UTC'"):
        with reading(lake) as connection:
            seen.append(connection.execute("SELECT current_setting('threads')").fetchall())
            assert connection.execute(place).fetchall() == [(0,)]
            connection.execute("CREATE TEMP TABLE mine AS SELECT 1")
            connection.execute(f"ATTACH '{lake.working.with_name('other.duckdb')}' AS other")
            connection.execute(f"SET {setting}")
        with closing(duckdb.connect(str(lake.working))) as alone:  # nobody has the file open
            assert alone.execute("SELECT count(*) FROM activities").fetchall() == [(0,)]
        assert len(sessions._IDLE) == (setting == "TimeZone = 'UTC'")
    assert seen == [seen[0]] * 4
    with reading(lake):
        spill_folder(lake.working).mkdir()
    assert sessions._IDLE == []
    with pytest.raises(LookupError), reading(lake):
        raise LookupError
    assert sessions._IDLE == []


@pytest.mark.slow
def test_a_body_that_raises_leaves_nothing(lake: Lake) -> None:
    put(lake, 1)
    with reading(lake) as connection:
        before = revision(connection)

    def fail() -> None:
        with writing(lake) as connection:
            connection.execute("DELETE FROM activities_all")
            mark_changed(connection)
            raise RuntimeError("the body failed")

    with pytest.raises(RuntimeError):
        fail()
    assert present(lake) == [1]
    with reading(lake) as connection:
        assert revision(connection) == before
        with pytest.raises(RuntimeError):
            fail()
        assert connection.execute("SELECT id FROM activities_all").fetchall() == [(1,)], "rolled back for who goes on"
        put(lake, 2)
    assert present(lake) == [1, 2]


def test_what_a_transaction_holds_is_on_disk_and_memory_limited(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse, "_HELD", 2_000_000)
    monkeypatch.setattr(warehouse, "_KEPT", "2MB")
    with writing(lake) as connection:

        def looked_up(query: str) -> Any:
            ((found,),) = connection.execute(query).fetchall()
            return found

        limit = looked_up("SELECT current_setting('memory_limit')")
        connection.execute("CREATE TABLE texts (text VARCHAR)")
        for _ in range(2):  # fewer than a row group holds, for a full one is written at once
            connection.execute("INSERT INTO texts SELECT repeat(md5(range::VARCHAR), 10) FROM range(15_000)")
            assert looked_up("SELECT sum(memory_usage_bytes) FROM duckdb_memory()") > 2_000_000, "the limit is in force"
            spill(connection)
            assert looked_up("SELECT sum(memory_usage_bytes) FROM duckdb_memory()") <= 2_000_000
            assert looked_up("SELECT sum(temporary_storage_bytes) FROM duckdb_memory()") > 0
            assert looked_up("SELECT current_setting('memory_limit')") == limit
        assert looked_up("SELECT count(*) FROM texts") == 30_000


@pytest.mark.closed
def test_what_this_process_has_open_is_not_taken_for_damaged(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse, "_PATIENCE", 0)
    with closing(connect(lake.working)), pytest.raises(PipelineError, match="can't be opened") as refused:
        connect(lake.working)
    assert not isinstance(refused.value, DamagedWarehouseError)
    assert present(lake) == []


@pytest.mark.slow
def test_a_writer_that_was_killed_leaves_nothing(lake: Lake) -> None:
    put(lake, 2)
    with held(lake, "warehouse") as process:
        kill(process)
        assert present(lake) == [2]


WAIT = """
import sys
from pathlib import Path
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.gold.warehouse import writing
print("waiting", flush=True)
with writing(Lake(Path(sys.argv[1]))) as connection:
    connection.execute("INSERT INTO activities_all BY NAME SELECT max(id) + 1 AS id FROM activities_all")
"""


@pytest.mark.slow
def test_a_second_process_waits_for_the_first_and_sees_what_it_wrote(lake: Lake) -> None:
    with writing(lake) as connection:
        command = [sys.executable, "-c", WAIT, str(lake.data_dir)]
        second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert second.stdout is not None
        assert second.stdout.readline() == "waiting\n"
        connection.execute("INSERT INTO activities_all BY NAME SELECT 41 AS id")
        assert second.poll() is None
    second.communicate(timeout=PATIENCE)
    assert second.returncode == 0
    assert present(lake) == [41, 42]


SHELL = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
"""


@pytest.mark.slow
def test_a_program_with_the_file_open_but_no_lock_is_told_apart(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    put(lake, 1)
    publish(lake)
    monkeypatch.setattr(warehouse, "_PATIENCE", 0)
    spill_folder(lake.working).mkdir()
    files: dict[Path, list[Callable[[], AbstractContextManager[Connection]]]] = {
        lake.working: [lambda: reading(lake)],
        lake.snapshot: [lambda: current_snapshot(lake), SharedSnapshot(lake).reader],
    }
    for file, looks in files.items():
        command = [sys.executable, "-c", SHELL, str(file)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as shell:
            assert shell.stdout is not None
            assert shell.stdout.readline() == "open\n"
            for look in looks:
                with (
                    pytest.raises(PipelineError, match=rf"another program \(PID {shell.pid}\).* close it there"),
                    look(),
                ):
                    pass
            shell.communicate("\n", timeout=PATIENCE)
    assert spill_folder(lake.working).is_dir(), "that is the other program's"
    assert present(lake) == [1]


def test_what_a_killed_process_put_beside_the_warehouse_is_removed_before_it_is_opened(lake: Lake) -> None:
    left = spill_folder(lake.working) / "duckdb_temp_storage_DEFAULT-0.tmp"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"left")
    lake.working.write_bytes(b"no database")
    with pytest.raises(DamagedWarehouseError):
        connect(lake.working)
    assert not left.parent.exists()


class Looks:
    """A finder of modules that finds none, and notes what was looked for."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        self.names.append(name)


@pytest.mark.skipif(find_spec("pandas") is not None, reason="pandas is installed: DuckDB imports it once")
def test_no_module_is_looked_for_though_many_values_are_bound(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks()
    with reading(lake) as connection:
        query = "SELECT count(*) FROM unnest($ids)"
        connection.execute(query, {"ids": [1]})  # what is imported once
        monkeypatch.setattr(sys, "meta_path", [looks, *sys.meta_path])
        assert connection.execute(query, {"ids": list(range(100))}).fetchall() == [(100,)]
    assert looks.names == []


def test_sessions_run_in_utc(lake: Lake) -> None:
    with reading(lake) as connection:
        assert connection.execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)


def test_a_warehouse_of_another_catalogue_is_not_opened(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    put(lake, 1)
    monkeypatch.setitem(tables.TABLES, "gear", tables.TABLES["athlete"])  # deleted, it would come back at another place
    with pytest.raises(OtherCatalogueError, match="another version"):
        connect(lake.working)
    monkeypatch.undo()
    assert present(lake) == [1]


def test_what_fails_while_its_views_are_made_leaves_the_warehouse_closed_and_as_it_was(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lake, 1)
    with duckdb.connect(str(lake.working), read_only=True) as looking:
        before = revision(looking)

    def fail(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("DROP TABLE activities_all CASCADE")
        raise KeyboardInterrupt

    monkeypatch.setattr(warehouse, "views_version", lambda: "of another version")
    monkeypatch.setattr(warehouse, "make_views", fail)
    with pytest.raises(KeyboardInterrupt) as caught:
        connect(lake.working)
    monkeypatch.undo()
    with duckdb.connect(str(lake.working), read_only=True) as looking:  # refused while it is open for writing
        assert revision(looking) == before
    assert caught.tb, "whoever keeps the traceback keeps what stands in its frames"
    assert present(lake) == [1]


def test_a_view_of_an_earlier_version_goes_with_it(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def shown() -> set[str]:
        with reading(lake) as connection:
            return {
                name
                for (name,) in connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
            }

    ours = shown()
    with writing(lake) as connection:
        connection.execute("CREATE VIEW gear_uses AS SELECT 1 AS uses")
    monkeypatch.setattr(warehouse, "views_version", lambda: "of another version")
    assert shown() == ours


def test_a_warehouse_made_anew_is_another_one(lake: Lake) -> None:
    with reading(lake) as connection:
        first = revision(connection)
    lake.working.unlink()
    with reading(lake) as connection:
        assert revision(connection) != first


@pytest.mark.slow
def test_counts_by_year_tell_what_is_present_missing_and_stale(lake: Lake) -> None:
    page = [activity(1), activity(2, distance=None), activity(3), activity(4, "2026-05-05T06:00:00Z"), activity(5)]
    listed(lake, page)
    merge(lake)
    detailed(lake, activity(1), at=NOW)
    merge_detailed(lake, activity(2), at=NOW - DAY, numbered=False)
    with writing(lake) as connection:
        connection.execute("UPDATE activities_all SET deleted_at = $now WHERE id = 5", {"now": NOW})
    with reading(lake) as connection:
        found = [
            (each.year, each.activities, each.kilometres, each.details, each.missing_details, each.stale_details)
            for each in counts_by_year(connection)
        ]
        assert found == [(2025, 3, 2.0, 2, 1, 1), (2026, 1, 1.0, 0, 1, 0)]
        connection.execute("UPDATE activities_all SET start_date_local = NULL WHERE id = 3")
        assert [(each.year, each.activities) for each in counts_by_year(connection)] == [
            (2025, 2),
            (2026, 1),
            (None, 1),
        ]
        assert rows_by_year(connection, "activities_all") == {2025: 4, 2026: 1}
        connection.execute("DELETE FROM activities_all WHERE id = 1")
        assert rows_by_year(connection, "activity_details") == {2025: 1, None: 1}, "one of no known activity"


def test_doubled_and_missing_keys_are_counted(lake: Lake) -> None:
    put(lake, 1)
    put(lake, 1)
    put(lake, 2)
    with reading(lake) as connection:
        assert counted(connection, "duplicate_keys", "activities_all") == {"duplicate_keys": 1, "missing_keys": 0}
        assert counted(connection, "duplicate_keys", "activity_laps") == {"duplicate_keys": 0, "missing_keys": 0}


@pytest.mark.slow
def test_gear_that_was_never_fetched_is_known_by_the_activities_that_name_it(lake: Lake) -> None:
    named = ["b1", "g2", "g2", "", None, "../x", "bé"]
    listed(lake, [activity(number, gear_id=gear_id) for number, gear_id in enumerate(named)])
    merge(lake)
    with reading(lake) as connection:
        assert unknown_gear(connection) == ["b1", "g2"]
        assert known_gear(connection) == []
    land_gear(lake, "b1", b'{"id": "b1"}', NOW)
    with writing(lake) as connection:
        merge_profile(connection, lake)
        assert (unknown_gear(connection), known_gear(connection)) == (["g2"], ["b1"])


INTERRUPTED = """
import os, signal, sys, threading
from pathlib import Path
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import reading, writing
signal.signal(signal.SIGINT, signal.default_int_handler)
def run_long(connection):
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    connection.execute("SELECT count(*) FROM range(100000000) AS a, range(100) AS b WHERE a.range * b.range % 7 = 3")
lake = Lake(Path(sys.argv[1]))
with writing(lake):
    pass
publish(lake)
for opened in (writing, reading, snapshot):
    try:
        with opened(lake) as connection:
            run_long(connection)
    except KeyboardInterrupt:
        print("interrupted", end=", ")
    with opened(lake):
        print("open again")
with reading(lake) as outer:
    try:
        with writing(lake) as connection:
            connection.execute("INSERT INTO activities_all BY NAME SELECT 1 AS id")
            run_long(connection)
    except KeyboardInterrupt:
        print(outer.execute("SELECT count(*) FROM activities_all").fetchall())
"""


@pytest.mark.dear
def test_an_interrupt_during_a_query_is_one_and_the_file_can_be_opened_again(lake: Lake) -> None:
    command = [sys.executable, "-c", INTERRUPTED, str(lake.data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.stdout.splitlines() == ["interrupted, open again"] * 3 + ["[(0,)]"], done.stderr
