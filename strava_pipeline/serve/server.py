"""Serves the web application with uvicorn, on an address that is bound first, with a bounded number of connections.

uvicorn waits for ever for the first request of a connection, buffers a head of any length, and answers 503 to everybody
when silent connections reach its own limit. Here, when all places are taken, a new connection replaces the oldest
silent one, so that no connection needs a timer.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.serve.addresses import bound, url_of

MOST = 500  # connections at once. Systems allow a process 1,024 files, the journal's included
LONGEST = 1_000_000  # bytes of a request with its head: a body of 64 KiB in chunks of one byte comes to half of it

_numbers = count()


class Connection(HttpToolsProtocol):
    """uvicorn's connection, limited in number."""

    number = 0  # in the order in which they came
    _received = 0  # bytes since the last request began

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.number = next(_numbers)
        others = (other for other in self.connections if isinstance(other, Connection))
        present = [other for other in others if not other.transport.is_closing()]
        if len(present) > MOST:  # including this one, which is closed if all others are at work
            replaceable = (other for other in present if other.is_replaceable())
            min(replaceable, key=lambda other: other.number).transport.close()

    def is_at_rest(self) -> bool:
        """Whether no request is in progress; the head of one may have begun."""
        return self.cycle is None or self.cycle.response_complete

    def is_replaceable(self) -> bool:
        """Whether a new connection may take its place."""
        return self.is_at_rest()

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        self._received = self._received + len(data) if self.cycle is before else 0
        if self.is_too_long():
            self.transport.close()

    def is_too_long(self) -> bool:
        """Whether more data came than a request may have."""
        return self._received > LONGEST


START_SECONDS = 30  # a thread that has not started by then never will


def run(app: Starlette, address: str, on_ready: Callable[[str], object]) -> None:
    """Serve until Ctrl-C or SIGTERM; `on_ready` gets the URL once connections are accepted."""
    with closing(bound(address)) as listening:
        on_ready(url_of(listening))
        uvicorn.Server(_config(app)).run(sockets=[listening])


@contextmanager
def serving(app: Starlette, address: str = "127.0.0.1:0") -> Iterator[str]:
    """Serve in a thread during the body; yields the URL."""
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


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="on",
        access_log=False,  # the application's own log masks secrets
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=30,  # seconds; a proxy opens another connection
    )
