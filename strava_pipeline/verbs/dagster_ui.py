"""Dagster's daemon, and its UI behind a check of who asks: the process that `dev` and `service` start for both.

`python -m strava_pipeline.verbs.dagster_ui HOST PORT PREFIX LEVEL`, with DAGSTER_HOME set, ends when it is interrupted or when
the daemon ends. HOST is empty where there is no UI. PREFIX is empty, or the path below which the UI is; LEVEL says what of the
daemon's log is shown. `dagster dev` has no place for a check in front of its web server, so its parts (code server, daemon, web
application) are put together here. A daemon by itself would load the definitions anew every minute: 2 s of CPU each time.
The check is serve/same_origin.py's. Dagster is imported once interrupts are handled.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.verbs.code_server import LOG_LEVEL, code_server
from strava_pipeline.verbs.dagster_process import daemon_module
from strava_pipeline.verbs.interrupts import interrupts_held, log_first_lines
from strava_pipeline.verbs.output import echo

if TYPE_CHECKING:
    import dagster as dg
    import uvicorn

    from strava_pipeline.environment.settings import Settings

Application = Callable[[Any, Any, Any], Awaitable[None]]
_REQUEST_GRACE = 2  # seconds that requests being answered get to end; they take less, and a page of the UI keeps asking
_DAEMON_GRACE = 60  # seconds that the daemon gets to end, as `dagster dev` has it


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))  # there is nothing to end while modules load, which takes seconds
    import dagster  # noqa: F401

    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.dagster_process import prepare

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    host, port, prefix, log_level = sys.argv[1:]
    with suppress(KeyboardInterrupt):
        try:
            settings = Settings.load()
            prepare(settings)
        except PipelineError as error:
            echo(error, err=True)
            sys.exit(error.exit_code)
        run(settings, host, int(port), prefix, log_level)


def run(settings: "Settings", host: str, port: int, prefix: str, log_level: str) -> None:
    """Serve until interrupted, or until the daemon ends."""
    import dagster as dg

    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.orchestrate.dagster_private import configure_loggers
    from strava_pipeline.orchestrate.sensors.waking import requests_watched

    configure_loggers(formatter="colored", log_level=log_level.upper())
    if log_level != "info":
        log_first_lines()
    with (
        dg.DagsterInstance.get() as instance,
        code_server(instance) as workspace,
        daemon(workspace, log_level) as process,
        requests_watched(instance, Lake(settings.data_dir)),
    ):
        if not host:
            _say_end(process.wait())
            return
        with web_application(instance, workspace, prefix) as application:
            server = guarded_server(application, host, port, prefix)
            threading.Thread(target=_end_with, args=(process, server), daemon=True).start()
            server.run()


def guarded_server(application: Application, host: str, port: int, prefix: str) -> "uvicorn.Server":
    """A server of Dagster's web application, behind the check of origins."""
    import uvicorn

    from strava_pipeline.serve.same_origin import SameOrigin

    return uvicorn.Server(
        uvicorn.Config(
            SameOrigin(application, host, prefix=prefix),
            host=host,
            port=port,
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=_REQUEST_GRACE,
        )
    )


def _end_with(process: subprocess.Popen[bytes], server: "uvicorn.Server") -> None:
    code = process.wait()
    if not server.should_exit:
        _say_end(code)
    server.should_exit = True


def _say_end(code: int) -> None:
    echo(f"Dagster's daemon ended by itself, with exit code {code}.", err=True)


@contextmanager
def daemon(workspace: Path, log_level: str = "warning") -> Iterator[subprocess.Popen[bytes]]:
    """Dagster's daemon as a child process; it is interrupted at the end of the body, and killed if it does not end.

    `dagster dev` ends it by a pipe (`--shutdown-pipe`); with one, a daemon that fails by itself hangs until it is written to.
    """
    command = [sys.executable, "-m", *daemon_module(workspace, log_level)]
    with ExitStack() as held:
        held.enter_context(interrupts_held())
        with subprocess.Popen(command) as process:
            try:
                held.close()  # an interrupt that came meanwhile ends the body, and the daemon with it
                yield process
            finally:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(_DAEMON_GRACE)
                except subprocess.TimeoutExpired:
                    process.kill()


@contextmanager
def web_application(instance: "dg.DagsterInstance", workspace: Path, prefix: str) -> Iterator[Application]:
    """Dagster's UI and its GraphQL as an ASGI application, with the limits that `dagster-webserver` sets by default."""
    from dagster_webserver.app import create_app_from_workspace_process_context
    from dagster_webserver.version import __version__

    from strava_pipeline.orchestrate.dagster_private import WorkspaceFileTarget, WorkspaceProcessContext

    instance.optimize_for_webserver(statement_timeout=15_000, pool_recycle=3_600, max_overflow=20)
    with WorkspaceProcessContext(
        instance,
        WorkspaceFileTarget([str(workspace)]),
        version=__version__,
        code_server_log_level=LOG_LEVEL,
    ) as context:
        yield create_app_from_workspace_process_context(context, prefix, live_data_poll_rate=2_000)


if __name__ == "__main__":
    main()
