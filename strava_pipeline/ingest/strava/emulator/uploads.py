"""Uploads of files: POST /uploads accepts one, GET /uploads/{id} gives its status; some seconds later it is an activity.

A file is a duplicate if it was sent before, or if an activity began in the same second.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strava_pipeline.emulator.service import Json, answer
from strava_pipeline.emulator.uploads import Recording, Upload, read_upload, recording_of
from strava_pipeline.ingest.strava.emulator.activities import Row
from strava_pipeline.ingest.strava.emulator.api import bad_request, not_found, state_of
from strava_pipeline.ingest.strava.emulator.changes import activity_changed, completed
from strava_pipeline.ingest.strava.emulator.state import State

DATA_TYPES = ("fit", "fit.gz", "tcx", "tcx.gz", "gpx", "gpx.gz")  # developers.strava.com/docs/reference, createUpload
FIRST_ID = 16_486_788_000
PROCESSING, READY, FAILED, DELETED = (  # developers.strava.com/docs/uploads
    "Your activity is still being processed.",
    "Your activity is ready.",
    "There was an error processing your activity.",
    "The created activity has been deleted.",
)
_OWN = ("sha256", "ready")  # stored fields of an upload that are not shown


def routes() -> list[Route]:
    """The paths of uploads, below the API."""
    return [
        Route("/uploads", post_upload, methods=["POST"]),
        Route("/uploads/{id}", get_upload),
    ]


async def post_upload(request: Request) -> Response:
    """Accept a file: 201 with an Upload, which is still being processed."""
    state = state_of(request)
    upload = read_upload(request.headers.get("content-type", ""), await request.body())
    if upload is None:
        found = bad_request("Upload", "file", "missing")
    elif upload.fields.get("data_type") not in DATA_TYPES:
        found = bad_request("Upload", "data_type")
    else:
        found = answer(_shown(state, _taken(state, upload)), 201)
    return state.written(request, None if upload is None else upload.described(), found)


async def get_upload(request: Request) -> Response:
    """The status of a file."""
    state = state_of(request)
    upload = next((each for each in state.uploads if str(each["id"]) == request.path_params["id"]), None)
    return not_found("Upload") if upload is None else answer(_shown(state, upload))


def _taken(state: State, upload: Upload) -> Json:
    """The upload; its activity appears when it is ready."""
    ready = state.epoch + state.config.upload_seconds
    number = FIRST_ID + len(state.uploads)
    kept: Json = {"id": number, "external_id": upload.fields.get("external_id") or upload.name, "error": None}
    kept |= {"activity_id": None, "sha256": upload.digest, "ready": ready}
    recording = recording_of(upload.content)
    if recording is None:
        kept["error"] = f"{upload.name} Unrecognized file type."
    elif (known := _known(state, upload, recording)) is not None:
        link = f"<a href='/activities/{known.id}' target='_blank'>{known.source.summary().get('name')}</a>"
        kept["error"] = f"{upload.name} duplicate of {link}"
    else:
        kept["activity_id"] = _activity(state, upload, recording, kept)
    state.uploads.append(kept)
    return kept


def _known(state: State, upload: Upload, recording: Recording) -> Row | None:
    """The activity that the file is a duplicate of."""
    sent = {each["activity_id"] for each in state.uploads if each["sha256"] == upload.digest}
    start = int(recording.start.timestamp())
    rows = state.store.existing(float("inf"))
    return next((row for row in rows if row.id in sent or row.start == start), None)


def _activity(state: State, upload: Upload, recording: Recording, kept: Json) -> int:
    """Store the activity of a file, and return its id."""
    sport = upload.fields.get("sport_type") or "Ride"
    given: Json = {
        "name": (upload.fields.get("name") or "Uploaded Activity")[: state.config.longest_name],
        "sport_type": sport,
        "start_date": f"{recording.start:%Y-%m-%dT%H:%M:%SZ}",
        "elapsed_time": recording.seconds,
        "moving_time": recording.seconds,
        "distance": recording.metres,
        "external_id": kept["external_id"],
        "upload_id": kept["id"],
        "upload_id_str": str(kept["id"]),
    }
    document = completed(state, given)
    state.store.put(Row.of_document(document, appears=kept["ready"]))
    activity_changed(state, None, document)
    return int(document["id"])


def _shown(state: State, kept: Json) -> Json:
    """The Upload as it is now."""
    shown: dict[str, Any] = {name: value for name, value in kept.items() if name not in _OWN}
    if state.epoch < kept["ready"]:
        shown |= {"error": None, "activity_id": None, "status": PROCESSING}
    elif kept["error"]:
        shown |= {"status": FAILED}
    elif state.store.get(kept["activity_id"], state.epoch) is None:
        shown |= {"activity_id": None, "status": DELETED}
    else:
        shown |= {"status": READY}
    return {**shown, "id_str": str(kept["id"])}
