"""Dagster's records in PostgreSQL: looked at, migrated, and told of in a sentence where they can't be reached."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import dagster_postgres
import pytest
import yaml
from dagster._core.storage.sql import run_alembic_downgrade
from dagster._daemon.types import DaemonHeartbeat
from dagster_postgres.utils import pg_alembic_config
from sqlalchemy import create_engine

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.facts import Fact, State
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.home import own_configuration
from strava_pipeline.verbs.dagster_health import config_health, instance_health
from strava_pipeline.verbs.dagster_process import environment_of_dagster
from strava_pipeline.verbs.instance import database_faults_named, is_behind, open_instance
from strava_pipeline.verbs.service_status import service_status
from strava_pipeline_tests import postgres

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
VARIABLE = "DAGSTER_PG_URL"
AWAY = "postgresql+psycopg2://dagster:s3cret-of-mine@127.0.0.1:1/dagster"  # nobody may listen on port 1


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A Dagster home whose records were SQLite files until its dagster.yaml named a database."""
    (tmp_path / ".migrated_by").write_text(dg.__version__)
    configure(tmp_path, {"postgres": {"postgres_url": {"env": VARIABLE}}})
    return tmp_path


@pytest.fixture
def url(server: postgres.Server, monkeypatch: pytest.MonkeyPatch) -> str:
    found = server.new_database().replace("postgresql://", "postgresql+psycopg2://")
    monkeypatch.setenv(VARIABLE, found)
    return found


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster tries six times in eleven seconds."""
    monkeypatch.setattr("dagster_postgres.utils.calculate_delay", lambda **_: 0)


def configure(home: Path, storage: object, *without: str) -> None:
    sections = {**yaml.safe_load(own_configuration()), "storage": storage}
    kept = {name: section for name, section in sections.items() if name not in without}
    (home / "dagster.yaml").write_text(yaml.safe_dump(kept))


def looked_at(home: Path) -> dict[str, Fact]:
    return {found.name: found for found in instance_health(home, Lake(home / "data"), NOW)}


def beat(instance: dg.DagsterInstance) -> None:
    """What Dagster's scheduler says every half minute."""
    instance.add_daemon_heartbeat(DaemonHeartbeat(NOW.timestamp(), "SCHEDULER", "1", []))


@pytest.mark.dear
@pytest.mark.usefixtures("url")
def test_doctor_and_service_status_ask_the_database_and_not_the_folder(home: Path) -> None:
    with open_instance(home) as instance:
        beat(instance)
    assert not list(home.rglob("*.db"))
    found = looked_at(home)
    assert {name: one.state for name, one in found.items()} == {
        "dagster": State.OK, "dagster daemon": State.OK, "automation": State.OK, "runs": State.OK,
    }  # fmt: skip
    assert f"in the database that {home / 'dagster.yaml'} names" in found["dagster"].text
    settings = Settings.load(_env_file=None, data_dir=home / "data", logs_dir=home / "logs", dagster_home=home)
    assert service_status(settings, NOW).heard_at == NOW


@pytest.mark.slow
@pytest.mark.usefixtures("url")
def test_a_database_of_an_older_dagster_is_migrated_whatever_the_folder_notes(home: Path) -> None:
    with open_instance(home) as instance:
        with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
            run_alembic_downgrade(pg_alembic_config(dagster_postgres.__file__), connection, "-2")
        assert is_behind(instance)
    assert "the next command migrates them" in looked_at(home)["dagster"].text
    with open_instance(home) as instance:
        assert not is_behind(instance)


@pytest.mark.usefixtures("no_pauses")
def test_a_database_that_is_away_is_one_sentence_and_nothing_is_moved_away(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, AWAY)
    with pytest.raises(PipelineError, match=r"port 1 failed: Connection refused") as refused:
        open_instance(home)
    found = looked_at(home)
    assert not caplog.messages
    assert found.keys() == {"dagster"}
    assert found["dagster"].state == State.PROBLEM
    for told in (str(refused.value), f"{found['dagster'].text} {found['dagster'].advice}"):
        assert f"the database that {home / 'dagster.yaml'} names" in told
        assert not [word for word in ("mv ", "move", "s3cret", "\n", "history") if word in told]


@pytest.mark.slow
@pytest.mark.usefixtures("no_pauses", "url")
def test_a_database_that_goes_away_in_the_middle_is_one_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_instance(home) as instance:
        monkeypatch.setattr(instance.run_storage, "_engine", create_engine(AWAY))
        with pytest.raises(PipelineError, match="see that it runs and lets you in"), database_faults_named(home):
            instance.get_runs()


def test_a_variable_that_is_not_set_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(PipelineError, match=f"takes {VARIABLE} from the environment") as refused:
        open_instance(home)
    found = looked_at(home)["dagster"]
    assert found.state == State.PROBLEM
    for told in (str(refused.value), f"{found.text} {found.advice}"):
        assert VARIABLE in told
        assert not [word for word in ("mv ", "move") if word in told]


@pytest.mark.slow
def test_a_variable_may_be_a_file_among_the_secrets(
    home: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / VARIABLE).write_text(f"{url}\n")
    monkeypatch.setattr("strava_pipeline.environment.setting_sources.SECRETS", secrets)
    monkeypatch.setenv(VARIABLE, "")
    with open_instance(home) as instance:
        assert instance.get_runs() == []
    assert environment_of_dagster(Settings.load(_env_file=None, dagster_home=home))[VARIABLE] == url


def test_a_file_among_the_secrets_that_cannot_be_read_is_named(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    (secrets / VARIABLE).mkdir(parents=True)
    monkeypatch.setattr("strava_pipeline.environment.setting_sources.SECRETS", secrets)
    monkeypatch.setenv(VARIABLE, "")
    with pytest.raises(PipelineError, match=f"{secrets / VARIABLE} is no file"):
        open_instance(home)


def test_a_storage_that_is_not_installed_is_named(home: Path) -> None:
    configure(home, {"custom": {"module": "dagster_of_mine", "class": "Storage", "config": {}}})
    with pytest.raises(PipelineError, match="Couldn't import module dagster_of_mine") as refused:
        open_instance(home)
    assert "Keep its section storage" in str(refused.value)
    assert looked_at(home)["dagster"].state == State.PROBLEM


def test_a_configuration_that_leads_to_a_database_is_never_to_be_moved_away(home: Path) -> None:
    configure(home, {"postgres": {"postgres_url": {"env": VARIABLE}}}, "run_retries")
    found = config_health(home)
    assert found.state == State.WARNING
    assert "run_retries:\n  enabled: true" in str(found.advice)
    assert "mv " not in str(found.advice)
    configure(home, yaml.safe_load(own_configuration())["storage"], "run_retries")
    assert "mv " in str(config_health(home).advice)
