"""The table that lists of activities read, and the towns by which it names places. Each publish fills both."""

from strava_pipeline.core.tables.bests import GROUP
from strava_pipeline.core.tables.model import Column, Kind, Table

COUNTS = Column(
    "counts", Kind.BOOLEAN, "it is in totals: no drive, no leg of what counts as a whole, and nothing that can't be"
)
IMPOSSIBLE = Column("impossible", Kind.TEXT, "why it can't be, for which it is in no total and no record; NULL: it can")
HAS_TIME = Column(
    "has_time", Kind.BOOLEAN, "its local start is a moment: no day alone, not hidden, no noon of a spreadsheet"
)
ACTIVITY_LIST = Table(
    "activity_list",
    "Each present activity in a row, as lists show it: `activities` with its sums, the names of its gear and of its place. What "
    "can't be is NULL.",
    (
        Column("id", Kind.BIGINT, "the activity", key=True),
        Column("source", Kind.TEXT, "its best source"),
        Column("source_id", Kind.TEXT, "the id of it there"),
        Column("sources", Kind.TEXTS, "all sources that have it"),
        Column("name", Kind.TEXT, "title"),
        Column(
            "sport_type",
            Kind.TEXT,
            "sport, as Strava names it; else the deprecated type, or the word of the file",
        ),
        Column("sport_group", Kind.TEXT, GROUP.meaning),
        Column("start_date", Kind.INSTANT, "start, as an instant"),
        Column("start_date_local", Kind.WALL, "start, as the athlete's clock showed it, or would have"),
        Column("distance", Kind.DOUBLE, "distance", "m"),
        Column("moving_time", Kind.BIGINT, "time in motion", "s"),
        Column("elapsed_time", Kind.BIGINT, "time from start to end", "s"),
        Column("total_elevation_gain", Kind.DOUBLE, "climbed", "m"),
        Column("average_speed", Kind.DOUBLE, "mean speed while moving", "m/s"),
        Column("average_heartrate", Kind.DOUBLE, "mean heart rate", "bpm"),
        Column("average_watts", Kind.DOUBLE, "mean power", "W"),
        Column("suffer_score", Kind.DOUBLE, "Strava's relative effort"),
        Column("gear_source", Kind.TEXT, "whose id gear_id is"),
        Column("gear_id", Kind.TEXT, "the bike or the shoes"),
        Column("gear_item", Kind.TEXT, "the thing that it is: `gear_items`"),
        Column("gear_name", Kind.TEXT, "the name of the thing"),
        Column("commute", Kind.BOOLEAN, "a commute"),
        Column("trainer", Kind.BOOLEAN, "on a trainer or treadmill"),
        Column("private", Kind.BOOLEAN, "only the athlete may see it"),
        Column("visibility", Kind.TEXT, "everyone, followers_only or only_me; NULL: no source says it"),
        COUNTS,
        Column("place", Kind.TEXT, "where it began: the place that its source names, or else the nearest town"),
        Column(
            "computed",
            Kind.TEXTS,
            "the columns whose value no source says: computed of the track, or, of `place`, of the start",
        ),
    ),
)
NEAR_TOWNS = Table(
    "near_towns",
    "The nearest town of each place where an activity begins, within 25 km; towns by GeoNames (CC BY 4.0).",
    (
        Column("latitude_100", Kind.INTEGER, "the place, rounded", "0.01°", key=True),
        Column("longitude_100", Kind.INTEGER, "the place, rounded", "0.01°", key=True),
        Column("town", Kind.TEXT, "name of the town; NULL: there is none"),
    ),
)
