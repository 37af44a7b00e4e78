"""The launcher that dagster.yaml names: it ends and watches runs by their lock files, and launches them as Dagster does."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from strava_pipeline.lake.locks import _identity, is_live, live_run, locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.source import FLOW_LOCK
from strava_pipeline.orchestrate import launcher
from strava_pipeline.orchestrate.home import own_configuration
from strava_pipeline.orchestrate.launcher import PipelineRunLauncher
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline.orchestrate.tags import ALERT, BY, BY_HAND, DATA_DIR, LIMIT, NO_LIMIT, RESUMES, STOPPED_EARLY
from strava_pipeline.verbs.instance import open_instance
from strava_pipeline_tests.e2e.dagster_dev import dagster_dev, mutation, until
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.rig import Rig

pytestmark = pytest.mark.slow

TERMINATE = """
mutation ($id: String!) {
  terminateRun(runId: $id) { __typename }
}
"""
LAUNCH_AGAIN = mutation(
    "launchRunReexecution", "reexecutionParams", "ReexecutionParams", "LaunchRunSuccess { run { runId } }"
)


def processes(session: str) -> list[str]:
    """The processes of a session."""
    listed = subprocess.run(["ps", "-eo", "sess=,pid="], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if line.split()[0] == session]


@pytest.mark.dear
def test_launched_runs_die_are_terminated_and_outlive_the_daemon(rig: Rig, tmp_path: Path) -> None:
    years = {**range_tags([2025, 2026]), "dagster/max_retries": "0"}
    with rig.instance() as instance:

        def run(run_id: str) -> dg.DagsterRun:
            found = instance.get_run_by_id(run_id)
            assert found is not None
            return found

        def at_work(run_id: str) -> str:
            until(lambda: is_live(rig.lake, run_id) and DATA_DIR in run(run_id).tags, bool, every=0.1)
            return run_id

        def end(run_id: str) -> DagsterRunStatus:
            return DagsterRunStatus(until(lambda: run(run_id), lambda found: found.is_finished, every=0.1).status)

        with locked(rig.lake, FLOW_LOCK):  # which each of them waits for
            with dagster_dev(rig.settings, tmp_path / "dev.log") as dev:
                killed = at_work(dev.launch("flow", years))
                os.kill(int((rig.lake.state / "runs" / f"{killed}.lock").read_text().split()[0]), signal.SIGKILL)
                assert end(killed) == DagsterRunStatus.FAILURE

                ended = at_work(dev.launch("flow", years))
                assert dev.ask(TERMINATE, id=ended)["terminateRun"]["__typename"] == "TerminateRunSuccess"
                assert end(ended) == DagsterRunStatus.CANCELED
                assert not instance.run_launcher.terminate(ended)

                own = {LIMIT: "day", STOPPED_EARLY: "why", ALERT: "sent", BY: BY_HAND}
                instance.add_run_tags(killed, own)
                params = {"parentRunId": killed, "strategy": "ALL_STEPS", "useParentRunTags": True}
                (session,) = Path(f"/proc/{dev.process.pid}/task/{dev.process.pid}/children").read_text().split()
                again = at_work(dev.ask(LAUNCH_AGAIN, params=params)["launchRunReexecution"]["run"]["runId"])
            assert run(again).status == DagsterRunStatus.STARTED
        assert end(again) == DagsterRunStatus.SUCCESS
        until(lambda: processes(session), lambda left: not left, every=0.2)  # its code server ends after it
        assert [run(again).tags[name] for name in own] == [NO_LIMIT, "", "", "Dagster's UI"], "it is not the run before"


@pytest.mark.dear
def test_a_launch_that_is_answered_too_late_is_made_again_unless_its_process_is_starting(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_GRPC_TIMEOUT_SECONDS", "5")
    rig.settings.dagster_home.mkdir(parents=True, exist_ok=True)
    quick = own_configuration().replace(b"_retry_delay: 30", b"_retry_delay: 1")
    (rig.settings.dagster_home / "dagster.yaml").write_bytes(quick)
    tags = {**range_tags([2025, 2026]), "dagster/max_retries": "0", RESUMES: "of which one runs at a time"}
    with rig.instance() as instance, dagster_dev(rig.settings, tmp_path / "dev.log") as dev:

        def said(run_id: str, text: str) -> int:
            return sum(text in entry.message for entry in instance.all_logs(run_id))

        def process(what: str) -> int:
            return int(
                until(lambda: [pid for pid, line in dev.processes().items() if what in line], bool, every=0.05)[0]
            )

        server = process("dagster api grpc")
        with locked(rig.lake, FLOW_LOCK):
            slow = dev.launch("flow", tags)
            os.kill(worker := process("spawn_main"), signal.SIGSTOP)
            until(lambda: said(slow, launcher.SLOW), bool, every=0.1)
            os.kill(worker, signal.SIGCONT)
            until(lambda: is_live(rig.lake, slow), bool, every=0.1)
            queued = dev.launch("flow", tags)
            os.kill(server, signal.SIGSTOP)
        until(lambda: said(queued, "re-submitting the run into the queue"), bool, every=0.1)
        os.kill(server, signal.SIGCONT)
        for run_id in (slow, queued):
            run = until(lambda run_id=run_id: instance.get_run_by_id(run_id), lambda run: run.is_finished, every=0.1)
            assert (run.status, said(run_id, "Started process for run")) == (DagsterRunStatus.SUCCESS, 1)
        assert instance.get_runs_count() == 2


def test_a_home_whose_edited_dagster_yaml_names_the_launcher_of_before_opens(tmp_path: Path) -> None:
    lines = "run_launcher:\n  module: strava_pipeline.orchestrate.launcher\n  class: ForkRunLauncher\n"
    (tmp_path / "dagster.yaml").write_text(lines)
    with open_instance(tmp_path) as instance:
        assert isinstance(instance.run_launcher, PipelineRunLauncher)


def run_of(**more: Any) -> dg.DagsterRun:
    return dg.DagsterRun("flow", run_id="r1", **more)


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
        return PipelineRunLauncher().check_run_worker_health(run).status

    assert {health(run_of()), health(ours)} == {WorkerStatus.RUNNING}, "it has no lock, or not yet"
    with live_run(lake, "r1"):
        assert health(ours) == WorkerStatus.RUNNING
    assert health(ours) == WorkerStatus.RUNNING, "its end is only to be heard of"
    (lake.state / "runs" / "r1.lock").touch()
    assert (health(ours), health(run_of())) == (WorkerStatus.FAILED, WorkerStatus.RUNNING)


@pytest.mark.dear
def test_every_process_of_dagster_loads_the_launcher_cheaply() -> None:
    heavy = {"polars", "duckdb", "strava_pipeline.environment.settings"}
    code = f"""import strava_pipeline.orchestrate.launcher, sys
print(sorted({heavy | {"strava_pipeline.lake"}} & sys.modules.keys()))
import strava_pipeline.lake.locks  # to ask for a run's health, or to terminate it
print(sorted({heavy} & sys.modules.keys()))"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n[]\n"
