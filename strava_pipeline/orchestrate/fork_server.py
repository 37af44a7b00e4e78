"""The process that runs are forked from: it has imported the definitions once, so that no run needs to. Linux only.

`python -m strava_pipeline.orchestrate.fork_server FD`: FD is one end of a pair of sockets; the launcher (launcher.py) has
the other. No thread, query, database or request may begin in this process: a forked run would inherit half of it and
hang (docs/adr/0041). Whatever needs one is done in a child, a dead run's failure included.
"""

import gc
import json
import os
import signal
import socket
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from sysconfig import get_path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagster import DagsterRun

    from strava_pipeline.orchestrate.dagster_private import ReconstructableJob
    from strava_pipeline.settings import Settings

PACKAGE = Path(__file__).resolve().parent.parent
LOOK = 1  # seconds between two looks at the runs: one that was killed is to be noticed within 3
IDLE = 600  # seconds without a run after which the server ends: it holds some 250 MB, and the next run starts another
LONGEST = (
    1 << 17
)  # bytes of a request, one message of a socket; a run of the asset graph's own selection takes some 30,000
LIBRARIES = ("duckdb", "orjson", "polars", "requests")  # of every run, wherever our own modules import them
FORKED, STALE = b"forked", b"stale"  # the answers to a request
_INTERRUPTS = {signal.SIGINT, signal.SIGTERM}

Children = dict[int, dict[str, Any] | None]  # by process id the request; None: of a child that reports a death
Stamps = dict[Path, tuple[int, int, int]]


def main() -> None:
    signal.signal(
        signal.SIGCHLD, signal.SIG_DFL
    )  # who started Dagster may ignore it: then no child could be waited for
    code = stamps(package_files())  # before any of it is imported
    from strava_pipeline.settings import Settings

    settings = Settings.load()
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        for each in _INTERRUPTS:  # whoever ends the server lets the runs at work end first, or interrupts them too
            signal.signal(each, lambda *_: channel.shutdown(socket.SHUT_RD))
        _serve(channel, settings, {**code, **stamps(user_files(settings))})


def package_files() -> list[Path]:
    """The files of the package, and the folder that installing any other package touches."""
    return [*(path for path in PACKAGE.rglob("[!.]*.*") if path.suffix != ".pyc"), Path(get_path("purelib"))]


def user_files(settings: "Settings") -> list[Path]:
    """The files of the user's that definitions may depend on."""
    from strava_pipeline.settings import env_file

    folders = {env_file().parent, settings.data_dir.parent}
    tomls = [path for folder in folders for path in folder.glob("*.toml")]
    return [
        *tomls,
        settings.pings_config,
        settings.providers_config,
        env_file(),
        settings.dagster_home / "dagster.yaml",
    ]


def stamps(paths: Iterable[Path]) -> Stamps:
    """Time, inode and size of each file, which differ where it was replaced or edited. A missing file has none."""
    found: Stamps = {}
    for path in paths:
        with suppress(OSError):
            seen = path.stat()
            found[path] = (seen.st_mtime_ns, seen.st_ino, seen.st_size)
    return found


def _serve(channel: socket.socket, settings: "Settings", loaded: Stamps) -> None:
    """Fork a run for each request until the launcher is gone; then wait for the runs that are still running."""
    children: Children = {}
    accepting = True
    while accepting or children:
        request, descriptors = b"", list[int]()
        if accepting:
            channel.settimeout(LOOK if children else IDLE)
            try:
                request, descriptors, _, _ = socket.recv_fds(channel, LONGEST, 1)
                accepting = bool(request)
            except TimeoutError:
                accepting = bool(children)
        else:
            time.sleep(LOOK)
        if request:
            with socket.socket(fileno=descriptors[0]) as answer:
                if stamps([*package_files(), *user_files(settings)]) != loaded:
                    with suppress(OSError):  # the launcher no longer waits
                        answer.send(STALE)
                else:
                    asked = json.loads(request)
                    _prepare(asked)
                    children[_forked(partial(_run, asked, answer, settings), channel)] = asked
        _report_deaths(children, channel)


def _prepare(asked: dict[str, Any]) -> None:
    """Import and build all that the run needs and the next will need too; the first time that takes seconds."""
    from dagster import DagsterRun, deserialize_value

    for module in (*LIBRARIES, *asked["modules"]):
        import_module(module)
    _job_of(deserialize_value(asked["run"], DagsterRun)).get_definition()
    gc.collect()
    gc.freeze()  # else the collector's marks would copy every page into every child


def _job_of(run: "DagsterRun") -> "ReconstructableJob":
    from strava_pipeline.orchestrate.dagster_private import recon_job_from_origin

    assert run.job_code_origin is not None, "the launcher asks for no run without"
    return recon_job_from_origin(run.job_code_origin)


def _forked(work: Callable[[], int], channel: socket.socket) -> int:
    """Begin `work` in a child, which ends with the code that it returns; the child's process id.

    An interrupt waits until `work` lets it through.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python and Polars warn of the threads that importing them starts
        child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTS)
        return child
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        channel.close()
        code = work()
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # the server's own stack is not the child's to unwind


def _run(asked: dict[str, Any], answer: socket.socket, settings: "Settings") -> int:
    """In a child: execute the run as a process of Dagster's own does; 0 when Dagster has a record of its end."""
    from dagster import DagsterInstance, DagsterRun, deserialize_value

    from strava_pipeline.lake.locks import live_run
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.orchestrate.dagster_private import (
        EngineEventData,
        InstanceRef,
        capture_interrupts,
        core_execute_run,
    )
    from strava_pipeline.orchestrate.tags import DATA_DIR

    try:
        answer.send(FORKED)
    except OSError:
        return 0  # the launcher has stopped waiting, and launches the run in another way
    answer.close()
    lake, run = Lake(settings.data_dir), deserialize_value(asked["run"], DagsterRun)
    with capture_interrupts(), live_run(lake, run.run_id):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTS)
        with DagsterInstance.from_ref(deserialize_value(asked["instance"], InstanceRef)) as instance:
            instance.add_run_tags(run.run_id, {DATA_DIR: str(lake.data_dir)})  # by which its lock is found
            here = EngineEventData.in_process(os.getpid())
            instance.report_engine_event(f"Forked a process for the run (pid: {os.getpid()}).", run, here)
            with suppress(BaseException):  # each is in the run's log before it is raised
                for _ in core_execute_run(_job_of(run), run, instance, inject_env_vars=True):
                    pass
            ended = instance.get_run_by_id(run.run_id)
            if ended is not None and _is_canceling(ended):  # since before it began: then Dagster executes nothing
                instance.report_run_canceled(ended)
                return 0
            return 0 if ended is None or ended.is_finished else 1


def _report_deaths(children: Children, channel: socket.socket) -> None:
    """Have a child report to Dagster each run whose process ended before the run did."""
    while children:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        asked, code = children.pop(child), os.waitstatus_to_exitcode(status)
        if asked is not None and code:
            children[_forked(partial(_report, asked, code), channel)] = None


def _report(asked: dict[str, Any], code: int) -> int:
    """In a child: mark the run as failed, as the default launcher's server does, or as canceled."""
    from dagster import DagsterInstance, DagsterRun, deserialize_value

    from strava_pipeline.orchestrate.dagster_private import InstanceRef, get_run_crash_explanation

    signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTS)
    with DagsterInstance.from_ref(deserialize_value(asked["instance"], InstanceRef)) as instance:
        run = instance.get_run_by_id(deserialize_value(asked["run"], DagsterRun).run_id)
        if run is not None and not run.is_finished:
            instance.report_engine_event(get_run_crash_explanation(f"The process of the run {run.run_id}", code), run)
            if _is_canceling(run):  # Dagster starts a failed run again; what a person ended must not be
                instance.report_run_canceled(run)
            else:
                instance.report_run_failed(run)
    return 0


def _is_canceling(run: "DagsterRun") -> bool:
    from dagster import DagsterRunStatus

    return run.status is DagsterRunStatus.CANCELING


if __name__ == "__main__":
    main()
