"""The process with Dagster's loaded definitions, and the one address at which the daemon and the web application ask it.

The definitions are loaded again, in another process, if their process dies, or if the set-up parts change. Both
continue to ask meanwhile: Dagster's proxy stands between. `dagster dev` gives the proxy a process of its own, of 80 MB;
here it is a thread of dagster_ui.py's process.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.verbs.output import echo

if TYPE_CHECKING:
    import dagster as dg

    from strava_pipeline.orchestrate.dagster_private import DagsterGrpcServer, ManagedGrpcPythonEnvCodeLocationOrigin

LOG_LEVEL = "warning"  # as `dagster dev` has it
_UNASKED = 30  # seconds after which the unused process with the definitions ends, as in Dagster
_LOOK = 5.0  # seconds between looks whether it answers
_MISSES, _MOST_MISSES = 3, 120  # looks in vain until another one is started: twice as many each time, up to ten minutes
_PARTING = 5.0  # seconds in which the process with the definitions is told to end, once its runs have
_RELOAD = 180  # seconds that loading the definitions may take, as at the start (dagster.yaml)


@contextmanager
def code_server(instance: "dg.DagsterInstance") -> Iterator[Path]:
    """Load the definitions in a process of their own, and again if it dies; yields a workspace file that leads there."""
    import yaml  # type: ignore[import-untyped]

    from strava_pipeline.orchestrate.dagster_private import ManagedGrpcPythonEnvCodeLocationOrigin, WorkspaceFileTarget
    from strava_pipeline.orchestrate.home import workspace_file

    (origin,) = WorkspaceFileTarget([str(workspace_file())]).create_origins()
    assert isinstance(origin, ManagedGrpcPythonEnvCodeLocationOrigin)  # our file names a module
    ended = threading.Event()
    with TemporaryDirectory(prefix="d") as folder:  # short, for a socket's path has 107 bytes at most
        socket, workspace = Path(folder, "s"), Path(folder, "workspace.yaml")
        set_up = _set_up_now()
        server = _proxy(instance, origin, socket, ended)
        threads = [
            threading.Thread(target=server.serve, name="code-server-proxy", daemon=True),
            threading.Thread(target=_kept_alive, args=(socket, ended, set_up), name="code-server-watch", daemon=True),
        ]
        for thread in threads:
            thread.start()
        at = {
            "socket": str(socket),
            "host": "localhost",
            "location_name": origin.location_name,
            "additional_metadata": origin.loadable_target_origin.as_dict,
        }
        workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": at}]}))
        try:
            yield workspace
        finally:
            ended.set()
            for thread in threads:
                # no longer: while a run is at work, it and the process with its definitions go on
                thread.join(_PARTING)


def _proxy(
    instance: "dg.DagsterInstance",
    origin: "ManagedGrpcPythonEnvCodeLocationOrigin",
    socket: Path,
    ended: threading.Event,
) -> "DagsterGrpcServer":
    """What `dagster code-server start` serves, with the process already started; it ends with `ended`."""
    from strava_pipeline.orchestrate.dagster_private import (
        DagsterGrpcServer,
        DagsterProxyApiServicer,
        FuturesAwareThreadPoolExecutor,
    )

    log = logging.getLogger("dagster.code_server")
    log.setLevel(LOG_LEVEL.upper())
    servicer = DagsterProxyApiServicer(
        loadable_target_origin=origin.loadable_target_origin,
        fixed_server_id=None,
        container_image=None,
        container_context=None,
        inject_env_vars_from_instance=True,
        location_name=origin.location_name,
        log_level=LOG_LEVEL,
        startup_timeout=instance.code_server_process_startup_timeout,
        server_termination_event=ended,
        instance_ref=instance.get_ref(),
        logger=log,
        server_heartbeat=False,  # by which a process of its own would notice that its parent is gone
        server_heartbeat_timeout=_UNASKED,
        heartbeat_ttl=_UNASKED,
        defs_state_info=None,
    )
    return DagsterGrpcServer(ended, servicer, log, FuturesAwareThreadPoolExecutor(), socket=str(socket))


def _kept_alive(socket: Path, ended: threading.Event, set_up: object) -> None:
    """Load the definitions again, in a new process, if theirs no longer answers, or if `set_up` has changed."""
    from strava_pipeline.orchestrate.dagster_private import DagsterGrpcClient, DagsterUserCodeUnreachableError

    client, missed, patience = DagsterGrpcClient(socket=str(socket), host="localhost"), 0, _MISSES
    while not ended.wait(_LOOK):
        found, why = _set_up_now(), ""
        if found not in (None, set_up):
            why = "Something else is set up; Dagster's definitions are loaded again."
        else:
            try:
                client.ping("")
                missed, patience = 0, _MISSES
            except DagsterUserCodeUnreachableError:
                missed += 1
            if missed == patience:
                why = "The process with Dagster's definitions does not answer; another one is started."
                missed, patience = 0, min(2 * patience, _MOST_MISSES)
        if why and not ended.is_set():
            echo(why, err=True)
            with suppress(DagsterUserCodeUnreachableError):
                client.reload_code(timeout=_RELOAD)
                set_up = found or set_up


def _set_up_now() -> "tuple[Any, ...] | None":
    """Everything that determines the definitions; None if a file of settings is being edited, or can't be used."""
    from strava_pipeline.environment.process_owner import is_house
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.operations.used import set_up

    try:
        return () if is_house() else set_up(Settings.load())
    except PipelineError:
        return None
