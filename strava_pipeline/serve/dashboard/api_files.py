"""`/api/files`: files that a person drops onto a page, into the drop folder. A request of the kind `import` has them read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Request
from fastapi.concurrency import contextmanager_in_threadpool, run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from strava_pipeline.lake.imports.uploads import NoRoomError, Upload, uploading
from strava_pipeline.serve.dashboard.answers import json_answer, only_known_parameters, shape
from strava_pipeline.serve.dashboard.document import problems
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.site import CurrentLake

router = APIRouter(prefix="/api/files", dependencies=[Depends(only_known_parameters)], tags=["files"])
PIECE = 1_000_000  # bytes that are written at once
PATIENCE = 60.0  # seconds without a byte until nothing is expected any more
_FULL = 507  # RFC 4918, section 11.5
Name = Annotated[str, Path(max_length=255, description="the file's own name, without folders")]


KEEPS_ITS_BODY: dict[str, Any] = {
    "status_code": 201,
    "response_model": shape("KeptFile", name=str, bytes=int),
    "responses": problems(408, 507),
    "openapi_extra": {"requestBody": {"required": True, "content": {"application/octet-stream": {}}}},
}


@router.put("/{name}", **KEEPS_ITS_BODY)
async def keep(request: Request, lake: CurrentLake, name: Name) -> Response:
    """Keep the body as a file in data/inbox/files, under this name or, where another file has it, one like it."""
    return await received(request, partial(uploading, lake, name), "/api/files")


async def received(
    request: Request, uploading_of: Callable[[int], AbstractContextManager[Upload]], folder: str
) -> Response:
    """Keep the body as the file that `uploading_of` its size makes. Raises ProblemError, MisuseError."""
    size = int(request.headers.get("content-length", "0"))  # checked by BodyBounds; the server holds the client to it
    try:
        async with contextmanager_in_threadpool(uploading_of(size)) as upload:
            kept = await _receive(request, upload)
    except NoRoomError as error:
        raise ProblemError(_FULL, str(error)) from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ProblemError(_FULL, f"The file could not be kept ({why}). Nothing of it is left.") from None
    return json_answer({"name": kept, "bytes": size}, 201, {"Location": f"{folder}/{quote(kept)}"})


async def _receive(request: Request, upload: Upload) -> str:
    """Write the whole body; returns the name of the file. Raises ProblemError if the body does not arrive, MisuseError,
    OSError.
    """
    try:
        async for piece in _pieces(request):
            await run_in_threadpool(upload.write, piece)
    except TimeoutError:
        closing = {"Connection": "close"}
        raise ProblemError(408, f"Nothing came for {PATIENCE:.0f} s; the file was not kept.", headers=closing) from None
    except ClientDisconnect:
        raise ProblemError(400, "The file broke off; it was not kept.") from None
    return await run_in_threadpool(upload.finish)


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    stream, piece = aiter(request.stream()), bytearray()
    while True:
        async with asyncio.timeout(PATIENCE):
            chunk = await anext(stream, None)
        piece += chunk or b""
        if chunk is None or len(piece) >= PIECE:
            yield bytes(piece)
            piece.clear()
        if chunk is None:
            return
