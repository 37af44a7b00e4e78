"""The regions of the map: which there are, how to get one, and their files, which browsers read by ranges."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import FileResponse, HTMLResponse

from strava_pipeline.lake.maps import NAME, region_path, regions
from strava_pipeline.lookups.home_box import home_box
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentLake, CurrentSite, SnapshotIfAny, shown_owner

router = APIRouter(include_in_schema=False)
KEPT = "private, max-age=31536000, immutable"  # its address says when the file was written


@router.get("/maps")
def shown(request: Request, snapshot: SnapshotIfAny, site: CurrentSite) -> HTMLResponse:
    """The regions, and the command that extracts the one where the athlete is most."""
    owner = None if snapshot is None else shown_owner(site)
    box = None if snapshot is None or owner is None else home_box(snapshot, site.lake, owner.athlete.id)
    return render(
        request, "maps.html", {"regions": regions(site.lake), "box": box, "build": site.now() - timedelta(days=1)}
    )


@router.get("/maps/{name}")
def file(lake: CurrentLake, name: Annotated[str, Path(pattern=NAME)]) -> FileResponse:
    """The bytes of a region, or ranges of them."""
    path = region_path(lake, name)
    if path is None:
        raise ProblemError(404, "There is no region of this name.")
    return FileResponse(path, media_type="application/octet-stream", headers={"Cache-Control": KEPT})
