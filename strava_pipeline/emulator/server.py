"""Serves the pages of any emulated service with uvicorn, in a thread or in the foreground. The pages are base.py's."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from strava_pipeline.emulator.service import EmulatorConfigError

SIGNAL_SECONDS = 0.1  # between two looks for a signal, as in uvicorn
START_SECONDS = 30  # a thread that has not started by then never will


class ServerThread:
    """An application served in a thread while the `with` block runs; `url` is its address. Port 0 picks a free one.

    `on_end` is called before connections close. Raises EmulatorConfigError for a port that can't be used.
    """

    def __init__(self, app: Starlette, host: str, port: int, on_end: Callable[[], None]) -> None:
        self._socket = _bound(host, port)
        self.url = _url(host, self._socket)
        self._ready = threading.Event()
        self._server = _Server(_uvicorn_config(app), self._ready.set, on_end)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="emulator", daemon=True
        )

    def start(self) -> Self:
        """Serve; returns once connections are accepted."""
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise RuntimeError(f"The emulator at {self.url} did not start within {START_SECONDS} s.")
        return self

    def stop(self) -> None:
        """Close all connections and end the threads."""
        self._server.end()
        self._thread.join()
        self._socket.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def run(app: Starlette, host: str, port: int, *, on_ready: Callable[[str], None], on_end: Callable[[], None]) -> None:
    """Serve until Ctrl-C or SIGTERM. `on_ready` gets the URL once connections are accepted; `on_end` comes before they close.

    Raises EmulatorConfigError for a port that can't be used.
    """
    bound = _bound(host, port)
    server = _Server(_uvicorn_config(app), lambda: on_ready(_url(host, bound)), on_end)
    with _repeated_signals_ignored(), contextlib.closing(bound):
        server.run(sockets=[bound])


class _Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """Uvicorn's own protocol, h11 or httptools; each request's state holds its transport."""

    app_state: dict[str, Any]

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Server(uvicorn.Server):
    """Reports when it accepts connections, and can be ended at once; uvicorn alone would notice up to 0.1 s later."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None], on_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready, self._on_end = on_ready, on_end

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)
        self._on_ready()

    def end(self) -> None:
        """Close everything, including calls under way; for another thread."""
        self._loop.call_soon_threadsafe(self._ended.set)

    async def on_tick(self, counter: int) -> bool:
        return self._ended.is_set() or await super().on_tick(counter)

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), SIGNAL_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_end()  # first, because calls may wait for deliveries
        if self._ended.is_set():
            for server in self.servers:
                server.close()
            for connection in list(self.server_state.connections):
                connection.transport.abort()
        else:
            await super().shutdown(sockets)


@contextlib.contextmanager
def _repeated_signals_ignored() -> Iterator[None]:
    """Uvicorn ends cleanly on a signal and then raises the signal again; the second one has no effect here."""

    def ignore(_number: int, _frame: FrameType | None) -> None:
        return None

    before = {number: signal.signal(number, ignore) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _uvicorn_config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        date_header=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,  # nginx's default: a client that waits for a limit keeps its connection
    )


def _bound(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        raise EmulatorConfigError(
            f"Port {port} of {host} can't be used: {error}. Choose another --port, or 0 for a free one."
        ) from error


def _url(host: str, bound: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{bound.getsockname()[1]}"
