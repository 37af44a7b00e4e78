"""Errors as answers: a problem document of RFC 9457 for programs, a page with the same content for a person. Nothing
else answers errors.

A route raises `ProblemError`, or passes on the errors of data functions: `MisuseError` becomes 400, an unknown id 404,
a decision already made 409, other `PipelineError`s 503. If nothing is published, or it can't be used, a page says what
to do with status 200, and a program gets 404 or 409. An answer never contains a received value, or the text of a
foreign error.
"""

import json
import logging
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, get_args

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strava_pipeline.core.errors import (
    MissingSettingsError,
    MisuseError,
    NothingMeasuredError,
    NothingPublishedError,
    NothingToExportError,
    PipelineError,
    SourceError,
    UndecidedError,
    UnknownIdError,
    UnusableSnapshotError,
)
from strava_pipeline.lake.imports.uploads import UnknownKindError
from strava_pipeline.lake.requests import Wanted
from strava_pipeline.serve.dashboard.kept_answers import do_not_keep
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.telemetry import report

MEDIA_TYPE = "application/problem+json"  # RFC 9457, section 3
log = logging.getLogger(__name__)


class ProblemError(Exception):
    """A request that is not carried out.

    Args:
        status: an HTTP status from 400 on.
        detail: what happened, to what, and what to do; without secrets and positions.
        errors: the fault of each parameter or field, by its name.
        headers: further headers of the answer, such as Retry-After.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors, self.headers = status, detail, errors or {}, headers or {}


def problem(request: Request, error: ProblemError) -> Response:
    """The answer to an error: a page in a browser, otherwise a problem document."""
    title = HTTPStatus(error.status).phrase
    body = {"type": "about:blank", "title": title, "status": error.status, "detail": error.detail}
    if error.errors:
        body["errors"] = error.errors
    if wants_a_page(request):
        answer: Response = render(
            request, "problem.html", {"problem": body, "form_page": _form_page(request)}, status=error.status
        )
    else:
        answer = Response(json.dumps(body), error.status, media_type=MEDIA_TYPE)
    answer.headers.update(error.headers)
    return answer


def answer_problems(app: FastAPI) -> None:
    """Answer every error of an application here."""
    app.add_exception_handler(ProblemError, _own)
    app.add_exception_handler(PipelineError, _of_the_pipeline)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _of_the_framework)


def wants_a_page(request: Request) -> bool:
    """Whether a browser shows the answer as a page of its own."""
    is_part = "hx-request" in request.headers  # HTMX puts an answer into a page
    return (
        "text/html" in request.headers.get("accept", "")
        and not is_part
        and not getattr(request.state, "is_by_program", False)
        and not request.scope["path"].startswith("/api")
    )


def _form_page(request: Request) -> str | None:
    """The page with the form that was sent: the address itself, or the one above it; None if no form was sent."""
    path = request.url.path
    asked = [{**request.scope, "path": each, "method": "GET"} for each in (path, path.rpartition("/")[0])]
    pages = (each["path"] for each in asked if any(one.matches(each)[0] is Match.FULL for one in request.app.routes))
    return next(pages, None) if request.method == "POST" else None


async def _own(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return problem(request, error)


async def _of_the_pipeline(request: Request, error: Exception) -> Response:
    do_not_keep(request)
    if isinstance(error, NothingPublishedError) and wants_a_page(request):
        return render(request, "nothing.html", {})
    if isinstance(error, UnusableSnapshotError) and wants_a_page(request):
        return render(request, "unusable.html", {"fault": str(error)})
    status = next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), 503)
    return problem(request, ProblemError(status, str(error)))


_STATUSES: dict[type[PipelineError], int] = {
    UnknownIdError: 404,
    UndecidedError: 409,
    NothingPublishedError: 404,
    NothingToExportError: 404,
    UnusableSnapshotError: 409,
    UnknownKindError: 415,
    NothingMeasuredError: 404,
    MisuseError: 400,
    MissingSettingsError: 400,
    SourceError: 400,
}
"""By type of error; the first that fits."""


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = {_place(item["loc"]): _why(item) for item in error.errors()}
    detail = f"The request is not usable: {'; '.join(f'{name}: {why}' for name, why in errors.items())}."
    return problem(request, ProblemError(400, detail, errors=errors))


def _place(loc: Sequence[int | str]) -> str:
    """The place of the fault: a parameter, or a field of a body. A body's own keys were received, and are left out."""
    if loc[0] != "body":
        return str(loc[1]) if len(loc) > 1 else str(loc[0])
    return next((part for part in reversed(loc) if isinstance(part, str) and part in _FIELDS), "body")


def _why(item: Mapping[str, Any]) -> str:
    return _WITHOUT_VALUES.get(item["type"], str(item["msg"]))


_FIELDS = frozenset({"seal", "status"}.union(*(kind.model_fields for kind in get_args(Wanted))))
"""Of the bodies that the API takes."""
_WITHOUT_VALUES = {"union_tag_invalid": "There is no such kind", "extra_forbidden": "A field is not known"}
"""Replacements for pydantic's messages that repeat received values, by type of error."""


_KNOWN = {
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
}


async def _of_the_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = _KNOWN.get(error.status_code, HTTPStatus(error.status_code).phrase)
    return problem(request, ProblemError(error.status_code, detail, headers=dict(error.headers or {})))


@dataclass(frozen=True, slots=True)
class Faults:
    """An ASGI middleware that answers unexpected errors. Their texts may contain anything: only types and places are logged."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = has_begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except Exception as error:  # noqa: BLE001 - reported with its place, and answered
            report(error)
            log.error("%s at %s", type(error).__name__, "; ".join(_places(error)))
            if scope["type"] == "http" and not has_begun:
                detail = "Something went wrong here. The dashboard's log on this machine says where."
                await problem(Request(scope), ProblemError(500, detail))(scope, receive, send)


def _places(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
