"""Fitness over the last days or a year, and gear with its services. Values are those of `/api/fitness` and `/api/gear`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse

from strava_pipeline.core.insights.goals import Units
from strava_pipeline.lake.dashboard.bests import gear_use, shown_year
from strava_pipeline.lake.dashboard.fitness import PeriodFitness
from strava_pipeline.serve.dashboard.api_fitness import Days, SportGroup, Year, known_fitness, latest_fitness
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import (
    CurrentOwner,
    CurrentSettings,
    CurrentUnits,
    Now,
    Snapshot,
    site_of,
)

router = APIRouter(include_in_schema=False)


def _present_year(owner: CurrentOwner, settings: CurrentSettings, now: Now) -> int | None:
    """The athlete's; None: there is no activity at all."""
    return None if owner is None else owner.athlete.today(now, settings.timezone).year


PresentYear = Annotated[int | None, Depends(_present_year)]


@router.get("/fitness", dependencies=[KEPT])
def latest(
    request: Request,
    snapshot: Snapshot,
    owner: CurrentOwner,
    units: CurrentUnits,
    days: Days = 90,
    sport: SportGroup = None,
) -> HTMLResponse:
    """The last days: load, power and pace curves, time in zones."""
    if owner is None:
        return render(request, "nothing.html", {})
    site = site_of(request)
    found = latest_fitness(site, snapshot, owner, days, sport)
    newest = shown_year(snapshot, owner, site.now(), site.settings.timezone)
    return _page(request, found, units, f"the last {days} days", [newest], days)


@router.get("/fitness/{year}", dependencies=[KEPT])
def fitness(
    request: Request,
    snapshot: Snapshot,
    owner: CurrentOwner,
    units: CurrentUnits,
    present: PresentYear,
    year: Year,
    sport: SportGroup = None,
) -> HTMLResponse:
    """Load by day, power and pace curves, time in zones."""
    if owner is None:
        return render(request, "nothing.html", {})
    found = known_fitness(site_of(request), snapshot, owner, year, sport)
    beside = ((year - 1, found.has_earlier), (year + 1, year < (present or year)))
    return _page(request, found, units, str(year), [each for each, is_there in beside if is_there])


def _page(
    request: Request, found: PeriodFitness, units: Units, period: str, years: list[int], days: int | None = None
) -> HTMLResponse:
    """`years`: those that the page leads to; `days`: of the last ones, None: of a year."""
    values = {"found": found, "units": units, "period": period, "years": years, "days": days}
    return render(request, "fitness.html", values)


@router.get("/gear", dependencies=[KEPT])
def gear(request: Request, snapshot: Snapshot, owner: CurrentOwner, units: CurrentUnits) -> HTMLResponse:
    """Bikes and shoes of each service, and what is due."""
    if owner is None:
        return render(request, "nothing.html", {})
    return render(request, "gear.html", {"use": gear_use(snapshot), "units": units, "fault": owner.fault})
