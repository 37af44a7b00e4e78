"""Makes ordered faults happen on the wire, down to broken and reset connections.

Which fault a call meets is decided in faults.py. The transport is reached through the request's state, where the
protocol of server.py puts it; without it (another ASGI server) connections can't be broken.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strava_pipeline.emulator.faults import Fault
from strava_pipeline.emulator.wire import JSON_TYPE, dumps, status_body

Headers = list[tuple[bytes, bytes]]

NO_LINGER = struct.pack("ii", 1, 0)  # SO_LINGER with a timeout of zero: closing sends RST, not FIN (socket(7))

HTML_PAGE = """<!DOCTYPE html>
<html><head><title>Strava | {status}</title></head>
<body><h1>{status}</h1><p>We're sorry, but something went wrong. Please try again in a few minutes.</p></body></html>
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer before it is sent."""

    status: int
    headers: Headers
    body: bytes

    @classmethod
    def of(cls, response: Response) -> "Reply":
        """The reply of a Starlette response."""
        return cls(response.status_code, list(response.raw_headers), bytes(response.body))

    def with_headers(self, headers: Headers) -> "Reply":
        """The reply with more headers."""
        return Reply(self.status, self.headers + headers, self.body)


async def collect(app: ASGIApp, scope: Scope, receive: Receive) -> Reply:
    """Run an application and keep its answer instead of sending it."""
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
    """Send a reply as it is."""
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": reply.body})


def replacement(fault: Fault) -> Reply | None:
    """The answer that a fault gives instead of the real one; None for faults that are no answers."""
    match fault.kind:
        case "status":
            body = status_body(fault.status) if fault.body is None else fault.body
            return Reply.of(Response(_raw(body), fault.status, media_type=JSON_TYPE))
        case "html":
            page = HTML_PAGE.format(status=fault.status) if fault.body is None else fault.body
            return Reply.of(Response(_raw(page), fault.status, media_type="text/html; charset=utf-8"))
        case "empty":
            return Reply.of(Response(b"", fault.status, media_type=JSON_TYPE))
        case "body":
            return Reply.of(Response(_raw(fault.body), fault.status, media_type=JSON_TYPE))
        case _:
            return None


async def break_connection(
    fault: Fault, scope: Scope, receive: Receive, send: Send, work: Callable[[], Awaitable[Reply]]
) -> int:
    """Send a raw or half an answer, or none, and close or reset; gives the status that the client saw (0: none)."""
    transport: asyncio.Transport = scope["state"]["transport"]
    seen = 0
    if fault.kind == "raw":
        while (await receive()).get("more_body", False):
            continue  # closing on what was not read yet sends RST, and may take the answer with it
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


def _raw(body: object) -> bytes:
    return body.encode() if isinstance(body, str) else dumps(body)
