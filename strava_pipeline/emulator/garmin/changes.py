"""Changes at the emulated Garmin Connect: names, and gear by both generations of calls."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from strava_pipeline.emulator.garmin.service import NOT_FOUND, own_entry, state_of
from strava_pipeline.emulator.service import answer

BAD_REQUEST = {"message": "HTTP 400 Bad Request", "error": "BadRequestException"}


async def edit(request: Request) -> Response:
    """PUT: another name; the body names the activity again. 204, without a body."""
    body, entry = await _body(request), own_entry(request)
    if entry is None:
        reply = answer(NOT_FOUND, 404)
    elif not isinstance(body, dict) or body.get("activityId") != entry["activityId"] or not _is_name(body):
        reply = answer(BAD_REQUEST, 400)
    else:
        entry["activityName"] = body["activityName"]
        reply = Response(status_code=204)
    return _recorded(request, body, reply)


async def link(request: Request) -> Response:
    """PUT: link or unlink a piece of the older list, which has no dashes in its ids; answers the piece."""
    state, entry, path = state_of(request), own_entry(request), request.path_params
    piece = next((piece for piece in state.gear if piece["uuid"] == path["uuid"]), None)
    if entry is None or piece is None or path["verb"] not in ("link", "unlink"):
        return _recorded(request, None, answer(NOT_FOUND, 404))
    linked = [uuid for uuid in state.linked.get(entry["activityId"], []) if uuid != piece["uuid"]]
    state.linked[entry["activityId"]] = [*linked, *([piece["uuid"]] if path["verb"] == "link" else [])]
    return _recorded(request, None, answer(piece))


async def associate(request: Request) -> Response:
    """PUT: all gear of an activity, as a list of ids with dashes. 204.

    Whether the real call removes what it does not name is not known: `keeps_gear`.
    """
    state, entry, body = state_of(request), own_entry(request), await _body(request)
    if entry is None:
        return _recorded(request, body, answer(NOT_FOUND, 404))
    known = {piece["uuid"].replace("-", "") for piece in [*state.gear, *state.new_gear]}
    if not isinstance(body, list) or not all("-" in uuid and uuid.replace("-", "") in known for uuid in body):
        return _recorded(request, body, answer(BAD_REQUEST, 400))
    before = state.linked.get(entry["activityId"], []) if state.keeps_gear else []
    named = [uuid.replace("-", "") for uuid in body]
    state.linked[entry["activityId"]] = [*(uuid for uuid in before if uuid not in named), *named]
    return _recorded(request, body, Response(status_code=204))


def _is_name(body: dict[str, Any]) -> bool:
    return isinstance(body.get("activityName"), str)


async def _body(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except ValueError:
        return None


def _recorded(request: Request, body: object, reply: Response) -> Response:
    state = state_of(request)
    state.journal.record_write(state.clock.now(), request.method, request.url.path, body, reply.status_code)
    return reply
