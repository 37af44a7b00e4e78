"""A Dagster instance made by an older Dagster is migrated by itself, once, and keeps its runs."""

import sqlite3
import subprocess
import sys
import traceback
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from dagster._core.storage.sql import get_alembic_config, run_alembic_downgrade

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.facts import State
from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.home import names_other_storage
from strava_pipeline.verbs.dagster_health import (
    config_health,
    configuration_lines,
    missing_configuration,
    opened_instance_health,
)
from strava_pipeline.verbs.instance import _EARLIER, open_instance, own_configuration

VERSIONS = sorted((Path(__file__).parent / "dagster_yaml").glob("*.yaml"))  # each dagster.yaml that a version wrote
OF_TWO_DAEMONS = [path for path in VERSIONS if b"class: QueuedRunCoordinator" in path.read_bytes()]
OLDER = "284a732df317"  # before columns of runs, backfills and limits were added


@dg.job
def idle() -> None: ...


def made_by_an_older_dagster(home: Path) -> str:
    """An instance with a run, its databases brought to an older revision; the run's id."""
    with open_instance(home) as instance:
        run_id = instance.create_run_for_job(idle).run_id
        instance.report_engine_event("noted", instance.get_run_by_id(run_id))
        for storage, module, connect in (
            (instance.run_storage, sqlite_run_storage, "connect"),
            (instance.event_log_storage, sqlite_event_log, "index_connection"),
            (instance.schedule_storage, sqlite_schedule_storage, "connect"),
        ):
            with getattr(storage, connect)() as connection:
                run_alembic_downgrade(get_alembic_config(module.__file__), connection, OLDER)
    (home / ".migrated_by").write_text("1.5.0")
    return run_id


def columns(home: Path, table: str) -> set[str]:
    with closing(sqlite3.connect(home / "history" / "runs.db")) as connection:
        return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


def revisions(instance: dg.DagsterInstance) -> set[object]:
    storages = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
    return {storage.alembic_version() for storage in storages if storage is not None}


@pytest.mark.slow
def test_an_older_instance_is_migrated_and_keeps_its_runs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_id = made_by_an_older_dagster(tmp_path)
    assert "backfill_id" not in columns(tmp_path, "runs")
    capfd.readouterr()
    with open_instance(tmp_path) as instance:
        assert [run.run_id for run in instance.get_runs()] == [run_id]
        assert "noted" in [event.message for event in instance.all_logs(run_id)]
        ((present, head),) = revisions(instance)
        assert present == head
        assert idle.execute_in_process(instance=instance).success
    assert "backfill_id" in columns(tmp_path, "runs")
    assert capfd.readouterr().out == ""


@pytest.mark.dear
def test_two_processes_that_open_it_at_once_migrate_it_once(tmp_path: Path) -> None:
    run_id = made_by_an_older_dagster(tmp_path)
    code = (
        "import sys\nfrom pathlib import Path\nfrom strava_pipeline.verbs.instance import open_instance\n"
        "with open_instance(Path(sys.argv[1])) as instance:\n    print([run.run_id for run in instance.get_runs()])"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.communicate(timeout=120)[0].strip() for process in both] == [str([run_id])] * 2


def test_a_migration_that_broke_off_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = made_by_an_older_dagster(tmp_path)

    def killed(self: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(sqlite_event_log.SqliteEventLogStorage, "upgrade", killed)
        with pytest.raises(KeyboardInterrupt):
            open_instance(tmp_path)
    with open_instance(tmp_path) as instance:
        assert [run.run_id for run in instance.get_runs()] == [run_id]
        ((present, head),) = revisions(instance)
        assert present == head


def test_what_an_older_configuration_lacks_is_named(tmp_path: Path) -> None:
    with open_instance(tmp_path):
        assert missing_configuration(tmp_path) == []
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\nrun_retries:\n  enabled: true\n")
    with open_instance(tmp_path):
        missing = missing_configuration(tmp_path)
    assert {"run_monitoring", "concurrency", "run_retries.max_retries"} <= set(missing)
    assert "telemetry" not in missing


@pytest.mark.parametrize("earlier", VERSIONS[:-1], ids=lambda path: path.stem)
def test_a_configuration_of_an_earlier_version_is_replaced_an_edited_one_is_not(tmp_path: Path, earlier: Path) -> None:
    config = tmp_path / "dagster.yaml"
    config.write_bytes(earlier.read_bytes())
    with open_instance(tmp_path) as instance:
        assert (config.read_bytes(), missing_configuration(tmp_path)) == (own_configuration(), [])
        run = instance.create_run_for_job(idle).run_id
    edited = earlier.read_bytes() + b"# mine\n"
    config.write_bytes(edited)
    with open_instance(tmp_path) as instance:
        assert [found.run_id for found in instance.get_runs()] == [run]
    assert config.read_bytes() == edited


@pytest.mark.parametrize("earlier", OF_TWO_DAEMONS, ids=lambda path: path.stem)
def test_doctor_shows_the_lines_that_an_edited_earlier_configuration_needs(tmp_path: Path, earlier: Path) -> None:
    config = tmp_path / "dagster.yaml"
    config.write_text(f"{earlier.read_text()}# mine\n")
    found = config_health(tmp_path)
    assert found.state == State.WARNING
    assert {"run_coordinator.class", "run_coordinator.module"} <= {*missing_configuration(tmp_path)}
    assert "\n  class: ExclusiveRunCoordinator\n" in str(found.advice)
    config.write_text(_written_into(config.read_text(), configuration_lines(missing_configuration(tmp_path))))
    assert config_health(tmp_path).state == State.OK


def _written_into(text: str, lines: str) -> str:
    """What a person makes of the file who does as `doctor` says."""

    def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        both = {name: merged(old[name], new[name]) for name in old.keys() & new if isinstance(old[name], dict)}
        return old | new | both

    return str(yaml.safe_dump(merged(yaml.safe_load(text), yaml.safe_load(lines))))


def test_a_home_with_dagsters_own_storage_opens_and_gets_ours_on_the_same_records(tmp_path: Path) -> None:
    config = tmp_path / "dagster.yaml"
    earlier = VERSIONS[1].read_bytes()  # the last one without the section storage
    config.write_bytes(earlier + b"# mine\n")
    with open_instance(tmp_path) as instance:
        assert type(instance.event_log_storage) is sqlite_event_log.SqliteEventLogStorage
        run = instance.create_run_for_job(idle).run_id
    config.write_bytes(earlier)
    with open_instance(tmp_path) as instance:
        assert [found.run_id for found in instance.get_runs()] == [run]
        assert isinstance(instance.event_log_storage, sqlite_event_log.SqliteEventLogStorage)
        assert type(instance.event_log_storage) is not sqlite_event_log.SqliteEventLogStorage


def test_every_version_of_the_configuration_is_known() -> None:
    """Who changes dagster.yaml adds it to the folder dagster_yaml, and the hash of the one before to those that are replaced."""
    *earlier, present = VERSIONS
    assert present.read_bytes() == own_configuration()
    assert {sha256(path.read_bytes()).hexdigest() for path in earlier} == _EARLIER


@pytest.mark.parametrize(
    "choice",
    [
        "storage:\n  sqlite:\n    base_dir: /var/lib/dagster",
        "run_storage:\n  module: mine\n  class: Runs",
        "storage:\n  postgres:\n    postgres_url: postgresql://localhost/dagster",
    ],
)
def test_a_storage_of_the_users_own_is_never_missing(tmp_path: Path, choice: str) -> None:
    (tmp_path / "dagster.yaml").write_text(f"{choice}\nrun_launcher:\n  module: mine\n  class: Launcher\n")
    assert not {name for name in missing_configuration(tmp_path) if name.startswith(("storage", "run_launcher"))}


def test_a_configuration_that_dagster_no_longer_understands_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("run_queue_of_old: 3\n")
    with pytest.raises(PipelineError, match=r"move it away"):
        open_instance(tmp_path)
    (tmp_path / "dagster.yaml").unlink()
    with open_instance(tmp_path) as instance:
        assert instance.get_runs() == []


def test_what_a_damaged_configuration_says_is_never_repeated(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("postgres_url=postgresql://me:s3cret-of-mine@db/dagster\n")
    with pytest.raises(PipelineError, match=r"does not understand .*dagster\.yaml \(CheckError\)") as refused:
        open_instance(tmp_path)
    assert "s3cret-of-mine" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    ("storage", "way_out"),
    [
        (None, "move it away"),
        (3, "Keep its section storage"),
        ({"postgres": {"postgres_url": "postgresql://me:s3cret-of-mine@db:port/dagster"}}, "Keep its section storage"),
        ({"postgres": {"postgres_url": "s3cret-of-mine"}}, "Keep its section storage"),
    ],
)
def test_a_storage_that_dagster_can_not_use_is_one_sentence(tmp_path: Path, storage: object, way_out: str) -> None:
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"storage": storage}))
    with pytest.raises(PipelineError, match=way_out) as refused:
        open_instance(tmp_path)
    [found] = opened_instance_health(tmp_path, Lake(tmp_path / "data"), datetime(2026, 11, 22, tzinfo=UTC))
    assert "dagster.yaml" in found.text
    assert "s3cret-of-mine" not in "".join(traceback.format_exception(refused.value)) + found.text


@pytest.mark.parametrize("kind", ["sqlite", "custom"])
@pytest.mark.parametrize("base_dir", ["HOME", {"env": "DAGSTER_HOME"}])
def test_sqlite_in_the_home_is_no_storage_elsewhere(tmp_path: Path, kind: str, base_dir: object) -> None:
    own = yaml.safe_load(own_configuration())["storage"]["custom"]
    place = {"base_dir": str(tmp_path) if base_dir == "HOME" else base_dir}
    section = place if kind == "sqlite" else {**own, "config": place}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"storage": {kind: section}}))
    assert not names_other_storage(tmp_path)
    place["base_dir"] = str(tmp_path / "elsewhere")
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"storage": {kind: section}}))
    assert names_other_storage(tmp_path)


def test_damaged_records_of_dagsters_own_storage_in_the_home_are_not_blamed_on_a_database(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"storage": {"sqlite": {"base_dir": str(tmp_path)}}}))
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "runs.db").write_bytes(b"no database" * 1000)
    with pytest.raises(PipelineError, match="move the folders history and schedules"):
        open_instance(tmp_path)
    [found] = opened_instance_health(tmp_path, Lake(tmp_path / "data"), datetime(2026, 11, 22, tzinfo=UTC))
    assert f"mv '{tmp_path / 'history'}'" in str(found.advice)
