"""Trips: a section for each of the systems beside activities. No positions."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from strava_pipeline.core.systems import parts
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import Snapshot

router = APIRouter(include_in_schema=False)


@router.get("/trips", dependencies=[KEPT])
def trips(request: Request, snapshot: Snapshot) -> HTMLResponse:
    """The newest trips of each kind; where there is none at all, how to get some."""
    every = {system.TEMPLATE: system.section(snapshot) for system in parts("pages")}
    sections = {template: trips for template, trips in every.items() if any(trips.values())} or every
    return render(request, "trips.html", {"sections": sections})
