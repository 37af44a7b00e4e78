"""Dagster's databases are opened once per instance, hold what they always held, and are let go of at its end."""

import shutil
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy.exc import OperationalError

from strava_pipeline.orchestrate.instance import open_instance


@dg.asset
def thing(context: dg.AssetExecutionContext) -> None:
    context.log.info("made")


def made(instance: dg.DagsterInstance) -> str:
    """The id of a run that made the asset."""
    return dg.materialize([thing], instance=instance).run_id


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


def test_a_run_opens_each_database_hardly_more_than_once_and_keeps_all_events(
    tmp_path: Path, opened: list[str]
) -> None:
    with open_instance(tmp_path) as instance:
        opened.clear()
        run = made(instance)
        assert max(Counter(opened).values()) <= 2, "once more where a database is made"
        told = [entry.dagster_event.event_type_value for entry in instance.all_logs(run) if entry.dagster_event]
        assert instance.get_latest_materialization_event(thing.key) is not None
    assert told == events(tmp_path, run)
    assert told[-1] == "PIPELINE_SUCCESS"
    assert {"ASSET_MATERIALIZATION", "PIPELINE_SUCCESS"} <= set(events(tmp_path, "index"))


def test_many_runs_are_read_through_few_open_databases(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        runs = [made(instance) for _ in range(10)]
        assert [len(instance.all_logs(run)) for run in runs] == [len(instance.all_logs(runs[0]))] * 10
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
