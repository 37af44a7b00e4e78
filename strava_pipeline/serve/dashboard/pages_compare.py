"""Two activities side by side, on one chart and one map. The points come from `/api/activities/ID/track`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse

from strava_pipeline.lookups.activities import FoundActivity
from strava_pipeline.lookups.activity_insights import compared_activity
from strava_pipeline.lookups.pairs import pair_of
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
    both = {letter: compared_activity(snapshot, lake, one) for letter, one in (("A", found), ("B", other))}
    return render(request, "compare.html", {"both": both, "pair": pair_of(snapshot, found.id, other.id)})
