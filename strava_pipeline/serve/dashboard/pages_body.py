"""The body over days and nights: what devices estimated, and all of it as CSV. Numbers are those of `/api/days`."""

from contextlib import suppress
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from strava_pipeline.core.csv_rows import csv_text
from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.wellness import ARCHIVES
from strava_pipeline.lake.requests import PullWanted, RequestsFullError
from strava_pipeline.lookups.body import body_of, days_as_table
from strava_pipeline.serve.dashboard.api_days import AskedDays
from strava_pipeline.serve.dashboard.forms import Fields, first_of
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.pages_requests import kept_page
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentPipeline, Snapshot, site_of

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


@router.post("/body/days", response_model=None)
def switch(request: Request, fields: Fields, pipeline: CurrentPipeline) -> Response:
    """Have days and nights of a service pulled, and pull at once; or not any more. Those of exports are kept, or not."""
    source, is_on = first_of(fields, "source"), first_of(fields, "switch") == "on"
    pipeline.switch_days(source, pulled=is_on)
    if is_on and source != ARCHIVES:
        with suppress(
            RequestsFullError, MisuseError
        ):  # what waits pulls, too, or a login is missing, as *Services* says
            return kept_page(request, PullWanted(kind="pull", provider=source))
    return RedirectResponse("/body#sources", 303)


@router.get("/days.csv")
def days_csv(snapshot: Snapshot, asked: AskedDays) -> Response:
    """Days and nights, a row for each local day, for a spreadsheet."""
    headers = {"Content-Disposition": 'attachment; filename="days.csv"'}
    text = csv_text(days_as_table(snapshot, asked), as_text=True)
    return Response(text, headers=headers, media_type="text/csv; charset=utf-8")
