"""`/api/status`, `/api/gear` and `/api/insights`: how things stand, bikes and shoes, a year."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from strava_pipeline.core.insights.documents import year_json
from strava_pipeline.lookups.bests import gear_use, summary_of
from strava_pipeline.serve.dashboard.answers import (
    After,
    Digits,
    Limit,
    Row,
    Rows,
    json_answer,
    nested,
    only_known_parameters,
    page_of,
    page_shape,
    shape,
)
from strava_pipeline.serve.dashboard.document import problems
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.site import CurrentOwner, CurrentPipeline, Snapshot

router = APIRouter(prefix="/api", dependencies=[Depends(only_known_parameters)], tags=["services"])
_GEAR = page_shape("Gear", gear=dict[str, Rows], maintenance=dict[str, Rows], things=Rows)
MOST_DUE = 500


@router.get("/status", response_model=shape("Facts", facts=list[Row]))
def status(pipeline: CurrentPipeline) -> Response:
    """How things stand: sources, what is published, what waits for a person."""
    return json_answer({"facts": [fact.as_json() for fact in pipeline.facts()]})


@router.get("/gear", response_model=_GEAR, dependencies=[KEPT])
def gear(snapshot: Snapshot, limit: Limit = 500, cursor: After = None) -> Response:
    """Bikes and shoes of each service, with how far and how long they were used there; of all of them, what is due first, and
    the things that they are, the most used first.
    """
    use = gear_use(snapshot)
    page, rest = page_of(use.gear, limit, cursor)
    due, _ = page_of(use.maintenance, MOST_DUE, None)
    things, _ = page_of(use.things, MOST_DUE, None)
    return json_answer({"gear": nested(page), "maintenance": nested(due), "things": things, "next": rest})


@router.get("/insights/{year}", response_model=Row, responses=problems(404), dependencies=[KEPT])
def insights(snapshot: Snapshot, owner: CurrentOwner, year: Annotated[int, Path(ge=1, le=9999), Digits]) -> Response:
    """A year's totals, goals and pace, records, streaks, gear and load."""
    summary = summary_of(snapshot, owner, year)
    if summary is None:
        raise ProblemError(404, f"There is no activity in {year}, or before it.")
    return json_answer({**year_json(summary), "goals_problem": owner.fault})
