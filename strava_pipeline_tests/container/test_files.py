"""The container files as they are written, without an engine: what compose.yaml confines, what gets into an image, make's targets."""

import os
import re
import shutil
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from strava_pipeline.cli import COMMANDS, _command
from strava_pipeline.environment.settings import Settings
from strava_pipeline.orchestrate.queues import Limits, Worker, locations, shortages
from strava_pipeline.verbs.dagster_health import missing_configuration
from strava_pipeline.verbs.dagster_process import DAGSTER_GRACE, LAST_GRACE, RUN_GRACE
from strava_pipeline.verbs.service import service
from strava_pipeline_tests.processes import ran

REPO = Path(__file__).resolve().parent.parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((REPO / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
BUILT = {name: told for name, told in SERVICES.items() if "build" in told}
OURS = {name: told for name, told in BUILT.items() if "server" not in told["profiles"]}
HOUSE = {name: told for name, told in BUILT.items() if name not in OURS}
WORKER_SLOTS = SERVICES["worker"]["command"][-1].removeprefix("${WORKER_SLOTS:-").removesuffix("}")
CONTAINERFILE = (REPO / "Containerfile").read_text()


def test_there_are_profiles_and_one_is_the_default() -> None:
    assert {name: told["profiles"] for name, told in SERVICES.items()} == {
        "pipeline": ["one"],
        "pipeline-postgres": ["postgres"],
        "code-server": ["server", "machine"],
        "ui": ["server"],
        "daemon": ["server"],
        "worker": ["server", "machine"],
        "redis": ["server"],
        "postgres": ["postgres", "server"],
    }
    assert "\nCOMPOSE_PROFILES=one\n" in (REPO / ".env.example").read_text()


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_is_confined(name: str) -> None:
    told = SERVICES[name]
    assert told["read_only"] is True
    assert "/tmp" in told["tmpfs"]
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges"]
    assert told["user"].startswith("${PUID:-10001}:")
    assert told["restart"] == "unless-stopped"
    assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & told.keys()
    published = [port.replace("${DASHBOARD_PUBLISH:-127.0.0.1}:", "127.0.0.1:") for port in told.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in published), "unless a person says otherwise"
    assert not [line for line in told.get("environment", {}) if line.endswith(("SECRET", "PASSWORD", "KEY"))]


@pytest.mark.parametrize("name", OURS)
def test_the_service_keeps_everything_in_four_folders_and_has_time_to_end(name: str) -> None:
    told = OURS[name]
    folders = dict(volume.split(":")[:2] for volume in told["volumes"] if not volume.endswith(":ro"))
    assert folders == {"./data": "/data", "./secrets": "/run/secrets", "./logs": "/logs", "./dagster": "/dagster"}
    environment = told["environment"]
    kept = {environment[f"STRAVA_{what}_DIR"] for what in ("DATA", "SECRETS", "LOGS")} | {environment["DAGSTER_HOME"]}
    assert kept == {*folders.values()}
    assert Path(environment["STRAVA_DATA_DIR"]) in Path(environment["STRAVA_LEDGER_DIR"]).parents
    assert environment["TZ"] == environment["STRAVA_TIMEZONE"]
    assert int(told["stop_grace_period"].removesuffix("s")) > DAGSTER_GRACE + RUN_GRACE + 2 * LAST_GRACE


@pytest.mark.parametrize("name", HOUSE)
def test_a_process_of_a_house_is_a_command_whose_health_is_asked_for(name: str) -> None:
    told = HOUSE[name]
    assert told["build"]["args"]["EXTRAS"].split(",") == ["dashboard", "machines"]
    command: Any = _command("machines", *COMMANDS["machines"][:2])
    verb, *words = told["command"]
    assert (verb, words[0]) == ("machines", name)
    command.make_context(verb, [WORKER_SLOTS if "WORKER" in word else word for word in words])
    assert told["healthcheck"]["test"] == ["CMD", "strava-pipeline", "machines", name, "--health"]
    assert ("ports" in told) == (name == "ui"), "of the house's, people see the UI alone"
    assert (told["environment"]["ATHLETES_DIR"], told["environment"]["STRAVA_LEDGER_DIR"]) == ("/athletes", "/ledger")
    assert {"./athletes:/athletes", "./ledger:/ledger", "./secrets:/run/secrets"} < {*told["volumes"]}
    for file in ("dagster.yaml", "workspace.yaml"):
        assert f"./deploy/server.{file}:/athletes/dagster_home/{file}:ro" in told["volumes"]


def test_the_queue_of_a_house_has_a_password_and_no_port() -> None:
    redis = SERVICES["redis"]
    assert "ports" not in redis
    assert redis["command"][:2] == ["redis-server", "/run/secrets/redis.conf"]
    assert "./secrets/redis.conf:/run/secrets/redis.conf:ro" in redis["volumes"]


def test_health_checks_are_commands_that_exist() -> None:
    names = {command.name or str(getattr(command.callback, "__name__", "")) for command in service.registered_commands}
    for told in OURS.values():
        kind, *command = told["healthcheck"]["test"]
        assert (kind, command[:2]) == ("CMD", ["strava-pipeline", "service"])
        assert command[2] in names
    assert SERVICES["postgres"]["healthcheck"]["test"][1] == "pg_isready"  # which every image of PostgreSQL has


def test_the_image_and_compose_agree_on_folders_user_and_ports() -> None:
    stages = re.findall(r"^FROM (\S+)(?: AS (\w+))?$", CONTAINERFILE, re.MULTILINE)
    assert stages == [("${BASE}", "build"), ("${BASE}", "")]
    assert "ARG BASE=python:3.11-slim\n" in CONTAINERFILE
    final = CONTAINERFILE.rpartition("\nFROM ")[2]
    assert "\nUSER 10001:10001\n" in final
    assert 'ENTRYPOINT ["tini", "--", "strava-pipeline"]' in final
    for name, value in SERVICES["pipeline"]["environment"].items():
        if name not in ("TZ", "STRAVA_TIMEZONE", "DASHBOARD_HOSTS"):
            assert f"{name}={value}" in final
    ports = {port.rsplit(":", 1)[1] for port in SERVICES["pipeline"]["ports"]}
    assert f"\nEXPOSE {' '.join(sorted(ports))}\n" in final


def test_dagsters_configuration_with_postgresql_is_the_packages_own_but_for_the_storage() -> None:
    own = yaml.safe_load((REPO / "strava_pipeline" / "orchestrate" / "dagster.yaml").read_text())
    other = yaml.safe_load((REPO / "deploy" / "postgres.dagster.yaml").read_text())
    storage = other.pop("storage")["postgres"]["postgres_db"]
    own.pop("storage")
    assert other == own
    assert storage["password"] == {"env": "DAGSTER_PG_PASSWORD"}
    assert SERVICES["pipeline-postgres"]["environment"][storage["hostname"]["env"]] == "postgres"
    assert "./deploy/postgres.dagster.yaml:/dagster/dagster.yaml:ro" in SERVICES["pipeline-postgres"]["volumes"]
    assert SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD_FILE"] == "/run/secrets/DAGSTER_PG_PASSWORD"


def test_dagsters_configuration_of_a_house_is_the_packages_but_for_storage_launcher_and_limits(tmp_path: Path) -> None:
    shutil.copy(REPO / "deploy" / "server.dagster.yaml", tmp_path / "dagster.yaml")
    assert missing_configuration(tmp_path) == [], "doctor has nothing to say of it"
    own = yaml.safe_load((REPO / "strava_pipeline" / "orchestrate" / "dagster.yaml").read_text())
    postgres = yaml.safe_load((REPO / "deploy" / "postgres.dagster.yaml").read_text())
    house = yaml.safe_load((REPO / "deploy" / "server.dagster.yaml").read_text())
    assert house["storage"] == postgres["storage"]
    limits = Limits.of(house)
    assert list(shortages(["q"], [Worker(frozenset({"q"}), int(WORKER_SLOTS))], limits)) == []
    assert limits.of_a_queue == int(WORKER_SLOTS)
    for section in ("storage", "run_launcher", "concurrency"):
        del own[section], house[section]
    assert house == own
    workspace = REPO / "deploy" / "server.workspace.yaml"
    (server,) = yaml.safe_load(workspace.read_text())["load_from"]
    assert server["grpc_server"]["host"] in SERVICES
    assert locations(workspace) == [Settings.model_fields["house_name"].default]


def test_nothing_of_the_user_is_sent_to_whoever_builds_an_image() -> None:
    text = (REPO / ".containerignore").read_text()
    assert (REPO / ".dockerignore").read_text() == text
    patterns = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert patterns[0] == "*"
    let_in = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    private = [
        ".env",
        ".git",
        "data",
        "secrets",
        "logs",
        "dagster_home",
        "dagster",
        "postgres",
        "athletes",
        "redis",
        "cars.toml",
        "demo",
    ]
    assert not [name for name in private for pattern in let_in if fnmatch(name, pattern)]
    copied = {word for line in re.findall(r"^COPY ([^-].*) \S+$", CONTAINERFILE, re.MULTILINE) for word in line.split()}
    assert {word.removeprefix("./") for word in copied} <= {*let_in}
    assert all((REPO / name).exists() for name in let_in)


SCHEDULE = {
    "up": "service up --port 3000", "down": "service down", "restart": "service restart", "ps": "service status --allow-down",
    "logs": "service logs -n 5", "exec": "service exec", "time": "service time", "doctor": "doctor",
}  # fmt: skip


@pytest.mark.parametrize("action", SCHEDULE)
def test_without_a_container_schedule_targets_are_the_services(action: str, tmp_path: Path) -> None:
    """`path` has no engine; what the script calls is the command's own name here."""
    command = tmp_path / "strava-pipeline"
    command.write_text('#!/bin/sh\necho "$@"\n')
    command.chmod(0o755)
    tools = tmp_path / "path"
    tools.mkdir()
    for tool in ("sh", "head", "echo"):
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    more = {"up": ["--port", "3000"], "logs": ["-n", "5"]}.get(action, [])
    done = ran("sh", str(REPO / "deploy" / "schedule.sh"), action, command, *more, env={"PATH": str(tools)}, check=True)
    assert done.stdout == f"{SCHEDULE[action]}\n"
    assert done.stderr == "No container runs here, so this is the service of this folder:\n"


def test_make_hands_schedule_targets_on(tmp_path: Path) -> None:
    # not a part of `make test`
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    for action in (*SCHEDULE, "build", "shell"):
        said = ran("make", "-n", f"schedule-{action}", cwd=REPO, env=alone, check=True)
        assert said.stdout.startswith(f"sh deploy/schedule.sh {action} .venv/bin/strava-pipeline"), action


def test_the_image_is_labelled_with_the_version(tmp_path: Path) -> None:
    version = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["version"]
    final = CONTAINERFILE.rpartition("\nFROM ")[2]
    assert "\nARG VERSION=unknown\nLABEL org.opencontainers.image.version=${VERSION}\n" in final
    engine = tmp_path / "an_engine"
    engine.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    engine.chmod(0o755)
    command = ["sh", REPO / "deploy" / "build_image.sh", engine, "python:3.13-slim", "--pull"]
    given = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert given[:5] == ["build", "--build-arg", "BASE=python:3.13-slim", "--build-arg", f"VERSION={version}"]
    assert given[-2:] == ["--pull", "."]


def test_building_without_an_engine_says_what_to_install(tmp_path: Path) -> None:
    for tool in ("sh", "dirname"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    done = ran("sh", str(REPO / "deploy" / "build_image.sh"), "", "", env={"PATH": str(tmp_path)})
    assert (done.returncode, "Neither docker, podman nor buildah works here" in done.stderr) == (2, True)
    assert os.access(REPO / "deploy" / "schedule.sh", os.X_OK)
