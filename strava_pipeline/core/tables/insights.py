"""The views of insights over gold, in sync with gold at any time, and tables that each publish fills. SQL: lake/sql/insights/.

`athlete_id` is never NULL here: an activity without an athlete counts as the login's, or as the archive's. Local days, weeks
and years are those that the athlete's clock showed.
"""

from strava_pipeline.core.tables.bests import (
    ACTIVITY_BESTS,
    ACTIVITY_POWER,
    ALL_RECORDS,
    ATHLETE,
    DEVICE_RECORDS,
    GROUP,
    HUMAN_BESTS,
    POWER_BESTS,
    RECORDS,
    STANDARD_DISTANCES,
    TOO_FAST_ACTIVITIES,
    YEAR,
)
from strava_pipeline.core.tables.computed import COMPUTED_VALUES, CUT_VALUES, TRACK_BESTS
from strava_pipeline.core.tables.days import DAYS, NIGHTS
from strava_pipeline.core.tables.gear import (
    CORRECTIONS,
    GEAR_ITEMS,
    GEAR_LINKS,
    GEAR_MILEAGE,
    GEAR_SERVICE_STATE,
    GEAR_SERVICES,
    RULED,
)
from strava_pipeline.core.tables.lists import ACTIVITY_LIST, HAS_TIME, NEAR_TOWNS
from strava_pipeline.core.tables.load import ACTIVITY_HEARTRATES, ACTIVITY_LOAD, TRAINING_LOAD
from strava_pipeline.core.tables.model import Column, Kind, Table
from strava_pipeline.core.tables.pairs import DEVICE_AGREEMENT, RECORDING_PAIRS
from strava_pipeline.core.tables.ways import ACTIVITY_ROUTES, EXPLORER_TILES, ROUTES, VISITED_TILES

_GROUP_OR_ALL = Column("sport_group", Kind.TEXT, "group of sports, or all", key=True)

_SUMS = (
    Column("distance_m", Kind.DOUBLE, "distance", "m"),
    Column("moving_time_seconds", Kind.BIGINT, "time in motion; where nothing tells of it, from start to end", "s"),
    Column("elapsed_time_seconds", Kind.BIGINT, "time from start to end", "s"),
    Column("elevation_gain_m", Kind.DOUBLE, "climbed; NULL: nothing says it, or lifts (AlpineSki, Snowboard)", "m"),
    Column("relative_effort", Kind.DOUBLE, "Strava's relative effort, by heart rate"),
    Column(
        "training_stress",
        Kind.DOUBLE,
        "training stress score by measured power; 100: an hour at the threshold of its group",
    ),
)

SPORT_GROUPS = Table(
    "sport_groups",
    "Which sports count together. A sport that is not here counts as other.",
    (
        Column("sport_type", Kind.TEXT, "sport, as Strava names it", key=True),
        Column("sport_group", Kind.TEXT, "the group it counts in"),
    ),
)
ACTIVITY_SUMS = Table(
    "activity_sums",
    "Sums of each present activity: by its sources; what they don't say, computed of its track (`computed_values`).",
    (
        Column("activity_id", Kind.BIGINT, "the activity", key=True),
        Column(
            "moving_time",
            Kind.BIGINT,
            "time in motion; a computed one is never longer than from start to end, which stands where nothing tells of motion",
            "s",
        ),
        Column("total_elevation_gain", Kind.DOUBLE, "climbed", "m"),
        Column("max_speed", Kind.DOUBLE, "highest speed", "m/s"),
        Column("weighted_average_watts", Kind.DOUBLE, "normalised power", "W"),
        Column(
            "average_speed",
            Kind.DOUBLE,
            "average speed; where no source says it, the distance by the time in motion",
            "m/s",
        ),
        Column("computed", Kind.TEXTS, "the columns whose value no source says: computed of the track; NULL: none"),
    ),
)
COUNTED_ACTIVITIES = Table(
    "counted_activities",
    "What every total counts: present activities by local day, without drives and legs. What no source says is computed of the "
    "track, or else NULL.",
    (
        Column("activity_id", Kind.BIGINT, "the activity", key=True),
        Column("athlete_id", Kind.BIGINT, ATHLETE.meaning),
        Column("source", Kind.TEXT, "where it came from"),
        Column("name", Kind.TEXT, "title"),
        Column("sport_type", Kind.TEXT, "sport, as Strava names it; of old answers the deprecated type"),
        Column("sport_group", Kind.TEXT, GROUP.meaning),
        Column("is_virtual", Kind.BOOLEAN, "a virtual ride, run or row, whose places are of another world"),
        Column(
            "on_day",
            Kind.DATE,
            "local day of its start; where no zone is told, by that of the activity before it; NULL: no start is known",
        ),
        Column("local_year", Kind.INTEGER, "year of that day"),
        Column("start_date_local", Kind.WALL, "start, as the athlete's clock showed it, or would have by that zone"),
        HAS_TIME,
        *_SUMS,
        Column("max_speed", Kind.DOUBLE, "highest speed", "m/s"),
        Column("weighted_average_watts", Kind.DOUBLE, "normalised power", "W"),
        Column("computed", Kind.TEXTS, "the columns whose value no source says: computed of the track; NULL: none"),
        Column("gear_source", Kind.TEXT, "whose id gear_id is"),
        Column("gear_id", Kind.TEXT, "the bike or the shoes"),
        Column("gear_item", Kind.TEXT, "the thing that it is: `gear_items`"),
    ),
)


def _totals(period: str, *periods: Column) -> Table:
    return Table(
        f"totals_by_{period}",
        f"Sums by local {'ISO week' if period == 'week' else period} and sport. A sum of nothing is NULL, not 0.",
        (
            ATHLETE,
            *periods,
            Column("sport_group", Kind.TEXT, GROUP.meaning),
            Column("sport_type", Kind.TEXT, "sport, as Strava names it", key=True),
            Column("activities", Kind.BIGINT, "how many"),
            Column("active_days", Kind.BIGINT, "days with one"),
            *_SUMS,
            Column("load", Kind.DOUBLE, "training load: `activity_load`"),
        ),
    )


TOTALS: dict[str, tuple[str, Table]] = {  # by period: the SQL of its columns
    "day": ("on_day", _totals("day", Column("on_day", Kind.DATE, "day", key=True))),
    "week": (
        "isoyear(on_day)::INTEGER AS iso_year, week(on_day)::INTEGER AS iso_week, date_trunc('week', on_day)::DATE AS starts_on",
        _totals(
            "week",
            Column(
                "iso_year", Kind.INTEGER, "year of the week by ISO 8601: 1 January may be in the last one's", key=True
            ),
            Column("iso_week", Kind.INTEGER, "1 to 53", key=True),
            Column("starts_on", Kind.DATE, "its Monday"),
        ),
    ),
    "month": (
        "local_year, month(on_day)::INTEGER AS local_month",
        _totals("month", YEAR, Column("local_month", Kind.INTEGER, "1 to 12", key=True)),
    ),
    "year": ("local_year", _totals("year", YEAR)),
}

ACTIVITY_STREAKS = Table(
    "activity_streaks",
    "Days, and ISO weeks, each with an activity, without a break.",
    (
        ATHLETE,
        _GROUP_OR_ALL,
        Column("unit", Kind.TEXT, "day or week", key=True),
        Column("starts_on", Kind.DATE, "first day with one", key=True),
        Column("ends_on", Kind.DATE, "last day with one"),
        Column("length", Kind.BIGINT, "how many days or weeks"),
        Column("activities", Kind.BIGINT, "how many activities"),
    ),
)
EDDINGTON_NUMBERS = Table(
    "eddington_numbers",
    "The greatest number E so that on E days at least E kilometres or miles were covered.",
    (
        ATHLETE,
        _GROUP_OR_ALL,
        Column("local_year", Kind.INTEGER, "of that year; NULL: of all"),
        Column("unit", Kind.TEXT, "km or mile", key=True),
        Column("eddington", Kind.BIGINT, "E"),
        Column("days_to_next", Kind.BIGINT, "days of E + 1 or more that E + 1 still needs"),
    ),
)
ATHLETE_BY_DATE = Table(
    "athlete_by_date",
    "What the athlete weighed when: what goals.toml says, an entry per row, completed by earlier entries.",
    (
        Column("since", Kind.DATE, "first local day on which it holds", key=True),
        Column("until", Kind.DATE, "first local day on which it no longer holds; NULL: it still holds"),
        Column("weight_kg", Kind.DOUBLE, "weight", "kg"),
        Column("usual_weight_kg", Kind.DOUBLE, "that of all days before, where none was measured", "kg"),
    ),
)
ASSUMED_STARTS = Table(
    "assumed_starts",
    "The local starts of activities whose zone no source tells: by the clock of the athlete's activity before, or else after it; "
    "UTC where no zone is known. Where no other source tells the start, `activities` has it, without a `utc_offset`.",
    (
        Column("activity_id", Kind.BIGINT, "the activity", key=True),
        Column("start_date_local", Kind.WALL, "start, as the athlete's clock would have shown it"),
    ),
)
DEFAULT_NAMES = Table(
    "default_names",
    "Rows of activities with several names whose name a service or a device gave by itself: what a person wrote elsewhere leads.",
    (Column("id", Kind.BIGINT, "the row, by its id in `activity_sources`", key=True),),
)
THRESHOLDS_BY_DATE = Table(
    "thresholds_by_date",
    "The athlete's thresholds and zones in each group of sports, and when: what goals.toml says, completed by earlier entries.",
    (
        Column("since", Kind.DATE, "first local day on which it holds", key=True),
        Column("until", Kind.DATE, "first local day on which it no longer holds; NULL: it still holds"),
        GROUP,
        Column("ftp", Kind.DOUBLE, "functional threshold power", "W"),
        Column("threshold_heartrate", Kind.DOUBLE, "heart rate at the threshold", "bpm"),
        Column("threshold_pace", Kind.DOUBLE, "pace at the threshold, of runs", "s/km"),
        Column("max_heartrate", Kind.DOUBLE, "highest heart rate", "bpm"),
        Column("resting_heartrate", Kind.DOUBLE, "heart rate at rest", "bpm"),
        Column("usual_resting_heartrate", Kind.DOUBLE, "that of all days before, where none was measured", "bpm"),
        Column("power_zones", Kind.DOUBLES, "where each zone after the first begins; NULL: no zones", "W"),
        Column("heartrate_zones", Kind.DOUBLES, "where each zone after the first begins; NULL: no zones", "bpm"),
    ),
)
_THRESHOLD_ON = Column(
    "threshold_on", Kind.DATE, "day of the effort that their threshold is estimated from; NULL: somebody said it"
)
TRAINING_ZONES = Table(
    "training_zones",
    "The zones of power and heart rate in each group of sports, and when they held; without zones of one's own, Coggan's shares "
    "of the threshold that loads go by.",
    (
        Column("since", Kind.DATE, "first local day on which it holds", key=True),
        Column("until", Kind.DATE, "first local day on which it no longer holds; NULL: it still holds"),
        GROUP,
        Column("measure", Kind.TEXT, "watts or heartrate", key=True),
        Column("zone", Kind.INTEGER, "number, from 1", key=True),
        Column("from_value", Kind.DOUBLE, "least value that counts", "W or bpm"),
        Column("below_value", Kind.DOUBLE, "first value that counts in the next zone; NULL: the highest", "W or bpm"),
        _THRESHOLD_ON,
    ),
)

DISMISSED_BESTS = Table(
    "dismissed_bests",
    "Present activities that hold no best, as a person decided.",
    (Column("activity_id", Kind.BIGINT, "the activity", key=True),),
)
SEGMENT_HISTORY = Table(
    "segment_history",
    "Every own effort on a segment that details have, with its place among them.",
    (
        ATHLETE,
        Column("segment_id", Kind.BIGINT, "the segment", key=True),
        Column("segment_name", Kind.TEXT, "the segment's name"),
        Column("segment_distance_m", Kind.DOUBLE, "the segment's length", "m"),
        Column("segment_average_grade", Kind.DOUBLE, "the segment's mean slope", "%"),
        Column("activity_id", Kind.BIGINT, "the activity", key=True),
        Column("effort_index", Kind.INTEGER, "place in the activity's list, from 1", key=True),
        Column("on_day", Kind.DATE, "local day of the activity"),
        Column("local_year", Kind.INTEGER, "year of that day"),
        Column("sport_group", Kind.TEXT, GROUP.meaning),
        Column("elapsed_time_seconds", Kind.BIGINT, "time from start to end", "s"),
        Column("moving_time_seconds", Kind.BIGINT, "time in motion; where nothing tells of it, from start to end", "s"),
        Column("average_watts", Kind.DOUBLE, "mean power", "W"),
        Column("device_watts", Kind.BOOLEAN, "power was measured, not estimated"),
        Column("average_heartrate", Kind.DOUBLE, "mean heart rate", "bpm"),
        Column("place", Kind.BIGINT, "place among all own efforts on it; equal times share one"),
        Column("behind_best_seconds", Kind.BIGINT, "behind the best of all", "s"),
        Column("was_best", Kind.BOOLEAN, "it was the best until then; the first one is, too"),
    ),
)
SEGMENT_BESTS = Table(
    "segment_bests",
    "The best, the first and the last own effort on each segment.",
    (
        ATHLETE,
        Column("segment_id", Kind.BIGINT, "the segment", key=True),
        Column("segment_name", Kind.TEXT, "the segment's name, as last seen"),
        Column("segment_distance_m", Kind.DOUBLE, "the segment's length", "m"),
        Column("segment_average_grade", Kind.DOUBLE, "the segment's mean slope", "%"),
        Column("efforts", Kind.BIGINT, "how many"),
        Column("best_seconds", Kind.BIGINT, "best time from start to end", "s"),
        Column("best_activity_id", Kind.BIGINT, "the activity of the best; of equal ones the first"),
        Column("best_on", Kind.DATE, "its local day"),
        Column("first_on", Kind.DATE, "local day of the first effort"),
        Column("last_on", Kind.DATE, "local day of the last effort"),
        Column("last_seconds", Kind.BIGINT, "time of the last effort", "s"),
    ),
)

PUBLISH_TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        ATHLETE_BY_DATE,
        THRESHOLDS_BY_DATE,
        GEAR_SERVICES,
        GEAR_LINKS,
        CORRECTIONS,
        RULED,
        DISMISSED_BESTS,
        ASSUMED_STARTS,
        DEFAULT_NAMES,
        COMPUTED_VALUES,
        TRACK_BESTS,
        CUT_VALUES,
        ACTIVITY_HEARTRATES,
        NEAR_TOWNS,
        ACTIVITY_LIST,
        ACTIVITY_BESTS,
        ACTIVITY_LOAD,
        TRAINING_ZONES,
        ACTIVITY_ROUTES,
        VISITED_TILES,
        RECORDING_PAIRS,
        DAYS,
        NIGHTS,
    )
}
"""Tables of the warehouse that each publish fills: from goals.toml, rules.toml, decisions, values of tracks, and activities."""

TIME_IN_ZONES = Table(
    "time_in_zones",
    "How long each zone of power and heart rate held in each activity, by the zones of its day and group (`training_zones`); no "
    "power that was estimated. A table macro over Parquet: `FROM time_in_zones('data/value_seconds/**/*.parquet')`. Without "
    "zones of one's own, those of Allen and Coggan, *Training and Racing with a Power Meter*, 2nd ed. 2010, ch. 3.",
    (
        Column("activity_id", Kind.BIGINT, "the activity", key=True),
        ATHLETE,
        Column("on_day", Kind.DATE, "its local day"),
        Column("local_year", Kind.INTEGER, "year of that day"),
        Column("sport_group", Kind.TEXT, GROUP.meaning),
        Column("measure", Kind.TEXT, "watts or heartrate", key=True),
        Column("zone", Kind.INTEGER, "number, from 1", key=True),
        Column("seconds", Kind.DOUBLE, "how long", "s"),
        _THRESHOLD_ON,
    ),
)
MACROS: dict[str, Table] = {TIME_IN_ZONES.name: TIME_IN_ZONES}
"""Table macros: views with the files to read as their parameter, `files`."""

INSIGHTS: dict[str, Table] = {
    table.name: table
    for table in (
        SPORT_GROUPS,
        STANDARD_DISTANCES,
        HUMAN_BESTS,
        ACTIVITY_SUMS,
        COUNTED_ACTIVITIES,
        TOO_FAST_ACTIVITIES,
        *(table for _, table in TOTALS.values()),
        ACTIVITY_STREAKS,
        EDDINGTON_NUMBERS,
        ALL_RECORDS,
        RECORDS,
        DEVICE_RECORDS,
        ACTIVITY_POWER,
        POWER_BESTS,
        GEAR_ITEMS,
        GEAR_MILEAGE,
        GEAR_SERVICE_STATE,
        SEGMENT_HISTORY,
        SEGMENT_BESTS,
        TRAINING_LOAD,
        ROUTES,
        EXPLORER_TILES,
        DEVICE_AGREEMENT,
    )
}
"""In the order of creation: a view uses views before it."""
