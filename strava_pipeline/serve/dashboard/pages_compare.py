"""Two activities side by side, on one chart and one map. The points come from `/api/activities/ID/track`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse

from strava_pipeline.lookups.activities import FoundActivity
from strava_pipeline.lookups.activity_insights import compared_activity
from strava_pipeline.serve.dashboard.answers import Id
from strava_pipeline.serve.dashboard.api_activities import Found, found_activity
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentLake, Snapshot

router = APIRouter(include_in_schema=False)


def _other(snapshot: Snapshot, other_id: Id, found: Found) -> FoundActivity:
    other = found_activity(snapshot, other_id)
    if other == found:
        raise ProblemError(400, "An activity can't be compared with itself: choose another one.")
    return other


Other = Annotated[FoundActivity, Depends(_other)]


@router.get("/activities/{activity_id}/with/{other_id}", dependencies=[KEPT])
def compare(request: Request, snapshot: Snapshot, lake: CurrentLake, found: Found, other: Other) -> HTMLResponse:
    """Their numbers, and their tracks over distance or time."""
    both = [each for one in (found, other) if (each := compared_activity(snapshot, lake, one))]
    if len(both) < 2:
        raise ProblemError(404, "One of the two is a part of a longer activity, which counts as a whole: compare that.")
    return render(request, "compare.html", {"both": dict(zip("AB", both, strict=True))})
