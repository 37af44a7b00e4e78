"""Bodies of requests: read within limits, acknowledged when stored, refused with a reason. Contents are not interpreted here."""

import asyncio
from collections.abc import Awaitable, Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from strava_pipeline.lake.journal import JournalFullError

PATIENCE = 10  # seconds for a body to come; Strava gives an answer two


class BodyError(Exception):
    """A rejected body: the status to answer with, and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


async def read_body(request: Request, largest: int) -> bytes:
    """The whole body. Raises BodyError if it is longer than `largest` bytes, or does not arrive."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > largest:
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
    """A refusal with its reason, without anything received. It ends the connection, because a body may still be
    arriving slowly.
    """
    request.state.why = why
    return JSONResponse({"message": why}, status, {**(headers or {}), "connection": "close"})


async def answer_or_refuse(request: Request, answer: Awaitable[Response], malformed: type[ValueError]) -> Response:
    """The answer; or 4xx with the reason, if nothing was stored; or 503: try again.

    `malformed`: the error for a body of another kind, whose text may be sent back.
    """
    try:
        return await answer
    except BodyError as error:
        return refusal(request, error.status, error.why)
    except malformed as error:
        return refusal(request, 400, str(error))
    except UnicodeDecodeError:
        return refusal(request, 400, "the body is no UTF-8")
    except JournalFullError:
        return refusal(request, 503, "the inbox is full: nobody reads it")
    except OSError as error:
        return refusal(request, 503, f"it could not be kept: {error.strerror or type(error).__name__}")
