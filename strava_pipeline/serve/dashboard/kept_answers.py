"""Whole answers that are cached until the data change, and not sent again to a browser that has them: 304, by an ETag.

A route with `dependencies=[KEPT]` depends only on the data, the day, its address and the page's layout. A route that
shows the state of services, requests or runs must not use it. The guard comes first: without a login the answer is 401,
whatever the browser still holds.
"""

from dataclasses import dataclass

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strava_pipeline.serve.dashboard.middlewares import PACKED_TAG, with_body
from strava_pipeline.serve.dashboard.rendering import layout_state
from strava_pipeline.serve.dashboard.site import Site, data_key, seen_by, site_of

_PART = "HX-Request"  # the header that asks for a part of a page at the whole page's address
_REVALIDATED = {"Cache-Control": "private, no-cache", "Vary": _PART}  # a browser may keep it, and asks each time
_KEPT = (200, 303)


class KeptAnswerFound(Exception):  # noqa: N818 - it is no error: nothing else ends a dependency with an answer
    """The answer is already cached."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


async def answer_found(request: Request, found: Exception) -> Response:
    """The handler of `KeptAnswerFound`."""
    assert isinstance(found, KeptAnswerFound)
    return found.answer


def _find(request: Request) -> None:
    key = _key(request) if request.method == "GET" else None
    if key is None:
        return
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    for tag in (f'"{key}"', f'"{key}{PACKED_TAG}"'):
        if tag in known:
            raise KeptAnswerFound(Response(status_code=304, headers={**_REVALIDATED, "ETag": tag}))
    if (held := site_of(request).kept.get(key)) is not None:
        request.state.was_kept = True  # as this request may see it
        status, headers, body = held[0]
        raise KeptAnswerFound(Response(body, status, headers))
    request.state.kept_as = key


KEPT = Depends(_find)
"""A dependency of routes whose answers are cached."""


def do_not_keep(request: Request) -> None:
    """Exclude the answer to a request from the cache, because it shows a temporary fault."""
    request.state.kept_as = None


def _key(request: Request) -> str | None:
    path, query = request.scope["path"], request.scope["query_string"]
    layout = () if path.startswith("/api/") else layout_state(request)
    return data_key(site_of(request), path, query, request.headers.get(_PART), layout, seen_by(request.scope))


@dataclass(frozen=True, slots=True)
class KeepAnswers:
    """An ASGI middleware that caches the answers of routes with `KEPT`, and adds their ETag."""

    app: ASGIApp
    site: Site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        def key() -> str | None:
            found: str | None = scope.get("state", {}).get("kept_as")
            return found

        async def keeping(start: Message, message: Message) -> Message:
            if start["status"] in _KEPT and not message.get("more_body"):
                await run_in_threadpool(self._keep, Request(scope), key(), start, message.get("body", b""))
            return message

        await self.app(scope, receive, with_body(send, lambda start: key() is not None, keeping))

    def _keep(self, request: Request, key: str | None, start: Message, body: bytes) -> None:
        """Cache an answer, if nothing has changed since it was begun."""
        if key is None or _key(request) != key:
            return
        headers = MutableHeaders(scope=start)
        if start["status"] == 200:
            headers.update({**_REVALIDATED, "ETag": f'"{key}"'})
        kept = {name: value for name, value in headers.items() if name != "content-length"}
        self.site.kept.put(key, (start["status"], kept, bytes(body)))
