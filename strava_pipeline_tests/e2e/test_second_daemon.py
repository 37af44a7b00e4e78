"""Two daemons on one home, as processes: the second is refused by name in either order, and a killed one is in nobody's way."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from strava_pipeline.environment.file_locks import is_held
from strava_pipeline.orchestrate.home import daemon_of
from strava_pipeline_tests.e2e.dagster_dev import ROOT, until
from strava_pipeline_tests.e2e.test_service_stopped import service
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.rig import Make, Rig

pytestmark = pytest.mark.dear


@contextmanager
def bare_daemon(rig: Rig) -> Iterator[subprocess.Popen[str]]:
    """`dagster-daemon run`, with no code to load, and with a pipe by which it is told to end, as `dagster dev` starts it."""
    read, write = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "dagster._daemon", "run", "--empty-workspace", "--shutdown-pipe", str(read)],
        pass_fds=[read],
        cwd=rig.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **rig.settings.environ()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            os.close(read)
            os.close(write)


def daemon_noted(rig: Rig) -> str:
    return str(until(lambda: daemon_of(rig.settings.dagster_home), bool, every=0.1))


def test_a_bare_daemon_beside_a_bare_daemon_and_after_one_that_was_killed(make_rig: Make) -> None:
    rig = make_rig(logged_in=False)
    with rig.instance(), bare_daemon(rig) as first:
        assert daemon_noted(rig).startswith(f"process {first.pid} on ")
        with bare_daemon(rig) as second:
            told, _ = second.communicate(timeout=PATIENCE)
        assert second.returncode == 1
        [line] = told.splitlines()
        assert line.startswith(f"Dagster is already running on {rig.settings.dagster_home} (process {first.pid} on ")
        first.kill()
        first.wait(PATIENCE)
        with bare_daemon(rig) as third:
            until(lambda: daemon_noted(rig), lambda noted: f"process {third.pid} on " in noted, every=0.1)


def test_the_service_beside_a_bare_daemon(make_rig: Make) -> None:
    rig = make_rig(logged_in=False)
    with rig.instance(), bare_daemon(rig) as first:
        daemon_noted(rig)
        with service(rig, "--no-ui", is_first=False) as refused:
            assert refused.outer.wait(PATIENCE) == 1
        assert f"already running on {rig.settings.dagster_home} (process {first.pid} on " in refused.said


def test_a_bare_daemon_beside_the_service(make_rig: Make) -> None:
    rig = make_rig(logged_in=False)
    with rig.instance(), service(rig, "--no-ui", is_first=False) as first:
        until(lambda: "the service begins" in first.said, bool, every=0.1)
        until(
            lambda: daemon_of(rig.settings.dagster_home),
            lambda who: who and f" {first.outer.pid} " not in who,
            every=0.1,
        )
        with bare_daemon(rig) as second:
            told, _ = second.communicate(timeout=PATIENCE)
        assert (second.returncode, len(told.splitlines())) == (1, 1), told
        assert f"already running on {rig.settings.dagster_home} (process " in told
        assert first.stop() == 0, first.said
    assert not is_held(rig.settings.dagster_home / ".daemon.lock")
