"""Reading a request's body within limits, whoever sends it. No meaning."""

import asyncio

from starlette.requests import ClientDisconnect, Request

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
