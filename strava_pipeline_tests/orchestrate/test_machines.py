"""Runs on Celery's workers, with a real Redis: a dead worker is noticed, and whether the workers suffice."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from strava_pipeline.orchestrate import machines
from strava_pipeline.orchestrate.dagster_private import WorkerStatus
from strava_pipeline.orchestrate.home import own_configuration
from strava_pipeline.orchestrate.machines import MachinesRunLauncher, workers
from strava_pipeline.orchestrate.queues import QUEUE, queue_of
from strava_pipeline.verbs.dagster_process import environment_of_dagster
from strava_pipeline.verbs.instance import open_instance
from strava_pipeline_tests import redis
from strava_pipeline_tests.e2e.dagster_dev import RUN, dagster_dev, until
from strava_pipeline_tests.rig import Rig

RUNS = "query { runsOrError { ... on Runs { results { id status parentRunId } } } }"
DETAIL = "/activities/{id}"


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    """One year of details, each of which takes a while."""
    return make_rig(activities=60, years=(2025, 2025), latency=0.05, settings={"first_year": 2025})


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with redis.started(tmp_path / "redis") as url:
        monkeypatch.setenv("CELERY_BROKER_URL", url)
        yield url


def launcher(broker: str, **more: Any) -> MachinesRunLauncher:
    return MachinesRunLauncher(default_queue="dagster", broker=broker, backend=broker, **more)


def test_a_worker_without_an_answer_is_dead_after_a_minute_and_not_before(
    broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machines, "_ANSWER", 0.1)
    clock = iter([0.0, 59.0, 60.0])
    asked = launcher(broker, now=lambda: next(clock))
    run = dg.DagsterRun("any", run_id="r1", tags={DAGSTER_CELERY_TASK_ID_TAG: "t1"})
    asked.celery.backend.store_result("t1", {"pid": 1, "hostname": "w@gone"}, "STARTED")
    found = [asked.check_run_worker_health(run) for _ in range(3)]
    assert [one.status for one in found] == [WorkerStatus.RUNNING, WorkerStatus.RUNNING, WorkerStatus.FAILED]
    assert found[2].msg == "The worker w@gone has not answered for 60 s."


def test_a_terminated_run_is_cancelled_and_not_started_again_as_one_that_failed(broker: str, tmp_path: Path) -> None:
    configure(tmp_path)
    with open_instance(tmp_path) as instance:
        job = dg.GraphDefinition("any").to_job()
        tags = {DAGSTER_CELERY_TASK_ID_TAG: "t1"}
        run_id = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags).run_id
        assert instance.run_launcher.terminate(run_id)
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status == dg.DagsterRunStatus.CANCELING
        instance.report_run_canceled(run)
        assert not instance.run_launcher.terminate(run_id)


@pytest.mark.slow
def test_a_worker_killed_amid_details_is_noticed_and_its_run_goes_on_where_it_was(
    rig: Rig, broker: str, tmp_path: Path
) -> None:
    """`rig` has a latency, so that the kill comes while a detail is asked for."""
    queue = queue_of(rig.settings.client_id)
    configure(rig.settings.dagster_home)
    with dagster_dev(rig.settings, tmp_path / "dev.log") as dev, worker(rig, queue) as first:
        asked = launcher(broker)
        until(lambda: workers(asked.celery), lambda found: [one.queues for one in found] == [{queue}])
        killed = dev.launch("backfill", {"dagster/partition": "2025", QUEUE: queue})
        until(lambda: rig.calls(reset=False)["by_endpoint"].get(DETAIL, 0), lambda count: count >= 10, every=0.1)
        os.killpg(first.pid, signal.SIGKILL)
        before = rig.calls(reset=False, all_answered=True)["by_endpoint"][DETAIL]
        with worker(rig, queue):
            assert (
                until(lambda: dev.ask(RUN, id=killed)["runOrError"]["status"], lambda status: status != "STARTED")
                == "FAILURE"
            )
            runs = until(lambda: dev.ask(RUNS)["runsOrError"]["results"], lambda runs: runs[0]["status"] == "SUCCESS")
    assert [run["parentRunId"] for run in runs] == [killed, None]
    rig.assert_true_to_source()
    details = rig.calls()["details"]
    assert 0 < before < len(details), "it was killed amid them"
    assert sum(details.values()) <= len(details) + 1, "only the one that was on its way is asked for again"


def configure(home: Path) -> None:
    """Dagster's own instance, with runs on workers and a look at them every second."""
    sections = yaml.safe_load(own_configuration())
    where = {"env": "CELERY_BROKER_URL"}
    sections["run_launcher"] = {
        "module": machines.__name__,
        "class": "MachinesRunLauncher",
        "config": {"broker": where, "backend": where},
    }
    sections["run_monitoring"]["poll_interval_seconds"] = 1
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text(yaml.safe_dump(sections))


@contextmanager
def worker(rig: Rig, queue: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of one slot, in a process group of its own; it is told to end afterwards."""
    command = [sys.executable, "-m", "strava_pipeline.verbs.machine_programs", "worker", "1", queue]
    log = rig.folder / "worker.log"
    with (
        log.open("ab") as out,
        subprocess.Popen(
            command,
            cwd=rig.folder,
            env=environment_of_dagster(rig.settings),
            stdout=out,
            stderr=out,
            start_new_session=True,
        ) as process,
    ):
        yield process
        process.terminate()
