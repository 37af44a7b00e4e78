"""SIGTERM to the service, as a container engine sends it: everything ends with exit 0, and a run at work goes on after the restart."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from strava_pipeline.environment.file_locks import is_held
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline_tests.e2e.dagster_dev import ROOT, DagsterDev, until
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.processes import free_port
from strava_pipeline_tests.rig import Make, Rig

pytestmark = pytest.mark.slow

OWN_NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]  # its first process has no init above it


@dataclass(frozen=True, slots=True)
class Service:
    """`strava-pipeline service run`; `outer` is it, or what made a namespace of processes for it."""

    outer: subprocess.Popen[bytes]
    is_first: bool
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text()

    def stop(self) -> int:
        """Send SIGTERM to it alone; its exit code."""
        os.kill(self._pid, signal.SIGTERM)
        return self.outer.wait(PATIENCE)

    @property
    def _pid(self) -> int:
        if not self.is_first:
            return self.outer.pid
        return int(Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children").read_text())


@contextmanager
def service(rig: Rig, *options: str, is_first: bool) -> Iterator[Service]:
    """`is_first`: as the first process of a namespace, as in a container without an init."""
    namespace = OWN_NAMESPACE if is_first else []
    if namespace and subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user or kernel makes no namespace of processes")
    command = [*namespace, sys.executable, "-m", "strava_pipeline", "service", "run", "--log-to-stdout", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **rig.settings.environ()}
    log = rig.folder / f"service-{len(list(rig.folder.glob('service-*')))}.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(command, cwd=rig.folder, env=environment, stdout=out, stderr=out) as outer,
    ):
        try:
            yield Service(outer, is_first, log)
        finally:
            if outer.poll() is None:
                outer.kill()  # `unshare` ignores less, and its child dies with it


@pytest.mark.parametrize("is_first", [True, False], ids=["without an init", "with an init"])
def test_while_it_starts(make_rig: Make, is_first: bool) -> None:
    rig = make_rig(logged_in=False)
    with service(rig, "--no-ui", is_first=is_first) as starting:
        until(lambda: is_held(rig.settings.dagster_home / ".service.json"), bool, every=0.02)
        assert starting.stop() == 0, starting.said
    assert "Traceback" not in starting.said
    assert "is killed" not in starting.said
    assert not is_held(rig.settings.dagster_home / ".dev.lock")


@pytest.mark.dear
def test_a_run_at_work_goes_on_after_the_restart_and_asks_nothing_twice(make_rig: Make) -> None:
    rig = make_rig(activities=40, years=(2026, 2026), latency=0.3, settings={"first_year": 2026})
    port = free_port()
    ui = DagsterDev(f"http://127.0.0.1:{port}", None)  # type: ignore[arg-type]
    with service(rig, "--port", str(port), is_first=True) as first:
        until(lambda: (rig.settings.dagster_home / ".ui").exists() and answers(ui), bool)
        launched = ui.launch("flow_backfill", {"dagster/partition": "2026"})
        until(lambda: len(list(rig.lake.details.rglob("*.json.gz"))), lambda fetched: fetched > 5, every=0.05)
        assert first.stop() == 0, first.said
    assert first.said.splitlines()[-1].endswith("the service ends.")
    assert "is killed" not in first.said, first.said
    with rig.instance() as instance:
        assert instance.get_run_by_id(launched).status is dg.DagsterRunStatus.FAILURE  # type: ignore[union-attr]
        with service(rig, "--no-ui", is_first=False) as second:

            def runs() -> list[dg.DagsterRun]:
                return list(instance.get_runs())

            until(runs, lambda found: len(found) > 1 and all(run.is_finished for run in found))
            assert second.stop() == 0, second.said
        again, interrupted = runs()
    assert (again.status, again.parent_run_id) == (dg.DagsterRunStatus.SUCCESS, interrupted.run_id)
    calls = rig.calls()
    assert (len(calls["details"]), set(calls["details"].values())) == (40, {1})
    assert calls["by_endpoint"]["/athlete/activities"] == 2
    assert all(one.manifest.settled for one in listings(rig.lake)), "the second run counts as the first one"
    rig.assert_true_to_source()


def answers(ui: DagsterDev) -> bool:
    try:
        return bool(ui.ask("query { version }"))
    except OSError:  # requests' errors are, too
        return False
