"""`/api/providers`, `/api/gear` and `/api/insights`: services, bikes and shoes, a year."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from strava_pipeline.core.insights.documents import year_json
from strava_pipeline.lake.dashboard.bests import gear_use, owner_of, summary_of
from strava_pipeline.serve.dashboard.answers import Digits, json_answer, only_known_parameters
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.site import CurrentLake, CurrentPipeline, CurrentSettings, Now, Snapshot

router = APIRouter(prefix="/api", dependencies=[Depends(only_known_parameters)], tags=["services"])


@router.get("/providers")
def providers(pipeline: CurrentPipeline) -> Response:
    """How each enabled service stands, by name."""
    return json_answer({"providers": pipeline.providers()})


@router.get("/gear")
def gear(snapshot: Snapshot) -> Response:
    """Bikes and shoes of each service, with how far and how long they were used there; and their services."""
    return json_answer(gear_use(snapshot))


@router.get("/insights/{year}")
def insights(
    snapshot: Snapshot,
    lake: CurrentLake,
    settings: CurrentSettings,
    now: Now,
    year: Annotated[int, Digits, Path(ge=1, le=9999)],
) -> Response:
    """A year's totals, goals and pace, records, streaks, gear and load."""
    owner = owner_of(snapshot, lake, now)
    summary = summary_of(snapshot, owner, year, now, settings.timezone) if owner is not None else None
    if owner is None or summary is None:
        raise ProblemError(404, f"There is no activity in {year}, or before it.")
    return json_answer({**year_json(summary), "goals_problem": owner.fault})
