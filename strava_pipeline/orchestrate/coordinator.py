"""The run coordinator: Dagster's own queue, with only one daemon on its home.

dagster.yaml names the class, so that it applies to every daemon, including a bare `dagster dev` or `dagster-daemon
run`.

Run coordinators in Dagster: https://docs.dagster.io/deployment/execution/run-coordinators
"""

import os
from pathlib import Path

from dagster import QueuedRunCoordinator

from strava_pipeline.orchestrate.home import DaemonLock, DaemonRunsError


class ExclusiveRunCoordinator(QueuedRunCoordinator):
    """Queues runs. The first daemon that empties the queue keeps the home to itself; a second one ends with a message."""

    _daemon_lock: DaemonLock | None = None

    @property
    def dequeue_interval_seconds(self) -> int:
        """How often the daemon looks at the queue.

        Only a daemon asks, while it starts and before it has launched anything; no web server, code server, run or
        command does. So a process that asks is a daemon, and it ends here if another one is alive.
        """
        if self._daemon_lock is None:
            try:
                self._daemon_lock = DaemonLock(Path(self._instance.root_directory))
            except DaemonRunsError as error:
                os.write(2, f"{error}\n".encode())
                os._exit(1)  # an error would not end it: a thread of `dagster dev` waits to be told to end
        return super().dequeue_interval_seconds

    def dispose(self) -> None:
        """Let the next daemon begin: this one's instance is closed."""
        if self._daemon_lock is not None:
            self._daemon_lock.close()
        super().dispose()
