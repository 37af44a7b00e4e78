"""Answers packed with gzip for browsers that take it: JSON, and pages without the session's token.

A page that holds the token is sent as it is. Packed together with something that another page made the browser send, its length
would tell the token bit by bit (BREACH, breachattack.com): the cookie's SameSite=Strict keeps other pages from that, and this is
the second wall. Static files are packed by static_files.py.
"""

import gzip
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strava_pipeline.serve.dashboard.records.store import Session
from strava_pipeline.serve.dashboard.whole_answers import with_body

LEAST = 1_000  # bytes: less fits into one packet anyhow
_LEVEL = 4  # half the time of the default, for 3 % more bytes
_TEXTS = ("application/json", "application/geo+json", "application/problem+json", "text/")
PACKED_TAG = "-gzip"  # the end of a strong ETag within its quotes, since the bytes are others


@dataclass(frozen=True, slots=True)
class Packing:
    """An ASGI middleware. Answers in several parts pass as they are."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
            await self.app(scope, receive, send)
            return

        async def packed(start: Message, message: Message) -> Message:
            if not _is_packable(scope, start, message):
                return message
            body = await run_in_threadpool(gzip.compress, message["body"], _LEVEL, mtime=0)
            _say_packed(MutableHeaders(scope=start), len(body))
            return {**message, "body": body}

        await self.app(scope, receive, with_body(send, lambda start: True, packed))


def _is_packable(scope: Scope, start: Message, message: Message) -> bool:
    headers, body = Headers(raw=start["headers"]), message.get("body", b"")
    if message.get("more_body") or len(body) < LEAST or "content-encoding" in headers:
        return False
    session: Session | None = scope.get("state", {}).get("session")
    is_secret = session is not None and session.csrf_token.encode() in body
    return headers.get("content-type", "").startswith(_TEXTS) and not is_secret


def _say_packed(headers: MutableHeaders, length: int) -> None:
    headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(length)
    headers.add_vary_header("Accept-Encoding")
    if tag := headers.get("etag"):
        headers["ETag"] = f'{tag[:-1]}{PACKED_TAG}"'
