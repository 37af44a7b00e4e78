"""The web application: its routes, its log, and what it opens and closes. What serves it is server.py.

A kind of event has an inbox and a file with its routes; here they are put together.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from strava_pipeline.core.pings.answers import Oracle
from strava_pipeline.core.pings.people import People
from strava_pipeline.lake.journal import ROOM
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.answers import refusal
from strava_pipeline.serve.inbox import Inbox
from strava_pipeline.serve.live import Live
from strava_pipeline.serve.pings import Pings
from strava_pipeline.serve.request_log import RequestLog
from strava_pipeline.serve.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Phones:
    """Whose pings are taken, who asks their cars, and whether these follow a script."""

    people: People
    oracle: Oracle
    scripted: bool = False


def create_app(
    lake: Lake,
    *,
    say: Callable[[str], object],
    now: Callable[[], datetime],
    webhook_secret: str | None = None,
    phones: Phones | None = None,
    room: int = ROOM,
) -> Starlette:
    """The intake of a data folder: of Strava's events where there is a secret, of pings where there are phones.

    `say` is told a line for each request; `room`: bytes that may wait unread.
    """
    inboxes: dict[str, Inbox] = {}
    routes: list[Route] = []
    if webhook_secret is not None:
        inboxes["webhooks"] = Inbox(lake.inbox_webhooks, now, room)
        routes += Webhooks(webhook_secret, inboxes["webhooks"]).routes()
    live: Live | None = None
    if phones is not None:
        inboxes["pings"] = Inbox(lake.inbox_pings, now, room)
        live = Live(lake, phones.oracle, inboxes["pings"].keep_line, now)
        routes += Pings(phones.people, inboxes["pings"], live, now, scripted=phones.scripted).routes()

    @asynccontextmanager
    async def closing(_: Starlette) -> AsyncIterator[None]:
        if live is not None and phones is not None:
            await live.begin(phones.people)
        yield
        if live is not None:
            await live.close()
        for inbox in inboxes.values():
            await inbox.close()

    async def health(_: Request) -> Response:
        """Whether what comes can be kept, and how much waits."""
        has_room = all(inbox.has_room for inbox in inboxes.values())
        waiting = {name: inbox.bytes_waiting for name, inbox in inboxes.items()}
        return JSONResponse({"ok": has_room, "bytes_waiting": waiting}, 200 if has_room else 503)

    app = Starlette(
        routes=[Route("/health", health, methods=["GET"]), *routes],
        middleware=[Middleware(RequestLog, say=say, now=now)],
        exception_handlers={404: _nowhere, 405: _wrong_method},
        lifespan=closing,
    )
    app.router.redirect_slashes = False  # a path with a slash more is another one
    return app


async def _nowhere(request: Request, _: Exception) -> Response:
    return refusal(request, 404, "no such path")


async def _wrong_method(request: Request, error: Exception) -> Response:
    return refusal(request, 405, "no such method here", error.headers if isinstance(error, HTTPException) else None)
