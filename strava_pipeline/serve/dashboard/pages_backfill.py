"""Pulling a whole year again: what it takes, and then a button that asks for it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse

from strava_pipeline.serve.dashboard.answers import Digits
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentPipeline

router = APIRouter(include_in_schema=False)


@router.get("/backfill")
def backfill(
    request: Request, pipeline: CurrentPipeline, year: Annotated[int | None, Digits, Query(ge=1, le=9999)] = None
) -> HTMLResponse:
    """The calls that a year takes, when they would end, and the button; without a year, the present one's."""
    return render(request, "backfill.html", pipeline.backfill_estimate(year))
