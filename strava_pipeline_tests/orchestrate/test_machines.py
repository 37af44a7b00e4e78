"""Runs on Celery's workers, with a real Redis: a dead worker is noticed, and whether the workers suffice."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from dagster_celery.tasks import create_execute_job_task

from strava_pipeline.environment.settings import Settings
from strava_pipeline.orchestrate import machines
from strava_pipeline.orchestrate.dagster_private import WorkerStatus
from strava_pipeline.orchestrate.home import own_configuration
from strava_pipeline.orchestrate.machines import MachinesRunLauncher, workers
from strava_pipeline.verbs.instance import open_instance
from strava_pipeline_tests import postgres, redis
from strava_pipeline_tests.e2e.dagster_dev import RUN, DagsterDev, answers, until
from strava_pipeline_tests.orchestrate.house.homes import House, house
from strava_pipeline_tests.processes import free_port

RUNS = "query { runsOrError { ... on Runs { results { id status parentRunId } } } }"
LOCATIONS = "query { repositoriesOrError { ... on RepositoryConnection { nodes { location { name } } } } }"
DETAIL = "/activities/{id}"


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


def test_each_further_launch_is_silent(broker: str, recwarn: pytest.WarningsRecorder) -> None:
    celery = launcher(broker).celery
    for _ in range(2):
        create_execute_job_task(celery).si(execute_job_args_packed={})  # as a launch does
    assert not [str(each.message) for each in recwarn if "execute_job" in str(each.message)]


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
    server: postgres.Server, broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the processes of compose.yaml's profile, but for the engine. The kill comes while details are asked for."""
    config: dict[str, Any] = {"activities": 60, "years": (2025, 2025), "latency": 0.05}
    with house(tmp_path / "athletes", "ann", settings={"first_year": 2025}, **config) as made, ExitStack() as parts:
        rig = made.rigs["ann"]
        monkeypatch.setenv("DAGSTER_PG_URL", server.new_database().replace("postgresql://", "postgresql+psycopg2://"))
        port, code_port = free_port(), free_port()
        machine = Machine(made, tmp_path)
        configure(made.home, storage={"postgres": {"postgres_url": {"env": "DAGSTER_PG_URL"}}})
        at = {"host": "127.0.0.1", "port": code_port, "location_name": machine.name}
        (made.home / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"grpc_server": at}]}))
        parts.enter_context(machine.part("code-server", "--port", str(code_port)))
        first = parts.enter_context(machine.part("worker", "--slots", "1"))
        ui = parts.enter_context(machine.part("ui", "--port", str(port)))
        until(lambda: workers(launcher(broker).celery), lambda found: [one.queues for one in found] == [{machine.name}])
        daemon = parts.enter_context(machine.part("daemon"))
        dev = DagsterDev(f"http://127.0.0.1:{port}", ui)
        until(lambda: answers(dev.url) and machine.name in str(dev.ask(LOCATIONS)), bool)

        def fetched() -> int:
            assert daemon.poll() is None, (tmp_path / "daemon.log").read_text()
            return int(rig.calls(reset=False)["by_endpoint"].get(DETAIL, 0))

        work = {"ops": {f"{machine.name}_athlete": {"config": {"job": "flow-backfill"}}}}
        killed = dev.launch("athlete_run", {"dagster/partition": "ann"}, work, location=machine.name)
        until(fetched, lambda count: count >= 10, every=0.1)
        os.killpg(first.pid, signal.SIGKILL)
        before = rig.calls(reset=False, all_answered=True)["by_endpoint"][DETAIL]
        parts.enter_context(machine.part("worker", "--slots", "1"))
        assert until(lambda: status_of(dev, killed), lambda status: status != "STARTED") == "FAILURE"
        runs = until(lambda: dev.ask(RUNS)["runsOrError"]["results"], lambda runs: runs[0]["status"] == "SUCCESS")
        assert [run["parentRunId"] for run in runs] == [killed, None]
        rig.assert_true_to_source()
        details = rig.calls()["details"]
        assert 0 < before < len(details), "it was killed amid them"
        assert sum(details.values()) <= len(details) + 1, "only the one that was on its way is asked for again"


def status_of(dev: DagsterDev, run_id: str) -> str:
    return str(dev.ask(RUN, id=run_id)["runOrError"]["status"])


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine with athletes, and its processes. `folder`: for their logs."""

    house: House
    folder: Path
    name: str = "barn"

    @contextmanager
    def part(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """`strava-pipeline machines WORDS…`, in a process group of its own; it is told to end afterwards."""
        here = self.folder / "here"  # where there is no .env
        here.mkdir(exist_ok=True)
        others = {name: value for name, value in os.environ.items() if name not in Settings.variables()}
        own = {"ATHLETES_DIR": str(self.house.folder), "HOUSE_NAME": self.name, "STRAVA_AUTOMATION": "false"}
        command = [sys.executable, "-m", "strava_pipeline", "machines", *words]
        with (
            (self.folder / f"{words[0]}.log").open("ab") as out,
            subprocess.Popen(
                command, cwd=here, env=others | own, stdout=out, stderr=out, start_new_session=True
            ) as process,
        ):
            try:
                yield process
            finally:
                process.terminate()


def configure(home: Path, **more: Any) -> None:
    """Dagster's own instance, with runs on workers and a look at them every second."""
    sections = yaml.safe_load(own_configuration()) | more
    where = {"env": "CELERY_BROKER_URL"}
    sections["run_launcher"] = {
        "module": machines.__name__,
        "class": "MachinesRunLauncher",
        "config": {"broker": where, "backend": where},
    }
    sections["run_monitoring"]["poll_interval_seconds"] = 1
    sections["concurrency"]["runs"]["max_concurrent_runs"] = 1  # as many as the worker has slots
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text(yaml.safe_dump(sections))
