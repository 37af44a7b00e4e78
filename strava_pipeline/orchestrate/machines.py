"""The launcher that hands runs to the workers of several machines, and the list of these (docs/adr/0107).

deploy/server.dagster.yaml names the class. Only processes of a house with machines load this module. Queues are
queues.py's.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any

import dagster as dg
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_QUEUE_TAG, DAGSTER_CELERY_TASK_ID_TAG

from strava_pipeline.orchestrate.dagster_private import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from strava_pipeline.orchestrate.queues import LOCATION, Worker

_ANSWER = 5  # seconds for an answer; the main process of a worker at work answers at once
_SILENCE = 60  # seconds without an answer after which a worker is dead; the broker's restart takes less


class MachinesRunLauncher(CeleryRunLauncher):
    """Asks the worker that took a run whether it is still at work on it.

    Celery's records say STARTED for ever if a worker was killed, and dagster-celery reads only those. Dagster's pull
    request 33493 asks workers, too: once a release has it, dagster.yaml can name dagster-celery's own class, and this
    one can be deleted.
    """

    def __init__(self, *args: Any, now: Callable[[], float] = time.monotonic, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # dagster-celery renames its task at each launch, about which Celery writes ten lines into the log
        warnings.filterwarnings("ignore", "Task name 'execute_job' is already registered")
        self._now = now
        self._silent_since: dict[str, float] = {}  # by run; only the daemon asks

    def launch_run(self, context: LaunchRunContext) -> None:
        """Hand the run to the machine of its code location, which has its athlete's folder."""
        run = context.dagster_run
        queue = {DAGSTER_CELERY_QUEUE_TAG: run.tags[LOCATION]}
        super().launch_run(context._replace(dagster_run=run.with_tags({**run.tags, **queue})))

    def terminate(self, run_id: str) -> bool:
        """Interrupt a run. It is announced first; otherwise Dagster takes the interrupt for a failure and restarts the run."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return bool(super().terminate(run_id))

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """FAILED if the run's worker says that it does not have it, or was silent for a minute."""
        task = run.tags[DAGSTER_CELERY_TASK_ID_TAG]
        found = super().check_run_worker_health(run)
        if found.status in (WorkerStatus.SUCCESS, WorkerStatus.FAILED):
            return found
        noted = self.celery.AsyncResult(task).info  # the worker that took it; None after a day (result_expires)
        hosts = [noted["hostname"]] if isinstance(noted, dict) else None
        answers = self.celery.control.inspect(hosts, timeout=_ANSWER).query_task(task) or {}
        if any(task in tasks for tasks in answers.values()):
            self._silent_since.pop(run.run_id, None)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if hosts and answers:
            return CheckRunHealthResult(WorkerStatus.FAILED, f"The worker {hosts[0]} was started again since.")
        silent = (now := self._now()) - self._silent_since.setdefault(run.run_id, now)
        if silent < _SILENCE:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        who = f"The worker {hosts[0]}" if hosts else "Whatever worker took it"
        return CheckRunHealthResult(WorkerStatus.FAILED, f"{who} has not answered for {silent:.0f} s.")


def workers(celery: Any) -> list[Worker]:
    """The workers that answer. `celery`: the application, as a launcher has it."""
    asked = celery.control.inspect(timeout=_ANSWER)
    slots = {host: one["pool"]["max-concurrency"] for host, one in (asked.stats() or {}).items()}
    queues = asked.active_queues() or {}
    return [Worker(frozenset(queue["name"] for queue in queues.get(host, ())), slots[host]) for host in sorted(slots)]
