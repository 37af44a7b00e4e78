"""Routes: the ways that were taken again, and one of them with its times. Values are those of `/api/routes`."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from strava_pipeline.lookups.routes import route_activities, route_groups, route_page
from strava_pipeline.serve.dashboard.answers import After, Id, cursor_of
from strava_pipeline.serve.dashboard.api_routes import FoundRoute
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentOwner, Snapshot

router = APIRouter(include_in_schema=False)
ROWS = 50
MOST_SHOWN = 500  # activities of a route: its page draws all of them in one chart
SportField = Annotated[str, Query(max_length=64)]


@router.get("/routes", dependencies=[KEPT])
def routes(
    request: Request,
    snapshot: Snapshot,
    owner: CurrentOwner,
    sport: SportField = "",
    cursor: After = None,
) -> HTMLResponse:
    """Routes, the most taken first."""
    who = owner.athlete.id
    page = route_page(snapshot, who, sport_group=sport or None, limit=ROWS, after=cursor_of(cursor))
    values = {"page": page, "sport": sport, "groups": route_groups(snapshot, who)}
    return render(request, "routes.html", values)


@router.get("/routes/{route_id}", response_model=None, dependencies=[KEPT])
def route(request: Request, snapshot: Snapshot, route_id: Id, found: FoundRoute) -> Response:
    """A route: its way, its times over the years, its variants. By the id of any of its activities it is found, too."""
    if route_id != found.id:
        return RedirectResponse(f"/routes/{found.id}", 303)
    page = route_activities(snapshot, found.id, limit=MOST_SHOWN)
    return render(request, "route.html", {"found": found, "route": found.row, "page": page})
