"""Fitness over the last days or a year. Values are those of `/api/fitness`."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from strava_pipeline.lake.dashboard.bests import shown_year
from strava_pipeline.lake.dashboard.fitness import PeriodFitness, recent_fitness
from strava_pipeline.serve.dashboard.api_fitness import Days, FitnessOfYear, SportGroup, Year
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import (
    CurrentLake,
    CurrentOwner,
    Snapshot,
)

router = APIRouter(include_in_schema=False)


@router.get("/fitness", dependencies=[KEPT])
def latest(
    request: Request,
    snapshot: Snapshot,
    lake: CurrentLake,
    owner: CurrentOwner,
    days: Days = 90,
    sport: SportGroup = None,
) -> HTMLResponse:
    """The last days: load, power and pace curves, time in zones."""
    found = recent_fitness(snapshot, lake, owner.athlete, days, owner.today, sport)
    return _page(request, found, f"the last {days} days", [shown_year(snapshot, owner)], days)


@router.get("/fitness/{year}", dependencies=[KEPT])
def fitness(request: Request, owner: CurrentOwner, found: FitnessOfYear, year: Year) -> HTMLResponse:
    """Load by day, power and pace curves, time in zones."""
    beside = ((year - 1, found.has_earlier), (year + 1, year < owner.today.year))
    return _page(request, found, str(year), [each for each, is_there in beside if is_there])


def _page(
    request: Request, found: PeriodFitness, period: str, years: list[int], days: int | None = None
) -> HTMLResponse:
    """The page. `years`: its links; `days`: the length of the latest period, or None for a year."""
    values = {"found": found, "period": period, "years": years, "days": days}
    return render(request, "fitness.html", values)
