"""The body over days and nights: what devices estimated, and all of it as CSV. Numbers are those of `/api/days`."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from strava_pipeline.core.csv_rows import csv_text
from strava_pipeline.lookups.body import body_of, days_as_table
from strava_pipeline.serve.dashboard.api_days import AskedDays
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import Snapshot, site_of

router = APIRouter(include_in_schema=False)
RANGES = {"90": "The last 90 days", "365": "The last year", "all": "All days"}
Range = Annotated[Literal["90", "365", "all"], Query(alias="days")]


@router.get("/body", dependencies=[KEPT])
def body(request: Request, snapshot: Snapshot, days: Range = "90") -> HTMLResponse:
    """Heart-rate variability, resting heart rate, sleep and weight; without any, how to get them."""
    site = site_of(request)
    found = body_of(snapshot, site.today, None if days == "all" else int(days))
    values = {"found": found, "ranges": RANGES, "days": days, "sources": site.days_sources}
    return render(request, "body.html", values)


@router.get("/days.csv")
def days_csv(snapshot: Snapshot, asked: AskedDays) -> Response:
    """Days and nights, a row for each local day, for a spreadsheet."""
    headers = {"Content-Disposition": 'attachment; filename="days.csv"'}
    text = csv_text(days_as_table(snapshot, asked), as_text=True)
    return Response(text, headers=headers, media_type="text/csv; charset=utf-8")
