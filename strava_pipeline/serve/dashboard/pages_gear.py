"""Bikes and shoes: a card per thing with what it did, its services, and its pieces at each source; links that are proposed."""

from contextlib import suppress
from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.lookups.bests import gear_use
from strava_pipeline.serve.dashboard.forms import Fields, first_of
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.pages_settings import goals_form, written_page
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentOwner, CurrentSite, Snapshot

router = APIRouter(include_in_schema=False)


@router.get("/gear", dependencies=[KEPT])
def gear(request: Request, snapshot: Snapshot, owner: CurrentOwner, site: CurrentSite) -> HTMLResponse:
    """Each thing, the most used first, with what is due; and what may be one."""
    use = gear_use(snapshot)
    pieces = [{**row, "source": source} for (source, _), row in use.gear.items()]
    proposed = {}
    with suppress(PipelineError):  # an unusable providers.toml, as /settings says
        proposed = {item.name: item.pieces for item in site.pipeline.gear() if item.proposed}
    values = {"use": use, "pieces": pieces, "proposed": proposed, "goals": goals_form(request), "today": owner.today}
    values["a_day"] = timedelta(days=1)
    return render(request, "gear.html", values)


@router.post("/gear/links", response_model=None)
def link(request: Request, fields: Fields, site: CurrentSite) -> Response:
    """Link the pieces that are proposed to be one thing, and ask for what follows."""
    site.pipeline.link_gear(first_of(fields, "item"))
    return written_page(request)
