"""`/api/files`: files that a person drops onto a page, or a program sends, into the drop folder. A request of the kind `import`
has them read: a page makes one, and for a program it is made here.
"""

import asyncio
import hmac
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.concurrency import contextmanager_in_threadpool, run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from strava_pipeline.core.limits import megabytes
from strava_pipeline.lake.imports.files import is_stored
from strava_pipeline.lake.imports.uploads import NoRoomError, Upload, uploading
from strava_pipeline.lake.requests import ImportWanted, keep_request, request_view
from strava_pipeline.lookups.sent_files import fate_of
from strava_pipeline.serve.dashboard.answers import Rows, json_answer, only_known_parameters, shape
from strava_pipeline.serve.dashboard.document import problems
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.records.store import Session
from strava_pipeline.serve.dashboard.site import CurrentLake, CurrentSite, Site

router = APIRouter(prefix="/api/files", dependencies=[Depends(only_known_parameters)], tags=["files"])
PIECE = 1_000_000  # bytes that are written at once
PATIENCE = 60.0  # seconds without a byte until nothing is expected any more
_FULL = 507  # RFC 4918, section 11.5
MOST_OF_A_FORM = 100  # files, as one request names
MADE_BY = "program"
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


GivenName = Annotated[str, Query(max_length=255, description="the file's own name; else one by its kind")]
FileId = Annotated[str, Path(pattern=r"^[0-9TZ]{1,30}-[0-9a-f]{8}-[0-9]{1,2}-[0-9a-f]{32}$")]
_FATE = shape("SentFile", id=str, name=str, status=str, not_readable=dict[str, str])
_BODIES: dict[str, Any] = {"application/octet-stream": {}, "multipart/form-data": {}}
_TAKES: dict[str, Any] = {
    "responses": problems(408, 415, 507),
    "openapi_extra": {"requestBody": {"required": True, "content": _BODIES}},
}


@router.post("", status_code=202, response_model=shape("SentFiles", files=Rows), **_TAKES)
async def send(request: Request, site: CurrentSite, name: GivenName = "sent") -> Response:
    """Take the body, or each file of a form, for the next import; bytes that are known already are not taken again."""
    found: dict[str, dict[str, Any]] = {}
    try:
        async with _files_of(request, name, site.settings.import_limits.file_bytes) as files:
            for name, size, pieces in files:
                async with _keeping(uploading(site.lake, name or "sent", size)) as upload:
                    told = await _taken(site, upload, pieces)
                    found[upload.digest] = told
    finally:  # also what stands in a form before a file that is refused
        await run_in_threadpool(_ask_for, site, request.state.session, found.values())
    return json_answer({"files": found}, 202)


@router.get("/{file_id}", response_model=_FATE, responses=problems(404))
def sent(request: Request, site: CurrentSite, file_id: FileId) -> Response:
    """What became of a file that the same token sent: taken or not readable, and why."""
    request_id, place, _ = file_id.rsplit("-", 2)
    view = request_view(site.lake, None, request_id, site.now())
    if view is None or not hmac.compare_digest(file_id, _id_of(request.state.session, request_id, int(place))):
        raise ProblemError(404, "This token sent no such file within two weeks.")
    return json_answer({"id": file_id, **fate_of(site.lake, view, int(place))})


async def _taken(site: Site, upload: Upload, pieces: AsyncIterator[bytes]) -> dict[str, Any]:
    """The name of a file, and whether it is taken or known. Raises UnknownKindError."""
    upload.name_by_kind(first := await anext(pieces))
    await run_in_threadpool(upload.write, first)
    async for piece in pieces:
        await run_in_threadpool(upload.write, piece)
    if await run_in_threadpool(is_stored, site.lake, upload.digest):
        return {"id": None, "name": upload.name, "status": "known"}
    return {"id": None, "name": await run_in_threadpool(upload.finish), "status": "taken"}


def _ask_for(site: Site, session: Session, found: Iterable[dict[str, Any]]) -> None:
    """Have taken files imported, and give them their ids. Raises RequestsFullError: sent again, they are asked for again."""
    taken = [each for each in found if each["status"] == "taken"]
    names = [*dict.fromkeys(each["name"] for each in taken)]
    if names:
        made = keep_request(site.lake, ImportWanted(kind="import", names=tuple(names)), site.now(), MADE_BY)
        for each in taken:
            each["id"] = _id_of(session, made.id, names.index(each["name"]))


def _id_of(session: Session, request_id: str, place: int) -> str:
    """The id of a file for who sent it: its place in a request, sealed, so that no other token may ask of it."""
    said = f"{request_id}-{place}"
    return f"{said}-{hmac.digest(session.csrf_token.encode(), said.encode(), 'sha256').hex()[:32]}"


@asynccontextmanager
async def _files_of(
    request: Request, name: str, largest_form: int
) -> AsyncIterator[list[tuple[str, int, AsyncIterator[bytes]]]]:
    """The name, the size and the bytes of the body, or of each file in a form of `largest_form` bytes. Raises ProblemError."""
    size = int(request.headers.get("content-length", "0"))
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        yield [(name, size, _pieces(request))]
        return
    if size > largest_form:
        raise ProblemError(
            413, f"The form is larger than {megabytes(largest_form)}. Send each file as a body of its own."
        )
    async with _form_of(request) as parts:
        yield [(part.filename or "", part.size or 0, _pieces_of(part)) for part in parts]


@asynccontextmanager
async def _form_of(request: Request) -> AsyncIterator[list[UploadFile]]:
    """The files in a form. Raises ProblemError."""
    try:
        form = await MultiPartParser(request.headers, _pieces(request), max_files=MOST_OF_A_FORM).parse()
    except MultiPartException:
        why = f"it is cut off, is none, or has more than {MOST_OF_A_FORM} files"
        raise ProblemError(400, f"The form can't be read: {why}.") from None
    try:
        parts = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
        if not parts:
            raise ProblemError(400, "The form has no file.")
        yield parts
    finally:
        await form.close()


async def _pieces_of(part: UploadFile) -> AsyncIterator[bytes]:
    yield await part.read(PIECE)  # also of an empty file
    while piece := await part.read(PIECE):
        yield piece


async def received(
    request: Request, uploading_of: Callable[[int], AbstractContextManager[Upload]], folder: str
) -> Response:
    """Keep the body as the file that `uploading_of` its size makes. Raises ProblemError, MisuseError."""
    size = int(request.headers.get("content-length", "0"))  # checked by BodyBounds; the server holds the client to it
    async with _keeping(uploading_of(size)) as upload:
        async for piece in _pieces(request):
            await run_in_threadpool(upload.write, piece)
        kept = await run_in_threadpool(upload.finish)
    return json_answer({"name": kept, "bytes": size}, 201, {"Location": f"{folder}/{quote(kept)}"})


@asynccontextmanager
async def _keeping(uploading: AbstractContextManager[Upload]) -> AsyncIterator[Upload]:
    """A file that is removed unless the body finishes it. Raises ProblemError where the disk has no room for it."""
    try:
        async with contextmanager_in_threadpool(uploading) as upload:
            yield upload
    except NoRoomError as error:
        raise ProblemError(_FULL, str(error)) from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ProblemError(_FULL, f"The file could not be kept ({why}). Nothing of it is left.") from None


async def _pieces(request: Request) -> AsyncGenerator[bytes, None]:
    """The body. Raises ProblemError if it does not arrive."""
    stream, piece = aiter(request.stream()), bytearray()
    try:
        while True:
            async with asyncio.timeout(PATIENCE):
                chunk = await anext(stream, None)
            piece += chunk or b""
            if chunk is None or len(piece) >= PIECE:
                yield bytes(piece)
                piece.clear()
            if chunk is None:
                return
    except TimeoutError:
        closing = {"Connection": "close"}
        raise ProblemError(408, f"Nothing came for {PATIENCE:.0f} s; the file was not kept.", headers=closing) from None
    except ClientDisconnect:
        raise ProblemError(400, "The file broke off; it was not kept.") from None
