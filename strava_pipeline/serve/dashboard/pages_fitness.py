"""Fitness over a year, and gear with its services. Values are those of `/api/fitness` and `/api/gear`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from strava_pipeline.lake.dashboard.bests import gear_use, shown_year
from strava_pipeline.serve.dashboard.api_fitness import SportGroup, Year, known_fitness
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


@router.get("/fitness", response_model=None, dependencies=[KEPT])
def latest(request: Request, snapshot: Snapshot, owner: CurrentOwner, settings: CurrentSettings, now: Now) -> Response:
    """The page of the newest year with an activity."""
    if owner is None:
        return render(request, "nothing.html", {})
    return RedirectResponse(f"/fitness/{shown_year(snapshot, owner, now, settings.timezone)}", 303)


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
    return render(request, "fitness.html", {"found": found, "year": year, "units": units, "this_year": present})


@router.get("/gear", dependencies=[KEPT])
def gear(request: Request, snapshot: Snapshot, owner: CurrentOwner, units: CurrentUnits) -> HTMLResponse:
    """Bikes and shoes of each service, and what is due."""
    if owner is None:
        return render(request, "nothing.html", {})
    return render(request, "gear.html", {"use": gear_use(snapshot), "units": units, "fault": owner.fault})
