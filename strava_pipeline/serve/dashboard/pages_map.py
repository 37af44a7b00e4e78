"""The heat map: where the athlete went, by sport and year. Its cells are those of `/api/heat`."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BeforeValidator
from starlette.responses import HTMLResponse

from strava_pipeline.lake.dashboard.heat import heat_choices
from strava_pipeline.serve.dashboard.answers import Digits
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentLake, CurrentOwner, Snapshot

router = APIRouter(include_in_schema=False)
_Unset = BeforeValidator(lambda value: value or None)  # a form also sends its empty fields
_Year = Annotated[int | None, Query(ge=1900, le=2999), Digits, _Unset]  # in this order: None has no bounds
_Sport = Annotated[str, Query(max_length=64)]


def _asked(year: _Year = None, sport: _Sport = "") -> dict[str, Any]:
    """The form's values, and the address of its cells."""
    query = urlencode({name: value for name, value in (("year", year), ("sport", sport)) if value})
    return {"year": year, "sport": sport, "address": f"/api/heat?{query}"}


@router.get("/map", dependencies=[KEPT])
def heat(
    request: Request,
    snapshot: Snapshot,
    lake: CurrentLake,
    owner: CurrentOwner,
    asked: Annotated[dict[str, Any], Depends(_asked)],
) -> HTMLResponse:
    """The map, of a sport and a year or of all."""
    values = {**asked, "choices": heat_choices(snapshot, lake, owner.athlete.id)}
    return render(request, "map.html", values)
