"""The intake's web application: its routes, a line of log for each request, and its resources. server.py serves it.

A kind of event has an inbox and a file with its routes; here they are put together. The log is an ASGI middleware, and
hides everything in a path that may be a secret; uvicorn's own access log, which would show whole paths, is off.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from strava_pipeline.core.deliveries import Sender, intake_path
from strava_pipeline.lake.journal import ROOM
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.bodies import refusal
from strava_pipeline.serve.inbox import Inbox
from strava_pipeline.serve.request_log import RequestLog
from strava_pipeline.serve.webhooks import Webhooks


class Receiver(Protocol):
    """The intake of a system besides activities: an inbox of its own, with routes, and work while the intake runs.

    `below`: the path before a secret.
    """

    name: str
    below: str

    def inbox(self, lake: Lake) -> Path: ...

    def routes(self, lake: Lake, inbox: Inbox) -> list[Route]: ...

    async def begin(self) -> None: ...

    async def close(self) -> None: ...


def create_app(
    lake: Lake,
    *,
    say: Callable[[str], object],
    now: Callable[[], datetime],
    senders: Mapping[str, Sender] = MappingProxyType({}),
    receivers: Sequence[Receiver] = (),
    room: int = ROOM,
) -> Starlette:
    """The intake of a data folder: for the deliveries of `senders`, by the service's name, and for `receivers`.

    `say` gets a line for each request; `room`: the number of bytes that may wait unread.
    """
    inboxes: dict[str, Inbox] = {}
    routes: list[Route] = []
    for name, sender in senders.items():
        folder = lake.inbox_webhooks_of(name)
        known_as = "webhooks" if folder == lake.inbox_webhooks else f"webhooks_{name}"
        inbox = inboxes[known_as] = Inbox(folder, now, room)
        routes += Webhooks(name, sender, inbox).routes()
    for receiver in receivers:
        inboxes[receiver.name] = Inbox(receiver.inbox(lake), now, room)
        routes += receiver.routes(lake, inboxes[receiver.name])

    @asynccontextmanager
    async def closing(_: Starlette) -> AsyncIterator[None]:
        for receiver in receivers:
            await receiver.begin()
        yield
        for receiver in receivers:
            await receiver.close()
        for inbox in inboxes.values():
            await inbox.close()

    shown = {*_OPEN, *(intake_path(name) for name, sender in senders.items() if sender.webhooks.token_of is None)}
    secret = (f"{intake_path(name)}/" for name, sender in senders.items() if sender.webhooks.token_of is not None)
    below = (*secret, *(receiver.below for receiver in receivers))

    def line(scope: Scope, told: dict[str, Any]) -> dict[str, Any]:
        at = now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        asked = {"at": at, "method": scope["method"], "path": masked(scope["path"], shown, below)}
        why = scope.get("state", {}).get("why")
        return {**asked, **told, **({"why": why} if why else {})}

    app = Starlette(
        routes=[_health(inboxes), *routes],
        middleware=[Middleware(RequestLog, say=say, line=line)],
        exception_handlers={404: _nowhere, 405: _wrong_method},
        lifespan=closing,
    )
    app.router.redirect_slashes = False  # a path with a slash more is another one
    return app


def _health(inboxes: Mapping[str, Inbox]) -> Route:
    async def health(_: Request) -> Response:
        """Whether new events can be stored, and how much waits."""
        has_room = all(inbox.has_room for inbox in inboxes.values())
        waiting = {name: inbox.bytes_waiting for name, inbox in inboxes.items()}
        return JSONResponse({"ok": has_room, "bytes_waiting": waiting}, 200 if has_room else 503)

    return Route("/health", health, methods=["GET"])


async def _nowhere(request: Request, _: Exception) -> Response:
    return refusal(request, 404, "no such path")


async def _wrong_method(request: Request, error: Exception) -> Response:
    return refusal(request, 405, "no such method here", error.headers if isinstance(error, HTTPException) else None)


HIDDEN = "***"
_OPEN = ("/health",)  # paths without a secret


def masked(path: str, shown: Collection[str] = _OPEN, below: Collection[str] = ()) -> str:
    """The path without a possible secret. `shown`: the paths without one; `below`: the paths before one."""
    if path in shown:
        return path
    return next((f"{start}{HIDDEN}" for start in below if path.startswith(start)), f"/{HIDDEN}")
