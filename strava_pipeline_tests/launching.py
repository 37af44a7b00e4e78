"""What Dagster's daemon does to a run, without a daemon: makes it, has it launched by forking, hears of its end."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import WorkerStatus
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import (
    CodeLocationOrigin,
    GrpcServerCodeLocationOrigin,
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from strava_pipeline.orchestrate.launcher import DEFINITIONS, ForkRunLauncher
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline_tests.e2e.dagster_dev import until
from strava_pipeline_tests.rig import Rig

ENDS = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)


OF_THE_DAEMON = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name=DEFINITIONS), "strava_pipeline")
OF_DAGSTER_DEV = GrpcServerCodeLocationOrigin("localhost", socket="/tmp/any", location_name="strava_pipeline")


def origins(
    job: str, where: CodeLocationOrigin = OF_DAGSTER_DEV, python: str = sys.executable, module: str = DEFINITIONS
) -> dict[str, JobPythonOrigin | RemoteJobOrigin]:
    """What a run of the daemon says of its code."""
    pointer = ModuleCodePointer(module, "defs", str(Path.cwd()))
    return {
        "job_code_origin": JobPythonOrigin(job, RepositoryPythonOrigin(python, pointer, entry_point=["dagster"])),
        "remote_job_origin": RemoteJobOrigin(RemoteRepositoryOrigin(where, "__repository__"), job),
    }


@dataclass(frozen=True, slots=True)
class Daemon:
    """What Dagster's daemon does to a run: makes it, launches it, hears of it."""

    rig: Rig
    instance: dg.DagsterInstance

    @property
    def launcher(self) -> ForkRunLauncher:
        assert isinstance(self.instance.run_launcher, ForkRunLauncher)
        return self.instance.run_launcher

    @property
    def server(self) -> "subprocess.Popen[bytes]":
        return self.launcher._servers._processes[-1]

    def create(
        self, job: str = "flow", years: tuple[int, ...] = (2025, 2026), where: CodeLocationOrigin = OF_DAGSTER_DEV
    ) -> dg.DagsterRun:
        from strava_pipeline.definitions import defs

        made: Any = origins(job, where)
        return self.instance.create_run_for_job(defs.resolve_job_def(job), tags=range_tags(years), **made)

    def launch_again(self, parent_id: str) -> str:
        """What *Re-execute* in the UI makes of a run."""
        from strava_pipeline.definitions import defs

        parent = self.run(parent_id)
        made: Any = origins(parent.job_name)
        run_id = self.instance.create_run_for_job(
            defs.resolve_job_def(parent.job_name),
            tags=parent.tags,
            parent_run_id=parent_id,
            root_run_id=parent_id,
            **made,
        ).run_id
        self.instance.launch_run(run_id, None)  # type: ignore[arg-type]
        return run_id

    def launch(
        self, job: str = "flow", years: tuple[int, ...] = (2025, 2026), where: CodeLocationOrigin = OF_DAGSTER_DEV
    ) -> str:
        run_id = self.create(job, years, where).run_id
        self.instance.launch_run(run_id, None)  # type: ignore[arg-type]  # without one only forks are launched
        return run_id

    def launch_and_wait_for_work(self, where: CodeLocationOrigin = OF_DAGSTER_DEV) -> str:
        """A run that waits for the lock which the test holds."""
        return self.wait_for_work(self.launch(where=where))

    def wait_for_work(self, run_id: str) -> str:
        until(lambda: self.status(run_id), lambda status: status == DagsterRunStatus.STARTED, every=0.1)
        return run_id

    def run(self, run_id: str) -> dg.DagsterRun:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run

    def status(self, run_id: str) -> DagsterRunStatus:
        return self.run(run_id).status

    def end(self, run_id: str) -> DagsterRunStatus:
        return DagsterRunStatus(until(lambda: self.status(run_id), lambda status: status in ENDS, every=0.1))

    def process(self, run_id: str) -> int:
        return int((self.rig.lake.state / "runs" / f"{run_id}.lock").read_text().split()[0])

    def health(self, run_id: str) -> WorkerStatus:
        return self.launcher.check_run_worker_health(self.run(run_id)).status

    def words(self, run_id: str) -> str:
        return "\n".join(entry.message or "" for entry in self.instance.all_logs(run_id))


@contextmanager
def daemon(rig: Rig) -> Iterator[Daemon]:
    with rig.instance() as instance:
        yield Daemon(rig, instance)


def use_settings_of(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Dagster's processes have them: from the environment."""
    for name, value in rig.settings.environ().items():
        monkeypatch.setenv(name, value)
