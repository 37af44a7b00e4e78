"""The building blocks of every emulated service: answers, errors, a clock, windows, a journal of calls, and faults.

A fault is ordered for certain calls: a plan says which calls it hits, and each fault knows its form on the wire. Broken
connections need server.py, whose protocol gives each request its transport. No paths, and nothing that only one service
does.
"""

import asyncio
import json
import math
import re
import socket
import struct
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, StringConstraints, ValidationError
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Json = dict[str, Any]

JSON_TYPE = "application/json; charset=utf-8"
JOURNAL_LENGTH = 10_000  # calls: a backfill of the default athlete several times over


class EmulatorConfigError(ValueError):
    """An option or the dataset file does not allow an emulator; the message says what to change."""


class OrderError(ValueError):
    """An order below /_emulator can't be carried out; the message is sent as the answer."""


def dumps(value: object) -> bytes:
    """Compact JSON. Integers of any size and floats keep their kind; a lone surrogate is escaped, not refused."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(dumps(value), status, headers, media_type=JSON_TYPE)


class Clock:
    """The emulator's own time: a start, plus real time multiplied by a speed, plus jumps.

    Everything that depends on time (tokens, limits, which activities exist, the Date header) asks this clock. `steady`
    is a monotonic clock in seconds; tests may pass their own.
    """

    def __init__(self, start: datetime, speed: float, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._base = start.timestamp()
        self._since = steady()
        self._speed = speed

    def epoch(self) -> float:
        """Now, in seconds since 1970-01-01 UTC."""
        return self._base + (self._steady() - self._since) * self._speed

    def now(self) -> datetime:
        """Now, in UTC."""
        return datetime.fromtimestamp(self.epoch(), UTC)

    def http_date(self, ahead: float = 0) -> bytes:
        """Now, or `ahead` seconds later, as the Date header writes it (whole seconds)."""
        return formatdate(self.epoch() + ahead, usegmt=True).encode()

    def advance(self, seconds: float) -> None:
        """Jump ahead by seconds of emulator time."""
        self._base += seconds

    def set(self, moment: datetime) -> None:
        """Jump to a moment; the speed stays the same."""
        self._base, self._since = moment.timestamp(), self._steady()

    def set_speed(self, speed: float) -> None:
        """From now on, let `speed` emulator seconds pass in a real second."""
        self._base, self._since, self._speed = self.epoch(), self._steady(), speed


class WindowCount:
    """Calls in the current window. Windows follow one another from 1970-01-01 UTC on, `seconds` each; none is rolling."""

    def __init__(self, seconds: int) -> None:
        self.calls = 0
        self._seconds, self._window = seconds, -1

    def move_to(self, epoch: float) -> None:
        """Go to the window of an instant; a new window starts at 0."""
        window = int(epoch // self._seconds)
        if window != self._window:
            self._window, self.calls = window, 0

    def count(self, epoch: float) -> int:
        """Count a call at an instant; returns the number so far."""
        self.move_to(epoch)
        self.calls += 1
        return self.calls

    def seconds_left(self, epoch: float) -> int:
        """Seconds until the next window."""
        return self._seconds - int(epoch) % self._seconds


class Journal:
    """Every call of a client since the last reset, counted by endpoint, with the last calls in full, and all writes.

    `total` counts the calls that use up a limit: all API calls except those answered with 401. `open` counts API calls
    without an answer so far; a call is recorded when it is answered, even if its client is gone by then.
    Args: `api` is the path that all API calls share; `token_path` the path of tokens; `activity` matches the path of one
    activity with its id as the first group; `identifier` matches what `{id}` replaces in an endpoint's name.
    """

    def __init__(self, *, api: str, token_path: str, activity: str, identifier: str) -> None:
        self._api, self._token_path = api, token_path
        self._activity, self._identifier = re.compile(activity), re.compile(identifier)
        self.open = 0
        self.reset()

    def reset(self) -> None:
        """Forget all recorded calls; the limits do not notice."""
        self.total = self.refused = self.unauthorized = self.token = 0
        self.by_endpoint: Counter[str] = Counter()
        self.details: Counter[str] = Counter()
        self.log: deque[tuple[str, str, str, int]] = deque(maxlen=JOURNAL_LENGTH)
        self.writes: list[Json] = []

    def record_write(self, now: datetime, method: str, path: str, body: object, status: int) -> None:
        """Record a call that changed something, or was refused to, with its body: JSON, or a description of a file."""
        at = now.isoformat(timespec="milliseconds")
        self.writes.append({"at": at, "method": method, "path": path, "body": body, "status": status})

    def record_api_call(self, now: datetime, method: str, path: str, query: str, status: int) -> None:
        """Record an API call; `path` begins after the API's own. Status 0 means that no answer was sent."""
        self._append(now, method, f"{self._api}{path}" + (f"?{query}" if query else ""), status)
        if status == 401:
            self.unauthorized += 1
            return
        self.total += 1
        if status == 429:
            self.refused += 1
            return
        endpoint = self._identifier.sub("{id}", path)
        self.by_endpoint[endpoint if method == "GET" else f"{method} {endpoint}"] += 1
        activity = self._activity.fullmatch(path)
        if activity and method == "GET":
            self.details[activity[1]] += 1

    def record_other_call(self, now: datetime, method: str, path: str, status: int) -> None:
        """Record a call outside the limits, without its query, which may hold a secret."""
        self._append(now, method, path, status)
        self.token += path == self._token_path

    def report(self) -> Json:
        """The answer to GET /_emulator/calls."""
        return {
            "open": self.open,
            "total": self.total,
            "refused": self.refused,
            "unauthorized": self.unauthorized,
            "token": self.token,
            "by_endpoint": dict(self.by_endpoint),
            "details": dict(self.details),
            "log": [list(entry) for entry in self.log],
            "writes": self.writes,
        }

    def _append(self, now: datetime, method: str, path: str, status: int) -> None:
        self.log.append((now.isoformat(timespec="milliseconds"), method, path, status))


Headers = list[tuple[bytes, bytes]]

DEFAULT_STATUS = {"status": 500, "html": 502}
_AFTER, _TIMES = 0, 1  # places in the counts of a fault
OrderT = TypeVar("OrderT", bound=BaseModel)


def ordered(kind: type[OrderT], order: Json) -> OrderT:
    """An order below /_emulator, as its record. Raises OrderError, which names each field that is off."""
    try:
        return kind.model_validate(order)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}, not {each['input']!r}." for each in error.errors()
        ]
        raise OrderError(" ".join(faults)) from error


class Fault(BaseModel, frozen=True, extra="forbid", coerce_numbers_to_str=True):
    """A fault for certain calls: `path` and everything below it, with these `query` parameters, by `method`.

    `method` None: any. A * in `path` stands for any characters, as in /rides/*/gpx; `exact`: only the path itself. The
    first `after` matching calls succeed, the next `times` meet the fault, all of them if it is negative. `processed`:
    the connection is reset after the work was done, so that only the answer is lost. `mid_body`: it is reset in the
    middle of the answer. Kind `date`: only the Date header is wrong, `seconds` ahead or the text `body`. Kind `raw`:
    `body` is the whole answer with status line and headers, one character per byte. Kind `short_page`: the page has
    `rows` rows.
    """

    path: Annotated[str, Field(pattern="^/")]
    kind: Literal["status", "html", "truncate", "reset", "slow", "empty", "body", "raw", "short_page", "date"]
    status: int
    body: Any = None
    seconds: float = 2.0
    times: float = 1
    after: int = 0
    query: dict[str, str] = Field(default_factory=dict)
    method: Annotated[str, StringConstraints(to_upper=True)] | None = None
    exact: bool = False
    processed: bool = False
    mid_body: bool = False
    rows: int | None = None

    @classmethod
    def from_order(cls, order: Json, api: str) -> "Fault":
        """From the JSON of POST /_emulator/faults; its path may begin with `api`. Raises OrderError."""
        fault = ordered(cls, {"status": DEFAULT_STATUS.get(str(order.get("kind")), 200), **order})
        if fault.kind == "raw" and not isinstance(fault.body, str):
            raise OrderError("A raw answer needs a body: the whole answer, from the status line on.")
        return fault.model_copy(update={"path": fault.path.removeprefix(api) or "/"})

    def matches(self, path: str, query: dict[str, str], method: str = "GET") -> bool:
        """Whether a call meets the fault. Only whole parts of a path match: /activities/12 does not match /activities/123."""
        pattern = ".+".join(re.escape(part) for part in self.path.rstrip("/").split("*"))
        found = re.fullmatch(pattern + ("/?" if self.exact else "(/.*)?"), path, re.DOTALL)
        is_meant = self.method in (None, method) and found is not None
        return is_meant and all(query.get(key) == value for key, value in self.query.items())


class FaultPlan:
    """The faults still to come, in the order of their arrival; a call meets the first one that matches."""

    def __init__(self) -> None:
        self._pending: list[tuple[Fault, list[float]]] = []

    def order(self, fault: Fault) -> None:
        """Add a fault."""
        self._pending.append((fault, [fault.after, math.inf if fault.times < 0 else fault.times]))

    def clear(self) -> None:
        """Remove all faults."""
        self._pending.clear()

    def unmet(self) -> list[Fault]:
        """The faults that no call has matched so far."""
        return [fault for fault, counts in self._pending if counts == [fault.after, fault.times]]

    def next_fault(self, path: str, query: dict[str, str], method: str = "GET") -> Fault | None:
        """The fault that this call meets; the fault then has one time less left."""
        for fault, counts in self._pending:
            if not fault.matches(path, query, method):
                continue
            if counts[_AFTER] > 0:
                counts[_AFTER] -= 1
                continue
            counts[_TIMES] -= 1
            if counts[_TIMES] <= 0:
                self._pending = [(other, left) for other, left in self._pending if left is not counts]
            return fault
        return None


NO_LINGER = struct.pack("ii", 1, 0)  # SO_LINGER with a timeout of zero: closing sends RST, not FIN (socket(7))

HTML_PAGE = """<!DOCTYPE html>
<html><head><title>{service} | {status}</title></head>
<body><h1>{status}</h1><p>We're sorry, but something went wrong. Please try again in a few minutes.</p></body></html>
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer before it is sent."""

    status: int
    headers: Headers
    body: bytes

    @classmethod
    def of(cls, response: Response) -> "Reply":
        """The reply of a Starlette response."""
        return cls(response.status_code, list(response.raw_headers), bytes(response.body))

    def with_headers(self, headers: Headers) -> "Reply":
        """The reply with these headers added."""
        return Reply(self.status, self.headers + headers, self.body)


async def collect(app: ASGIApp, scope: Scope, receive: Receive) -> Reply:
    """Run an application and hold its answer back."""
    start: list[Message] = []
    body: list[bytes] = []

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.append(message)
        else:
            body.append(message.get("body", b""))

    await app(scope, receive, keep)
    return Reply(start[0]["status"], list(start[0]["headers"]), b"".join(body))


async def deliver(reply: Reply, send: Send) -> None:
    """Send a reply unchanged."""
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": reply.body})


def replacement(fault: Fault, service: str, error_body: Callable[[int], Json]) -> Reply | None:
    """The answer that a fault gives instead of the real one; None for faults that leave the answer in place.

    Args: `service` is the name on error pages; `error_body` gives the service's JSON error for a status.
    """
    match fault.kind:
        case "status":
            body = error_body(fault.status) if fault.body is None else fault.body
            return Reply.of(Response(_encoded(body), fault.status, media_type=JSON_TYPE))
        case "html":
            page = HTML_PAGE.format(service=service, status=fault.status) if fault.body is None else fault.body
            return Reply.of(Response(_encoded(page), fault.status, media_type="text/html; charset=utf-8"))
        case "empty":
            return Reply.of(Response(b"", fault.status, media_type=JSON_TYPE))
        case "body":
            return Reply.of(Response(_encoded(fault.body), fault.status, media_type=JSON_TYPE))
        case _:
            return None


async def break_connection(
    fault: Fault, scope: Scope, receive: Receive, send: Send, work: Callable[[], Awaitable[Reply]]
) -> int:
    """Send a raw answer, half an answer or none, then close or reset the connection.

    Args: `work` makes the real answer. Returns the status that the client saw, 0 for none.
    """
    transport: asyncio.Transport = scope["state"]["transport"]
    seen = 0
    if fault.kind == "raw":
        while (await receive()).get("more_body", False):
            continue  # closing with an unread request sends RST, which can destroy the answer
        transport.write(fault.body.encode("latin-1", "replace"))
        seen = fault.status
    if fault.kind == "truncate" or fault.mid_body or fault.processed:
        reply = await work()
        if fault.kind == "truncate" or fault.mid_body:
            seen = reply.status
            await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
            half = reply.body[: len(reply.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
    if fault.kind in ("raw", "truncate"):
        transport.close()
    else:
        _reset(transport)
    while (await receive())["type"] != "http.disconnect":
        continue
    return seen


def _reset(transport: asyncio.Transport) -> None:
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    transport.abort()


def _encoded(body: object) -> bytes:
    return body.encode() if isinstance(body, str) else dumps(body)
