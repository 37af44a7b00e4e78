"""The dashboard as processes: one, or several that were forked after everything was loaded and share the listening socket.

The parent migrates the records once, before there is any worker; a worker only connects. A worker that ends by itself
is started again. Workers end when their parent does, however it ends. Dagster is not involved.
"""

import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime, timedelta
from types import FrameType

import uvicorn
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.environment.file_locks import is_held
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.files import held
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.addresses import listen, network_url, url_of
from strava_pipeline.serve.dashboard.guard import FILES
from strava_pipeline.serve.dashboard.records.database import connect, database_of, opened
from strava_pipeline.serve.dashboard.records.store import LINK, Records
from strava_pipeline.serve.dashboard.start_check import check_start
from strava_pipeline.serve.dashboard.telemetry import start_telemetry
from strava_pipeline.serve.server import Connection

PAUSE = 1  # seconds until a worker that ended by itself is started again
THREADS = 8  # per worker; more would only take turns on its one core
GRACE = 5  # seconds that requests being answered get at the end


class Browser(Connection):
    """A connection whose requests may have long bodies, since archives are dropped here: routes limit the bodies they read.

    Anybody may begin to send the form of a login, or send wrong tokens. So the place of an incomplete form, or of a
    token that is not known to be right, is as replaceable as that of an idle connection; a file upload keeps its place.
    """

    def is_replaceable(self) -> bool:
        if super().is_replaceable() or self.cycle.scope.get("state", {}).get("is_unproven"):
            return True
        return self.cycle.more_body and not self.cycle.scope["path"].startswith(FILES)

    def is_too_long(self) -> bool:
        return super().is_too_long() and self.is_at_rest()


def new_link(settings: Settings, url: str, now: datetime, lasts: timedelta = LINK) -> str:
    """A one-time login address. The records have to be migrated."""
    records = Records(connect(database_of(settings)))
    with closing(records):
        return f"{url}/login?token={records.add_link(now, lasts)}"


def run(
    settings: Settings,
    build: Callable[[Callable[[str], object]], FastAPI],
    *,
    workers: int,
    behind_proxy: bool,
    now: Callable[[], datetime],
    on_ready: Callable[[str], object],
) -> None:
    """Serve until Ctrl-C or SIGTERM; `on_ready` gets the address once connections are accepted.

    `build`: makes the application, given the receiver of its log lines.
    """
    check_start(settings, behind_proxy=behind_proxy)
    lake = Lake(settings.data_dir)
    if is_held(lake.dashboard_note):
        raise PipelineError(
            f"A dashboard of {settings.data_dir} is running already; `strava-pipeline status` shows its address."
        )
    with opened(settings, Records) as records:
        records.remove_old(now())
    with closing(listen(settings)) as listening:
        scheme = "http" if settings.dashboard_cert is None else "https"
        address = network_url(settings) if settings.dashboard_lan else url_of(listening, scheme)
        app = build(_say)
        with held(lake.dashboard_note) as note:
            note.write(json.dumps({"url": address, "pid": os.getpid()}).encode())
            note.flush()
            on_ready(address)
            if workers == 1:
                _serve(app, settings, listening, number=1)
            else:
                _Workers(app, settings, listening).run(workers)


def _say(line: str) -> None:
    with suppress(OSError):  # a log that can't be written costs no answer
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def _serve(
    app: FastAPI, settings: Settings, listening: socket.socket, *, number: int, parent: int | None = None
) -> None:
    """Answer requests in this process until it is interrupted, or until the other end of the pipe `parent` is closed."""
    logging.basicConfig(
        level=logging.WARNING,
        format=f"%(asctime)s dashboard worker {number} (%(process)d) %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    start_telemetry(settings)
    server = _Server(
        uvicorn.Config(
            app,
            http=Browser,
            ws="websockets-sansio" if app.state.site.has_dagster else "none",  # nothing else has some
            ws_max_size=1_000_000,  # bytes that a browser may send at once; a subscription's query is some 10 kB
            lifespan="off",
            log_config=None,  # the format above
            access_log=False,  # middlewares.py writes one line for each request
            server_header=False,
            proxy_headers=False,  # logins.py reads the proxy's headers
            ssl_certfile=settings.dashboard_cert,
            ssl_keyfile=settings.dashboard_key,
            timeout_graceful_shutdown=GRACE,
            timeout_keep_alive=30,  # seconds; a browser opens another connection
        )
    )
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent, server), daemon=True).start()
    server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """uvicorn's server, with a limit on routes at work at once, each with a query that takes 30 MB."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        current_default_thread_limiter().total_tokens = THREADS
        await super().serve(sockets)


def _end_with(parent: int, server: uvicorn.Server) -> None:
    os.read(parent, 1)  # nothing is ever written: it returns when the other end is closed
    server.should_exit = True


class _Workers:
    """The parent of several workers."""

    def __init__(self, app: FastAPI, settings: Settings, listening: socket.socket) -> None:
        self._app, self._settings, self._listening = app, settings, listening
        self._numbers: dict[int, int] = {}  # by process id
        self._is_ending = False
        self._watched, self._kept = os.pipe()  # the kernel closes `kept` when we die, however we die

    def run(self, count: int) -> None:
        """Start the workers, and restart those that end, until a signal comes."""
        for handled in (signal.SIGINT, signal.SIGTERM):
            signal.signal(handled, self._end)
        for each in range(1, count + 1):
            self._start(each)
        while self._numbers:
            pid, status = os.wait()
            number = self._numbers.pop(pid, 0)
            if number and not self._is_ending:
                code = os.waitstatus_to_exitcode(status)
                sys.stderr.write(
                    f"Worker {number} of the dashboard ended by itself (exit {code}); it is started again.\n"
                )
                time.sleep(PAUSE)
                self._start(number)

    def _start(self, number: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        # held back until the worker has its own handlers, and is known here: nobody would end one that came after the signal
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        if not self._is_ending:
            pid = os.fork()
            if pid == 0:
                self._be_worker(number)
            self._numbers[pid] = number
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _be_worker(self, number: int) -> None:
        code = 1
        try:
            os.close(self._kept)
            for each in (signal.SIGINT, signal.SIGTERM):
                signal.signal(each, _leave)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
            _serve(self._app, self._settings, self._listening, number=number, parent=self._watched)
            code = 0
        except SystemExit:
            code = 0
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # nothing of the parent's is ended here

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._is_ending = True
        for pid in self._numbers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
