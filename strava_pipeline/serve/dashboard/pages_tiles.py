"""Explorer tiles: a map of the visited tiles, their totals, and the tiles that each activity added."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse

from strava_pipeline.lake.made.tile_visits import EXPLORER_ZOOMS
from strava_pipeline.lookups.explorer import TileChoice, explorer_groups, tiles_added
from strava_pipeline.serve.dashboard.answers import After, cursor_of
from strava_pipeline.serve.dashboard.api_tiles import Zoom, totals_of
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentOwner, Snapshot, site_of

router = APIRouter(include_in_schema=False)
ROWS = 30


def _asked(zoom: Zoom = "14", sport: Annotated[str, Query(max_length=64)] = "") -> dict[str, Any]:
    """The form's values, and their form in addresses."""
    return {
        "zoom": int(zoom),
        "sport": sport,
        "query": urlencode({"zoom": zoom, **({"sport": sport} if sport else {})}),
    }


@router.get("/tiles", dependencies=[KEPT])
def tiles(
    request: Request,
    snapshot: Snapshot,
    owner: CurrentOwner,
    asked: Annotated[dict[str, Any], Depends(_asked)],
    cursor: After = None,
) -> HTMLResponse:
    """The map of the tiles of a zoom, of a sport or of all."""
    choice = TileChoice(owner.athlete.id, asked["zoom"], asked["sport"] or None)
    totals, added = totals_of(site_of(request), choice), tiles_added(snapshot, choice, ROWS, cursor_of(cursor))
    values = {**asked, "groups": explorer_groups(snapshot, choice.athlete_id), "totals": totals, "added": added}
    return render(request, "tiles.html", {**values, "zooms": EXPLORER_ZOOMS})
