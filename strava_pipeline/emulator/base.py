"""The base of an emulated service: its memory, its gate, and the control paths below /_emulator. The server is server.py.

A service is a subclass of EmulatedService with its data and pages, and `application` of its routes. The gate checks the
login, counts limits, applies faults, records calls, and sets the Date header (uvicorn sends none). The control paths
order faults and time and show the journal; they need no token, and no real service has them.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from typing import Any, ClassVar, Generic, Self, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strava_pipeline.emulator.service import (
    Clock,
    Fault,
    FaultPlan,
    Headers,
    Journal,
    Json,
    OrderError,
    Reply,
    WindowCount,
    answer,
    break_connection,
    collect,
    deliver,
    ordered,
    replacement,
)

CONTROL = "/_emulator"
ItemT = TypeVar("ItemT")


@dataclass
class EmulatedService:
    """The memory of one emulated service; `app.state.emulator` of its application.

    Args:
        faults, journal: the ordered faults, and the calls so far.
        headers: of every faulty answer.
        key: the login, for the default `is_login`.
        limit: calls in a window of `window_seconds`, or None for any number.

    `title` is the name on error pages; `api`, `token_path`, `activity` and `identifier` are Journal's.
    """

    title: ClassVar[str] = "Emulator"
    api: ClassVar[str] = ""
    token_path: ClassVar[str] = "/oauth/token"
    activity: ClassVar[str]
    identifier: ClassVar[str]
    window_seconds: ClassVar[int] = 900

    clock: Clock
    faults: FaultPlan = field(default_factory=FaultPlan, kw_only=True)
    headers: Headers = field(default_factory=list, kw_only=True)
    key: str = field(default="", kw_only=True)
    limit: int | None = field(default=None, kw_only=True)

    @classmethod
    def starting(cls, now: datetime, speed: float = 1.0, **fields: Any) -> Self:
        """A service whose clock begins at `now`."""
        return cls(Clock(now, speed), **fields)

    @cached_property
    def journal(self) -> Journal:
        """The calls so far."""
        return Journal(api=self.api, token_path=self.token_path, activity=self.activity, identifier=self.identifier)

    @cached_property
    def window(self) -> WindowCount:
        """The calls of the current window."""
        return WindowCount(self.window_seconds)

    @property
    def epoch(self) -> float:
        """The emulator's now, in seconds since 1970-01-01 UTC."""
        return self.clock.epoch()

    def is_counted(self, path: str) -> bool:
        """Whether a call needs a login and counts in the limits; calls that get a token do not."""
        return path != self.token_path

    def is_login(self, request: Request) -> bool:
        """Whether a call has the login: `key`, as a bearer token."""
        return bearer_of(request) == self.key

    def refusal(self, request: Request) -> Response | None:
        """The answer to a rejected call, or None. Counts accepted ones."""
        return self.over(self.window, self.limit) if self.is_login(request) else self.error(401)

    def over(self, window: WindowCount, most: int | None) -> Response | None:
        """Count a call in a window; returns the refusal of one beyond `most`, or None."""
        calls = window.count(self.epoch)
        if most is None or calls <= most:
            return None
        refused = self.error(429)
        refused.headers["retry-after"] = str(window.seconds_left(self.epoch))
        refused.raw_headers.extend(self.left())
        return refused

    def left(self) -> Headers:
        """The headers of every answer without a fault, such as the rest of a limit."""
        return []

    def error_body(self, status: int) -> Json:
        """The service's JSON for an error status."""
        return {"message": status_phrase(status)}

    def error(self, status: int) -> Response:
        """An error in the service's form."""
        return answer(self.error_body(status), status)

    def content(self, content: bytes | None, media_type: str = "application/octet-stream") -> Response:
        """A file, or 404 for None."""
        return self.error(404) if content is None else Response(content, media_type=media_type)

    def written(self, request: Request, sent: object, reply: Response) -> Response:
        """Record a call that changed something, or was refused to, with its body; returns its answer."""
        self.journal.record_write(self.clock.now(), request.method, request.url.path, sent, reply.status_code)
        return reply

    def fail(self, order: Json, headers: Mapping[str, str] | None = None) -> None:
        """Order a fault, as POST /_emulator/faults does; from now on faults have these headers."""
        self.headers = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self.faults.order(Fault.from_order(order, self.api))


ServiceT = TypeVar("ServiceT", bound=EmulatedService)


class Gate(Generic[ServiceT]):
    """ASGI middleware: the processing of an API call before and after its page; it dates every answer."""

    def __init__(self, app: ASGIApp, state: ServiceT) -> None:
        self._app, self.state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = self.state
        if scope["type"] != "http" or not scope["path"].startswith(state.api) or scope["path"].startswith(CONTROL):
            await self._app(scope, receive, self._dated(send))
            return
        path = scope["path"].removeprefix(state.api)
        is_counted = state.is_counted(path)
        recorded = self.recorded(scope, path, send, is_counted=is_counted)
        fault = state.faults.next_fault(path, query_of(scope), scope["method"])
        refused = state.refusal(Request(scope)) if fault is None and is_counted else None
        if refused is not None:
            refused.raw_headers.append(self.date())
            await refused(scope, receive, recorded.send)
            return
        headers = state.left() if fault is None else state.headers
        recorded.finish(await self.answer(scope, receive, recorded.send, headers=headers, fault=fault))

    def recorded(self, scope: Scope, path: str, send: Send, *, is_counted: bool) -> "RecordedSend":
        """The send of a call to be recorded in the journal; `path` begins after the API's own."""
        journal, clock, method = self.state.journal, self.state.clock, scope["method"]
        if is_counted:
            query = scope["query_string"].decode("latin-1")
            return RecordedSend(lambda status: journal.record_api_call(clock.now(), method, path, query, status), send)
        return RecordedSend(lambda status: journal.record_other_call(clock.now(), method, scope["path"], status), send)

    def error_body(self, status: int) -> Json:
        """The service's JSON for an error status."""
        return self.state.error_body(status)

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
        instead = replacement(fault, self.state.title, self.error_body) if fault is not None else None
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
        """Record the call unless already recorded; status 0: no answer was sent."""
        record, self._record = self._record, None
        if record is not None:
            record(status)


def application(service: EmulatedService, routes: Sequence[BaseRoute], gate: type[Gate[Any]] = Gate) -> Starlette:
    """The service's pages, and its control paths, behind its gate. `app.state.emulator` is the service."""
    app = Starlette(
        routes=[*routes, *control_routes()],
        middleware=[Middleware(gate, state=service)],
        exception_handlers={OrderError: refuse_order},
    )
    app.state.emulator = service
    return app


def query_of(scope: Scope) -> dict[str, str]:
    """The query parameters of a call."""
    return dict(parse_qsl(scope["query_string"].decode("latin-1")))


def status_phrase(status: int) -> str:
    """The standard words for an HTTP status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def bearer_of(request: Request) -> str | None:
    """The token of a bearer login, or None for other logins."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token if kind == "Bearer" else None


def rows_of(
    found: Sequence[ItemT], request: Request, start: str = "start", limit: str = "limit", *, most: int = 1000
) -> Sequence[ItemT]:
    """The requested part of a list by position. Raises ValueError for other text than a number. Without a limit 20 rows."""
    first, rows = (int(request.query_params.get(name, preset)) for name, preset in ((start, 0), (limit, 20)))
    return found[first : first + min(rows, most)]


async def sent_json(request: Request) -> Any:
    """The JSON body of a call, or None if it isn't JSON."""
    try:
        return json.loads(await request.body())
    except ValueError:
        return None


def control_routes() -> list[Route]:
    """The control paths that every service has."""
    return [
        Route(f"{CONTROL}/faults", faults, methods=["POST", "DELETE"]),
        Route(f"{CONTROL}/clock", clock, methods=["GET", "POST"]),
        Route(f"{CONTROL}/calls", calls, methods=["GET", "DELETE"]),
    ]


async def faults(request: Request) -> Response:
    """POST orders a fault, whose path may begin with the API's; DELETE removes all."""
    service = _service(request)
    if request.method == "DELETE":
        service.faults.clear()
    else:
        service.faults.order(Fault.from_order(await read_order(request), service.api))
    return answer({"ok": True})


class _ClockOrder(BaseModel, extra="forbid"):
    set: datetime = datetime.max.replace(tzinfo=UTC)  # no default is read
    advance: float = 0
    speed: float = 1


async def clock(request: Request) -> Response:
    """{"advance": seconds}, {"set": ISO}, {"speed": factor}, or several at once; answers the emulator's now."""
    own = _service(request).clock
    if request.method == "POST":
        order = ordered(_ClockOrder, await read_order(request))
        if "set" in order.model_fields_set:
            own.set(order.set if order.set.tzinfo else order.set.replace(tzinfo=UTC))
        own.advance(order.advance)
        if "speed" in order.model_fields_set:
            own.set_speed(order.speed)
    return answer({"now": own.now().isoformat().replace("+00:00", "Z")})


async def calls(request: Request) -> Response:
    """GET reports the calls since the last DELETE."""
    journal = _service(request).journal
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


def _service(request: Request) -> EmulatedService:
    service: EmulatedService = request.app.state.emulator
    return service
