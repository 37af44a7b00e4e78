"""`/api/tiles`: the tiles of the map that one was in, as JSON and GeoJSON. Positions: in answers alone, never in a log."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import JSONResponse, Response

from strava_pipeline.core.explorer import Explored, Square
from strava_pipeline.lake.user_files import goals_of
from strava_pipeline.lookups.explorer import (
    MOST_TILES,
    TileChoice,
    explored_tiles,
    page_outside,
    tile_page,
    tiles_as_geojson,
    tiles_by_place,
)
from strava_pipeline.serve.dashboard.answers import (
    CURSOR,
    Digits,
    Row,
    Rows,
    cursor_of,
    json_answer,
    only_known_parameters,
    page_shape,
    shape,
)
from strava_pipeline.serve.dashboard.api_heat import Athlete, MapQuery, Part, box_of
from strava_pipeline.serve.dashboard.api_routes import Sport
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.site import CurrentLake, Site, Snapshot, kept_value, site_of

router = APIRouter(dependencies=[Depends(only_known_parameters)], tags=["tiles"])
_TILES = page_shape("ExplorerTiles", zoom=int, tiles=Rows)
_TOTALS = shape("ExplorerTotals", zoom=int, tiles=int, square=Square | None, cluster_tiles=int, cluster=list[list[int]])
_GEOJSON = page_shape("TilesGeoJson", type=Literal["FeatureCollection"], features=list[Row])
Zoom = Annotated[Literal["14", "17"], Query(description="of the tiles")]


class TilesQuery(MapQuery):
    """The parameters of all tiles."""

    zoom: Literal["14", "17"] = Field("14", description="of the tiles")
    limit: Annotated[int, Field(ge=1, le=MOST_TILES, description="how many tiles at most"), Digits] = MOST_TILES
    cursor: str | None = CURSOR


class PartQuery(TilesQuery):
    """The same of the tiles of a part of the map."""

    box: Part = None


@router.get("/api/tiles", response_model=_TILES, dependencies=[KEPT])
def tiles(snapshot: Snapshot, who: Athlete, asked: Annotated[PartQuery, Query()]) -> Response:
    """The tiles of a part of the map by column and row, the latest first visit first, and the cursor of the next page."""
    choice = TileChoice(who, int(asked.zoom), asked.sport)
    page = tile_page(snapshot, choice, box=box_of(asked.box), limit=asked.limit, after=cursor_of(asked.cursor))
    return json_answer({"zoom": choice.zoom, "tiles": tiles_by_place(page), "next": page.next})


def totals_of(site: Site, choice: TileChoice) -> Explored:
    """The totals of all tiles, which are cached: half a second of CPU for a hundred thousand."""
    return kept_value(site, ("explored", choice), lambda snapshot: explored_tiles(snapshot, choice))


@router.get("/api/tiles/totals", response_model=_TOTALS, dependencies=[KEPT])
def totals(request: Request, who: Athlete, zoom: Zoom = "14", sport: Sport = None) -> Response:
    """What all tiles come to: how many, the largest square, the largest cluster."""
    found = totals_of(site_of(request), TileChoice(who, int(zoom), sport))
    return json_answer({"zoom": int(zoom), **{name: getattr(found, name) for name in Explored.__slots__}})


class _GeoJson(JSONResponse):
    media_type = "application/geo+json"  # for the OpenAPI document


@router.get("/api/tiles.geojson", response_model=_GEOJSON, response_class=_GeoJson, dependencies=[KEPT])
def geojson(snapshot: Snapshot, lake: CurrentLake, who: Athlete, asked: Annotated[TilesQuery, Query()]) -> Response:
    """The tiles as GeoJSON, without those in privacy zones, for other programs; `next` is the cursor of the next page."""
    choice, zones = TileChoice(who, int(asked.zoom), asked.sport), goals_of(lake).zones
    page = page_outside(snapshot, choice, zones, limit=asked.limit, after=cursor_of(asked.cursor))
    name = {"Content-Disposition": f'attachment; filename="tiles-{asked.zoom}.geojson"'}
    return json_answer(tiles_as_geojson(page, choice.zoom), headers={"Content-Type": _GeoJson.media_type, **name})
