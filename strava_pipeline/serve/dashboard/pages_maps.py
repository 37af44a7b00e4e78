"""The regions of the map: which there are, how to get one, and their files, which browsers read by ranges."""

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Path, Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.lake.maps import NAME, region_path, regions
from strava_pipeline.lake.requests import RegionWanted, cancel_request, keep_request, latest_region
from strava_pipeline.lookups.home_box import home_box
from strava_pipeline.serve.dashboard.api_requests import MADE_BY
from strava_pipeline.serve.dashboard.forms import Fields
from strava_pipeline.serve.dashboard.overview import why_waiting
from strava_pipeline.serve.dashboard.pages_requests import wanted_of
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentLake, CurrentSite, Site, SnapshotIfAny, shown_owner

router = APIRouter(include_in_schema=False)
KEPT = "private, max-age=31536000, immutable"  # its address says when the file was written


@router.get("/maps")
def shown(request: Request, snapshot: SnapshotIfAny, site: CurrentSite) -> HTMLResponse:
    """The regions, a button that fetches the one where the athlete is most, and the command that does the same."""
    owner = None if snapshot is None else shown_owner(site)
    box = None if snapshot is None or owner is None else home_box(snapshot, site.lake, owner.athlete.id)
    values = {"regions": regions(site.lake), "box": box, "build": site.now() - timedelta(days=1)}
    return render(request, "maps.html", values | _streets(site))


def _streets(site: Site) -> dict[str, Any]:
    """What was last asked of streets around home, and why nothing can be: None if it can."""
    last, lacking = latest_region(site.lake, site.now()), None
    try:
        site.pipeline.refuse(RegionWanted(kind="region"))
    except MisuseError as error:
        lacking = str(error)
    host = urlsplit(site.settings.map_region_source).hostname
    return {"last": last, "lacking": lacking, "host": host, "why_waiting": why_waiting(site, [last] if last else [])}


@router.post("/maps/streets")
def ask(fields: Fields, site: CurrentSite) -> RedirectResponse:
    """Ask for the streets around home, for how many bytes they have (without `most_bytes`), or for an end of that."""
    wanted = wanted_of({**fields, "kind": ["region"]}, [])
    site.pipeline.refuse(wanted)
    keep_request(site.lake, wanted, site.now(), MADE_BY)
    return RedirectResponse("/maps#streets", 303)


@router.post("/maps/streets/cancel")
def cancel(site: CurrentSite) -> RedirectResponse:
    """End what was asked for, if it has not ended."""
    last = latest_region(site.lake, site.now())
    if last is not None and last.is_open:
        cancel_request(site.lake, last.request.id, site.now())
    return RedirectResponse("/maps#streets", 303)


@router.get("/maps/{name}")
def file(lake: CurrentLake, name: Annotated[str, Path(pattern=NAME)]) -> FileResponse:
    """The bytes of a region, or ranges of them."""
    path = region_path(lake, name)
    if path is None:
        raise ProblemError(404, "There is no region of this name.")
    return FileResponse(path, media_type="application/octet-stream", headers={"Cache-Control": KEPT})
