"""Fitness over the last days or a year, and gear with its services. Values are those of `/api/fitness` and `/api/gear`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse

from strava_pipeline.lake.dashboard.bests import gear_use, shown_year
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
    named = {"period": f"the last {days} days", "address": "/fitness", "query": {"days": days} if days != 90 else {}}
    return render(request, "fitness.html", {"found": found, **named, "units": units, "years": [newest], "days": days})


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
    years = [each for each, held in ((year - 1, found.has_earlier), (year + 1, year < (present or year))) if held]
    named = {"period": str(year), "address": f"/fitness/{year}", "query": {}}
    return render(request, "fitness.html", {"found": found, **named, "units": units, "years": years, "days": None})


@router.get("/gear", dependencies=[KEPT])
def gear(request: Request, snapshot: Snapshot, owner: CurrentOwner, units: CurrentUnits) -> HTMLResponse:
    """Bikes and shoes of each service, and what is due."""
    if owner is None:
        return render(request, "nothing.html", {})
    return render(request, "gear.html", {"use": gear_use(snapshot), "units": units, "fault": owner.fault})
