"""Trips: what was found out about encrypted activity trips, and trips by car. No positions."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from strava_pipeline.lake.dashboard.trips import newest_trips
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentUnits, Snapshot

router = APIRouter(include_in_schema=False)


@router.get("/trips")
def trips(request: Request, snapshot: Snapshot, units: CurrentUnits) -> HTMLResponse:
    """The newest trips of each kind."""
    return render(request, "trips.html", {"trips": newest_trips(snapshot), "units": units})
