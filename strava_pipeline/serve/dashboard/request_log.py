"""One line of JSON for each request: method, path as its route writes it, status, milliseconds. No values, no addresses."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strava_pipeline.serve.dashboard.routes import template_of

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class RequestLog:
    """Gives `say` a line when a request was answered, or its client went away (status 0)."""

    app: ASGIApp
    say: Callable[[str], object]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, began = 0, time.monotonic()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            line = {
                "method": scope["method"] if scope["method"] in METHODS else "other",
                "path": template_of(scope),
                "status": status,
                "ms": round((time.monotonic() - began) * 1000, 1),
                "process": os.getpid(),
            }
            self.say(json.dumps(line))
