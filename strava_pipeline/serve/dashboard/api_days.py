"""`/api/days`: what sources measured of the body on each day, and in the night that ended on it."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from strava_pipeline.core.tables.days import DAYS, NIGHTS
from strava_pipeline.lookups.body import days_and_nights
from strava_pipeline.lookups.fitness import Period
from strava_pipeline.serve.dashboard.answers import (
    Day,
    json_answer,
    only_known_parameters,
    refuse_reversed,
    row_shape,
    shape,
)
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.site import Snapshot, site_of

router = APIRouter(dependencies=[Depends(only_known_parameters)], tags=["days"])
USUAL_DAYS = 90
MOST_DAYS = 500
_SHAPE = shape("DaysAndNights", days=dict[str, row_shape(DAYS)], nights=dict[str, row_shape(NIGHTS)])  # type: ignore[misc]
First = Annotated[Day | None, Query(description="the first local day, as 2026-10-31; else 90 days up to the last one")]
Last = Annotated[Day | None, Query(description="the last local day, or today")]


def _asked(request: Request, first: First = None, last: Last = None) -> Period:
    until = last or site_of(request).today
    begins = first or date.fromordinal(max(until.toordinal() - USUAL_DAYS + 1, 1))
    refuse_reversed(begins, until, "first", "last")
    return Period(begins, until)


AskedDays = Annotated[Period, Depends(_asked)]


@router.get("/api/days", response_model=_SHAPE, dependencies=[KEPT])
def days(snapshot: Snapshot, asked: AskedDays) -> Response:
    """Days and nights by local day, the oldest first: each number with its source."""
    if (count := (asked.until - asked.first).days + 1) > MOST_DAYS:
        raise ProblemError(400, f"{count} days are asked for; at most {MOST_DAYS} at once.")
    return json_answer(days_and_nights(snapshot, asked))
