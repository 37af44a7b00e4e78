"""What goes over the wire: JSON as Strava writes it, its error bodies, and answers made of them.

No routing and no state: which answer is due is decided elsewhere.
"""

import json
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

Json = dict[str, Any]

JSON_TYPE = "application/json; charset=utf-8"


def dumps(value: object) -> bytes:
    """Compact JSON. Integers of any size and floats keep their kind; a lone surrogate is escaped, not refused."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def answer(value: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(dumps(value), status, media_type=JSON_TYPE)


def fault_body(message: str, resource: str, field: str, code: str) -> Json:
    """Strava's error body: a message and one error."""
    return {"message": message, "errors": [{"resource": resource, "field": field, "code": code}]}


def bad_request(resource: str, field: str, code: str = "invalid") -> Response:
    """400."""
    return answer(fault_body("Bad Request", resource, field, code), 400)


def not_found(resource: str) -> Response:
    """404, as Strava answers for what is gone, hidden or never was."""
    return answer(fault_body("Resource Not Found", resource, "id", "invalid"), 404)


def nothing_recorded() -> Response:
    """404, as Strava answers for the streams of what was typed in: github.com/roznet/connectstats, issue 54."""
    return answer({"message": "Resource Not Found", "errors": []}, 404)


def unauthorized(resource: str, field: str, code: str) -> Response:
    """401."""
    return answer(fault_body("Authorization Error", resource, field, code), 401)


def rate_limited() -> Response:
    """429."""
    return answer(fault_body("Rate Limit Exceeded", "Application", "rate limit", "exceeded"), 429)


def status_body(status: int) -> Json:
    """What Strava would say with a status that a fault asks for."""
    known = {
        401: fault_body("Authorization Error", "Athlete", "access_token", "invalid"),
        403: fault_body("Forbidden", "Application", "Status", "Inactive"),
        404: fault_body("Resource Not Found", "Activity", "id", "invalid"),
        429: fault_body("Rate Limit Exceeded", "Application", "rate limit", "exceeded"),
    }
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Error"
    return known.get(status, {"message": phrase, "errors": []})
