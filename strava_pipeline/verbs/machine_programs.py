"""Two programs of a house on several machines: Dagster's UI behind the check of who asks, and a worker of Celery's.

`python -m strava_pipeline.verbs.machine_programs ui HOST PORT WORKSPACE`, `… worker QUEUE SLOTS`, and `… ping QUEUE`, which
ends with 0 where the worker here answers; with DAGSTER_HOME set.
"""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from strava_pipeline.verbs.interrupts import end_at_interrupt


def main() -> None:
    end_at_interrupt()  # while modules load; each program then handles interrupts itself
    program, *arguments = sys.argv[1:]
    if program == "ui":
        host, port, workspace = arguments
        ui(host, int(port), Path(workspace))
    elif program == "worker":
        queue, slots = arguments
        worker(queue, int(slots))
    else:
        (queue,) = arguments
        sys.exit(0 if ping(queue) else 1)


def ui(host: str, port: int, workspace: Path) -> None:
    """Serve Dagster's web application until interrupted."""
    import signal

    import dagster as dg

    from strava_pipeline.core.process import INTERRUPTS
    from strava_pipeline.verbs.dagster_ui import guarded_server, web_application

    for number in INTERRUPTS:
        signal.signal(number, signal.default_int_handler)
    with (
        suppress(KeyboardInterrupt),
        dg.DagsterInstance.get() as instance,
        web_application(instance, workspace, "") as application,
    ):
        guarded_server(application, host, port, "").run()


def _celery() -> Any:
    """The launcher's own application: the broker's address is in dagster.yaml."""
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        return instance.run_launcher.celery  # type: ignore[attr-defined]  # verbs/machines.py looked which it is


def ping(queue: str) -> bool:
    """Whether the worker of this machine, or container, answers."""
    from socket import gethostname

    return bool(_celery().control.ping([f"{queue}@{gethostname()}"], timeout=10))


def worker(queue: str, slots: int) -> None:
    """Execute runs from the queue until told to end: a run at work is then finished first. Each run has a process of its own."""
    from dagster_celery.tasks import create_execute_job_task

    celery = _celery()
    create_execute_job_task(celery)
    celery.worker_main(
        [
            "worker",
            *("--hostname", f"{queue}@%h", "--queues", queue, "--concurrency", str(slots)),
            *("--max-tasks-per-child", "1", "--disable-prefetch", "--without-gossip", "--without-mingle"),
            *("--loglevel", "INFO"),
        ]
    )


if __name__ == "__main__":
    main()
