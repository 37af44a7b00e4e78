"""Answers that say why, to the asker and to the log."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


def refusal(request: Request, status: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal with its reason, which holds nothing that came in. It ends the connection: a body may still be dripping."""
    request.state.why = why
    return JSONResponse({"message": why}, status, {**(headers or {}), "connection": "close"})
