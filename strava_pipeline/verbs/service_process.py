"""The service as a process: it starts apart from any terminal, keeps the web intake running, and ends for certain.

While it lives it holds the file .service.json in DAGSTER_HOME locked, where it has written who it is. The file is true
exactly as long as somebody holds it, so no process is ever ended for having the id of a dead one. Its log is one file that
stays small; logs of runs are another thing (orchestrate/run_log.py).
"""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.file_locks import is_held
from strava_pipeline.lake.files import held
from strava_pipeline.verbs.dagster_process import (
    GRACE,
    LAST_GRACE,
    Address,
    alone_on,
    environment_of,
    is_taken,
    serve,
    until,
)
from strava_pipeline.verbs.output import echo

if TYPE_CHECKING:
    from strava_pipeline.settings import Settings


PATIENCE = 180  # seconds until it must be alive; Dagster gives its code server as many (dagster.yaml)


@dataclass(frozen=True, slots=True)
class Service:
    """A live one. `ui` None: without; `by_unit`: started by systemd or launchd.

    `place`: where its process id means something; a folder may be shared with a container or another machine.
    """

    pid: int
    place: str
    since: datetime
    ui: Address | None
    by_unit: bool


def running(home: Path) -> Service | None:
    """The service on this Dagster instance; None where there is no live one."""
    note = _note(home)
    if not is_held(note):
        return None
    try:
        told = json.loads(note.read_text())
    except (OSError, ValueError):  # it has just begun, or just ended
        return None
    ui = Address(**told["ui"]) if told["ui"] else None
    return Service(told["pid"], told["place"], datetime.fromisoformat(told["since"]), ui, told["by_unit"])


def run(settings: "Settings", ui: Address | None, *, by_unit: bool, log_to_stdout: bool = False) -> int:
    """Be the service, in this process, until told to end; the exit code. A closed terminal does not end it.

    `log_to_stdout`: leave the scheduler's log to whoever started us, as a container does.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with (
        nullcontext() if log_to_stdout else saying_into(service_log(settings.logs_dir)),
        alone_on(settings.dagster_home) as lock,
        held(_note(settings.dagster_home)) as note,
    ):
        service = Service(os.getpid(), _place(), datetime.now(UTC), ui, by_unit)
        note.write(json.dumps({**asdict(service), "since": service.since.isoformat()}).encode())
        note.flush()
        os.dup(note.fileno())  # never closed: held until the kernel has taken the whole process away
        echo(f"{service.since:%Y-%m-%d %H:%M:%S} UTC: the service begins.", err=True)
        with intake_beside(settings) as interrupt_intake:
            code = serve(settings, ui, lock, runs_may_finish=False, on_stop=interrupt_intake)
        echo(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC: the service ends.", err=True)
        return code


def start(settings: "Settings", ui: Address | None) -> None:
    """Start the service in a session of its own and wait until it is alive; PipelineError with the end of its log."""
    from strava_pipeline.verbs.instance import open_instance
    from strava_pipeline.verbs.ticks import heard_of_scheduler

    where = ["--no-ui"] if ui is None else ["--host", ui.host, "--port", str(ui.port)]
    log = service_log(settings.logs_dir)
    log.parent.mkdir(parents=True, exist_ok=True)
    with open_instance(settings.dagster_home) as instance, log.open("ab") as out:
        before, said = heard_of_scheduler(instance), out.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "strava_pipeline", "service", "run", *where],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )

        def is_alive() -> bool:
            present = running(settings.dagster_home)
            is_ours = present is not None and present.pid == process.pid  # and not the heart of a `dev` that beats here
            return is_ours and heard_of_scheduler(instance) != before and (ui is None or ui_answers(ui))

        try:
            in_time = until(lambda: process.poll() is not None or is_alive(), PATIENCE)
        except KeyboardInterrupt:
            process.terminate()
            raise
        if in_time and process.poll() is None:
            return
        process.terminate()
        what = "did not start" if in_time else f"was not alive after {PATIENCE} s, so it was ended"
    raise PipelineError(f"The service {what}. The end of {log}:\n{_said_since(log, said)}")


def end(home: Path, service: Service) -> None:
    """End the service and all that it started; returns when they are gone."""
    if service.place != _place():
        raise PipelineError(
            f"The service on {home} was started on another machine or in a container; end it there: strava-pipeline service down"
        )
    for how in (signal.SIGTERM, signal.SIGKILL):  # after the second, Dagster ends by itself (guard.py)
        if running(home) == service:
            with suppress(ProcessLookupError):
                os.kill(service.pid, how)
        if until(lambda: running(home) is None and not is_taken(home), 3 * GRACE):  # Dagster's, its runs', the kill's
            return
    raise PipelineError(f"The service (process {service.pid}) on {home} does not end. Look at it: ps -fp {service.pid}")


def _note(home: Path) -> Path:
    return home / ".service.json"


def _place() -> str:
    """This boot of this machine and this namespace of process ids, where the system tells (Linux)."""
    boot, namespace = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    return f"{boot.read_text().strip()} {namespace.readlink()}" if boot.exists() and namespace.is_symlink() else ""


def ui_answers(ui: Address) -> bool:
    """Whether Dagster's web server answers there."""
    connection = http.client.HTTPConnection(ui.host, ui.port, timeout=2)
    try:
        connection.request("GET", "/server_info")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _said_since(log: Path, begin: int) -> str:
    with log.open("rb") as file:
        file.seek(begin)
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-20:] or last_lines(log, 20))


LONGEST_PAUSE = 60  # seconds between two starts; the first one is a second long
INTAKE_GRACE = 10  # seconds that it gets to end; requests being answered get 5


@contextmanager
def intake_beside(settings: "Settings") -> Iterator[Callable[[], None]]:
    """Keep the intake running while the body does, where there is anything to take in. PipelineError: its address is taken.

    Yields what interrupts it before the body's end, so that it ends while the body does.
    """
    if not settings.has_intake:
        yield lambda: None
        return
    from strava_pipeline.serve.server import bound

    bound(settings.serve_address).close()
    keeper = _Keeper(environment_of(settings))
    keeper.start()
    try:
        yield keeper.interrupt
    finally:
        keeper.stop()


def answers(address: str) -> bool:
    """Whether an intake there takes events."""
    connection = http.client.HTTPConnection(address, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class _Keeper(Thread):
    """Starts the process, and starts it again."""

    def __init__(self, environment: dict[str, str]) -> None:
        super().__init__(name="intake", daemon=True)
        self._environment, self._over = environment, Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._kill_at = 0.0
        self._watched, self._kept = os.pipe()  # the kernel closes `kept` when we die, however we die

    def run(self) -> None:
        pause = 1
        while not self._over.is_set():
            self._process = self._launched()
            if self._over.is_set():  # told to stop while it was being started
                self._process.send_signal(signal.SIGINT)
            code = self._process.wait()
            if self._over.wait(0):
                return
            echo(f"The intake ended by itself (exit {code}); it is started again in {pause} s.", err=True)
            self._over.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def interrupt(self) -> None:
        """Tell it to end, once; it is not waited for."""
        if self._over.is_set():
            return
        self._over.set()
        self._kill_at = time.monotonic() + INTAKE_GRACE
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGINT)

    def stop(self) -> None:
        self.interrupt()
        if self._process is not None:
            try:
                self._process.wait(max(self._kill_at - time.monotonic(), LAST_GRACE))
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
        self.join()
        os.close(self._kept)
        os.close(self._watched)

    def _launched(self) -> "subprocess.Popen[bytes]":
        guard = [sys.executable, "-m", "strava_pipeline.verbs.guard", str(self._watched), str(GRACE)]
        return subprocess.Popen(
            [*guard, "strava_pipeline", "serve"],
            env=self._environment,
            start_new_session=True,
            pass_fds=[self._watched],
        )


ENOUGH = 5_000_000  # bytes; two months of a quiet service (a sensor says 240 bytes every five minutes: 70 kB a day)
EVERY = 60  # seconds between two looks at its size


def service_log(logs_dir: Path) -> Path:
    return logs_dir / "service" / "service.log"


def before(log: Path) -> Path:
    """What was said before the present log began anew."""
    return log.with_name(f"{log.name}.1")


@contextmanager
def saying_into(log: Path) -> Iterator[None]:
    """Everything that this process says from now on, and what it starts, goes to the end of `log`, which is kept small."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    over = Event()
    Thread(target=_keep_small, args=(log, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()


def begin_anew(log: Path, enough: int = ENOUGH) -> None:
    """Where `log` has become larger than that: keep it as `.1` and empty it.

    Whoever writes into it has it open for appending and goes on at its beginning. What is said between the two steps,
    some microseconds, is lost.
    """
    if log.exists() and log.stat().st_size > enough:
        shutil.copyfile(log, before(log))
        os.truncate(log, 0)


def last_lines(log: Path, count: int) -> list[str]:
    """The newest lines, also where the log has just begun anew."""
    found: deque[str] = deque(maxlen=count)
    for path in (before(log), log):
        if path.exists():
            with path.open(encoding="utf-8", errors="replace") as file:
                found.extend(line.rstrip("\n") for line in file)
    return list(found)


def _keep_small(log: Path, over: Event) -> None:
    while not over.wait(EVERY):
        try:
            begin_anew(log)
        except OSError as error:  # a full disk: the service goes on
            echo(f"{log} could not begin anew: {error.strerror}", err=True)
