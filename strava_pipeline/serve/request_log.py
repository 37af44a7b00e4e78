"""One line of JSON for each request: when, what, how it was answered, how long it took. Never a secret or a body.

A plain ASGI middleware; uvicorn's own access log, which would show whole paths, is off.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HIDDEN = "***"
_OPEN = ("/health",)  # paths without a secret
_BELOW = ("/webhooks/strava/", "/pings/")  # what follows is one


class RequestLog:
    """Tells `say` a line when a request was answered, or its client went away (status 0)."""

    def __init__(self, app: ASGIApp, say: Callable[[str], object], now: Callable[[], datetime]) -> None:
        self._app, self._say, self._now = app, say, now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, size, began = 0, 0, time.monotonic()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        async def counting() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            return message

        try:
            await self._app(scope, counting, noting)
        except Exception as error:
            status = status or 500  # as which it is answered further out
            scope.setdefault("state", {})["why"] = f"a fault of ours: {type(error).__name__}"
            raise
        finally:
            line = {
                "at": self._now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "method": scope["method"],
                "path": masked(scope["path"]),
                "status": status,
                "bytes": size,
                "ms": round((time.monotonic() - began) * 1000, 1),
            }
            if why := scope.get("state", {}).get("why"):
                line["why"] = why
            self._say(json.dumps(line))


def masked(path: str) -> str:
    """The path without what may be a secret: whatever is not known to be none is hidden."""
    if path in _OPEN:
        return path
    return next((f"{below}{HIDDEN}" for below in _BELOW if path.startswith(below)), f"/{HIDDEN}")
