"""Answers name files relative to the data folder: what this machine's folders are called is not for who asks.

Errors say to a person at the terminal which file they mean, whole. The same sentences are shown in pages and by the API, in many
places, so they are shortened where answers leave.
"""

import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strava_pipeline.serve.dashboard.routes import DAGSTER, STATIC, served_routes
from strava_pipeline.serve.dashboard.whole_answers import with_body
from strava_pipeline.settings import Settings, env_file

_TEXTS = ("text/html", "application/json", "application/problem+json")


class Shortening:
    """Texts without the folders of these settings, but for one at the address of a page: links stay whole."""

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
        # not the begin of another name: /data is no part of /database
        self._any = re.compile(rb"(?<![\w/.-])(?:" + b"|".join(map(re.escape, longest)) + rb")(?:(?<=/)|(?![\w-]))")

    def __call__(self, text: bytes) -> bytes:
        if not any(path in text for path in self._short):  # 50 times as fast as the expression
            return text
        return self._any.sub(lambda match: self._short[match[0]], text)


def _topmost(path: str) -> str:
    return path.split("/", 2)[1]


def _written(path: str) -> set[str]:
    """A path as it stands in JSON, with and without escapes, and in HTML."""
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
    return MutableHeaders(scope=start).get("content-type", "").startswith(_TEXTS)
