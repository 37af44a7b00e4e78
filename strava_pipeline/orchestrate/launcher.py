"""The run launcher: Dagster's own, which also ends and watches runs whose process it did not start (docs/adr/0034).

dagster.yaml names the class. A run's lock file shows whether it lives, whoever launched it: a command, or a daemon that
is gone. Every process of Dagster loads this module: nothing heavy is imported here.

Run launchers in Dagster: https://docs.dagster.io/deployment/execution/run-launchers
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from dagster import DefaultRunLauncher
from dagster_shared.serdes import deserialize_value

from strava_pipeline.orchestrate.dagster_private import (
    CanCancelExecutionRequest,
    CanCancelExecutionResult,
    CheckRunHealthResult,
    DagsterUserCodeUnreachableError,
    LaunchRunContext,
    WorkerStatus,
)
from strava_pipeline.orchestrate.tags import DATA_DIR

if TYPE_CHECKING:
    from strava_pipeline.lake.paths import Lake

_PATIENCE = 30  # seconds for the server to say whether it has begun a run
SLOW = "The launch took longer than Dagster waits for it. The run's process is starting, so it is not launched again."
NOT_HERE = (
    "The run's process can't be interrupted from here: it runs in another container, as another user, or not on Linux. "
    "Press Ctrl-C where it runs, or end its container."
)


class PipelineRunLauncher(DefaultRunLauncher):
    """Launches runs through the code location's server, as Dagster does. Knows every run of this machine by its lock file."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Launch the run, but not twice: its process may be starting though the answer comes too late.

        Otherwise Dagster's queue takes it back, says why, and launches it again.
        """
        if self._is_begun(context.dagster_run):
            return
        try:
            super().launch_run(context)
        except DagsterUserCodeUnreachableError:
            if not self._is_begun(context.dagster_run):
                raise
            self._instance.report_engine_event(SLOW, context.dagster_run)

    def _is_begun(self, run: dg.DagsterRun) -> bool:
        """Whether a process holds the run's lock, or the server that was asked to launch it has one."""
        from strava_pipeline.lake.locks import is_live

        run_id, lake = run.run_id, _lake_of(run)
        if lake is not None and is_live(lake, run_id):
            return True
        client = self._get_grpc_client_for_termination(run_id)  # type: ignore[no-untyped-call]
        if client is None:
            return False
        with suppress(DagsterUserCodeUnreachableError):
            answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run_id), timeout=_PATIENCE)
            return deserialize_value(answer, CanCancelExecutionResult).can_cancel
        return False

    def terminate(self, run_id: str) -> bool:
        """Interrupt the run's process, from any process of this machine."""
        run = self._instance.get_run_by_id(run_id) if self.has_instance else None
        lake = _lake_of(run) if run is not None and not run.is_finished else None
        if run is None or lake is None:
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        from strava_pipeline.lake.locks import is_live, process_of_run

        process = process_of_run(lake, run_id)
        if process is not None:
            self._instance.report_run_canceling(run)
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(process, signal.SIGINT)
            return True
        # the tag may be one that a re-execution inherited
        if not is_live(lake, run_id) or ".dagster/grpc_info" in run.tags:
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        self._instance.report_engine_event(NOT_HERE, run)
        return False

    @property
    def supports_check_run_worker_health(self) -> bool:
        return sys.platform == "linux"

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """FAILED only if a process held the run's lock and died, because Dagster fails a run for any other answer than
        RUNNING.
        """
        from strava_pipeline.lake.locks import has_died

        lake = _lake_of(run)
        if lake is not None and has_died(lake, run.run_id):
            return CheckRunHealthResult(WorkerStatus.FAILED, "Its process is gone.")
        return CheckRunHealthResult(WorkerStatus.RUNNING)


def _lake_of(run: dg.DagsterRun) -> "Lake | None":
    """The data folder of a run that has begun."""
    from strava_pipeline.lake.paths import Lake

    folder = run.tags.get(DATA_DIR)
    return Lake(Path(folder)) if folder is not None else None


ForkRunLauncher = PipelineRunLauncher  # as dagster.yaml of version 0.1 names it, which somebody may have edited
