"""Serves the pages of any emulated service with uvicorn, behind a gate, with control paths; in a thread or in the foreground.

The gate records calls, applies faults and sets the Date header (uvicorn sends none); a service's own gate adds tokens and limits.
The control paths below /_emulator order faults and time and show the journal; they need no token, and no real service has them.
"""

import asyncio
import contextlib
import json
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from types import FrameType
from typing import Any, ClassVar, Generic, Self, TypeVar
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from strava_pipeline.emulator.service import (
    Clock,
    EmulatorConfigError,
    Fault,
    FaultPlan,
    Headers,
    Journal,
    Json,
    OrderError,
    Reply,
    answer,
    break_connection,
    collect,
    deliver,
    replacement,
)

CONTROL = "/_emulator"


@dataclass(slots=True)
class ServiceState:
    """The memory of one emulated service, as far as every service has it; `app.state.emulator` of the application."""

    clock: Clock
    faults: FaultPlan
    journal: Journal

    @property
    def epoch(self) -> float:
        """The emulator's now, in seconds since 1970-01-01 UTC."""
        return self.clock.epoch()


StateT = TypeVar("StateT", bound=ServiceState)


class Gate(Generic[StateT]):
    """ASGI middleware: dates every answer. A service's gate overrides `__call__` and calls `answer` for its own paths."""

    service: ClassVar[str] = "Emulator"  # the name on error pages

    def __init__(self, app: ASGIApp, state: StateT) -> None:
        self._app, self.state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on and date its answer."""
        if scope["type"] == "http":
            send = self._dated(send)
        await self._app(scope, receive, send)

    def error_body(self, status: int) -> Json:
        """The JSON that the service sends with an error status."""
        return {"message": status_phrase(status)}

    def shorten_page(self, query: dict[str, str], rows: int | None) -> None:
        """Apply a fault of kind short_page to the page that a query asks for; a service without pages ignores it."""

    async def answer(self, scope: Scope, receive: Receive, send: Send, *, headers: Headers, fault: Fault | None) -> int:
        """Answer a call, or apply its fault; returns the status that the client saw, 0 for none."""

        async def work() -> Reply:
            reply = await collect(self._app, scope, receive)
            return reply.with_headers([*headers, self.date(fault)])

        if fault is not None and fault.kind in ("raw", "truncate", "reset"):
            return await break_connection(fault, scope, receive, send, work)
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.kind == "short_page":
            self.shorten_page(query_of(scope), fault.rows)
        instead = replacement(fault, self.service, self.error_body) if fault is not None else None
        reply = await work() if instead is None else instead.with_headers([*headers, self.date()])
        await deliver(reply, send)
        return reply.status

    def date(self, fault: Fault | None = None) -> tuple[bytes, bytes]:
        """The Date header, wrong if a fault of kind date says so."""
        clock = self.state.clock
        if fault is None or fault.kind != "date":
            return (b"date", clock.http_date())
        if isinstance(fault.body, str):
            return (b"date", fault.body.encode("latin-1", "replace"))
        return (b"date", clock.http_date(ahead=fault.seconds))

    def _dated(self, send: Send) -> Send:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], self.date()]
            await send(message)

        return send_dated


class RecordedSend:
    """Records a call just before its answer is sent: a client that has the answer finds the call in the journal."""

    def __init__(self, record: Callable[[int], None], send: Send) -> None:
        self._record: Callable[[int], None] | None = record
        self._send = send

    async def send(self, message: Message) -> None:
        """The ASGI send of the call."""
        if message["type"] == "http.response.start":
            self.finish(message["status"])
        await self._send(message)

    def finish(self, status: int) -> None:
        """Record the call unless that has happened; status 0: no answer was sent."""
        record, self._record = self._record, None
        if record is not None:
            record(status)


def query_of(scope: Scope) -> dict[str, str]:
    """The query parameters of a call."""
    return dict(parse_qsl(scope["query_string"].decode("latin-1")))


def status_phrase(status: int) -> str:
    """The standard words for an HTTP status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def control_routes(api: str) -> list[Route]:
    """The control paths that every service has; paths in orders of faults may begin with `api`."""

    async def faults(request: Request) -> Response:
        """POST orders a fault; DELETE removes all."""
        plan = _common(request).faults
        if request.method == "DELETE":
            plan.clear()
        else:
            plan.order(Fault.from_order(await read_order(request), api))
        return answer({"ok": True})

    return [
        Route(f"{CONTROL}/faults", faults, methods=["POST", "DELETE"]),
        Route(f"{CONTROL}/clock", clock, methods=["GET", "POST"]),
        Route(f"{CONTROL}/calls", calls, methods=["GET", "DELETE"]),
    ]


async def clock(request: Request) -> Response:
    """{"advance": seconds}, {"set": ISO}, {"speed": factor}, or several at once; answers the emulator's now."""
    own = _common(request).clock
    if request.method == "POST":
        order = await read_order(request)
        try:
            moment = datetime.fromisoformat(order["set"]) if "set" in order else None
            advance, speed = float(order.get("advance", 0)), float(order.get("speed", 1))
        except (TypeError, ValueError) as error:
            raise OrderError(str(error)) from error
        if unknown := set(order) - {"set", "advance", "speed"}:
            raise OrderError(f"Unknown fields {', '.join(sorted(unknown))}.")
        if moment is not None:
            own.set(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        own.advance(advance)
        if "speed" in order:
            own.set_speed(speed)
    return answer({"now": own.now().isoformat().replace("+00:00", "Z")})


async def calls(request: Request) -> Response:
    """GET reports the calls since the last DELETE."""
    journal = _common(request).journal
    if request.method == "DELETE":
        journal.reset()
        return answer({"ok": True})
    return answer(journal.report())


async def read_order(request: Request) -> Json:
    """The JSON object of a body; {} for an empty body. Raises OrderError."""
    try:
        order = json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise OrderError(f"The body is not JSON: {error}.") from error
    if not isinstance(order, dict):
        raise OrderError("The body must be a JSON object.")
    return order


async def refuse_order(_request: Request, error: Exception) -> Response:
    """The answer to an order that can't be carried out: the handler of OrderError."""
    return answer({"message": str(error)}, 400)


def _common(request: Request) -> ServiceState:
    state: ServiceState = request.app.state.emulator
    return state


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
        """Close everything, calls under way included; for another thread."""
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
