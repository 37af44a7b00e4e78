"""Explorer tiles as the dashboard shows them: where one was, what that comes to, and what each activity added. Positions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strava_pipeline.core.explorer import Explored, explored, tile_feature, touches
from strava_pipeline.core.geodesy import tile_of
from strava_pipeline.core.privacy import PrivacyZone
from strava_pipeline.lake.dashboard.heat import EARTH, Box
from strava_pipeline.lake.dashboard.rows import Cursor, Values, rows_of
from strava_pipeline.lake.gold.warehouse import Connection

MOST_TILES = 10_000  # of an answer: a megabyte of JSON, packed a tenth of it
_BITS = 24  # of a row in a cursor


@dataclass(frozen=True, slots=True)
class TileChoice:
    """Whose tiles, of which zoom, and of which group of sports; None: of every sport."""

    athlete_id: int
    zoom: int
    sport_group: str | None = None

    @property
    def asked(self) -> dict[str, Any]:
        return {"athlete_id": self.athlete_id, "zoom": self.zoom, "sport_group": self.sport_group}


@dataclass(frozen=True, slots=True)
class TilePage:
    """Visited tiles, the latest first visit first; `next`: where the next page begins, None after the last one."""

    zoom: int
    rows: Sequence[Values]
    next: Cursor | None

    @property
    def by_place(self) -> dict[str, Values]:
        """By column and row (`8717/5700`): its first visit, and how many activities came through."""
        return {
            f"{row['x']}/{row['y']}": {
                "activity_id": row["activity_id"],
                "start_date_local": row["start_date_local"],
                "activities": row["activities"],
            }
            for row in self.rows
        }

    @property
    def geojson(self) -> dict[str, Any]:
        """The same as GeoJSON (RFC 7946); `next` as a member of its own."""
        features = [
            tile_feature(
                row["x"],
                row["y"],
                self.zoom,
                {
                    "first_on": row["start_date_local"] and row["start_date_local"].date(),
                    "activities": row["activities"],
                },
            )
            for row in self.rows
        ]
        return {"type": "FeatureCollection", "features": features, "next": self.next and self.next.text}


def tile_page(
    connection: Connection, choice: TileChoice, *, box: Box = EARTH, limit: int, after: Cursor | None = None
) -> TilePage:
    """A page of the tiles of a part of the map."""
    (left, top), (right, bottom) = tile_of(box.north, box.west, choice.zoom), tile_of(box.south, box.east, choice.zoom)
    place = {
        "moment": after.place if after else None,
        "x": after.id >> _BITS if after else None,
        "y": after.id % 2**_BITS if after else None,
    }
    part = {"left": left, "top": top, "right": right, "bottom": bottom}
    rows = rows_of(connection, "explorer_tiles", {**choice.asked, **part, **place, "most": limit + 1})
    return TilePage(choice.zoom, rows[:limit], _behind(rows[limit - 1]) if len(rows) > limit else None)


def _behind(row: Values) -> Cursor:
    return Cursor(row["moment"], (row["x"] << _BITS) + row["y"])


def page_outside(
    connection: Connection, choice: TileChoice, zones: Sequence[PrivacyZone], *, limit: int, after: Cursor | None = None
) -> TilePage:
    """A page without tiles that may have a part in a privacy zone, which can have fewer than `limit`.

    Its cursor is that of a tile that is shown, since a cursor can be read.
    """
    while True:
        page = tile_page(connection, choice, limit=limit, after=after)
        shown = [row for row in page.rows if not any(touches(zone, row["x"], row["y"], page.zoom) for zone in zones)]
        if shown or page.next is None:
            return TilePage(page.zoom, shown, _behind(shown[-1]) if page.next else None)
        after = page.next


def explored_tiles(connection: Connection, choice: TileChoice) -> Explored:
    """What all tiles come to: how many, the largest square, the largest cluster."""
    return explored([(row["x"], row["y"]) for row in rows_of(connection, "explorer_places", choice.asked)], choice.zoom)


def explorer_groups(connection: Connection, athlete_id: int) -> list[str]:
    """The groups of sports with tiles."""
    return [row["sport_group"] for row in rows_of(connection, "explorer_groups", {"athlete_id": athlete_id})]


@dataclass(frozen=True, slots=True)
class AddedPage:
    """Activities by id that added `tiles`, the newest first; `next`: where the next page begins, None after the last one."""

    activities: Mapping[int, Values]
    next: Cursor | None


def tiles_added(connection: Connection, choice: TileChoice, limit: int, after: Cursor | None = None) -> AddedPage:
    """A page of what each activity added."""
    place = {"moment": after.place if after else None, "id": after.id if after else None}
    rows = rows_of(connection, "tiles_added", {**choice.asked, **place, "most": limit + 1})
    last = rows[limit - 1] if len(rows) > limit else None
    rest = Cursor(last["moment"], last["activity_id"]) if last else None
    return AddedPage({row["activity_id"]: row for row in rows[:limit]}, rest)


@dataclass(frozen=True, slots=True)
class ActivityWay:
    """What an activity's way says: its route and how often that was taken, None: it is on none; tiles that it added, by zoom."""

    route: Values | None
    tiles_added: Mapping[int, int]


def way_of(connection: Connection, activity_id: int) -> ActivityWay:
    """The route of an activity, and how many tiles it was the first in."""
    rows = rows_of(connection, "way_of_activity", {"id": activity_id})
    routes = rows_of(connection, "route", {"athlete_id": None, "id": activity_id})
    return ActivityWay(next(iter(routes), None), {row["zoom"]: row["tiles"] for row in rows})
