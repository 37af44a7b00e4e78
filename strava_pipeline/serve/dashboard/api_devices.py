"""`/api/devices`: how devices that recorded the same efforts agree; and the recordings of an activity side by side."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from strava_pipeline.core.pairs.report import answer_of
from strava_pipeline.core.tables.pairs import PAIR_AGREEMENTS
from strava_pipeline.lookups.devices import devices, recording_track, recordings_of
from strava_pipeline.serve.dashboard.answers import (
    Id,
    Rows,
    json_answer,
    nested,
    only_known_parameters,
    row_shape,
    shape,
)
from strava_pipeline.serve.dashboard.api_activities import Found
from strava_pipeline.serve.dashboard.document import problems
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.site import CurrentLake, CurrentSite, Snapshot

router = APIRouter(dependencies=[Depends(only_known_parameters)], tags=["devices"])
_DEVICES = shape("Devices", devices=Rows, errors=dict[str, Rows], summary=dict[str, str], pairs=dict[str, Rows])
_PAIR = row_shape(
    PAIR_AGREEMENTS,
    sport_type=str | None,
    low_limit=float,
    high_limit=float,
    first_start=datetime | None,
    second_start=datetime | None,
)
_RECORDINGS = shape("Recordings", id=int, recordings=dict[str, dict[str, _PAIR]])  # type: ignore[valid-type]
_TRACK = shape("Recording", id=int, begins_at=datetime | None, recorded=int, track=dict[str, list[float | None]])
NOT_COMPARED = "These are no two recordings of this activity that were compared."
Side = Annotated[Literal["first", "second"], Path(description="which of the two")]


@router.get("/api/devices", response_model=_DEVICES, dependencies=[KEPT])
def all_devices(site: CurrentSite, snapshot: Snapshot) -> Response:
    """Devices, how each two of them agreed by quantity, and the error of each where three met."""
    return json_answer(answer_of(devices(snapshot, site.units), site.units))


@router.get(
    "/api/activities/{activity_id}/recordings", response_model=_RECORDINGS, responses=problems(404), dependencies=[KEPT]
)
def recordings(snapshot: Snapshot, found: Found) -> Response:
    """How each two recordings of an activity agree, by their ids (`1:2`) and quantity."""
    rows = {
        (f"{row['first_id']}:{row['second_id']}", row["quantity"]): row for row in recordings_of(snapshot, found.id)
    }
    return json_answer({"id": found.id, "recordings": nested(rows)})


@router.get(
    "/api/activities/{activity_id}/recordings/{first_id}/{second_id}/{side}",
    response_model=_TRACK,
    responses=problems(404),
    dependencies=[KEPT],
)
def recording(snapshot: Snapshot, lake: CurrentLake, found: Found, first_id: Id, second_id: Id, side: Side) -> Response:
    """The points of one of two recordings, from the moment on at which both had begun, by the clock of the first."""
    points = recording_track(snapshot, lake, found, first_id, second_id, side)
    if points is None:
        raise ProblemError(404, NOT_COMPARED)
    answer = {"id": found.id, "begins_at": points.begins_at, "recorded": points.recorded, "track": points.columns}
    return json_answer(answer)
