"""Fields of a form, bounded. A browser sends it by itself, or a script in its place, which receives a part of a page."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends, Request
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from strava_pipeline.serve.bodies import BodyError, read_body
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import CSRF_FIELD

LARGEST = 64_000  # bytes: 500 changes with their seals are some 45,000
_LARGEST_OF_LOGINS = 8_192  # bytes: anybody may send one
_MOST = 1_000  # fields


async def form_of(request: Request, largest: int = LARGEST) -> Mapping[str, Sequence[str]]:
    """The values of each field. Raises ProblemError for a body that is too large, does not arrive, or has too many fields."""
    return _parsed(await _body_of(request, largest))


async def _body_of(request: Request, largest: int) -> bytes:
    try:
        return await read_body(request, largest)
    except BodyError as error:
        closing = {"Connection": "close"}
        raise ProblemError(error.status, f"The form was not read: {error.why}.", headers=closing) from None


def _parsed(body: bytes) -> Mapping[str, Sequence[str]]:
    try:
        return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST)
    except ValueError:
        raise ProblemError(400, f"The form has more than {_MOST} fields. Send fewer things at once.") from None


def first_of(fields: Mapping[str, Sequence[str]], name: str) -> str:
    """The first value of a field; empty without one."""
    return next(iter(fields.get(name, ())), "")


def ids_in(texts: Sequence[str]) -> list[int]:
    """The ids of activities among texts of a form; what is none is left out."""
    return [int(text) for text in texts if re.fullmatch(r"-?\d{1,19}", text) and abs(int(text)) < 2**63]


def is_form(headers: Headers) -> bool:
    """Whether the body is a form as browsers send one."""
    return headers.get("content-type", "").partition(";")[0].strip() == "application/x-www-form-urlencoded"


def is_by_script(request: Request) -> bool:
    """Whether a script sent the form and puts the answer into the page; otherwise the browser shows the answer as a page."""
    return "hx-request" in request.headers


async def token_of_form(scope: Scope, receive: Receive) -> tuple[str, Receive]:
    """The token in a form, and a `receive` from which the route reads the body again. Raises ProblemError as `form_of` does."""
    body = await _body_of(Request(scope, receive), LARGEST)
    is_read = False

    async def again() -> Message:
        nonlocal is_read
        if is_read:
            return await receive()
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return first_of(_parsed(body), CSRF_FIELD), again


async def _fields(request: Request) -> Mapping[str, Sequence[str]]:
    return {name: values for name, values in (await form_of(request)).items() if name != CSRF_FIELD}


Fields = Annotated[Mapping[str, Sequence[str]], Depends(_fields)]


async def _login_form(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in (await form_of(request, _LARGEST_OF_LOGINS)).items()}


LoginForm = Annotated[dict[str, str], Depends(_login_form)]
"""The first value of each field of a small form."""
