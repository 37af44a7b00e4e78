"""`/api/routes`: the ways that were taken again, and what was done on one of them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from strava_pipeline.core.tables.ways import ROUTES
from strava_pipeline.lookups.routes import Route, find_route, route_activities, route_page
from strava_pipeline.serve.dashboard.answers import (
    After,
    Id,
    Limit,
    Rows,
    cursor_of,
    json_answer,
    only_known_parameters,
    page_shape,
    row_shape,
)
from strava_pipeline.serve.dashboard.api_heat import Athlete
from strava_pipeline.serve.dashboard.document import problems
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.site import Snapshot

router = APIRouter(prefix="/api/routes", dependencies=[Depends(only_known_parameters)], tags=["routes"])
_ROW = row_shape(ROUTES, place=str | None)
_ROUTES = page_shape("Routes", routes=dict[str, _ROW])  # type: ignore[valid-type]
_ONE_ROUTE = page_shape("OneRoute", route=_ROW, variants=Rows, activities=Rows)
Sport = Annotated[str | None, Query(min_length=1, max_length=64, description="a group of sports, such as ride")]


@router.get("", response_model=_ROUTES, dependencies=[KEPT])
def routes(snapshot: Snapshot, who: Athlete, sport: Sport = None, limit: Limit = 50, cursor: After = None) -> Response:
    """Routes that were taken twice or more by id, the most taken first, and the cursor of the next page."""
    page = route_page(snapshot, who, sport_group=sport, limit=limit, after=cursor_of(cursor))
    return json_answer({"routes": page.rows, "next": page.next})


def _found(snapshot: Snapshot, who: Athlete, route_id: Id) -> Route:
    route = find_route(snapshot, who, route_id)
    if route is None:
        raise ProblemError(
            404, "There is no route with this id, and the activity with it has no positions or is too short."
        )
    return route


FoundRoute = Annotated[Route, Depends(_found)]  # by any of its activities


@router.get("/{route_id}", response_model=_ONE_ROUTE, responses=problems(404), dependencies=[KEPT])
def route(snapshot: Snapshot, found: FoundRoute, limit: Limit = 50, cursor: After = None) -> Response:
    """A route with its activities by id, the newest first, and the cursor of their next page."""
    page = route_activities(snapshot, found.id, limit=limit, after=cursor_of(cursor))
    whole = {"route": found.row, "variants": found.variants, "activities": page.rows, "next": page.next}
    return json_answer(whole)
