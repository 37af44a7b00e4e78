"""How large a body of the JSON API may be: what is larger, or does not say how large it is, is refused before it is read."""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from strava_pipeline.serve.dashboard.problems import ProblemError, problem

LARGEST = 128_000  # bytes: 500 decisions with their seals are 60 kB
_BELOW = "/api/"


class BodyBounds:
    """ASGI middleware. The server holds a client to the length that it has given."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(_BELOW) and (error := _refused(Headers(scope=scope))):
            await problem(Request(scope), error)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _refused(headers: Headers) -> ProblemError | None:
    if "transfer-encoding" in headers:
        return ProblemError(411, "The request does not say how long its body is. Send it with Content-Length.")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal()) or int(length[:20]) > LARGEST:
        return ProblemError(413, f"The body is larger than {LARGEST:,} bytes. Send fewer things at once.")
    return None
