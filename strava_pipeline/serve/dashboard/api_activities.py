"""`/api/activities`: the list, an activity with what it nests, its track, its sources side by side, its history."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from strava_pipeline.core.tables import CHILDREN
from strava_pipeline.core.tables.lists import ACTIVITY_LIST
from strava_pipeline.lookups.activities import (
    FoundActivity,
    find_activity,
    history_of,
    sources_of,
    whole_activity,
)
from strava_pipeline.lookups.activity_insights import ActivityInsights, activity_insights
from strava_pipeline.lookups.activity_list import activity_page
from strava_pipeline.lookups.bests import bests_of
from strava_pipeline.lookups.track_points import track_points
from strava_pipeline.serve.dashboard.answers import (
    After,
    Id,
    Limit,
    Row,
    Rows,
    json_answer,
    nested,
    only_known_parameters,
    page_of,
    page_shape,
    row_shape,
    shape,
)
from strava_pipeline.serve.dashboard.document import problems
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.list_query import AskedOfApi, known_selection
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.site import CurrentLake, CurrentSite, Snapshot, shown_owner

router = APIRouter(prefix="/api/activities", dependencies=[Depends(only_known_parameters)], tags=["activities"])
_LIST = page_shape("Activities", activities=dict[str, row_shape(ACTIVITY_LIST)], totals=Row)  # type: ignore[misc]
_WHOLE = shape(
    "Activity",
    activity=Row,
    detail=Row | None,
    **dict.fromkeys((*CHILDREN, "photos"), Rows),
    left_out=dict[str, int],
    has_track=bool,
    bests=list[Row],
    insights=ActivityInsights,
)
_TRACK = shape("Track", id=int, begins_at=datetime | None, recorded=int, track=dict[str, list[float | None]])
_SOURCES = page_shape("Sources", id=int, sources=Rows)
_HISTORY = page_shape("History", id=int, history=dict[str, Rows])


@router.get("", response_model=_LIST, dependencies=[KEPT])
def activities(site: CurrentSite, snapshot: Snapshot, asked: AskedOfApi) -> Response:
    """Activities by id in the order that was asked for, the sums of all that are selected, and the cursor of the next page."""
    selection = known_selection(asked, snapshot)
    owner = shown_owner(site)
    whose = owner.athlete.id if owner else None
    page = activity_page(snapshot, selection, limit=asked.limit, after=asked.after, athlete_id=whose)
    return json_answer({"activities": page.activities, "totals": page.totals, "next": page.next and page.next.text})


def found_activity(snapshot: Snapshot, activity_id: Id) -> FoundActivity:
    """The activity with this id, not deleted. Raises ProblemError."""
    found = find_activity(snapshot, activity_id)
    if found is None:
        undo = f"`strava-pipeline corrections undo {activity_id}` brings back one that you deleted here."
        raise ProblemError(404, f"There is no activity with this id, or it is gone from its source. {undo}")
    return found


Found = Annotated[FoundActivity, Depends(found_activity)]


@router.get("/{activity_id}", response_model=_WHOLE, responses=problems(404), dependencies=[KEPT])
def activity(snapshot: Snapshot, lake: CurrentLake, found: Found) -> Response:
    """An activity with everything that it nests."""
    whole = whole_activity(snapshot, lake, found)
    answer: dict[str, Any] = {
        "activity": whole.summary,
        "detail": whole.detail,
        **whole.parts,
        "photos": whole.photos,
        "has_track": whole.has_track,
        "bests": bests_of(snapshot, found.id),
        "insights": activity_insights(snapshot, lake, found),
        "left_out": whole.left_out,
    }
    return json_answer(answer)


@router.get("/{activity_id}/track", response_model=_TRACK, responses=problems(404), dependencies=[KEPT])
def track(snapshot: Snapshot, lake: CurrentLake, found: Found) -> Response:
    """Its points, thinned for a screen."""
    points = track_points(snapshot, lake, found)
    if points is None:
        raise ProblemError(404, "This activity has no track: no file of it and no streams are here.")
    answer = {"id": found.id, "begins_at": points.begins_at, "recorded": points.recorded, "track": points.columns}
    return json_answer(answer)


@router.get("/{activity_id}/sources", response_model=_SOURCES, responses=problems(404), dependencies=[KEPT])
def sources(snapshot: Snapshot, found: Found, limit: Limit = 500, cursor: After = None) -> Response:
    """What each source says of it, the best first, and the cursor of the next page."""
    page, rest = page_of(sources_of(snapshot, found.id), limit, cursor)
    return json_answer({"id": found.id, "sources": page, "next": rest})


@router.get("/{activity_id}/history", response_model=_HISTORY, responses=problems(404), dependencies=[KEPT])
def history(snapshot: Snapshot, found: Found, limit: Limit = 500, cursor: After = None) -> Response:
    """The versions of it that listings held, under each of its ids, and the cursor of the next page."""
    page, rest = page_of(history_of(snapshot, found.id), limit, cursor)
    return json_answer({"id": found.id, "history": nested(page), "next": rest})
