"""`/api/fitness`, `/api/fitness/YYYY`: load by day, the best power and pace of a period beside all years, time in zones."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from strava_pipeline.core.sports import SPORTS
from strava_pipeline.lake.dashboard.bests import Owner
from strava_pipeline.lake.dashboard.fitness import PeriodFitness, fitness_of, recent_fitness
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.serve.dashboard.answers import Digits, json_answer, only_known_parameters
from strava_pipeline.serve.dashboard.document import problems
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.shapes import Fitness
from strava_pipeline.serve.dashboard.site import CurrentOwner, Site, Snapshot, site_of

router = APIRouter(prefix="/api/fitness", dependencies=[Depends(only_known_parameters)], tags=["fitness"])
Year = Annotated[int, Path(ge=1900, le=2999), Digits]
SportGroup = Annotated[
    str | None,
    Query(
        pattern=f"^({'|'.join(SPORTS)})$",
        description="the group of sports of curves and zones; else the one with most tracks of the period",
    ),
]
Days = Annotated[int, Query(ge=7, le=366, description="how many days, up to today"), Digits]


@router.get("", response_model=Fitness, responses=problems(404), dependencies=[KEPT])
def latest_days(
    request: Request, snapshot: Snapshot, owner: CurrentOwner, days: Days = 90, sport: SportGroup = None
) -> Response:
    """The fitness of the last days."""
    return json_answer(latest_fitness(site_of(request), snapshot, _known(owner), days, sport))


@router.get("/{year}", response_model=Fitness, responses=problems(404), dependencies=[KEPT])
def fitness(
    request: Request, snapshot: Snapshot, owner: CurrentOwner, year: Year, sport: SportGroup = None
) -> Response:
    """A year's fitness."""
    return json_answer(known_fitness(site_of(request), snapshot, _known(owner), year, sport))


def _known(owner: Owner | None) -> Owner:
    if owner is None:
        raise ProblemError(404, "There is no activity yet.")
    return owner


def latest_fitness(site: Site, snapshot: Connection, owner: Owner, days: int, sport: str | None) -> PeriodFitness:
    """The fitness of the last days."""
    today = owner.athlete.today(site.now(), site.settings.timezone)
    return recent_fitness(snapshot, site.lake, owner.athlete, days, today, sport)


def known_fitness(site: Site, snapshot: Connection, owner: Owner, year: int, sport: str | None) -> PeriodFitness:
    """The fitness of a year. Raises ProblemError where there is none."""
    today = owner.athlete.today(site.now(), site.settings.timezone)
    found = fitness_of(snapshot, site.lake, owner.athlete, year, today, sport)
    if found is None:
        raise ProblemError(404, f"There is no activity in {year} or before it, or the year has not begun.")
    return found
