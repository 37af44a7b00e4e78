"""Fitness over the last days or a year. Values are those of `/api/fitness`."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from strava_pipeline.lookups.activity_list import choices_of
from strava_pipeline.lookups.bests import shown_year
from strava_pipeline.lookups.fitness import recent_fitness
from strava_pipeline.serve.dashboard.api_fitness import Days, FitnessOfYear, SportGroup, Year
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.only import CurrentOnly
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
    only: CurrentOnly,
    days: Days = 90,
    sport: SportGroup = None,
) -> HTMLResponse:
    """The last days: load, power and pace curves, time in zones."""
    found = recent_fitness(snapshot, lake, owner.athlete, days, owner.today, sport)
    values = {"only": only, "choices": choices_of(snapshot), "days": days, "years": [shown_year(snapshot, owner)]}
    return render(request, "fitness.html", {**values, "found": found, "period": f"the last {days} days"})


@router.get("/fitness/{year}", dependencies=[KEPT])
def fitness(
    request: Request, snapshot: Snapshot, owner: CurrentOwner, only: CurrentOnly, found: FitnessOfYear, year: Year
) -> HTMLResponse:
    """Load by day, power and pace curves, time in zones."""
    beside = ((year - 1, found.has_earlier), (year + 1, year < owner.today.year))
    years = [each for each, is_there in beside if is_there]
    values = {"only": only, "choices": choices_of(snapshot), "days": None, "years": years}
    return render(request, "fitness.html", {**values, "found": found, "period": str(year)})
