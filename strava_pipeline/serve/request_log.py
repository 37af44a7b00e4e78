"""A line of JSON for each request, of the intake and of the dashboard. They define its contents."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class RequestLog:
    """An ASGI middleware that passes a line to `say` when a request was answered, or its client disconnected (status 0).

    `line`: makes the line's fields for a request, from `status`, `bytes` (of its body) and `ms`.
    """

    app: ASGIApp
    say: Callable[[str], object]
    line: Callable[[Scope, dict[str, Any]], dict[str, Any]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
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
            await self.app(scope, counting, noting)
        except Exception as error:
            status = status or 500  # as which it is answered further out
            scope.setdefault("state", {})["why"] = f"a fault of ours: {type(error).__name__}"
            raise
        finally:
            told = {"status": status, "bytes": size, "ms": round((time.monotonic() - began) * 1000, 1)}
            self.say(json.dumps(self.line(scope, told)))
