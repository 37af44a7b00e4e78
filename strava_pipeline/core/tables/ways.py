"""The tables of ways: the cells on each way, the route that it belongs to, and the first visit of each map tile.

Parquet by year, the part that enters the warehouse, and the views over it. The rules are core/ways.py's and
lake/made/routes.py's.
"""

from strava_pipeline.core.tables.model import Column, Kind, Table, activity_rows

_ACTIVITY = Column("activity_id", Kind.BIGINT, "the activity", key=True)
_ATHLETE = Column("athlete_id", Kind.BIGINT, "the athlete; 0: nobody has said who")
_GROUP = Column("sport_group", Kind.TEXT, "group of sports: the view sport_groups")
_STARTED = Column("start_date_local", Kind.WALL, "start of the activity, as the athlete's clock showed it")
_ROW = Column("y", Kind.INTEGER, "the tile's row, from the north", key=True)
_COLUMN = Column("x", Kind.INTEGER, "the tile's column, from 180° west", key=True)
_OF_ATHLETE = Column("athlete_id", Kind.BIGINT, _ATHLETE.meaning, key=True)
_ZOOM = Column("zoom", Kind.INTEGER, "of the tile: 14 (1.6 km wide at 48° north) or 17 (200 m)", key=True)

TRACK_WAYS = activity_rows(
    "track_ways",
    "The way of each activity that insights count, by the positions of its track, filled in every 20 m; a step of more than a "
    "kilometre, or faster than anybody goes, is no part of it.",
    (
        _ACTIVITY,
        _ATHLETE,
        _GROUP,
        _STARTED,
        Column("length_m", Kind.DOUBLE, "length of the way", "m"),
        Column("extent_m", Kind.DOUBLE, "how far across: the diagonal of what it fits in", "m"),
        Column("cells", Kind.INTEGER, "its rows in `way_cells`"),
    ),
)
WAY_CELLS = activity_rows(
    "way_cells",
    "The cells of the map that each way comes through, without holes: tiles of zoom 18, 100 m wide at 48° north. Tiles of "
    "zoom 17 and 14 are theirs: `x >> 1`, `x >> 4`.",
    (
        _ACTIVITY,
        _ATHLETE,
        _ROW,
        _COLUMN,
        Column("first_m", Kind.INTEGER, "how far along the way it comes there first", "m"),
    ),
)

_ROUTE = Column("route_id", Kind.BIGINT, "the route: the first activity on it")
_MEMBER = (
    _ACTIVITY,
    _ATHLETE,
    _GROUP,
    _STARTED,
    _ROUTE,
    Column("is_lap", Kind.BOOLEAN, "laps within 500 m, as of a track: grouped by place, whatever their length"),
    Column("length_m", Kind.DOUBLE, "length of the way", "m"),
    Column(
        "similarity",
        Kind.DOUBLE,
        "cells in common with the route's first way, as a share of the cells of either; 1: it is that one",
    ),
    Column(
        "direction",
        Kind.DOUBLE,
        "1: the way of the route's first one, -1: the other way round; between -0.6 and 0.6 there is no saying; NULL: laps, or "
        "that first one",
    ),
    Column("variant_of", Kind.BIGINT, "of a route's first way: the route that it resembles (0.65 and more) and isn't"),
    Column("variant_similarity", Kind.DOUBLE, "its cells in common with that route's first way, as `similarity`"),
)
ROUTE_MEMBERS = activity_rows(
    "route_members",
    "The route of each way of 300 m or more. In order of their starts, each way belongs to the route whose first way it is most "
    "alike: 80 % of the cells of either, a length within 10 %, the same group of sports; or else it begins a route. In the "
    "warehouse: `activity_routes`.",
    _MEMBER,
)
ACTIVITY_ROUTES = activity_rows(
    "activity_routes",
    "The route of each way: the rows of `route_members`.",
    (*_MEMBER, Column("year", Kind.INTEGER, "the year whose file of `route_members` has it")),
)

_VISIT = (
    _OF_ATHLETE,
    Column("sport_group", Kind.TEXT, _GROUP.meaning, key=True),
    _ZOOM,
    _ROW,
    _COLUMN,
    Column("activity_id", Kind.BIGINT, "the year's first activity there"),
    Column("start_date_local", Kind.WALL, "its start, as the athlete's clock showed it"),
    Column("activities", Kind.INTEGER, "the year's activities there"),
)
TILE_VISITS = Table(
    "tile_visits",
    "The larger tiles of the map that ways come through: the first activity of each local year and group of sports there. In the "
    "warehouse: `visited_tiles`.",
    _VISIT,
    may_shrink=True,
)
VISITED_TILES = Table(
    "visited_tiles",
    "The rows of `tile_visits`, a row for each year.",
    (*_VISIT, Column("year", Kind.INTEGER, "the year whose file of `tile_visits` has it", key=True)),
    may_shrink=True,
)

ROUTES = Table(
    "routes",
    "Each route with what was done on it, of activities that insights count.",
    (
        _OF_ATHLETE,
        Column("route_id", Kind.BIGINT, _ROUTE.meaning, key=True),
        _GROUP,
        Column("is_lap", Kind.BOOLEAN, "laps within 500 m: their lengths differ, so they have no best time"),
        Column("name", Kind.TEXT, "the name that most of its activities have; of equally many the last one's"),
        Column("activities", Kind.BIGINT, "how many"),
        Column("length_m", Kind.DOUBLE, "length of its first way", "m"),
        Column("first_on", Kind.DATE, "local day of the first"),
        Column("last_on", Kind.DATE, "local day of the last"),
        Column("best_seconds", Kind.BIGINT, "least time in motion", "s"),
        Column("best_activity_id", Kind.BIGINT, "its activity; of equal ones the first"),
        Column("variant_of", Kind.BIGINT, "the route that it resembles (0.65 and more) and isn't"),
        Column("variant_similarity", Kind.DOUBLE, "how much: cells in common, as a share of the cells of either"),
    ),
)
EXPLORER_TILES = Table(
    "explorer_tiles",
    "Each tile of the map that was ever visited, with its first visit: what each activity added.",
    (
        _OF_ATHLETE,
        _ZOOM,
        _ROW,
        _COLUMN,
        Column("activity_id", Kind.BIGINT, "the first activity there, by its local start"),
        Column("start_date_local", Kind.WALL, "its start, as the athlete's clock showed it"),
        Column("activities", Kind.BIGINT, "how many came through"),
    ),
)
