"""The image, built and run: as user 10001, on a read-only root, without capabilities, against the emulator."""

import json
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from strava_pipeline_tests import postgres
from strava_pipeline_tests.container.engine import CONFINED, IMAGE, REPO, UID, Engine, engine_with_image
from strava_pipeline_tests.e2e.dagster_dev import until
from strava_pipeline_tests.e2e.test_service import free_port
from strava_pipeline_tests.rig import Rig, started

pytestmark = pytest.mark.container

FOLDERS = {"data": "/data", "secrets": "/run/secrets", "logs": "/logs", "dagster_home": "/dagster"}
PASSWORD = "s3cret:/@?#"
LARGEST = 800_000_000  # bytes


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with engine_with_image() as made:
        yield made


@pytest.fixture
def rig() -> Iterator[Rig]:
    """Its folders lie where the image's user can reach them."""
    folder = Path(tempfile.mkdtemp(prefix="strava-volumes-", dir="/var/tmp"))
    try:
        with started(folder, activities=30) as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def volumes(rig: Rig) -> list[str]:
    """The four bind mounts, given to the image's user; the application's secret is a file among the secrets."""
    found = []
    for name, place in FOLDERS.items():
        folder = rig.folder / name
        folder.mkdir(exist_ok=True)
        found += ["--volume", f"{folder}:{place}"]
    (rig.settings.secrets_dir / "STRAVA_CLIENT_SECRET").write_text(rig.emulator.state.config.client_secret)
    for path in (rig.folder, *rig.folder.rglob("*")):
        os.chown(path, UID, UID, follow_symlinks=False)
    return found


def words(rig: Rig, *options: str) -> list[str]:
    told = {
        "STRAVA_CLIENT_ID": rig.emulator.state.config.client_id,
        "STRAVA_BASE_URL": rig.emulator.url,
        "STRAVA_FIRST_YEAR": "2022",
        "STRAVA_AUTOMATION": "false",
    }
    environment = [word for name, value in told.items() for word in ("--env", f"{name}={value}")]
    return ["run", "--network", "host", *CONFINED, *environment, *volumes(rig), *options, IMAGE]


@contextmanager
def running(engine: Engine, rig: Rig, *options: str) -> Iterator[str]:
    """The service in a container of its own; its name. It is alive when its own health check says so."""
    name, port = f"strava-{free_port()}", free_port()
    label = ("--label", "strava_pipeline=service")
    command = ["service", "run", "--log-to-stdout", "--port", str(port)]
    begun = engine.podman(*words(rig, "--detach", "--name", name, *label, *options), *command)
    assert begun.returncode == 0, begun.stderr
    try:
        until(lambda: state(engine, name), lambda found: found["Status"] != "created")

        def is_alive() -> bool:
            assert state(engine, name)["Status"] == "running", engine.podman("logs", name)
            return engine.podman("exec", name, "strava-pipeline", "service", "health").returncode == 0

        until(is_alive, bool)
        yield name
    finally:
        engine.podman("rm", "--force", "--time", "0", name)


def assert_the_network_sees_it(engine: Engine, name: str, here: str) -> None:
    """From outside the container: the address in its log lets a browser in, to Dagster's UI as well, and nobody else."""
    log = until(lambda: engine.podman("logs", name).stderr, lambda text: "/login?token=" in text)
    (link,) = re.findall(r"http://nas\.lan:\d+(/login\?token=\S+)", log)
    browser, of_dagster = requests.Session(), f"{here}/dagster/server_info"
    for host, status in (("192.168.1.20:8723", 401), ("nas.lan", 401), ("evil.example", 403), ("8.8.8.8", 403)):
        assert requests.get(of_dagster, headers={"Host": host}, timeout=30).status_code == status, host
    assert "without encryption" in browser.get(here + link, timeout=30).text
    assert "dagster_webserver_version" in browser.get(of_dagster, timeout=30).json()
    ui = re.search(
        r"--port (\d+)", " ".join(json.loads(engine.podman("inspect", "--format", "{{json .Args}}", name).stdout))
    )
    assert ui
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.2:{ui[1]}/", timeout=30)


def state(engine: Engine, name: str) -> dict[str, Any]:
    return dict(json.loads(engine.podman("inspect", "--format", "{{json .State}}", name).stdout))


def test_the_image_is_small_and_holds_no_build_tools(engine: Engine) -> None:
    size = int(engine.podman("image", "inspect", "--format", "{{.Size}}", IMAGE).stdout)
    assert size <= LARGEST
    look = "id -u; command -v tini; command -v pip gcc make; python -m pip --version; ls -d /source /wheel /tools"
    looked = engine.podman("run", "--rm", "--network", "host", "--entrypoint", "sh", IMAGE, "-c", look)
    assert looked.stdout.split() == [str(UID), "/usr/bin/tini"], looked.stdout + looked.stderr
    look = "cd /opt/strava-pipeline/licenses && cat duckdb-*/METADATA strava_pipeline-*/METADATA && find dagster-* -name LICENSE"
    licences = engine.podman("run", "--rm", "--network", "host", "--entrypoint", "sh", IMAGE, "-c", look).stdout
    assert all(part in licences for part in ("Name: duckdb", "License-Expression: Apache-2.0", "LICENSE")), licences


def test_flow_backfill_brings_everything_as_the_images_user(engine: Engine, rig: Rig) -> None:
    done = engine.podman(*words(rig, "--rm"), "flow-backfill")
    assert done.returncode == 0, done.stdout + done.stderr
    rig.assert_true_to_source()
    assert {path.stat().st_uid for path in rig.lake.data_dir.rglob("*")} == {UID}


def test_dagsters_records_are_in_postgresql_where_its_configuration_is_mounted(engine: Engine, rig: Rig) -> None:
    address = f"127.{secrets.randbelow(254) + 1}.{secrets.randbelow(254) + 1}.5"  # so that the port is free
    with postgres.started(listen_addresses=address) as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE dagster LOGIN PASSWORD '{PASSWORD}'")
            connection.execute("CREATE DATABASE dagster OWNER dagster")
        (rig.settings.secrets_dir / "DAGSTER_PG_PASSWORD").write_text(f"{PASSWORD}\n")
        mount = ("--volume", f"{REPO}/deploy/postgres.dagster.yaml:/dagster/dagster.yaml:ro")
        done = engine.podman(*words(rig, "--rm", "--env", f"DAGSTER_PG_HOST={address}", *mount), "flow")
        assert done.returncode == 0, done.stdout + done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        with psycopg.connect(server.url("dagster")) as connection:
            runs = connection.execute("SELECT DISTINCT status FROM runs").fetchall()
    assert runs == [("SUCCESS",)]
    assert not (rig.settings.dagster_home / "history").exists()
    assert rig.one("SELECT count(*) FROM activities") == 30


def test_the_service_shows_itself_to_the_network_is_the_only_one_and_stops(engine: Engine, rig: Rig) -> None:
    port = free_port()
    dashboard = (f"DASHBOARD_ADDRESS=127.0.0.1:{port}", "DASHBOARD_LAN=true", "DASHBOARD_HOSTS=nas.lan")
    with running(engine, rig, *(word for setting in dashboard for word in ("--env", setting))) as name:
        assert_the_network_sees_it(engine, name, f"http://127.0.0.2:{port}")
        script = [str(REPO / "deploy" / "schedule.sh"), "ps", "no-command-of-ours"]
        told = subprocess.run(script, env=engine.environment, capture_output=True, text=True, check=False)
        assert (told.returncode, told.stdout.startswith("alive: yes")) == (0, True), told.stderr
        assert told.stderr.endswith("of podman:\n")
        second = engine.podman(*words(rig, "--rm"), "service", "run", "--log-to-stdout", "--no-ui")
        assert (second.returncode, "Dagster is already running on /dagster" in second.stderr) == (1, True), second
        assert engine.podman("stop", "--time", "30", name).returncode == 0
        ended = state(engine, name)
        said = engine.podman("logs", name)
        assert (ended["Status"], ended["ExitCode"]) == ("exited", 0), said.stderr
        assert said.stderr.splitlines()[-1].endswith("the service ends."), said.stderr
        assert "is killed" not in said.stderr


def test_a_bad_volume_or_setting_is_a_sentence_and_an_exit_code(engine: Engine, rig: Rig) -> None:
    full = ("--mount", "type=tmpfs,destination=/full,tmpfs-size=65536,tmpfs-mode=1777")
    name = f"strava-{free_port()}"
    begun = engine.podman(*words(rig, "--detach", "--name", name, *full, "--entrypoint", "sleep"), "3600")
    assert begun.returncode == 0, begun.stderr

    def typed(*command: str, **settings: str) -> tuple[int, str]:
        environment = [word for key, value in settings.items() for word in ("--env", f"{key}={value}")]
        done = engine.podman("exec", *environment, name, "strava-pipeline", *command)
        assert "Traceback" not in done.stdout + done.stderr
        return done.returncode, done.stdout + done.stderr

    def assert_said(sentence: str, code: int, **settings: str) -> None:
        found = typed("flow", **settings)
        assert (found[0], sentence in found[1]) == (code, True), found

    try:
        secret, data = rig.settings.secrets_dir / "STRAVA_CLIENT_SECRET", rig.settings.data_dir
        os.chown(data, 0, 0)
        assert_said(f"/data belongs to user 0, and this is user {UID}.", 1)
        os.chown(data, UID, UID)
        assert_said("'Europe/Londn' is no time zone", 2, STRAVA_TIMEZONE="Europe/Londn")
        os.chown(secret, 0, 0)
        secret.chmod(0o600)
        assert_said("STRAVA_CLIENT_SECRET can't be read (Permission denied)", 2)
        secret.unlink()
        assert_said("No Strava API application is set up: STRAVA_CLIENT_SECRET not set.", 2)
        secret.write_text(rig.emulator.state.config.client_secret)
        os.chown(secret, UID, UID)
        assert rig.calls()["total"] == 0
        assert_said("/full", 1, STRAVA_DATA_DIR="/full")
        assert typed("flow")[0] == 0
        assert rig.one("SELECT count(*) FROM activities") == 30
    finally:
        engine.podman("rm", "--force", "--time", "0", name)
