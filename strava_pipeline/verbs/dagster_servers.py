"""Dagster's code server, daemon and web application, each for the length of a body: what `dagster dev` consists of.

Dagster's command has no place for a check in front of its web server, so its parts are put together here and by
verbs/dagster_ui.py. What serves the application, and the check, are not here.
"""

import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import yaml  # type: ignore[import-untyped]
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__

from strava_pipeline.orchestrate.dagster_private import ProxyServerManager, WorkspaceFileTarget, WorkspaceProcessContext
from strava_pipeline.orchestrate.home import workspace_file
from strava_pipeline.verbs import quiet_start
from strava_pipeline.verbs.quiet_start import interrupts_held

Application = Callable[[Any, Any, Any], Awaitable[None]]
_LOG_LEVEL = "warning"  # of the code server, as `dagster dev` has it
_PATIENCE = 60  # seconds that the daemon gets to end, as `dagster dev` has it


@contextmanager
def code_server(instance: dg.DagsterInstance) -> Iterator[Path]:
    """The process that has loaded the definitions, started again where it dies; yields a workspace file that leads to it."""
    with (
        ProxyServerManager(instance, WorkspaceFileTarget([str(workspace_file())]), _LOG_LEVEL) as servers,
        TemporaryDirectory() as folder,
    ):
        workspace = Path(folder, "workspace.yaml")
        workspace.write_text(yaml.safe_dump({"load_from": list(servers.get_code_server_specs())}))
        yield workspace


@contextmanager
def daemon(workspace: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Dagster's daemon as a child process; it is interrupted at the end of the body, and killed if it does not end.

    `dagster dev` ends it by a pipe (`--shutdown-pipe`); with one, a daemon that fails by itself hangs until it is written to.
    """
    command = [sys.executable, "-m", quiet_start.__name__, "dagster._daemon", "run", "-w", str(workspace)]
    with ExitStack() as held:
        held.enter_context(interrupts_held())
        with subprocess.Popen(command) as process:
            try:
                held.close()  # one that came meanwhile ends the body, and the daemon with it
                yield process
            finally:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(_PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()


@contextmanager
def web_application(instance: dg.DagsterInstance, workspace: Path) -> Iterator[Application]:
    """Dagster's UI and its GraphQL as an ASGI application, with the limits that `dagster-webserver` sets by default."""
    instance.optimize_for_webserver(statement_timeout=15_000, pool_recycle=3_600, max_overflow=20)
    with WorkspaceProcessContext(
        instance,
        WorkspaceFileTarget([str(workspace)]),
        version=__version__,
        code_server_log_level=_LOG_LEVEL,
    ) as context:
        yield create_app_from_workspace_process_context(context, live_data_poll_rate=2_000)
