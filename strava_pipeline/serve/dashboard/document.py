"""The OpenAPI document of the JSON API: FastAPI's knowledge of the routes, and what stands in front of all of them.

That is the login, the token of a session, and problem documents instead of FastAPI's own errors. A route names its
additional errors by `problems`.
"""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from strava_pipeline.serve.dashboard.guard import CSRF_HEADER
from strava_pipeline.serve.dashboard.problems import MEDIA_TYPE
from strava_pipeline.serve.dashboard.site import Site


class Problem(BaseModel):
    """A problem document of RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: dict[str, str] | None = None


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These errors as answers of a route."""
    return {status: _problem(HTTPStatus(status).phrase) for status in statuses}


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


_EVERYWHERE = {
    "400": "A parameter or a field is unknown, missing, given twice or out of bounds",
    "401": "Nobody has logged in, or the token is wrong",
    "403": "No page of the dashboard sent this, the Host header names another machine, or the token lacks the right",
    "503": "What answers this can't be read now",
    "default": "Any other error",
}
_WITH_A_BODY = {"411": "The body has no length", "413": "The body is too large"}
_TOKEN = {
    "name": CSRF_HEADER,
    "in": "header",
    "required": True,
    "description": "The token of the session, which each page has. Origin or Sec-Fetch-Site has to be the dashboard's, too.",
    "schema": {"type": "string"},
}


class DescribedApi(FastAPI):
    """An application of a `Site` with that document."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            site: Site = self.state.site
            document = super().openapi()
            for operations in document["paths"].values():
                for method, operation in operations.items():
                    _describe(method, operation)
            _add_components(document, site.cookie)
        return super().openapi()


def _describe(method: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    answers.pop("422", None)  # FastAPI's own, which `problems.py` answers with 400
    shared = _EVERYWHERE | (_WITH_A_BODY if "requestBody" in operation else {})
    answers |= {status: _problem(text) for status, text in shared.items()}
    operation["responses"] = dict(sorted(answers.items()))
    if method != "get":
        operation.setdefault("parameters", []).append(_TOKEN)


def _add_components(document: dict[str, Any], cookie: str) -> None:
    components = document["components"]
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    components["schemas"]["Problem"] = Problem.model_json_schema()
    session = "The session of a browser that has logged in at /login"
    components["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": cookie, "description": session},
        "token": {"type": "http", "scheme": "bearer", "description": "A token of `strava-pipeline tokens add`"},
    }
    document["security"] = [{"session": []}, {"token": []}]
