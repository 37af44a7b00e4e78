"""Dagster's UI below /dagster for logged-in users: requests and WebSockets are proxied to its web server on this machine.

guard.py has already checked them: they have a session, and changes come from this origin. Here Dagster's own rule is
added (serve/same_origin.py): a GET executes nothing. Dagster receives only a few necessary headers of the browser's,
and never the session; the browser receives all of its answers' headers except those of the connection, and no cookie.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpcore2
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from strava_pipeline.serve.dashboard.problems import ProblemError, problem
from strava_pipeline.serve.dashboard.routes import DAGSTER, is_of_dagster
from strava_pipeline.serve.same_origin import refusal_of

LONGEST_SOCKET = 600  # seconds; then the UI opens another one, and its session is asked for again
_TIMEOUTS = {"connect": 5.0, "read": 120.0, "write": 30.0}  # seconds; Dagster's own statements end after 15
_POLICY_VIOLATION, _GOING_AWAY, _TRY_LATER = 1008, 1001, 1013  # RFC 6455, 7.4.1, and its registry
_ASKED = frozenset(
    (
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"content-length",
        b"content-type",
        b"if-modified-since",
        b"if-none-match",
        b"if-range",
        b"range",
    )
)
_NOT_ANSWERED = frozenset(
    (
        b"connection",
        b"date",
        b"keep-alive",
        b"server",
        b"set-cookie",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
# in addition to Dagster's own policy, and as strict as its pages allow: they load from here alone, and in no frame
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; connect-src 'self' {socket}; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)


@dataclass(frozen=True, slots=True)
class DagsterUi:
    """An ASGI middleware. `url`: the address of Dagster's web server on this machine, with /dagster as its prefix."""

    app: ASGIApp
    url: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or not is_of_dagster(scope["path"]):
            await self.app(scope, receive, send)
            return
        refusal = refusal_of(scope, DAGSTER)
        if scope["type"] == "websocket":
            await (self._hand_on_socket(scope, receive, send) if refusal is None else _close(send, _POLICY_VIOLATION))
        elif refusal is not None:
            await problem(Request(scope), ProblemError(refusal.status, refusal.why))(scope, receive, send)
        else:
            with suppress(ClientDisconnect):
                await self._hand_on(scope, receive, send)

    async def _hand_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a request to Dagster, and its answer back as it comes."""
        server = urlsplit(self.url)
        headers = [(name, value) for name, value in scope["headers"] if name in _ASKED]
        has_body = any(name == b"content-length" for name, _ in headers)
        url = httpcore2.URL(scheme="http", host=server.hostname or "", port=server.port, target=_target(scope))
        asked = httpcore2.Request(
            scope["method"],
            url,
            headers=[(b"host", server.netloc.encode()), *headers],
            content=Request(scope, receive).stream() if has_body else None,
            extensions={"timeout": _TIMEOUTS},
        )
        async with httpcore2.AsyncHTTPConnection(url.origin) as connection:
            try:
                answer = await connection.handle_async_request(asked)
            except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.RemoteProtocolError):
                error = ProblemError(
                    503, "Dagster's UI does not answer. `strava-pipeline service status` says how it is."
                )
                await problem(Request(scope), error)(scope, receive, send)
                return
            start = {"type": "http.response.start", "status": answer.status, "headers": _answered(answer.headers)}
            _secure(start, f"{server.scheme}://{server.netloc}", _socket_origin(scope))
            await send(start)
            async for part in answer.aiter_stream():
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _hand_on_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open a WebSocket to Dagster, and forward messages both ways until one side closes or the time is over."""
        await receive()  # websocket.connect
        address = f"ws://{urlsplit(self.url).netloc}{_target(scope).decode('ascii')}"
        protocols = [Subprotocol(name) for name in scope.get("subprotocols", ())]
        try:
            opening = connect(
                address,
                subprotocols=protocols or None,
                compression=None,
                max_size=None,  # Dagster's own limit; the server limits a browser's
                proxy=None,
                close_timeout=1,
                ping_interval=None,  # it is this machine
            )
            async with opening as dagster:
                await send({"type": "websocket.accept", "subprotocol": dagster.subprotocol})
                await _carry(dagster, receive, send)
        except (OSError, TimeoutError, WebSocketException):
            await _close(send, _TRY_LATER)
        else:
            await _close(send, _GOING_AWAY)


async def _carry(dagster: ClientConnection, receive: Receive, send: Send) -> None:
    ways = [asyncio.create_task(_to_dagster(dagster, receive)), asyncio.create_task(_from_dagster(dagster, send))]
    try:
        await asyncio.wait(ways, timeout=LONGEST_SOCKET, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _to_dagster(dagster: ClientConnection, receive: Receive) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        await dagster.send(message["bytes"] if text is None else text)


async def _from_dagster(dagster: ClientConnection, send: Send) -> None:
    with suppress(ConnectionClosed):
        async for message in dagster:
            await send({"type": "websocket.send", "text" if isinstance(message, str) else "bytes": message})


async def _close(send: Send, code: int) -> None:
    with suppress(OSError, RuntimeError):  # the browser closed it before
        await send({"type": "websocket.close", "code": code, "reason": ""})


def _target(scope: Scope) -> bytes:
    """The path and query as the browser sent them."""
    query: bytes = scope["query_string"]
    path: bytes = scope["raw_path"]
    return path + b"?" + query if query else path


def _answered(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value) for name, value in headers if name.lower() not in _NOT_ANSWERED]


def _socket_origin(scope: Scope) -> str:
    """The origin of this page's WebSockets, since not every browser counts it as 'self'. The guard has checked the Host
    header.
    """
    return f"{'wss' if scope['scheme'] == 'https' else 'ws'}://{Headers(scope=scope)['host']}"


def _secure(start: Message, server: str, socket_origin: str) -> None:
    """Add our policy to Dagster's, revalidate files by their tag, and point redirections here instead of to `server`."""
    headers = MutableHeaders(scope=start)
    headers.append("Content-Security-Policy", _POLICY.format(socket=socket_origin))
    headers.setdefault("Cache-Control", "no-cache")
    if headers.get("location", "").startswith(server):
        headers["Location"] = headers["location"].removeprefix(server)
