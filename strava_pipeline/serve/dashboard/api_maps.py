"""`/api/maps`: the regions of the map, whose files `/maps/NAME` gives by ranges (pages_maps.py), and new ones."""

from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from strava_pipeline.lake.maps import Region, regions, uploading_region
from strava_pipeline.serve.dashboard.answers import (
    After,
    Limit,
    Rows,
    json_answer,
    only_known_parameters,
    page_of,
    page_shape,
)
from strava_pipeline.serve.dashboard.api_files import KEEPS_ITS_BODY, Name, received
from strava_pipeline.serve.dashboard.site import CurrentLake

router = APIRouter(prefix="/api/maps", dependencies=[Depends(only_known_parameters)], tags=["maps"])


@router.get("", response_model=page_shape("Regions", regions=Rows))
def maps(lake: CurrentLake, limit: Limit = 500, cursor: After = None) -> Response:
    """The regions that a person added, by the names of their files, and the cursor of the next page."""
    page, rest = page_of(regions(lake), limit, cursor)
    return json_answer({"regions": {name: _shown(name, region) for name, region in page.items()}, "next": rest})


@router.put("/{name}", **KEEPS_ITS_BODY)
async def add(request: Request, lake: CurrentLake, name: Name) -> Response:
    """Keep the body as the file of a region in data/maps, if it is one and no other has its name."""
    return await received(request, partial(uploading_region, lake, name), "/maps")


def _shown(name: str, region: Region | None) -> dict[str, Any]:
    if region is None:
        return {**dict.fromkeys(("url", "box", "min_zoom", "max_zoom", "bytes")), "is_damaged": True}
    values = {"box": region.box, "min_zoom": region.min_zoom, "max_zoom": region.max_zoom, "bytes": region.bytes}
    return {"url": f"/maps/{name}?v={region.changed_ns:x}", **values, "is_damaged": False}
