"""The run launcher: it forks runs from a process that has imported the definitions (docs/adr/0041).

dagster.yaml names the class. Dagster's default launcher, which it extends, launches what can't be forked: on systems other
than Linux, runs of other code, and where the server (fork_server.py) does not answer. Health and termination ask the run's
lock file, whoever launched the run. Every process of Dagster loads this module: nothing heavy is imported here.

Run launchers in Dagster: https://docs.dagster.io/deployment/execution/run-launchers
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from math import inf
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster import DefaultRunLauncher, serialize_value

from strava_pipeline.orchestrate.dagster_private import (
    GRPC_INFO_TAG,
    CheckRunHealthResult,
    ConfigurableClassData,
    GrpcServerCodeLocationOrigin,
    LaunchRunContext,
    ManagedGrpcPythonEnvCodeLocationOrigin,
    ModuleCodePointer,
    WorkerStatus,
)
from strava_pipeline.orchestrate.fork_server import FORKED, LONGEST, STALE
from strava_pipeline.orchestrate.tags import DATA_DIR

if TYPE_CHECKING:
    from strava_pipeline.lake.paths import Lake

DEFINITIONS = "strava_pipeline.definitions"
PATIENCE = 75  # seconds for an answer: the first one imports everything, 3 s on an idle machine and 30 on a busy one
PAUSE = 300  # seconds without another try after one without an answer, or each run would wait as long for nothing
NOT_HERE = (
    "The run's process can't be interrupted from here: it runs in another container, as another user, or not on Linux. "
    "Press Ctrl-C where it runs, or end its container."
)
TRIES = (
    2  # a server may have ended or be out of date; a second one is neither. Both within dagster.yaml's time to start
)


class ForkRunLauncher(DefaultRunLauncher):
    """Launches runs by forking, and through the code location's server where that can't be done."""

    def __init__(self, inst_data: Any = None) -> None:
        super().__init__(inst_data)
        self._servers = _Servers()

    def launch_run(self, context: LaunchRunContext) -> None:
        run = context.dagster_run
        if sys.platform == "linux" and _is_forkable(run) and self._servers.fork(_request(self._instance, run)):
            self._run_ids.add(run.run_id)  # which `join` waits for
        else:
            super().launch_run(context)

    def terminate(self, run_id: str) -> bool:
        """Interrupt the run's process, from whichever process of this machine."""
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
        if not is_live(lake, run_id) or GRPC_INFO_TAG in run.tags:  # the tag may be one that a re-execution inherited
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        self._instance.report_engine_event(NOT_HERE, run)
        return False

    @property
    def supports_check_run_worker_health(self) -> bool:
        return sys.platform == "linux"

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """FAILED only where a process held the run's lock and died: Dagster fails a run for any other word than RUNNING."""
        from strava_pipeline.lake.locks import has_died

        lake = _lake_of(run)
        if lake is not None and has_died(lake, run.run_id):
            return CheckRunHealthResult(WorkerStatus.FAILED, "Its process is gone.")
        return CheckRunHealthResult(WorkerStatus.RUNNING)

    def dispose(self) -> None:
        self._servers.close()
        super().dispose()


def _is_forkable(run: dg.DagsterRun) -> bool:
    """Whether it is a run of our definitions, in this Python, that a code server of this machine has loaded."""
    code, remote = run.job_code_origin, run.remote_job_origin
    if code is None or remote is None:
        return False
    pointer, location = code.repository_origin.code_pointer, remote.repository_origin.code_location_origin
    return (
        isinstance(pointer, ModuleCodePointer)
        and pointer.module == DEFINITIONS
        and code.repository_origin.executable_path == sys.executable
        and (
            isinstance(location, ManagedGrpcPythonEnvCodeLocationOrigin)  # the daemon's own, where it has no web server
            or (
                isinstance(location, GrpcServerCodeLocationOrigin) and location.socket is not None
            )  # that of `dagster dev`
        )
    )


def _request(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bytes:
    ref = instance.get_ref()
    modules = sorted(
        {part.module_name for part in ref if isinstance(part, ConfigurableClassData)}
    )  # a custom storage's
    return json.dumps({"run": serialize_value(run), "instance": serialize_value(ref), "modules": modules}).encode()


def _lake_of(run: dg.DagsterRun) -> "Lake | None":
    """The data folder of a run that has begun."""
    from strava_pipeline.lake.paths import Lake

    return Lake(Path(run.tags[DATA_DIR])) if DATA_DIR in run.tags else None


class _Servers:
    """The server that forks this process's runs. It starts with the first run and is replaced when its code is out of date.

    It ends when this process does, after the runs that it forked.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock, self._pause_ends = clock, -inf
        self._channel: socket.socket | None = None
        self._processes: list[subprocess.Popen[bytes]] = []  # the present one last; others wait for runs at work
        self._one_at_a_time = threading.Lock()

    def fork(self, request: bytes) -> bool:
        """Whether a run was forked; if not, this request will never fork one."""
        with self._one_at_a_time:
            if len(request) > LONGEST or self._clock() < self._pause_ends:
                return False
            for _ in range(TRIES):
                try:
                    answer = _ask(self._channel or self._start(), request)
                except OSError:  # no descriptor, process or memory is left
                    answer = b"no answer"
                if answer == FORKED:
                    return True
                self._end()
                if answer not in (STALE, b""):
                    self._pause_ends = self._clock() + PAUSE
                    break
            return False

    def close(self) -> None:
        with self._one_at_a_time:
            self._end()

    def _start(self) -> socket.socket:
        self._processes = [process for process in self._processes if process.poll() is None]
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST)  # the kernel takes twice that
        with theirs:
            command = [sys.executable, "-m", "strava_pipeline.orchestrate.fork_server", str(theirs.fileno())]
            self._processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]))
        return self._channel

    def _end(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None


def _ask(channel: socket.socket, request: bytes) -> bytes:
    """The answer to `request`; empty where the server ended before it could fork."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            try:
                socket.send_fds(channel, [request], [theirs.fileno()])
            except OSError:
                return b""
        ours.settimeout(PATIENCE)
        with suppress(TimeoutError):
            return ours.recv(64)
        ours.shutdown(socket.SHUT_RD)  # from now on a child that says it was forked gets an error, and ends
        ours.setblocking(False)
        with suppress(BlockingIOError):
            return ours.recv(64) or b"no answer"
        return b"no answer"
