"""How large a body may be: what is larger, or does not say how large it is, is refused before it is read."""

from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from strava_pipeline.core.limits import megabytes
from strava_pipeline.serve.dashboard.problems import ProblemError, problem
from strava_pipeline.serve.dashboard.routes import is_of_dagster

LARGEST = 128_000  # bytes: 500 decisions with their seals are 60 kB
LARGEST_OF_DAGSTER = 1_000_000  # bytes: its queries are 10 kB, and a run's configuration or partitions may be more
FILES = "/api/files/"


@dataclass(frozen=True, slots=True)
class BodyBounds:
    """ASGI middleware. The server holds a client to the length that it has given. `largest_file`: in bytes."""

    app: ASGIApp
    largest_file: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (error := self._refused(scope)):
            await problem(Request(scope), error)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refused(self, scope: Scope) -> ProblemError | None:
        headers, is_file = Headers(scope=scope), scope["path"].startswith(FILES) and scope["method"] == "PUT"
        if "transfer-encoding" in headers or (is_file and "content-length" not in headers):
            return ProblemError(411, "The request does not say how long its body is. Send it with Content-Length.")
        length = headers.get("content-length", "0")
        largest = self.largest_file if is_file else LARGEST_OF_DAGSTER if is_of_dagster(scope["path"]) else LARGEST
        if length.isascii() and length.isdecimal() and int(length[:20]) <= largest:
            return None
        if is_file:
            return ProblemError(
                413, f"The file is larger than {megabytes(largest)}, which STRAVA_IMPORT_LIMIT_MB sets."
            )
        return ProblemError(413, f"The body is larger than {largest:,} bytes. Send fewer things at once.")
