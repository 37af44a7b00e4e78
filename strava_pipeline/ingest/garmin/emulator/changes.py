"""Changes at the emulated Garmin Connect: names, gear by both generations of calls, and files that become activities."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from strava_pipeline.emulator.base import sent_json
from strava_pipeline.emulator.service import Json, answer
from strava_pipeline.emulator.uploads import read_upload, recording_of
from strava_pipeline.ingest.garmin.emulator import entries
from strava_pipeline.ingest.garmin.emulator.service import TakenFile, own_entry, state_of

HOST = "https://connectapi.garmin.com"  # in headers
FIRST_UPLOAD = 23_000_000_000  # ids of files' activities are above it, and above those of all others

BAD_REQUEST = {"message": "HTTP 400 Bad Request", "error": "BadRequestException"}


async def edit(request: Request) -> Response:
    """PUT: another name; the body names the activity again. 204, without a body."""
    body, entry = await sent_json(request), own_entry(request)
    if entry is None:
        reply = state_of(request).error(404)
    elif not isinstance(body, dict) or body.get("activityId") != entry["activityId"] or not _is_name(body):
        reply = answer(BAD_REQUEST, 400)
    else:
        entry["activityName"] = body["activityName"]
        reply = Response(status_code=204)
    return state_of(request).written(request, body, reply)


async def link(request: Request) -> Response:
    """PUT: link or unlink a piece of the older list, which has no dashes in its ids; answers the piece."""
    state, entry, path = state_of(request), own_entry(request), request.path_params
    piece = next((piece for piece in state.gear if piece["uuid"] == path["uuid"]), None)
    if entry is None or piece is None or path["verb"] not in ("link", "unlink"):
        return state.written(request, None, state.error(404))
    linked = [uuid for uuid in state.linked.get(entry["activityId"], []) if uuid != piece["uuid"]]
    state.linked[entry["activityId"]] = [*linked, *([piece["uuid"]] if path["verb"] == "link" else [])]
    return state.written(request, None, answer(piece))


async def associate(request: Request) -> Response:
    """PUT: all gear of an activity, as a list of ids with dashes. 204.

    Whether the real call removes what it does not name is not known: `keeps_gear`.
    """
    state, entry, body = state_of(request), own_entry(request), await sent_json(request)
    if entry is None:
        return state.written(request, body, state.error(404))
    known = {piece["uuid"].replace("-", "") for piece in [*state.gear, *state.new_gear]}
    if not isinstance(body, list) or not all("-" in uuid and uuid.replace("-", "") in known for uuid in body):
        return state.written(request, body, answer(BAD_REQUEST, 400))
    before = state.linked.get(entry["activityId"], []) if state.keeps_gear else []
    named = [uuid.replace("-", "") for uuid in body]
    state.linked[entry["activityId"]] = [*(uuid for uuid in before if uuid not in named), *named]
    return state.written(request, body, Response(status_code=204))


async def upload(request: Request) -> Response:
    """POST: a file in a form. 202 with the address of its status; 409 for a file that is already here."""
    state, now = state_of(request), state_of(request).epoch
    given = read_upload(request.headers.get("content-type", ""), await request.body())
    if given is None or not given.name.lower().endswith((".fit", ".gpx", ".tcx")):
        return state.written(request, None, answer(BAD_REQUEST, 400))
    found = next((file for file in state.uploads.values() if file.digest == given.digest and file.key), None)
    if found is not None:
        return state.written(request, given.described(), answer(_import_result(found, is_known=True), 409))
    recording, digest = recording_of(given.content), given.digest
    key, made = None, None
    if recording is not None:
        key = max([FIRST_UPLOAD, *state.activities, *(file.key or 0 for file in state.uploads.values())]) + 1
        made = entries.entry(key, "Other", "other", recording.start, seconds=recording.seconds)
        state.files[key] = (given.name.rpartition(".")[2].lower(), given.content)
    uuid = str(UUID(digest[:32]))
    file = TakenFile(uuid, digest, len(given.content), given.name, now, now + state.reading_seconds, key, made)
    state.uploads[digest[:32]] = file
    reply = answer(_import_result(file), 202)
    reply.headers["location"] = f"{HOST}/activity-service/activity/status/{now * 1000:.0f}/{digest[:32]}"
    return state.written(request, given.described(), reply)


async def upload_status(request: Request) -> Response:
    """The status of a file: 202 until it is read, then 201 with its activity, or 200 with why there is none."""
    state = state_of(request)
    file = state.uploads.get(request.path_params["uuid"])
    if file is None:
        return state.error(404)
    if file.ready > state.epoch:
        return Response(status_code=202)
    reply = answer(_import_result(file, is_read=True), 201 if file.key else 200)
    if file.key:
        reply.headers["location"] = f"{HOST}/activity-service/activity/{file.key}"
    return reply


def _import_result(file: TakenFile, *, is_read: bool = False, is_known: bool = False) -> Json:
    """The result for a file: accepted, read, or already here."""
    named = {"internalId": file.key, "externalId": None, "messages": None}
    why = {"code": 202, "content": "Duplicate Activity."} if is_known else {"code": 100, "content": "Invalid file."}
    failed = [{**named, "messages": [why]}] if is_known or (is_read and file.key is None) else []
    return {
        "detailedImportResult": {
            "uploadId": 254_577_255_734,
            "uploadUuid": {"uuid": file.uuid},
            "owner": 2_591_602,
            "fileSize": file.size,
            "processingTime": 140,
            "creationDate": f"{datetime.fromtimestamp(file.taken, UTC):%Y-%m-%d %H:%M:%S}.000 GMT",
            "ipAddress": "192.0.2.7",
            "fileName": file.name,
            "report": None,
            "successes": [named] if is_read and file.key is not None else [],
            "failures": failed,
        }
    }


def _is_name(body: dict[str, Any]) -> bool:
    return isinstance(body.get("activityName"), str)
