"""The heat map: how many activities passed through each tile of the map, from the Parquet next to the warehouse.

Tiles of several sizes were counted when tracks were measured; here those of one size are read. Contains positions, for
the athlete's own screen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from strava_pipeline.core.geodesy import tile_of
from strava_pipeline.core.sports import SPORTS
from strava_pipeline.core.tables import HEAT_CELLS, HEAT_TILES
from strava_pipeline.core.track_measures import CELL_ZOOM, TILE_ZOOMS
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.rows import Cursor, measured_files, rows_of, sorted_page

MOST_CELLS = 20_000  # of an answer: half a megabyte of JSON


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the map: degrees of WGS 84, the edges included."""

    west: float
    south: float
    east: float
    north: float

    @property
    def text(self) -> str:
        """The box as queries take it: `16.10000,48.00000,16.60000,48.40000`."""
        return f"{self.west:.5f},{self.south:.5f},{self.east:.5f},{self.north:.5f}"

    def tiles(self, zoom: int) -> dict[str, int]:
        """The first and last columns and rows of its tiles, as statements take them."""
        (left, top), (right, bottom) = tile_of(self.north, self.west, zoom), tile_of(self.south, self.east, zoom)
        return {"left": left, "top": top, "right": right, "bottom": bottom}


EARTH = Box(-180.0, -90.0, 180.0, 90.0)


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Tiles of a map: `cells` are (x, y, activities), tiles of `zoom`, those with most activities first.

    `next`: the cursor of the quieter ones that were left out, or None.
    """

    zoom: int
    cells: Sequence[tuple[int, int, int]]
    next: str | None

    @property
    def by_place(self) -> dict[str, int]:
        """Activities by column and row: `142868/91016`."""
        return {f"{x}/{y}": activities for x, y, activities in self.cells}


def heat_map(
    connection: Connection,
    lake: Lake,
    athlete_id: int,
    *,
    year: int | None = None,
    sport_group: str | None = None,
    box: Box = EARTH,
    zoom: int = 18,
    limit: int = MOST_CELLS,
    after: Cursor | None = None,
) -> HeatMap:
    """The tiles where the athlete went most.

    Args:
        year: a local year, or None for all.
        sport_group: None for every sport.
        box: only cells in it.
        zoom: of the tiles, or the next finer zoom that was counted: 10 to 20 in twos, and 21.
        limit: the maximum number of tiles.
        after: `next` of the page before.
    """
    level = min((each for each in TILE_ZOOMS if each >= zoom), default=CELL_ZOOM)
    table = HEAT_CELLS if level == CELL_ZOOM else HEAT_TILES
    files = measured_files(lake, table, None if year is None else [year])
    if not files:
        return HeatMap(level, (), None)
    asked = {"files": files, "athlete_id": athlete_id, "sport_group": sport_group, **box.tiles(level)}
    of_zoom = "true" if table is HEAT_CELLS else f"zoom = {level}"
    page = sorted_page(connection, "heat_tiles", asked, ("activities", "place"), limit, after, of_zoom=of_zoom)
    return HeatMap(level, [(row["x"], row["y"], row["activities"]) for row in page.rows.values()], page.next)


@dataclass(frozen=True, slots=True)
class HeatChoices:
    """The choices for a heat map: local years, the newest first, and groups of sports."""

    years: list[int]
    sport_groups: list[str]


def heat_choices(connection: Connection, lake: Lake, athlete_id: int) -> HeatChoices:
    """The years and groups of sports that are on the map."""
    files = measured_files(lake, HEAT_TILES)
    asked = {"files": files, "athlete_id": athlete_id, "zoom": min(TILE_ZOOMS)}
    rows = rows_of(connection, "heat_choices", asked) if files else []
    order = [*SPORTS]
    return HeatChoices(
        sorted({row["year"] for row in rows}, reverse=True),
        sorted({row["sport_group"] for row in rows}, key=lambda group: order.index(group) if group in order else 99),
    )
