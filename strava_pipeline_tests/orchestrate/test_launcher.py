"""The launcher and the process that it forks runs from, with real runs; what dagster.yaml names is what is tested."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster import DagsterRunStatus
from dagster._core.errors import DagsterInvariantViolationError
from dagster._core.launcher import LaunchRunContext, WorkerStatus
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
)
from dagster._core.storage.tags import GRPC_INFO_TAG

from strava_pipeline.lake.locks import _identity, is_live, live_run, locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.strava_source import FLOW_LOCK
from strava_pipeline.orchestrate import launcher
from strava_pipeline.orchestrate.fork_server import LONGEST, package_files, stamps, user_files
from strava_pipeline.orchestrate.home import own_configuration
from strava_pipeline.orchestrate.launcher import ForkRunLauncher
from strava_pipeline.orchestrate.tags import ALERT, BY, BY_HAND, DATA_DIR, LIMIT, NO_LIMIT, STOPPED_EARLY
from strava_pipeline.settings import Settings
from strava_pipeline.verbs.instance import open_instance
from strava_pipeline_tests.e2e.dagster_dev import until
from strava_pipeline_tests.launching import OF_THE_DAEMON, daemon, origins, use_settings_of
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.rig import Rig

DEFAULT = "DefaultRunLauncher requires a workspace"  # what Dagster's own says to a launch that gives none


@pytest.fixture
def of_the_rig(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    use_settings_of(rig, monkeypatch)
    return rig


def threads(process: int) -> list[str]:
    return sorted(path.read_text() for path in Path(f"/proc/{process}/task").glob("*/comm"))


IMPORTED = "import os, sys, polars, duckdb; print(flush=True); sys.stdin.read()"


def threads_of_importing() -> list[str]:
    """Those that importing the libraries starts, without any work."""
    command = [sys.executable, "-c", IMPORTED]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = threads(process.pid)
        process.communicate()
    return found


@contextmanager
def ignored_signal(number: signal.Signals) -> Iterator[None]:
    """What begins in the body inherits that the signal is ignored."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)


def test_forked_runs_work_end_and_die_as_those_of_dagster_do(of_the_rig: Rig) -> None:
    rig = of_the_rig
    with daemon(rig) as one, ExitStack() as waiting:
        waiting.enter_context(locked(rig.lake, FLOW_LOCK))
        with ignored_signal(signal.SIGCHLD):  # as some service managers leave it
            killed = one.launch_and_wait_for_work()
        first = one.server.pid
        assert threads(first) == threads_of_importing(), "nothing has begun in the server that a fork would break"
        assert one.health(killed) == WorkerStatus.RUNNING
        os.kill(one.process(killed), signal.SIGKILL)
        assert one.end(killed) == DagsterRunStatus.FAILURE
        assert "was terminated by signal 9 (SIGKILL)" in one.words(killed)

        ended = one.launch_and_wait_for_work(OF_THE_DAEMON)
        assert one.server.pid == first, "a second run is forked from the same"
        with daemon(rig) as web_server:
            assert web_server.launcher.terminate(ended)
        assert one.end(ended) == DagsterRunStatus.CANCELED
        assert not one.launcher.terminate(ended)

        starting = one.create()
        one.instance.report_run_canceling(starting)
        one.launcher.launch_run(LaunchRunContext(starting, None))
        assert one.end(starting.run_id) == DagsterRunStatus.CANCELED, "a person ended it before it began"
        both = one.launch_and_wait_for_work()
        one.instance.report_run_canceling(one.run(both))
        os.kill(one.process(both), signal.SIGKILL)
        assert one.end(both) == DagsterRunStatus.CANCELED, "it is not to be launched again"

        (rig.folder / ".env").touch()
        orphan = one.launch_and_wait_for_work()
        assert one.server.pid != first, "it is out of date"
        one.server.kill()
        one.server.wait()
        own = {LIMIT: "day", STOPPED_EARLY: "why", ALERT: "sent", BY: BY_HAND, "dagster/max_retries": "0"}
        one.instance.add_run_tags(killed, own)
        at_work = one.wait_for_work(one.launch_again(killed))
        assert one.health(orphan) == WorkerStatus.RUNNING, "it outlives the server"
        os.kill(one.process(orphan), signal.SIGKILL)
        until(lambda: is_live(rig.lake, orphan), lambda alive: not alive, every=0.1)
        assert (one.health(orphan), one.health(at_work)) == (WorkerStatus.FAILED, WorkerStatus.RUNNING)
        last = one.server
    with daemon(rig) as again:
        assert again.end(at_work) == DagsterRunStatus.SUCCESS, "it outlives the daemon"
        assert "Forked a process for the run" in again.words(at_work)
        assert again.health(at_work) == WorkerStatus.RUNNING
        tags = again.run(at_work).tags
        assert [tags[name] for name in own] == [NO_LIMIT, "", "", "Dagster's UI", "2"], "it is not the run before"
        (log,) = {text for file in rig.settings.logs_dir.rglob("*.log") if at_work in (text := file.read_text())}
        assert "run ends: done" in log
    assert last.wait(PATIENCE) == 0


def run_of(**more: Any) -> dg.DagsterRun:
    return dg.DagsterRun("flow", run_id="r1", **more)


NOT_FORKED = {
    "on another system": ({}, "darwin"),
    "of other code": (origins("flow", module="theirs.definitions"), "linux"),
    "of code that a server elsewhere has loaded": (origins("flow", GrpcServerCodeLocationOrigin("x", 4000)), "linux"),
    "in another Python": (origins("flow", python="/usr/bin/other"), "linux"),
    "that does not say where its code is": ({"remote_job_origin": None}, "linux"),
}


@pytest.mark.parametrize(("differs", "system"), NOT_FORKED.values(), ids=NOT_FORKED.keys())
def test_what_can_not_be_forked_goes_to_dagsters_own_launcher(
    differs: dict[str, Any], system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    run = run_of(**{**origins("flow"), **differs})
    with pytest.raises(DagsterInvariantViolationError, match=DEFAULT):
        ForkRunLauncher().launch_run(LaunchRunContext(run, None))


def test_where_the_server_can_not_start_dagsters_own_launcher_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("STRAVA_FIRST_YEAR", "long ago")
    (tmp_path / "dagster.yaml").write_bytes(own_configuration())
    with dg.DagsterInstance.get() as instance, pytest.raises(DagsterInvariantViolationError, match=DEFAULT):
        instance.run_launcher.launch_run(LaunchRunContext(run_of(**origins("flow")), None))
    assert "STRAVA_FIRST_YEAR" in capfd.readouterr().err


def test_a_server_that_answers_too_late_can_fork_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "PATIENCE", 0.01)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        assert launcher._ask(ours, b"a run") == b"no answer"
        request, (answer,), _, _ = socket.recv_fds(theirs, 100, 1)
        assert request == b"a run"
        with socket.socket(fileno=answer) as late, pytest.raises(BrokenPipeError):
            late.send(b"forked")


def test_what_can_not_be_asked_for_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monitoring = yaml.safe_load(own_configuration())["run_monitoring"]
    assert monitoring["start_timeout_seconds"] > launcher.TRIES * launcher.PATIENCE
    monkeypatch.setattr(launcher, "PATIENCE", 0.01)
    now = 0.0
    servers = launcher._Servers(lambda: now)
    longest = b"x" * LONGEST

    def heard(request: bytes) -> bytes:
        """What a server that never answers hears when a run is to be forked."""
        servers._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            assert not servers.fork(request)
            servers.close()
            return theirs.recv(LONGEST)

    assert heard(longest + b"x") == b""
    assert heard(longest) == longest
    now = launcher.PAUSE - 1
    assert heard(longest) == b"", "the last one did not answer either"
    now = launcher.PAUSE
    assert heard(longest) == longest
    assert servers._processes == []
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert not launcher._Servers().fork(longest)


WAITS = "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); print(flush=True); sys.stdin.read()"
INHERITED = {GRPC_INFO_TAG: '{"host": "localhost", "socket": "/of/the/run/before.sock"}'}


def test_a_run_is_terminated_by_its_lock_and_else_left_as_it_is(tmp_path: Path) -> None:
    lake, job = Lake(tmp_path), dg.GraphDefinition("any").to_job()
    with open_instance(tmp_path / "home") as instance:
        for tags in ({}, INHERITED):
            run_id = instance.create_run_for_job(
                job, status=DagsterRunStatus.STARTED, tags={DATA_DIR: str(tmp_path), **tags}
            ).run_id

            def status(run_id: str = run_id) -> DagsterRunStatus | None:
                run = instance.get_run_by_id(run_id)
                return run and run.status

            command = [sys.executable, "-c", WAITS]
            with (
                live_run(lake, run_id),
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
            ):
                assert process.stdout is not None
                process.stdout.readline()
                lock = lake.state / "runs" / f"{run_id}.lock"
                if not tags:
                    lock.write_text(f"{process.pid} 1 2")  # in another container
                    assert not instance.run_launcher.terminate(run_id)
                    assert status() == DagsterRunStatus.STARTED
                    assert launcher.NOT_HERE in [entry.message for entry in instance.all_logs(run_id)]
                lock.write_text(_identity(process.pid))
                assert instance.run_launcher.terminate(run_id)
                assert process.wait(PATIENCE) == -signal.SIGINT
                assert status() == DagsterRunStatus.CANCELING


def test_health_knows_a_dead_run_by_its_lock_and_takes_every_other_to_be_at_work(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    ours = run_of(tags={DATA_DIR: str(tmp_path)})

    def health(run: dg.DagsterRun) -> WorkerStatus:
        return ForkRunLauncher().check_run_worker_health(run).status

    assert (health(run_of()), health(ours)) == (WorkerStatus.RUNNING, WorkerStatus.RUNNING), (
        "it has no lock, or not yet"
    )
    with live_run(lake, "r1"):
        assert health(ours) == WorkerStatus.RUNNING
    assert health(ours) == WorkerStatus.RUNNING, "its end is only to be heard of"
    (lake.state / "runs" / "r1.lock").touch()
    assert (health(ours), health(run_of())) == (WorkerStatus.FAILED, WorkerStatus.RUNNING)


def test_files_that_definitions_depend_on_are_told_from_what_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.load(_env_file=None, data_dir=tmp_path / "mine" / "data", dagster_home=tmp_path / "home")
    (tmp_path / "mine" / "data").mkdir(parents=True)
    (tmp_path / "home").mkdir()

    def now() -> object:
        return stamps(user_files(settings))

    for changed in (".env", "cars.toml", "mine/goals.toml", "home/dagster.yaml"):
        before = now()
        (tmp_path / changed).write_text("# new")
        assert now() != before, changed
        before = now()
        (tmp_path / "replaced").write_text("# old")  # as long, and no younger than the file system's clock tells
        (tmp_path / "replaced").rename(tmp_path / changed)
        assert now() != before, changed
    before = now()
    for unchanged in ("mine/data/strava.duckdb", "home/runs.db", "notes.txt"):
        (tmp_path / unchanged).touch()
    assert now() == before
    named = {path.name for path in package_files()}
    assert {"fork_server.py", "merge_activities.sql", "dagster.yaml", "site-packages"} <= named
    assert not any(name.endswith(".pyc") for name in named)


def test_every_process_of_dagster_loads_the_launcher_cheaply() -> None:
    heavy = {"polars", "duckdb", "strava_pipeline.settings"}
    code = f"""import strava_pipeline.orchestrate.launcher, sys
print(sorted({heavy | {"strava_pipeline.lake"}} & sys.modules.keys()))
import strava_pipeline.lake.locks  # to ask for a run's health, or to terminate it
print(sorted({heavy} & sys.modules.keys()))"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n[]\n"
