"""Dagster's UI and daemon on this machine: the janitor first, then `dagster dev` in the foreground."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.core.errors import PipelineError

if TYPE_CHECKING:
    from strava_pipeline.settings import Settings


GRACE = 30  # seconds that Dagster's daemon and web server get to end


def dev(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the UI.")] = 3000,
    host: Annotated[str, typer.Option(help="Address of the UI; it has no password, so keep it local.")] = "127.0.0.1",
    demo: Annotated[bool, typer.Option("--demo", help="On the demo's instance, with its emulator.")] = False,
    folder: Annotated[Path, typer.Option(help="The demo's folder.")] = Path("demo"),
) -> None:
    """Dagster's UI and daemon on http://127.0.0.1:3000."""
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.demo import MARK, demo_settings
    from strava_pipeline.verbs.local_strava import emulator_process, log_in_locally
    from strava_pipeline.verbs.terminal import program

    with ExitStack() as held:
        if demo:
            folder = folder.absolute()
            if not (folder / MARK).exists():
                raise PipelineError(f"There is no demo in {folder} yet. Run `{program()} demo` first.")
            lock = held.enter_context(alone_on(folder / "dagster_home"))
            athlete = (folder / MARK).read_text().split()
            url = held.enter_context(emulator_process(*athlete, log=folder / "logs" / "emulator.log"))
            settings = demo_settings(folder, url)
            log_in_locally(settings)
        else:
            settings = Settings.load()
            lock = held.enter_context(alone_on(settings.dagster_home))
        raise typer.Exit(_serve(settings, host, port, lock))


@contextmanager
def alone_on(home: Path) -> Iterator[int]:
    """Hold the Dagster instance in `home` for one daemon; PipelineError where another has it.

    Yields the lock's file descriptor (flock): who inherits it holds the lock too, so that a daemon whose `dev` was
    killed is still told from none.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".dev.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PipelineError(
                f"Dagster is already running on {home}. Stop it there (`pkill -f 'dagster dev'`, if its terminal is gone), "
                "or set DAGSTER_HOME to another folder."
            ) from error
        yield lock.fileno()


def _check_port(host: str, port: int) -> None:
    """Dagster's daemon would run on without its UI where the port is taken."""
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        raise PipelineError(
            f"Port {port} of {host} can't be used ({error.strerror}). Is Dagster running already? "
            "Else choose another: --port 3001."
        ) from error


def _serve(settings: "Settings", host: str, port: int, lock: int) -> int:
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.orchestrate.instance import CONFIG, missing_configuration, note_ui, open_instance
    from strava_pipeline.orchestrate.janitor import clean_up

    _check_port(host, port)
    with open_instance(settings.dagster_home) as instance:
        for run_id in clean_up(instance, Lake(settings.data_dir)):
            typer.echo(f"Run {run_id} had died without a word; it is now marked as failed.", err=True)
    if missing := missing_configuration(settings.dagster_home):
        typer.echo(
            f"{settings.dagster_home / CONFIG} does not say {', '.join(missing)}, which this version counts on; "
            "Dagster's defaults hold. To have the project's own, move the file away and start again.",
            err=True,
        )
    note_ui(settings.dagster_home, f"http://{host}:{port}")
    typer.echo(f"Dagster's UI: http://{host}:{port} (Ctrl-C stops it)", err=True)
    # dagster 1.13 would have `dg dev` instead, a package of its own
    quiet = ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), "ignore:Function `dev_command` is superseded"]))
    return _run(_command(host, port), {**os.environ, **settings.environ(), "PYTHONWARNINGS": quiet}, lock)


def _run(command: list[str], environment: dict[str, str], lock: int) -> int:
    """Run Dagster until it ends, or until Ctrl-C or SIGTERM, which it is told once, so that it ends its own children."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell started us in the background
    with subprocess.Popen(command, env=environment, start_new_session=True, pass_fds=[lock]) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            return 0


def _command(host: str, port: int) -> list[str]:
    workspace = files("strava_pipeline.orchestrate").joinpath("workspace.yaml")
    return [sys.executable, "-m", "dagster", "dev", "-w", str(workspace), "-h", host, "-p", str(port)]
