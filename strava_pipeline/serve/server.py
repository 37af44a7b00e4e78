"""Serves the web application with uvicorn, on an address that is bound first, with a bounded number of connections.

uvicorn waits for ever for the first request of a connection, buffers a head of any length, and answers 503 to everybody when
silent connections reach its own limit. Here, when all places are taken, a new connection replaces the oldest silent one, so that
no connection needs a timer.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from strava_pipeline.core.errors import PipelineError

MOST = 500  # connections at once. Systems allow a process 1,024 files, the journal's included
LONGEST = 1_000_000  # bytes of a request, head and all: a body of 64 KiB in chunks of one byte comes to half of it

_numbers = count()


class Connection(HttpToolsProtocol):
    """uvicorn's, of which there is a bounded number."""

    number = 0  # in the order in which they came
    _received = 0  # bytes since the last request began

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.number = next(_numbers)
        others = (other for other in self.connections if isinstance(other, Connection))
        present = [other for other in others if not other.transport.is_closing()]
        if len(present) > MOST:  # this one is at rest, too, and goes where all others are at work
            min(filter(Connection.is_at_rest, present), key=lambda other: other.number).transport.close()

    def is_at_rest(self) -> bool:
        """Whether no request is being worked on; the head of one may have begun."""
        return self.cycle is None or self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        self._received = self._received + len(data) if self.cycle is before else 0
        if self.is_too_long():
            self.transport.close()

    def is_too_long(self) -> bool:
        """Whether more came than a request may have."""
        return self._received > LONGEST


START_SECONDS = 30  # a thread that has not started by then never will


def run(app: Starlette, address: str, on_ready: Callable[[str], object]) -> None:
    """Serve until Ctrl-C or SIGTERM; `on_ready` gets the URL once connections are accepted."""
    with closing(bound(address)) as listening:
        on_ready(url_of(listening))
        uvicorn.Server(_config(app)).run(sockets=[listening])


@contextmanager
def serving(app: Starlette, address: str = "127.0.0.1:0") -> Iterator[str]:
    """Serve in a thread for the length of the body; yields the URL."""
    server, begun = uvicorn.Server(_config(app)), threading.Event()

    async def serve(listening: socket.socket) -> None:
        task = asyncio.create_task(server.serve([listening]))
        while not (server.started or task.done()):
            await asyncio.sleep(0.005)
        begun.set()
        await task

    with closing(bound(address)) as listening:
        thread = threading.Thread(target=lambda: asyncio.run(serve(listening)), name="intake", daemon=True)
        thread.start()
        if not begun.wait(START_SECONDS):
            raise PipelineError(f"The intake did not start within {START_SECONDS} s.")
        try:
            yield url_of(listening)
        finally:
            server.should_exit = True
            thread.join()


def bound(address: str, setting: str = "STRAVA_SERVE_ADDRESS", what: str = "intake") -> socket.socket:
    """The address `host:port`, listened on; PipelineError where it can't be, which names the program and its setting."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        listening = socket.create_server(
            (host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=1024
        )
    except OSError as error:
        # its own text names the address once more, but a name that is not found has no number
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise PipelineError(
            f"{address} can't be listened on ({why}). Is the {what} running already? Else set {setting} to another one."
        ) from error
    # asyncio sees to it only where the socket names its protocol; whom it accepts inherits it
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def url_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="on",
        access_log=False,  # the application's own log masks what is secret
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=30,  # seconds; a proxy opens another connection
    )
