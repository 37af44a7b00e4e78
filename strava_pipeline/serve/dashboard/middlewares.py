"""The processing around every answer: a line of log, the answer to HEAD, packing, shorter paths.

JSON, and pages without the session's token, are packed with gzip for browsers that accept it. A page that contains the
token is sent unpacked. Packed together with text that another page made the browser send, its length would reveal the
token bit by bit (BREACH, breachattack.com): the cookie's SameSite=Strict prevents such requests, and this is the second
wall. Static files are packed by static_files.py. Answers name files relative to the data folder, since clients must not
learn the names of this machine's folders. Errors name whole paths to a person at the terminal. The same sentences are
shown in pages and by the API, in many places, so they are shortened where answers leave.
"""

import gzip
import html
import json
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strava_pipeline.environment.settings import Settings, env_file
from strava_pipeline.serve.dashboard.records.store import Session
from strava_pipeline.serve.dashboard.routes import DAGSTER, STATIC, served_routes, template_of

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def line_of(scope: Scope, told: dict[str, Any]) -> dict[str, Any]:
    """The log's fields for a request: no values, no addresses."""
    method = scope["method"] if scope["method"] in METHODS else "other"
    asked = {"method": method, "path": template_of(scope), "status": told["status"], "ms": told["ms"]}
    return {**asked, "process": os.getpid()}


@dataclass(frozen=True, slots=True)
class HeadRequests:
    """An ASGI middleware that handles a HEAD as a GET, and leaves out the body.

    The query of /login is left out, too: it may contain a one-time login link, which a look at its headers would use
    up.
    """

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        asked = {**scope, "method": "GET"}
        if scope["path"] == "/login":
            asked["query_string"] = b""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app(asked, receive, sending)


Change = Callable[[Message, Message], Awaitable[Message]]
"""Receives the start of an answer, which it may change, and the first message of its body; returns that message as it
is to be sent.
"""


def with_body(send: Send, is_wanted: Callable[[Message], bool], change: Change) -> Send:
    """A `send` that passes answers whose start `is_wanted` through `change`; further parts of a body pass unchanged."""
    held: Message | None = None

    async def sending(message: Message) -> None:
        nonlocal held
        if message["type"] == "http.response.start" and is_wanted(message):
            held = message
            return
        if held is not None:
            start, held = held, None
            message = await change(start, message)
            await send(start)
        await send(message)

    return sending


LEAST = 1_000  # bytes: less fits into one packet anyhow
_LEVEL = 4  # half the time of the default, for 3 % more bytes
_PACKED = ("application/json", "application/geo+json", "application/problem+json", "text/")
PACKED_TAG = "-gzip"  # the end of a strong ETag within its quotes, since the bytes are others


@dataclass(frozen=True, slots=True)
class Packing:
    """An ASGI middleware that packs answers. Those in several parts pass unchanged."""

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
    return headers.get("content-type", "").startswith(_PACKED) and not is_secret


def _say_packed(headers: MutableHeaders, length: int) -> None:
    headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(length)
    headers.add_vary_header("Accept-Encoding")
    if tag := headers.get("etag"):
        headers["ETag"] = f'{tag[:-1]}{PACKED_TAG}"'


_SHORTENED = ("text/html", "application/json", "application/problem+json")


class Shortening:
    """Removes the folders of these settings from texts, except in the address of a page: links stay whole."""

    def __init__(self, settings: Settings) -> None:
        data, paths = settings.data_dir, [env_file(), *(path for _, path in settings if isinstance(path, Path))]
        nested = {f"{path.parent}/": "" for path in paths if path.parent != Path("/")}
        topmost = {str(path): path.name for path in paths if path.parent == Path("/")}  # as in a container
        found = {f"{data}/": "", **nested, **topmost}
        own = {_topmost(address) for address in (STATIC, DAGSTER, *(route.path for route in served_routes()))}
        self._short = {
            each.encode(): short.encode()
            for path, short in found.items()
            if _topmost(path) not in own
            for each in _written(path)
        }
        longest = sorted(self._short, key=len, reverse=True)
        # not the beginning of another name: /data isn't a part of /database
        self._any = re.compile(rb"(?<![\w/.-])(?:" + b"|".join(map(re.escape, longest)) + rb")(?:(?<=/)|(?![\w-]))")

    def __call__(self, text: bytes) -> bytes:
        if not any(path in text for path in self._short):  # 50 times as fast as the expression
            return text
        return self._any.sub(lambda match: self._short[match[0]], text)


def _topmost(path: str) -> str:
    return path.split("/", 2)[1]


def _written(path: str) -> set[str]:
    """The forms of a path in JSON, with and without escapes, and in HTML."""
    return {path, json.dumps(path)[1:-1], html.escape(path)}


@dataclass(frozen=True, slots=True)
class RelativePaths:
    """An ASGI middleware that shortens answers for people and programs."""

    app: ASGIApp
    shorten: Callable[[bytes], bytes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, with_body(send, _is_text, self._shortened))

    async def _shortened(self, start: Message, message: Message) -> Message:
        if message.get("more_body"):  # all of ours are whole
            return message
        body = self.shorten(message.get("body", b""))
        MutableHeaders(scope=start)["content-length"] = str(len(body))
        return {**message, "body": body}


def _is_text(start: Message) -> bool:
    return MutableHeaders(scope=start).get("content-type", "").startswith(_SHORTENED)
