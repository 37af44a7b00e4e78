"""The bytes of pictures that are on disk, of the activity that has them. Their type follows from their content."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from strava_pipeline.lookups.photos import picture
from strava_pipeline.serve.dashboard.api_activities import Found
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.site import CurrentLake, Snapshot

router = APIRouter(include_in_schema=False)


@router.get("/activities/{activity_id}/photos/{digest}")
def photo(
    snapshot: Snapshot, lake: CurrentLake, found: Found, digest: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
) -> Response:
    """A picture of an activity."""
    shown = picture(snapshot, lake, found.id, digest)
    if shown is None:
        raise ProblemError(404, "This activity has no picture of this hash that a browser can show.")
    kind, body = shown
    return Response(body, media_type=kind, headers={"Content-Disposition": "inline"})
