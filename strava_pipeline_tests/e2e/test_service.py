"""The service as a process: through a closed terminal, a kill of everything or of its head, beside `dev`, to its end."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import requests

from strava_pipeline.environment.file_locks import is_held
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.e2e.dagster_dev import ROOT, DagsterDev, until
from strava_pipeline_tests.processes import free_port, ran
from strava_pipeline_tests.rig import Make, Rig


@dataclass(frozen=True, slots=True)
class Typed:
    code: int
    said: str


@dataclass(frozen=True, slots=True)
class Box:
    """A rig's service; ended with the test, come what may."""

    rig: Rig

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), **self.rig.settings.environ()}

    def typed(self, *words: str) -> Typed:
        command = [sys.executable, "-m", "strava_pipeline", *words]
        done = ran(*command, cwd=self.rig.folder, env=self.environment)
        return Typed(done.returncode, done.stdout + done.stderr)

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.typed("service", "status", "--json").said))

    def up(self, *options: str) -> list[int]:
        """Start it; its process groups: its own and Dagster's."""
        started = self.typed("service", "up", *options)
        assert started.code == 0, started.said
        own = self.status()["pid"]
        return [own, *(pid for pid, parent in processes() if parent == own)]

    @property
    def log(self) -> str:
        path = self.rig.settings.logs_dir / "service" / "service.log"
        return path.read_text() if path.exists() else ""


def processes() -> list[tuple[int, int]]:
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return [(int(pid), int(parent)) for pid, parent in map(str.split, listed.splitlines())]


def lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def kill(groups: list[int]) -> None:
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    assert_gone(groups)


def assert_gone(groups: list[int]) -> None:
    """TimeoutError where one stays; the kernel and init may need a moment to clear away what is dead."""
    until(lambda: list(filter(lives, groups)), lambda alive: not alive)


@pytest.fixture
def make_box(make_rig: Make) -> Iterator[Callable[..., Box]]:
    made: list[Box] = []

    def make(**config: Any) -> Box:
        made.append(Box(make_rig(**config)))
        return made[-1]

    yield make
    for box in made:
        box.typed("service", "down")


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def orphan(rig: Rig) -> str:
    """A run that claims to be at work and has no process."""
    with rig.instance() as instance:
        run = instance.create_run_for_job(dg.GraphDefinition(name="flow", node_defs=[]).to_job())
        instance.report_engine_event("began", run)
        instance.handle_run_event(run.run_id, _started(run.job_name))
        return run.run_id


def _started(job_name: str) -> dg.DagsterEvent:
    return dg.DagsterEvent(event_type_value="PIPELINE_START", job_name=job_name)


@pytest.mark.slow
def test_it_lives_without_a_login_is_one_and_comes_back_after_all_was_killed(make_box: Callable[..., Box]) -> None:
    box = make_box(logged_in=False, settings={"automation": True, "schedule": "* * * * *"})
    port = str(free_port())
    before = box.typed("service", "status")
    assert (before.code, "Not running." in before.said) == (1, True)
    groups = box.up("--port", port)
    alive = box.status()
    assert (alive["alive"], alive["pid"], alive["ui"]) == (True, groups[0], f"http://127.0.0.1:{port}")
    assert requests.get(f"{alive['ui']}/server_info", timeout=10).ok
    assert requests.get(f"{alive['ui']}/server_info", headers={"Host": "evil.example"}, timeout=10).status_code == 403
    assert len(groups) == 2

    twice = box.typed("service", "up", "--port", str(free_port()))
    assert (twice.code, twice.said.split(".")[0]) == (
        0,
        f"Already running since {alive['since'][:10]} {alive['since'][11:19]} UTC (process {groups[0]}); UI: http://127",
    )
    beside = box.typed("dev", "--port", str(free_port()))
    assert (beside.code, "already running" in beside.said, "service down" in beside.said) == (1, True, True)
    assert box.status()["pid"] == groups[0]

    ticked = until(box.status, lambda seen: seen["schedules"][0]["last_tick"], every=3)["schedules"][0]
    assert (ticked["name"], ticked["running"], ticked["last_tick"]["outcome"]) == ("daily_flow", True, "skipped")
    assert "There is no login yet" in ticked["last_tick"]["why"]

    # each part of the scheduler was heard of
    until(lambda: box.typed("service", "health").code, lambda code: code == 0)
    assert "warning" not in box.log.lower()
    kill(groups)
    assert (box.typed("service", "status").code, box.status()["alive"]) == (1, False)
    assert box.typed("service", "health") == Typed(1, f"No service is running on {box.rig.settings.dagster_home}.\n")
    dead = orphan(box.rig)
    again = box.up("--port", port)
    assert again[0] != groups[0]
    assert f"Run {dead} had died without a word" in box.log
    with box.rig.instance() as instance:
        assert instance.get_run_by_id(dead).status == dg.DagsterRunStatus.FAILURE  # type: ignore[union-attr]

    restarted = box.typed("service", "restart")
    assert (restarted.code, f"UI: http://127.0.0.1:{port}" in restarted.said) == (0, True), restarted.said
    assert_gone(again)
    last = box.status()["pid"]
    assert last != again[0]
    family = [last, *(pid for pid, parent in processes() if parent == last)]
    assert box.typed("service", "down") == Typed(0, "Ended.\n")
    assert_gone(family)
    assert box.typed("service", "down").said.startswith("No service is running")


@pytest.mark.soak(part="daemon")
def test_neither_a_closed_terminal_nor_a_hang_up_ends_it_or_its_dashboard(make_box: Callable[..., Box]) -> None:
    address = f"127.0.0.1:{free_port()}"
    box = make_box(settings={"dashboard_address": address})
    typed = f"{sys.executable} -m strava_pipeline service up --no-ui; touch {box.rig.folder / 'up'}; cat"
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(box.rig.folder)
        os.execve("/bin/sh", ["sh", "-c", typed], box.environment)
    until((box.rig.folder / "up").exists, bool, every=0.2)
    pid = box.status()["pid"]
    os.close(terminal)  # the kernel hangs up on whoever belongs to it
    os.waitpid(child, 0)
    assert (box.status()["alive"], box.status()["pid"], box.status()["ui"]) == (True, pid, None)
    os.kill(pid, signal.SIGHUP)
    note = Lake(box.rig.settings.data_dir).dashboard_note
    until(lambda: is_held(note) and note.read_text(), bool, every=0.2)
    first = json.loads(note.read_text())["pid"]
    os.killpg(first, signal.SIGKILL)
    until(lambda: is_held(note) and str(first) not in note.read_text() and note.read_text(), bool, every=0.2)
    assert box.status()["dashboard"] == f"http://{address}"
    link = box.typed("dashboard", "link").said.strip()
    assert requests.Session().get(link, timeout=10).status_code == 200
    assert link.partition("=")[2] not in box.log
    assert box.typed("service", "down") == Typed(0, "Ended.\n")
    assert not is_held(note)
    assert box.log.splitlines()[-1].endswith("the service ends.")  # and not: killed


@pytest.mark.soak(part="daemon")
def test_dagster_ends_with_the_service_that_was_killed_alone(make_box: Callable[..., Box]) -> None:
    box = make_box()
    groups = box.up("--no-ui")
    os.kill(groups[0], signal.SIGKILL)
    assert_gone(groups)
    assert box.up("--no-ui")[0] != groups[0]


@pytest.mark.soak(part="daemon")
def test_a_daemon_that_dies_ends_the_service_and_leaves_nothing(make_box: Callable[..., Box]) -> None:
    box = make_box()
    groups = box.up("--port", str(free_port()))
    os.kill(groups[1], signal.SIGKILL)
    assert_gone(groups)
    assert box.typed("service", "status").code == 1
    assert "Dagster ended by itself" in box.log


@pytest.mark.soak(part="daemon")
def test_one_that_can_not_start_says_why(make_box: Callable[..., Box]) -> None:
    box = make_box()
    with taken_port() as port:
        refused = box.typed("service", "up", "--port", str(port))
    assert (refused.code, f"Port {port} of 127.0.0.1 can't be used" in refused.said) == (1, True), refused.said
    assert box.typed("service", "status").code == 1


@pytest.mark.soak(part="daemon")
def test_a_run_at_work_is_interrupted_and_what_it_fetched_is_kept(make_box: Callable[..., Box]) -> None:
    box = make_box(activities=60, latency=0.5)
    port = str(free_port())
    groups = box.up("--port", port)
    ui = DagsterDev(f"http://127.0.0.1:{port}", None)  # type: ignore[arg-type]
    launched = ui.launch(
        "flow_backfill", {"dagster/asset_partition_range_start": "2022", "dagster/asset_partition_range_end": "2026"}
    )
    until(lambda: len(list(box.rig.lake.details.rglob("*.json.gz"))), lambda fetched: fetched > 5, every=0.2)
    assert box.typed("service", "down") == Typed(0, "Ended.\n")
    assert_gone(groups)
    with box.rig.instance() as instance:
        assert instance.get_run_by_id(launched).is_finished  # type: ignore[union-attr]
    for secret in box.rig.secrets:
        assert secret not in box.log
    done = box.typed("service", "exec", "--", "--days", "3000")
    assert done.code == 0, done.said
    asked = box.rig.calls()["details"]
    assert (len(asked), sum(asked.values()) <= 61) == (60, True)  # one call may have been under way
    assert box.status()["last_flow_at"] is not None
    assert Path(box.status()["log"]).exists()
