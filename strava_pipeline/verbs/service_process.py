"""The service as a process: it starts apart from any terminal, keeps the web intake and the dashboard running, and ends reliably.

While the service lives, it holds a lock on the file .service.json in DAGSTER_HOME, which describes its process. The
file is valid exactly as long as the lock is held, so no process is ever ended for having the id of a dead one. The
service's log is one file that stays small; logs of runs are written elsewhere (orchestrate/run_log.py).
"""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.environment.file_locks import is_held
from strava_pipeline.lake.files import held
from strava_pipeline.verbs.dagster_process import (
    GRACE,
    Address,
    environment_of,
    exclusive_instance,
    guarded,
    is_daemon_running,
    serve,
    ui_options,
    wait_until,
)
from strava_pipeline.verbs.output import echo

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings


PATIENCE = 180  # seconds until it must be alive; Dagster gives its code server as many (dagster.yaml)


@dataclass(frozen=True, slots=True)
class Service:
    """A running service. `ui` None: without a UI; `by_unit`: started by systemd or launchd.

    `place`: where its process id is valid; a folder may be shared with a container or another machine.
    """

    pid: int
    place: str
    since: datetime
    ui: Address | None
    by_unit: bool


def running(home: Path) -> Service | None:
    """The live service on this Dagster instance, or None."""
    note = _note(home)
    if not is_held(note):
        return None
    try:
        note_of = json.loads(note.read_text())
    except (OSError, ValueError):  # it has just begun, or just ended
        return None
    ui = Address(**note_of["ui"]) if note_of["ui"] else None
    return Service(note_of["pid"], note_of["place"], datetime.fromisoformat(note_of["since"]), ui, note_of["by_unit"])


def run(settings: "Settings", ui: Address | None, *, by_unit: bool, log_to_stdout: bool = False) -> int:
    """Be the service in this process until a signal ends it; returns the exit code. A closed terminal does not end it.

    `log_to_stdout`: leave the log to the program that started this one, as in a container.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with (
        nullcontext() if log_to_stdout else logged_into(service_log(settings.logs_dir)),
        exclusive_instance(settings.dagster_home) as instance,
        held(_note(settings.dagster_home)) as note,
    ):
        service = Service(os.getpid(), _place(), datetime.now(UTC), ui, by_unit)
        note.write(json.dumps({**asdict(service), "since": service.since.isoformat()}).encode())
        note.flush()
        os.dup(note.fileno())  # never closed: held until the kernel has taken the whole process away
        echo(f"{service.since:%Y-%m-%d %H:%M:%S} UTC: the service begins.", err=True)
        with together(intake_beside(settings), dashboard_beside(settings, ui), metrics_beside(settings)) as interrupt:
            code = serve(settings, ui, instance, runs_may_finish=False, on_stop=interrupt)
        echo(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC: the service ends.", err=True)
        return code


def start(settings: "Settings", ui: Address | None) -> None:
    """Start the service in a session of its own and wait until it is alive; PipelineError with the end of its log."""
    from strava_pipeline.environment.process_owner import own_option
    from strava_pipeline.verbs.instance import open_instance, scheduler_heartbeat

    log = service_log(settings.logs_dir)
    log.parent.mkdir(parents=True, exist_ok=True)
    with open_instance(settings.dagster_home) as instance, log.open("ab") as out:
        before, began_at = scheduler_heartbeat(instance), out.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "strava_pipeline", "service", "run", *ui_options(ui), *own_option()],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )

        def is_alive() -> bool:
            present = running(settings.dagster_home)
            is_ours = present is not None and present.pid == process.pid  # and not the heart of a `dev` that beats here
            return is_ours and scheduler_heartbeat(instance) != before and (ui is None or ui_answers(ui))

        try:
            in_time = wait_until(lambda: process.poll() is not None or is_alive(), PATIENCE)
        except KeyboardInterrupt:
            process.terminate()
            raise
        if in_time and process.poll() is None:
            return
        process.terminate()
        what = "did not start" if in_time else f"was not alive after {PATIENCE} s, so it was ended"
    raise PipelineError(f"The service {what}. The end of {log}:\n{_lines_since(log, began_at)}")


def end(home: Path, service: Service) -> None:
    """End the service and everything it started; returns when they are gone."""
    if service.place != _place():
        raise PipelineError(
            f"The service on {home} was started on another machine or in a container; end it there: strava-pipeline service down"
        )
    for how in (signal.SIGTERM, signal.SIGKILL):  # after the second, Dagster ends by itself (interrupts.py)
        if running(home) == service:
            with suppress(ProcessLookupError):
                os.kill(service.pid, how)
        # Dagster's, its runs', the kill's
        if wait_until(lambda: running(home) is None and not is_daemon_running(home), 3 * GRACE):
            return
    raise PipelineError(f"The service (process {service.pid}) on {home} does not end. Look at it: ps -fp {service.pid}")


def _note(home: Path) -> Path:
    return home / ".service.json"


def _place() -> str:
    """This boot of this machine and this namespace of process ids, if the system tells (Linux)."""
    boot, namespace = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    return f"{boot.read_text().strip()} {namespace.readlink()}" if boot.exists() and namespace.is_symlink() else ""


def ui_answers(ui: Address) -> bool:
    """Whether Dagster's web server answers there."""
    return _is_ok(http.client.HTTPConnection(ui.host, ui.port, timeout=2), f"{ui.prefix}/server_info")


def intake_answers(address: str) -> bool:
    """Whether an intake at `host:port` accepts events."""
    return _is_ok(http.client.HTTPConnection(address, timeout=2), "/health")


def _is_ok(connection: http.client.HTTPConnection, path: str) -> bool:
    with closing(connection):
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


def _lines_since(log: Path, begin: int) -> str:
    with log.open("rb") as file:
        file.seek(begin)
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-20:] or last_lines(log, 20))


PAUSE = 5  # seconds between an end and the next start
KEPT_GRACE = 10  # seconds that it gets to end; requests being answered get 5


Program = AbstractContextManager[Callable[[], None]]  # runs during the body; yields a function that interrupts it


@contextmanager
def together(*programs: Program) -> Iterator[Callable[[], None]]:
    """Keep several programs running during the body. Yields a function that interrupts them all."""
    with ExitStack() as held:
        interrupts = [held.enter_context(program) for program in programs]

        def interrupt_all() -> None:
            for interrupt in interrupts:
                interrupt()

        yield interrupt_all


def intake_beside(settings: "Settings") -> Program:
    """Keep the intake running during the body, if it is configured. Raises PipelineError if its address is taken.

    The yielded function interrupts it before the body's end, so that it ends while the body does.
    """
    from strava_pipeline.ingest.webhook_secrets import has_intake

    if not has_intake(settings):
        return nullcontext(lambda: None)
    from strava_pipeline.serve.addresses import bound

    bound(settings.serve_address).close()
    return _kept("intake", ["serve"], environment_of(settings))


def dashboard_beside(
    settings: "Settings", ui: Address | None, env_file: Path | None = None, *, quiet: bool = False
) -> Program:
    """Keep the dashboard running during the body, if its extra is installed and its settings allow it.

    On a home network it serves Dagster's UI at `ui`, too. If it is not started, a line says why, and everything else
    runs. `quiet`: without a line for each request. `env_file`: as for Dagster; the yielded function: as for the intake.
    """
    from strava_pipeline.serve.addresses import dashboard_address, listen
    from strava_pipeline.verbs.dashboard_extra import has_extra

    if dashboard_address(settings) is None or not has_extra():
        return nullcontext(lambda: None)
    from strava_pipeline.environment.settings import ENV_FILE
    from strava_pipeline.environment.settings import env_file as present
    from strava_pipeline.serve.dashboard.start_check import check_start

    try:
        check_start(settings, behind_proxy=settings.dashboard_behind_proxy)
        listen(settings).close()
    except PipelineError as error:
        echo(f"The dashboard is not started. {error}", err=True)
        return nullcontext(lambda: None)
    environment = {**environment_of(settings), ENV_FILE: str(env_file or present())}
    of_dagster = ["--dagster", ui.url] if ui is not None and settings.dashboard_lan else []
    return _kept("dashboard", ["dashboard", *of_dagster], environment, quiet=quiet)


def metrics_beside(settings: "Settings") -> Program:
    """Keep the server of metrics running during the body, if METRICS_ADDRESS is set; like the dashboard."""
    from strava_pipeline.verbs.metrics import has_extra, refuse_address

    if settings.metrics_address is None:
        return nullcontext(lambda: None)
    try:
        if not has_extra():
            raise PipelineError("`strava-pipeline metrics` shows what to install.")
        refuse_address(settings.metrics_address)
    except PipelineError as error:
        echo(f"The metrics are not served. {error}", err=True)
        return nullcontext(lambda: None)
    return _kept("server of metrics", ["metrics"], environment_of(settings))


def free_address(wanted: str) -> str:
    """The address `wanted`, with a free port if its own is taken, as by the dashboard of a person's own data."""
    from strava_pipeline.serve.addresses import bound

    if wanted == "off":
        return wanted
    try:
        bound(wanted, "DASHBOARD_ADDRESS", "dashboard").close()
    except PipelineError:
        with closing(bound(f"{wanted.rpartition(':')[0]}:0", "DASHBOARD_ADDRESS", "dashboard")) as listening:
            return f"{wanted.rpartition(':')[0]}:{listening.getsockname()[1]}"
    return wanted


@contextmanager
def _kept(
    name: str, command: list[str], environment: dict[str, str], *, quiet: bool = False
) -> Iterator[Callable[[], None]]:
    """Keep the process of a command running during the body: it is restarted if it ends by itself. Yields a function
    that ends it.

    `quiet`: discard its standard output.
    """
    from strava_pipeline.environment.process_owner import own_name, own_option

    watched, kept = os.pipe()  # the kernel closes `kept` when we die, however we die
    over = Event()
    whose = own_option() if own_name() else []  # so that what it advises names the athlete

    def keep() -> None:
        while not over.is_set():
            started = ["strava_pipeline", *command, *whose]
            code = guarded(started, watched, KEPT_GRACE, env=environment, quiet=quiet).wait()
            if not over.is_set():
                echo(f"The {name} ended by itself (exit {code}); it is started again in {PAUSE} s.", err=True)
                over.wait(PAUSE)

    def end() -> None:
        if not over.is_set():
            over.set()
            os.close(kept)  # the process interrupts itself, and kills itself after its grace

    keeper = Thread(target=keep, name=name, daemon=True)
    keeper.start()
    try:
        yield end
    finally:
        end()
        keeper.join()
        os.close(watched)


ENOUGH = 5_000_000  # bytes; a run says 300
EVERY = 60  # seconds between two looks at its size


def service_log(logs_dir: Path) -> Path:
    return logs_dir / "service" / "service.log"


def rotated(log: Path) -> Path:
    """The file of the older lines."""
    return log.with_name(f"{log.name}.1")


@contextmanager
def logged_into(log: Path) -> Iterator[None]:
    """Append the stdout and stderr of this process and its children to `log`; rotate `log` when it is large."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    over = Event()
    Thread(target=_keep_rotating, args=(log, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()


def rotate(log: Path, enough: int = ENOUGH) -> None:
    """If `log` is larger than `enough` bytes: copy it to `.1` and empty it.

    Writers have the file open for appending and continue at its beginning. Lines written between the two steps, some
    microseconds, are lost.
    """
    if log.exists() and log.stat().st_size > enough:
        shutil.copyfile(log, rotated(log))
        os.truncate(log, 0)


def last_lines(log: Path, count: int) -> list[str]:
    """The newest lines, even if the log has just been rotated."""
    found: deque[str] = deque(maxlen=count)
    for path in (rotated(log), log):
        if path.exists():
            with path.open(encoding="utf-8", errors="replace") as file:
                found.extend(line.rstrip("\n") for line in file)
    return list(found)


def _keep_rotating(log: Path, over: Event) -> None:
    while not over.wait(EVERY):
        try:
            rotate(log)
        except OSError as error:  # a full disk: the service goes on
            echo(f"{log} could not be rotated: {error.strerror}", err=True)
