"""Explorer tiles for the dashboard: the visited ones, their totals, and those that each activity added. Contains positions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strava_pipeline.core.explorer import Explored, explored, tile_feature, touches
from strava_pipeline.core.privacy import PrivacyZone
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lookups.heat import EARTH, Box
from strava_pipeline.lookups.rows import Cursor, Page, Values, rows_of, sorted_page

MOST_TILES = 10_000  # of an answer: a megabyte of JSON, packed a tenth of it


@dataclass(frozen=True, slots=True)
class TileChoice:
    """The athlete, zoom and group of sports of tiles; None for every sport."""

    athlete_id: int
    zoom: int
    sport_group: str | None = None

    @property
    def asked(self) -> dict[str, Any]:
        return {"athlete_id": self.athlete_id, "zoom": self.zoom, "sport_group": self.sport_group}


def tile_page(
    connection: Connection, choice: TileChoice, *, box: Box = EARTH, limit: int, after: Cursor | None = None
) -> Page:
    """A page of the visited tiles of a part of the map, the latest first visit first."""
    asked = {**choice.asked, **box.tiles(choice.zoom)}
    return sorted_page(connection, "explorer_tiles", asked, ("moment", "place"), limit, after)


def tiles_by_place(page: Page) -> dict[str, Values]:
    """By column and row (`8717/5700`) the first visit of each tile, and how many activities passed through it."""
    names = ("activity_id", "start_date_local", "activities")
    return {f"{row['x']}/{row['y']}": {name: row[name] for name in names} for row in page.rows.values()}


def tiles_as_geojson(page: Page, zoom: int) -> dict[str, Any]:
    """The tiles of a page as GeoJSON (RFC 7946); `next` as a member of its own."""
    features = [
        tile_feature(
            row["x"],
            row["y"],
            zoom,
            {"first_on": row["start_date_local"] and row["start_date_local"].date(), "activities": row["activities"]},
        )
        for row in page.rows.values()
    ]
    return {"type": "FeatureCollection", "features": features, "next": page.next}


def page_outside(
    connection: Connection, choice: TileChoice, zones: Sequence[PrivacyZone], *, limit: int, after: Cursor | None = None
) -> Page:
    """A page without tiles that may touch a privacy zone; it can have fewer than `limit`.

    Its cursor is that of a shown tile, since a cursor can be read.
    """
    while True:
        page = tile_page(connection, choice, limit=limit, after=after)
        shown = {
            key: row
            for key, row in page.rows.items()
            if not any(touches(zone, row["x"], row["y"], choice.zoom) for zone in zones)
        }
        if page.next is None:
            return Page(shown, None)
        if shown:
            last = [*shown.values()][-1]
            return Page(shown, Cursor(last["moment"], last["place"]).text)
        after = Cursor.parse(page.next)


def explored_tiles(connection: Connection, choice: TileChoice) -> Explored:
    """The totals of all tiles: their number, the largest square, the largest cluster."""
    return explored([(row["x"], row["y"]) for row in rows_of(connection, "explorer_places", choice.asked)], choice.zoom)


def explorer_groups(connection: Connection, athlete_id: int) -> list[str]:
    """The groups of sports with tiles."""
    return [row["sport_group"] for row in rows_of(connection, "explorer_groups", {"athlete_id": athlete_id})]


def tiles_added(connection: Connection, choice: TileChoice, limit: int, after: Cursor | None = None) -> Page:
    """A page of the activities that added `tiles`, the newest first."""
    return sorted_page(connection, "tiles_added", choice.asked, ("moment", "activity_id"), limit, after)


@dataclass(frozen=True, slots=True)
class ActivityWay:
    """The way of an activity: its route and how often it was taken (None if on no route); tiles that it added, by zoom."""

    route: Values | None
    tiles_added: Mapping[int, int]


def way_of(connection: Connection, activity_id: int) -> ActivityWay:
    """The route of an activity, and how many tiles it was the first to visit."""
    rows = rows_of(connection, "way_of_activity", {"id": activity_id})
    routes = rows_of(connection, "route", {"athlete_id": None, "id": activity_id})
    return ActivityWay(next(iter(routes), None), {row["zoom"]: row["tiles"] for row in rows})
