"""The service's process: who it is, started apart from any terminal, ended for certain. The verbs are service.py's.

While it lives it holds the file .service.json in DAGSTER_HOME locked, where it has written who it is. What stands there
is true exactly as long as somebody holds it, so no process is ever ended for having a dead one's id.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.file_locks import is_held
from strava_pipeline.lake.files import held
from strava_pipeline.verbs.dagster_process import GRACE, Address, alone_on, is_taken, serve
from strava_pipeline.verbs.echo import echo
from strava_pipeline.verbs.process_group import until
from strava_pipeline.verbs.service_intake import intake_beside
from strava_pipeline.verbs.service_log import last_lines, saying_into, service_log

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
