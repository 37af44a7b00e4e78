"""Dagster's daemon and web server as a child of this process: alone on its home, the janitor first, gone when we are.

For the verbs dev and service, who say what a person sees of it. The child's own side is guard.py.
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.verbs.echo import echo

if TYPE_CHECKING:
    from strava_pipeline.settings import Settings

GRACE = 30  # seconds that Dagster's daemon and web server get to end
PATIENCE = {
    "DAGSTER_GRPC_TIMEOUT_SECONDS": "180"
}  # for the launch of a run, as for all else that starts (dagster.yaml)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the UI answers."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


@contextmanager
def alone_on(home: Path) -> Iterator[int]:
    """Hold the Dagster instance in `home` for one daemon; PipelineError where another has it.

    Yields the lock's file descriptor (flock): who inherits it holds the lock too, so that a daemon whose `dev` was
    killed is still told from none.
    """
    home.mkdir(parents=True, exist_ok=True)
    with _lock(home).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PipelineError(
                f"Dagster is already running on {home}. Stop it there (Ctrl-C in the terminal of `dev`, or "
                "`strava-pipeline service down`), or set DAGSTER_HOME to another folder."
            ) from error
        yield lock.fileno()


def is_taken(home: Path) -> bool:
    """Whether a daemon is there, or still about to end."""
    return is_held(_lock(home))


def is_held(path: Path) -> bool:
    """Whether a live process holds the lock file; two who ask at once don't take each other for one."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def serve(
    settings: "Settings", ui: Address | None, lock: int, *, runs_may_finish: bool, env_file: Path | None = None
) -> int:
    """Clean up after the dead, then run Dagster until it ends or we are told to; the exit code.

    `ui` None: the daemon alone. `lock`: from `alone_on`. `runs_may_finish`: when told to end, leave the runs at work to
    themselves; else they are interrupted. `env_file`: what its processes read as `.env`; None: what we read.

    Dagster loads a `.env` of its working folder by itself, over the environment: then the settings of the environment, or
    of the demo, would give way to a person's file. So it works in a folder that has none.
    """
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.orchestrate.home import CONFIG, note_ui
    from strava_pipeline.orchestrate.instance import missing_configuration, open_instance
    from strava_pipeline.orchestrate.janitor import clean_up
    from strava_pipeline.orchestrate.run_records import prune_daily

    if ui is not None:
        _check_port(ui)
    with open_instance(settings.dagster_home) as instance:
        for run_id in clean_up(instance, Lake(settings.data_dir)):
            echo(f"Run {run_id} had died without a word; it is now marked as failed.", err=True)
        prune_daily(instance, settings, datetime.now(UTC))
    if missing := missing_configuration(settings.dagster_home):
        echo(
            f"{settings.dagster_home / CONFIG} does not say {', '.join(missing)}, which this version counts on; "
            "Dagster's defaults hold. `strava-pipeline doctor` shows the lines to add.",
            err=True,
        )
    if ui is not None:
        note_ui(settings.dagster_home, ui.url)
    place = Lake(settings.data_dir).state
    place.mkdir(parents=True, exist_ok=True)
    return _run(_command(ui), environment_of_dagster(settings, env_file), place, lock, runs_may_finish)


def environment_of_dagster(settings: "Settings", env_file: Path | None = None) -> dict[str, str]:
    """What Dagster's daemon and web server are given. Each process of theirs reads its patience once, when it starts.

    What `.env` sets beside settings (HTTPS_PROXY, say) comes with it, below the environment.
    """
    from dotenv import dotenv_values

    from strava_pipeline.settings import ENV_FILE
    from strava_pipeline.settings import env_file as present

    path = env_file or present()
    beside = {name: value for name, value in dotenv_values(path).items() if value and name not in settings.variables()}
    own = {**beside, **environment_of(settings), ENV_FILE: str(path)}
    if settings.trips_source:
        own["TRIPS_SOURCE"] = _from_anywhere(settings.trips_source)
    return {**PATIENCE, **own}


def environment_of(settings: "Settings") -> dict[str, str]:
    """What a child of ours is given: our own environment, with these settings and no others."""
    others = {name: value for name, value in os.environ.items() if name not in settings.variables()}
    return {**others, **settings.environ()}


def _from_anywhere(url: str) -> str:
    """The URL of a trips' file by its whole path: a child works in another folder than we do. Of a database it is as it was."""
    from strava_pipeline.ingest.trips.source import trips_file

    path = trips_file(url)
    return url if path is None else f"{url.strip().partition(':')[0]}:///{path}"


def _lock(home: Path) -> Path:
    return home / ".dev.lock"


def _check_port(ui: Address) -> None:
    """Dagster's daemon would run on without its UI where the port is taken."""
    try:
        with socket.create_server((ui.host, ui.port), family=socket.AF_INET6 if ":" in ui.host else socket.AF_INET):
            pass
    except OSError as error:
        raise PipelineError(
            f"Port {ui.port} of {ui.host} can't be used ({error.strerror}). Is Dagster running already? "
            "Else choose another: --port 3001."
        ) from error


def _run(command: list[str], environment: dict[str, str], place: Path, lock: int, runs_may_finish: bool) -> int:
    """Run Dagster until it ends, or until Ctrl-C or SIGTERM, which it is told once, so that it ends its own children."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell started us in the background
    watched, kept = os.pipe()  # the kernel closes `kept` when we die, however we die
    guarded = [sys.executable, "-m", "strava_pipeline.verbs.guard", str(watched), str(GRACE), *command]
    with subprocess.Popen(
        guarded, cwd=place, env=environment, start_new_session=True, pass_fds=[lock, watched]
    ) as process:
        os.close(watched)
        try:
            code = process.wait() or 1  # 0 where its daemon died
            echo("Dagster ended by itself; what it said last tells why.", err=True)
            end_group(process.pid)  # its daemon may have outlived it
            return code
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            if not runs_may_finish:
                end_group(process.pid)
            return 0
        finally:
            os.close(kept)


def end_group(group: int) -> None:
    """Interrupt what is left of a process group, runs at work above all, and kill what does not end."""
    for how in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):  # macOS refuses where only zombies are left
            os.killpg(group, how)
        if until(lambda: not _has_members(group), GRACE):
            return


def until(is_over: Callable[[], bool], patience: float) -> bool:
    """Look until it is over; False where it is not within so many seconds."""
    deadline = time.monotonic() + patience
    while not is_over():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _command(ui: Address | None) -> list[str]:
    if ui is None:
        from strava_pipeline.orchestrate.home import workspace_file

        return ["strava_pipeline.orchestrate.quiet_start", "dagster._daemon", "run", "-w", str(workspace_file())]
    return ["strava_pipeline.verbs.dagster_ui", ui.host, str(ui.port)]
