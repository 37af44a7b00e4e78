"""Bodies of requests: read within limits, acknowledged when they are kept, refused with a reason. No meaning."""

import asyncio
from collections.abc import Awaitable, Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from strava_pipeline.lake.journal import JournalFullError

PATIENCE = 10  # seconds for a body to come; Strava gives an answer two


class BodyError(Exception):
    """A body that is not taken: the status to answer with, and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


async def read_body(request: Request, largest: int) -> bytes:
    """The whole body. Raises BodyError where it is longer than `largest` bytes, or does not come."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > largest:
        raise BodyError(413, f"the body is longer than {largest} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.stream():
                body += chunk
                if len(body) > largest:
                    raise BodyError(413, f"the body is longer than {largest} bytes")
    except TimeoutError as error:
        raise BodyError(408, f"the body did not come within {PATIENCE} s") from error
    except ClientDisconnect as error:
        raise BodyError(400, "the body broke off") from error
    return bytes(body)


def refusal(request: Request, status: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal with its reason, which holds nothing that came in. It ends the connection: a body may still be dripping."""
    request.state.why = why
    return JSONResponse({"message": why}, status, {**(headers or {}), "connection": "close"})


async def taken(request: Request, taking: Awaitable[Response], nothing: type[ValueError]) -> Response:
    """What `taking` answers; 4xx with the reason, and nothing was kept; 503: try again.

    `nothing`: raised for a body that is none of its kind, with a text that may be answered.
    """
    try:
        return await taking
    except BodyError as error:
        return refusal(request, error.status, error.why)
    except nothing as error:
        return refusal(request, 400, str(error))
    except UnicodeDecodeError:
        return refusal(request, 400, "the body is no UTF-8")
    except JournalFullError:
        return refusal(request, 503, "the inbox is full: nobody reads it")
    except OSError as error:
        return refusal(request, 503, f"it could not be kept: {error.strerror or type(error).__name__}")
