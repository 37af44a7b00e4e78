"""The web intake beside the service: a process of its own, started again when it dies, gone when the service is.

What it does stands in serve/; `strava-pipeline serve` is the same in the foreground.
"""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

from strava_pipeline.verbs.dagster_process import GRACE, environment_of
from strava_pipeline.verbs.echo import echo
from strava_pipeline.verbs.process_group import LAST_GRACE

if TYPE_CHECKING:
    from strava_pipeline.settings import Settings

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
