"""The command `machines`: what each part becomes, and what is said where workers, the queue or its configuration are missing."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from strava_pipeline.core.facts import State
from strava_pipeline.environment.settings import Settings
from strava_pipeline.orchestrate import machines
from strava_pipeline.orchestrate.home import own_configuration
from strava_pipeline.orchestrate.records import MIGRATED_BY
from strava_pipeline.verbs.machines import workers_health
from strava_pipeline_tests import redis
from strava_pipeline_tests.documents import REPO
from strava_pipeline_tests.verbs.conftest import Type
from strava_pipeline_tests.verbs.house import house

__all__ = ["house"]  # a fixture

NO_WORKER = "no worker takes the runs of house."


@pytest.fixture
def home(house: Path) -> Path:
    """Dagster's home of all athletes, as deploy/ has it, but for its records, which are SQLite files."""
    folder = house / "athletes" / "dagster_home"
    folder.mkdir(parents=True)
    sections = yaml.safe_load((REPO / "deploy" / "server.dagster.yaml").read_text())
    sections["storage"] = yaml.safe_load(own_configuration())["storage"]
    (folder / "dagster.yaml").write_text(yaml.safe_dump(sections))
    (folder / "workspace.yaml").write_bytes((REPO / "deploy" / "server.workspace.yaml").read_bytes())
    return folder


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A queue that no worker takes from."""
    monkeypatch.setattr(machines, "_ANSWER", 0.1)
    with redis.started(tmp_path / "redis") as url:
        monkeypatch.setenv("CELERY_BROKER_URL", url)
        yield url


@pytest.mark.parametrize(
    ("words", "becomes"),
    [
        ("code-server --port 4300", "dagster api grpc --module-name strava_pipeline.orchestrate.house.definitions --host 127.0.0.1 "
         "--port 4300 --location-name barn"),
        ("ui --host 0.0.0.0", "strava_pipeline.verbs.machine_programs ui 0.0.0.0 3000 HOME/workspace.yaml"),
        ("worker --slots 3", "strava_pipeline.verbs.machine_programs worker barn 3"),
        ("code-server --health --port 4300", "dagster api grpc-health-check --port 4300"),
        ("daemon --health", "dagster._daemon liveness-check"),
        ("worker --health", "strava_pipeline.verbs.machine_programs ping barn"),
    ],
)  # fmt: skip
def test_each_part_becomes_one_process_with_the_secrets_of_files(
    words: str, becomes: str, home: Path, tmp_path: Path, type_in: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets, became = tmp_path / "secrets", list[Any]()
    secrets.mkdir()
    (secrets / "CELERY_BROKER_URL").write_text("redis://:of-mine@redis:6379/0\n")
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    env = Path.cwd() / ".env"  # the house's
    with env.open("a") as file:
        file.write("HTTPS_PROXY=http://proxy:3128\n")
    monkeypatch.setattr("strava_pipeline.environment.setting_sources.SECRETS", secrets)
    monkeypatch.setenv("HOUSE_NAME", "barn")
    monkeypatch.setattr(os, "execve", lambda *call: became.append((*call, Path.cwd())))
    type_in("machines", *words.split())
    _, command, environment, folder = became[0]
    assert " ".join(command[2:]) == becomes.replace("HOME", str(home))
    assert environment["CELERY_BROKER_URL"] == "redis://:of-mine@redis:6379/0"
    assert (Path(environment["DAGSTER_HOME"]), folder) == (home, home)
    assert (environment["HTTPS_PROXY"], Path(environment["STRAVA_ENV_FILE"])) == ("http://proxy:3128", env)


@pytest.mark.slow
@pytest.mark.usefixtures("broker")
def test_the_daemon_does_not_start_and_doctor_says_why_while_there_is_no_worker(home: Path, type_in: Type) -> None:
    said = type_in("machines", "daemon")
    assert (said.code, said.err) == (
        1, f"There are too few workers: {NO_WORKER} Start one on its machine, where HOUSE_NAME is house: "
        "strava-pipeline machines worker\n",
    )  # fmt: skip
    assert (home / MIGRATED_BY).exists(), "it brings Dagster's databases up to date first"
    (found,) = workers_health(Settings.load())
    assert (found.state, found.text) == (State.PROBLEM, NO_WORKER)


@pytest.mark.usefixtures("home")
def test_a_queue_that_cannot_be_reached_is_one_sentence(type_in: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://:s3cret@127.0.0.1:1/0")  # nobody may listen on port 1
    said = type_in("machines", "daemon")
    assert said.code == 1
    assert "The queue of runs can't be reached" in said.err
    assert "s3cret" not in said.out + said.err


def test_a_dagster_without_workers_is_told_how_to_get_some_and_doctor_is_silent(house: Path, type_in: Type) -> None:
    (house / "athletes" / "dagster_home").mkdir(parents=True)
    said = type_in("machines", "worker")
    assert said.code == 1
    assert "dagster.yaml sends no runs to workers" in said.err
    assert workers_health(Settings.load()) == []
