"""Serves the web application with uvicorn, in the foreground or in a thread, on an address that is bound first."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import uvicorn
from starlette.applications import Starlette

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.serve.connections import Connection

START_SECONDS = 30  # a thread that has not started by then never will


def run(app: Starlette, address: str, on_ready: Callable[[str], object]) -> None:
    """Serve until Ctrl-C or SIGTERM; `on_ready` is told the URL once connections are taken."""
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


def bound(address: str) -> socket.socket:
    """The address `host:port`, listened on; PipelineError where it can't be."""
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
            f"{address} can't be listened on ({why}). Is the intake running already? Else set STRAVA_SERVE_ADDRESS to another "
            "one."
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
