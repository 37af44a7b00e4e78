"""Dagster's daemon and web server as a child of this process: the only one on its home, started after a cleanup, ended with us.

The commands `dev` and `service` print the messages for a person. Everything ends within 20 seconds of SIGTERM to the
service: container engines and service managers kill slower processes. The child's own side is interrupts.py.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from strava_pipeline.core.errors import MissingSettingsError, PipelineError
from strava_pipeline.core.process import INTERRUPTS, deferred_interrupts
from strava_pipeline.environment.file_locks import is_held, try_lock
from strava_pipeline.orchestrate.home import DaemonLock, DaemonRunsError, daemon_of
from strava_pipeline.verbs.interrupts import guard_command, quiet_module
from strava_pipeline.verbs.output import echo

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings


GRACE = 30  # seconds that Dagster's daemon and web server get to end if nobody waits for them: in `dev`, or without a parent
PATIENCE = {
    "DAGSTER_GRPC_TIMEOUT_SECONDS": "180",  # for the launch of a run, as for all else that starts (dagster.yaml)
    "DAGSTER_SCHEDULE_ORPHANED_STATE_RETENTION_SECONDS": "10000000000",  # a switch outlasts what is not set up for a while
}


@dataclass(frozen=True, slots=True)
class Address:
    """The UI's address. `prefix`: its path, with a slash in front and none at the end."""

    host: str
    port: int
    prefix: str = ""

    @property
    def url(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}{self.prefix}"

    def url_for_links(self, settings: "Settings") -> str:
        """The UI's URL for readers of messages: on a home network, through the dashboard."""
        if not settings.dashboard_lan:
            return self.url
        from strava_pipeline.environment.process_owner import is_house
        from strava_pipeline.serve.addresses import network_url
        from strava_pipeline.serve.house_settings import house_settings

        # a dashboard with accounts serves the house's alone
        if house_settings(settings) is not None and not is_house():
            return self.url

        return network_url(settings) + self.prefix

    def on(self, settings: "Settings") -> "Address":
        """The same; with DASHBOARD_LAN only an address of this machine, since others reach the UI through the dashboard."""
        from strava_pipeline.environment.setting_values import is_this_machine

        if not settings.dashboard_lan:
            return Address(self.host, self.port)
        return Address(self.host if is_this_machine(self.host) else "127.0.0.1", self.port, "/dagster")


def ui_options(ui: Address | None) -> list[str]:
    """The options of `service run` that name this address."""
    return ["--no-ui"] if ui is None else ["--host", ui.host, "--port", str(ui.port)]


@dataclass(frozen=True, slots=True)
class HeldInstance:
    """A Dagster instance that is reserved for one daemon.

    Args:
        lock: a file's descriptor: a process that inherits it holds the instance too, so that a daemon whose `dev` was
            killed is noticed.
        daemon: keeps any daemon from starting, including a bare `dagster-daemon`; the one that we start takes it over.
    """

    lock: int
    daemon: DaemonLock


@contextmanager
def exclusive_instance(home: Path) -> Iterator[HeldInstance]:
    """Hold the Dagster instance in `home` for one daemon. Raises DaemonRunsError if another has it."""
    with (
        _exclusive_file(_lock(home), lambda: DaemonRunsError(home)) as lock,
        closing(DaemonLock(home)) as daemon,
    ):
        yield HeldInstance(lock, daemon)


@contextmanager
def _exclusive_file(file: Path, refusal: Callable[[], PipelineError]) -> Iterator[int]:
    """Hold the lock file, and yield its descriptor; raise `refusal` if another process has it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        if not try_lock(lock.fileno()):
            raise refusal()
        yield lock.fileno()


def _exclusive_data(state: Path, data_dir: Path) -> AbstractContextManager[int]:
    """Hold a data folder for one daemon: two with a Dagster instance each would both start every daily run."""
    refusal = PipelineError(
        f"Another service or `dev` is at work on {data_dir}, with a Dagster folder of its own. Stop that one, or set "
        "STRAVA_DATA_DIR to another folder."
    )
    return _exclusive_file(state / "daemon.lock", lambda: refusal)


def is_daemon_running(home: Path) -> bool:
    """Whether a daemon runs, or is about to end."""
    return is_held(_lock(home)) or daemon_of(home) is not None


def serve(
    settings: "Settings",
    ui: Address | None,
    held: HeldInstance,
    *,
    runs_may_finish: bool,
    env_file: Path | None = None,
    on_stop: Callable[[], object] = lambda: None,
    verbose: bool = False,
) -> int:
    """Run Dagster until it ends or we are interrupted, after the cleanup (`prepare`); returns the exit code.

    `ui` None: the daemon alone. `held`: from `exclusive_instance`. `runs_may_finish`: at an interrupt, leave the runs
    at work alone; otherwise they are interrupted, too. `env_file`: the `.env` of its processes; None: ours. `on_stop`
    is called at an interrupt, before anything is waited for. `verbose`: show the whole log of Dagster's daemon. Raises
    PipelineError if another daemon has the data folder.

    Dagster loads a `.env` of its working folder by itself, with precedence over the environment: then a person's file
    would override the settings of the environment, or of the demo. So it works in a folder that has none.
    """
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.orchestrate.home import note_ui

    folder = Lake(settings.data_dir).state
    with _exclusive_data(folder, settings.data_dir) as data_lock:
        if ui is not None:
            _check_port(ui)
            note_ui(settings.dagster_home, ui.url_for_links(settings))
        held.daemon.close()
        served_at = ("", "0", "") if ui is None else (ui.host, str(ui.port), ui.prefix)
        return _run(
            ["strava_pipeline.verbs.dagster_ui", *served_at, "info" if verbose else "warning"],
            {**environment_of_dagster(settings, env_file), **({"STRAVA_LOG_STDOUT": ""} if verbose else {})},
            folder,
            [held.lock, data_lock],
            runs_may_finish=runs_may_finish,
            on_stop=on_stop,
        )


def prepare(settings: "Settings") -> None:
    """Before the daemon starts: mark dead runs, remove old records, report missing settings of dagster.yaml.

    Raises PipelineError if the instance can't be opened, MissingSettingsError if Dagster would refuse the schedule.
    """
    check_schedule(settings)
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.used import note_first_shown
    from strava_pipeline.orchestrate.dagster_private import BULK_ACTION_TERMINAL_STATUSES
    from strava_pipeline.orchestrate.home import CONFIG
    from strava_pipeline.orchestrate.run_records import prune_daily
    from strava_pipeline.orchestrate.runs import clean_up, note_first_event
    from strava_pipeline.verbs.dagster_health import missing_configuration
    from strava_pipeline.verbs.instance import open_instance

    with open_instance(settings.dagster_home) as instance:
        for run_id in clean_up(instance, Lake(settings.data_dir)):
            echo(f"Run {run_id} had died without a word; it is now marked as failed.", err=True)
        prune_daily(instance, settings, datetime.now(UTC))
        backfills = instance.get_backfills()
        with suppress(PipelineError):  # a file of settings that can't be used: all years are shown
            note_first_shown(settings, may_rise=all(each.status in BULK_ACTION_TERMINAL_STATUSES for each in backfills))
        note_first_event(instance)
    if missing := missing_configuration(settings.dagster_home):
        echo(
            f"{settings.dagster_home / CONFIG} does not say {', '.join(missing)} as this version counts on it. "
            "`strava-pipeline doctor` shows the lines to write.",
            err=True,
        )


def check_schedule(settings: "Settings") -> None:
    """Raise MissingSettingsError if the daily run would never come: Dagster refuses such a schedule, and all else with it."""
    from strava_pipeline.orchestrate.dagster_private import is_valid_cron_string

    if not is_valid_cron_string(settings.schedule):
        raise MissingSettingsError(
            "These settings, from the environment or .env, are not usable:\n"
            f"  STRAVA_SCHEDULE: {settings.schedule!r} names no time that ever comes; write five fields like 0 5 * * *"
        )


def environment_of_dagster(settings: "Settings", env_file: Path | None = None) -> dict[str, str]:
    """The environment of Dagster's daemon and web server. Each of their processes reads its timeouts once, when it starts.

    Variables in `.env` other than settings (HTTPS_PROXY, say) are included; the environment overrides them. Runs print
    when they begin and end, unless STRAVA_LOG_STDOUT says otherwise.
    """
    from dotenv import dotenv_values

    from strava_pipeline.environment.setting_values import url_from_anywhere
    from strava_pipeline.environment.settings import ENV_FILE
    from strava_pipeline.environment.settings import env_file as present

    path = env_file or present()
    beside = {name: value for name, value in dotenv_values(path).items() if value and name not in settings.variables()}
    own = {"STRAVA_LOG_STDOUT": "runs", **beside, **environment_of(settings), ENV_FILE: str(path)}
    if settings.trips_source:
        own["TRIPS_SOURCE"] = url_from_anywhere(settings.trips_source)
    return {**PATIENCE, **own}


def environment_of(settings: "Settings") -> dict[str, str]:
    """The environment of a child process: our own, with exactly these settings."""
    others = {name: value for name, value in os.environ.items() if name not in settings.variables()}
    return {**others, **settings.environ()}


def _lock(home: Path) -> Path:
    return home / ".dev.lock"


def _check_port(ui: Address) -> None:
    """Raise PipelineError if the port is taken: Dagster's daemon would otherwise run on without its UI."""
    try:
        with socket.create_server((ui.host, ui.port), family=socket.AF_INET6 if ":" in ui.host else socket.AF_INET):
            pass
    except OSError as error:
        raise PipelineError(
            f"Port {ui.port} of {ui.host} can't be used ({error.strerror}). Is Dagster running already? "
            "Else choose another: --port 3001."
        ) from error


def _run(
    command: list[str],
    environment: dict[str, str],
    folder: Path,
    locks: list[int],
    *,
    runs_may_finish: bool,
    on_stop: Callable[[], object],
) -> int:
    """Run Dagster until it ends, or until Ctrl-C or SIGTERM, which is passed on once, so that Dagster ends its own children."""
    for number in INTERRUPTS:  # also where a shell started us in the background
        signal.signal(number, signal.default_int_handler)
    watched, kept = os.pipe()  # the kernel closes `kept` when we die, however we die
    with ExitStack() as deferred:
        deferred.enter_context(deferred_interrupts())
        with guarded(command, watched, GRACE, env=environment, folder=folder, locks=locks) as process:
            os.close(watched)
            try:
                deferred.close()  # one that came meanwhile also ends Dagster
                code = process.wait() or 1  # 0 where its daemon died
                echo("Dagster ended by itself; its last lines show why.", err=True)
                end_group(process.pid)  # its daemon may have outlived it
                return code
            except KeyboardInterrupt:
                for number in INTERRUPTS:
                    signal.signal(number, signal.SIG_IGN)  # further ones would cut this short
                on_stop()
                _stop(process, runs_may_finish=runs_may_finish)
                return 0
            finally:
                os.close(kept)


def guarded(
    command: list[str],
    watched: int,
    grace: int,
    *,
    env: dict[str, str],
    folder: Path | None = None,
    locks: Sequence[int] = (),
    quiet: bool = False,
) -> "subprocess.Popen[bytes]":
    """A Python module with its arguments as a child in a session of its own, which ends when this process does.

    `watched`: the reading end of a pipe whose writing end only this process holds; `grace`: seconds from its interrupt to its
    kill, once that end is closed; `locks`: descriptors to inherit; `quiet`: without its standard output.
    """
    return subprocess.Popen(
        guard_command(watched, grace, command),
        cwd=folder,
        env=env,
        start_new_session=True,
        pass_fds=[*locks, watched],
        stdout=subprocess.DEVNULL if quiet else None,
    )


def _stop(process: subprocess.Popen[bytes], *, runs_may_finish: bool) -> None:
    process.send_signal(signal.SIGINT)
    if runs_may_finish:
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    else:
        with suppress(subprocess.TimeoutExpired):
            process.wait(DAGSTER_GRACE)
        end_group(process.pid)


def daemon_module(workspace: Path, log_level: str) -> list[str]:
    """Dagster's daemon as a module with arguments. With a level below `info`, log messages are cut to a line each."""
    arguments = ("run", "--log-level", log_level, "-w", str(workspace))
    return quiet_module("dagster._daemon", *arguments, brief=log_level != "info")


DAGSTER_GRACE = 9  # seconds for Dagster's daemon and web server, which take 3 to 6
RUN_GRACE = 6  # then for runs at work: the call under way is answered and kept
LAST_GRACE = (
    2  # for what waits for an answer that does not come, after a second interrupt; and for the kernel after a kill
)


def end_group(group: int) -> None:
    """Interrupt the rest of a process group, mainly runs at work, and kill processes that do not end."""
    for number, patience in (
        (signal.SIGINT, RUN_GRACE),
        (signal.SIGINT, LAST_GRACE),
        (signal.SIGKILL, LAST_GRACE),
    ):
        if number is signal.SIGKILL:
            echo("Something did not end when it was interrupted, so it is killed; what it fetched is kept.", err=True)
        with suppress(ProcessLookupError, PermissionError):  # macOS refuses where only zombies are left
            os.killpg(group, number)
        if wait_until(lambda: not _has_members(group), patience):
            return


def wait_until(is_over: Callable[[], bool], patience: float) -> bool:
    """Check again and again until `is_over`; False if that takes longer than `patience` seconds."""
    deadline = time.monotonic() + patience
    while not is_over():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _has_members(group: int) -> bool:
    """Whether a live process belongs to the group.

    In a container without an init nobody waits for orphans: they stay as zombies, which accept signals like living
    processes.
    """
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    stats = list(Path("/proc").glob("[0-9]*/stat"))  # not on Linux
    return not stats or any(_is_alive_in(group, stat) for stat in stats)


def _is_alive_in(group: int, stat: Path) -> bool:
    """`stat`: of a process, proc(5): its state and group stand behind its name, which may hold anything but a last bracket."""
    try:
        state, _, its_group = stat.read_text(errors="replace").rpartition(")")[2].split()[:3]
    except OSError:  # it has just gone
        return False
    return int(its_group) == group and state not in "ZX"
