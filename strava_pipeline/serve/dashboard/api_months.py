"""`/api/calendar`: how months stand at each service, and one of them compared row by row."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from strava_pipeline.core.years import months_within
from strava_pipeline.serve.dashboard.answers import (
    MONTH,
    Month,
    Row,
    Rows,
    json_answer,
    only_known_parameters,
    refuse_reversed,
    shape,
)
from strava_pipeline.serve.dashboard.document import problems
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.site import CurrentPipeline, Site, kept_value, site_of

router = APIRouter(prefix="/api/calendar", dependencies=[Depends(only_known_parameters)], tags=["months"])
MOST_MONTHS = 24
Edge = Annotated[str | None, Query(pattern=MONTH, description="a local month, as 2026-10; by default a year up to now")]


@router.get("", response_model=shape("Calendar", months=Rows), dependencies=[KEPT])
def calendar(
    pipeline: CurrentPipeline, from_: Annotated[Edge, Query(alias="from")] = None, to: Edge = None
) -> Response:
    """Months by their names, the newest first."""
    *_, present = recent = pipeline.months_back(12)
    last = to or present
    first = from_ or min(recent[0], last)
    if max(first, last) > present:
        raise ProblemError(400, f"{max(first, last)} has not begun.")
    refuse_reversed(first, last)
    months = months_within(first, last)
    if len(months) > MOST_MONTHS:
        raise ProblemError(400, f"{len(months)} months are asked for; at most {MOST_MONTHS} at once.")
    return json_answer({"months": pipeline.calendar(months)})


@router.get("/{month}", response_model=Row, responses=problems(404))
def month(request: Request, pipeline: CurrentPipeline, month: Month) -> Response:
    """A month with the rows of its comparison, and the changes that wait for a decision."""
    refuse_unknown(month, site_of(request))
    return json_answer(pipeline.month(month))


def known_months(site: Site) -> tuple[str, str]:
    """The first and the last month that have a page."""
    return kept_value(site, "known months", lambda snapshot: site.pipeline.known_months())


def refuse_unknown(month: str, site: Site) -> None:
    """Raise an error for a month that has not begun, or that lies before all years."""
    first, present = known_months(site)
    if month > present:
        raise ProblemError(404, f"{month} has not begun.")
    if month < first:
        raise ProblemError(404, f"{month} lies before the first month, {first}. STRAVA_FIRST_YEAR sets the first year.")
