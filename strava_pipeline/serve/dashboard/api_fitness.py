"""`/api/fitness/YYYY`: load by day, the best power and pace of a year beside all years, time in zones."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from strava_pipeline.lake.dashboard.fitness import fitness_of
from strava_pipeline.serve.dashboard.answers import Digits, json_answer, only_known_parameters
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.site import CurrentLake, CurrentOwner, Snapshot

router = APIRouter(prefix="/api/fitness", dependencies=[Depends(only_known_parameters)], tags=["fitness"])
Year = Annotated[int, Digits, Path(ge=1900, le=2999)]
PaceOf = Annotated[Literal["run", "walk", "swim"], Query(description="whose pace")]


@router.get("/{year}")
def fitness(snapshot: Snapshot, lake: CurrentLake, owner: CurrentOwner, year: Year, sport: PaceOf = "run") -> Response:
    """A year's fitness."""
    if owner is None:
        raise ProblemError(404, "There is no activity yet.")
    return json_answer(fitness_of(snapshot, lake, owner.athlete.id, year, sport))
