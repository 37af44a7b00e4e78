"""`/api/fitness`, `/api/fitness/YYYY`: load by day, the best power and pace of a period beside all years, time in zones."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from strava_pipeline.core.sports import SPORTS
from strava_pipeline.lookups.fitness import PeriodFitness, fitness_of, recent_fitness
from strava_pipeline.serve.dashboard.answers import Digits, json_answer, only_known_parameters
from strava_pipeline.serve.dashboard.document import problems
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.only import ONLY, CurrentOnly
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.site import CurrentLake, CurrentOwner, Snapshot

router = APIRouter(prefix="/api/fitness", dependencies=[Depends(only_known_parameters), ONLY], tags=["fitness"])
Year = Annotated[int, Path(ge=1900, le=2999), Digits]
SportGroup = Annotated[
    str | None,
    Query(
        pattern=f"^({'|'.join(SPORTS)})$",
        description="the group of sports of curves and zones; else the one with most tracks of the period",
    ),
]
Days = Annotated[int, Query(ge=7, le=366, description="how many days, up to today"), Digits]


def _of_year(
    only: CurrentOnly, snapshot: Snapshot, lake: CurrentLake, owner: CurrentOwner, year: Year, sport: SportGroup = None
) -> PeriodFitness:
    found = fitness_of(snapshot, lake, owner.athlete, year, owner.today, sport)
    if found is None:
        raise ProblemError(404, f"There is no activity in {year} or before it, or the year has not begun.")
    return found


FitnessOfYear = Annotated[PeriodFitness, Depends(_of_year)]


@router.get("", response_model=PeriodFitness, responses=problems(404), dependencies=[KEPT])
def latest_days(
    snapshot: Snapshot, lake: CurrentLake, owner: CurrentOwner, days: Days = 90, sport: SportGroup = None
) -> Response:
    """The fitness of the last days."""
    return json_answer(recent_fitness(snapshot, lake, owner.athlete, days, owner.today, sport))


@router.get("/{year}", response_model=PeriodFitness, responses=problems(404), dependencies=[KEPT])
def fitness(found: FitnessOfYear) -> Response:
    """A year's fitness."""
    return json_answer(found)
