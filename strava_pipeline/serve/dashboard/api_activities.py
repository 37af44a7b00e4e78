"""`/api/activities`: the list, an activity with what it nests, its track, its sources side by side, its history."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from strava_pipeline.lake.dashboard.activities import (
    ActivityFilter,
    FoundActivity,
    activity_page,
    find_activity,
    history_of,
    sources_of,
    whole_activity,
)
from strava_pipeline.lake.dashboard.activity_insights import activity_insights
from strava_pipeline.lake.dashboard.bests import bests_of
from strava_pipeline.lake.dashboard.track_points import track_points
from strava_pipeline.serve.dashboard.answers import (
    After,
    Day,
    Id,
    Limit,
    cursor_of,
    flat,
    json_answer,
    nested,
    only_known_parameters,
    page_of,
    refuse_reversed,
)
from strava_pipeline.serve.dashboard.document import problems
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.shapes import Activities, Activity, History, Sources, Track
from strava_pipeline.serve.dashboard.site import CurrentLake, Snapshot

router = APIRouter(prefix="/api/activities", dependencies=[Depends(only_known_parameters)], tags=["activities"])
From = Annotated[Day | None, Query(alias="from", description="first local day, as 2026-10-01")]
To = Annotated[Day | None, Query(alias="to", description="last local day, included")]
Sport = Annotated[str | None, Query(min_length=1, max_length=64, description="a sport, or a group such as ride")]
Search = Annotated[str | None, Query(min_length=1, max_length=200, description="a part of the name")]


@router.get("", response_model=Activities, dependencies=[KEPT])
def activities(
    snapshot: Snapshot,
    from_: From = None,
    to: To = None,
    sport: Sport = None,
    search: Search = None,
    limit: Limit = 50,
    cursor: After = None,
) -> Response:
    """Activities by id, the newest first, and the cursor of the next page."""
    refuse_reversed(from_, to)
    wanted = ActivityFilter(from_, to, sport, search)
    page = activity_page(snapshot, wanted, limit=limit, after=cursor_of(cursor))
    return json_answer({"activities": page.activities, "next": page.next and page.next.text})


def found_activity(snapshot: Snapshot, activity_id: Id) -> FoundActivity:
    """The present activity that has this id. Raises ProblemError."""
    found = find_activity(snapshot, activity_id)
    if found is None:
        raise ProblemError(404, "There is no activity with this id, or it is gone from its source.")
    return found


Found = Annotated[FoundActivity, Depends(found_activity)]


@router.get("/{activity_id}", response_model=Activity, responses=problems(404), dependencies=[KEPT])
def activity(snapshot: Snapshot, lake: CurrentLake, found: Found) -> Response:
    """An activity with everything that it nests."""
    whole = whole_activity(snapshot, lake, found)
    shape: dict[str, Any] = {
        "activity": whole.summary,
        "detail": whole.detail,
        **whole.parts,
        "photos": whole.photos,
        "has_track": whole.has_track,
        "bests": bests_of(snapshot, found.id),
        "insights": activity_insights(snapshot, lake, found),
        "left_out": whole.left_out,
    }
    return json_answer(shape)


@router.get("/{activity_id}/track", response_model=Track, responses=problems(404), dependencies=[KEPT])
def track(lake: CurrentLake, found: Found) -> Response:
    """Its points, thinned for a screen."""
    points = track_points(lake, found)
    if points is None:
        raise ProblemError(404, "This activity has no track: no file of it and no streams are here.")
    answer = {"id": found.id, "begins_at": points.begins_at, "recorded": points.recorded, "track": points.columns}
    return json_answer(answer)


@router.get("/{activity_id}/sources", response_model=Sources, responses=problems(404), dependencies=[KEPT])
def sources(snapshot: Snapshot, found: Found, limit: Limit = 500, cursor: After = None) -> Response:
    """What each source says of it, the best first, and the cursor of the next page."""
    page, rest = page_of(sources_of(snapshot, found.id), limit, cursor)
    return json_answer({"id": found.id, "sources": page, "next": rest})


@router.get("/{activity_id}/history", response_model=History, responses=problems(404), dependencies=[KEPT])
def history(snapshot: Snapshot, found: Found, limit: Limit = 500, cursor: After = None) -> Response:
    """The versions of it that listings held, under each of its ids, and the cursor of the next page."""
    page, rest = page_of(flat(history_of(snapshot, found.id)), limit, cursor)
    return json_answer({"id": found.id, "history": nested(page), "next": rest})
