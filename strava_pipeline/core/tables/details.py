"""`activity_details`, the tables of lists in a DetailedActivity or a file (splits, laps, efforts, sessions, lengths), and
`tracks`.

Child tables are keyed by the activity and the place in Strava's list, because effort ids are missing from or doubled
in some answers. `tracks` lies as Parquet by year, not in the warehouse: a year of points is larger than everything
else. No parsing here.
"""

from strava_pipeline.core.tables.activities import ATHLETE_ID, EXTRA, NESTED_STATES, SOURCE, SUMMARY_FIELDS
from strava_pipeline.core.tables.model import Column, Kind, Table, activity_rows, field_of

_ACTIVITY = Column("activity_id", Kind.BIGINT, "the activity", key=True)
_ATHLETE = Column("athlete_id", Kind.BIGINT, "the athlete")

ACTIVITY_DETAILS = Table(
    "activity_details",
    "The newest DetailedActivity of each activity, without the lists that have tables of their own.",
    (
        Column("activity_id", Kind.BIGINT, "the activity", source=("id",), key=True),
        ATHLETE_ID,
        SOURCE,
        *SUMMARY_FIELDS,
        field_of("description", Kind.TEXT, "the athlete's own words"),
        field_of("private_note", Kind.TEXT, "words for the athlete's own eyes"),
        field_of("calories", Kind.DOUBLE, "energy", "kcal", low=0),
        field_of("perceived_exertion", Kind.DOUBLE, "how hard it felt, 1 to 10"),
        field_of("prefer_perceived_exertion", Kind.BOOLEAN, "use it instead of heart rate"),
        field_of("hide_from_home", Kind.BOOLEAN, "muted in followers' feeds"),
        field_of("segment_leaderboard_opt_out", Kind.BOOLEAN, "left out of segment leaderboards"),
        field_of("leaderboard_opt_out", Kind.BOOLEAN, "left out of leaderboards"),
        field_of("partner_brand_tag", Kind.TEXT, "partner's tag"),
        field_of("embed_token", Kind.TEXT, "key of the public embed; opens nothing else"),
        field_of("gear", Kind.JSON, "the gear as it was when fetched"),
        field_of("photos", Kind.JSON, "summary of the photos"),
        field_of("similar_activities", Kind.JSON, "Strava's comparison with matched activities"),
        field_of("stats_visibility", Kind.JSON, "who may see which statistic"),
        field_of("available_zones", Kind.JSON, "zones that could be asked for"),
        field_of("highlighted_kudosers", Kind.JSON, "some of who gave kudos"),
        EXTRA,
        Column("fetched_at", Kind.INSTANT, "when this detail was received"),
    ),
    parent="activities_all",
    follows=True,
    ignored=NESTED_STATES | {("source_id",)},  # it stands in activities_all
    group="details",
)


def _child(
    name: str,
    description: str,
    index: str,
    own: tuple[Column, ...],
    *,
    numbered: str = "place in the list, from 1",
    ignored: frozenset[tuple[str, ...]] = frozenset(),
) -> Table:
    """The table of a list in an activity, keyed by the place in it. `own`: the columns that not all such tables have."""
    return activity_rows(
        name,
        description,
        (_ACTIVITY, Column(index, Kind.INTEGER, numbered, key=True), _ATHLETE, SOURCE, *own, EXTRA),
        follows=True,
        ignored=ignored,
        group="details",
    )


def _splits(name: str, length: str) -> Table:
    return _child(
        name,
        f"Splits of {length} each, in order.",
        "split_index",
        (
            field_of("split", Kind.INTEGER, "Strava's own number of the split"),
            field_of("distance_m", Kind.DOUBLE, "length", "m", path=("distance",), low=0),
            field_of(
                "elapsed_time_seconds",
                Kind.BIGINT,
                "time from start to end",
                "s",
                path=("elapsed_time",),
                low=0,
            ),
            field_of("moving_time_seconds", Kind.BIGINT, "time in motion", "s", path=("moving_time",), low=0),
            field_of("average_speed", Kind.DOUBLE, "mean speed", "m/s"),
            field_of("average_grade_adjusted_speed", Kind.DOUBLE, "mean speed, corrected for the slope", "m/s"),
            field_of("elevation_difference", Kind.DOUBLE, "end minus start", "m"),
            field_of("pace_zone", Kind.INTEGER, "pace zone"),
            field_of("average_heartrate", Kind.DOUBLE, "mean heart rate", "bpm"),
        ),
    )


ACTIVITY_SPLITS_METRIC = _splits("activity_splits_metric", "a kilometre")
ACTIVITY_SPLITS_STANDARD = _splits("activity_splits_standard", "a mile")

_NESTED_IDS = frozenset(
    {
        ("activity", "id"),
        ("activity", "resource_state"),
        ("athlete", "id"),
        ("athlete", "resource_state"),
    }
)

_EFFORT_FIELDS: tuple[Column, ...] = (
    field_of("id", Kind.BIGINT, "Strava's own id, above 2^53"),
    field_of("name", Kind.TEXT, "name"),
    field_of("elapsed_time", Kind.BIGINT, "time from start to end", "s", low=0),
    field_of("moving_time", Kind.BIGINT, "time in motion", "s", low=0),
    field_of("start_date", Kind.INSTANT, "start, as an instant"),
    field_of("start_date_local", Kind.WALL, "start, as the athlete's clock showed it"),
    field_of("distance", Kind.DOUBLE, "length", "m", low=0),
    field_of("start_index", Kind.BIGINT, "first point in the streams"),
    field_of("end_index", Kind.BIGINT, "last point in the streams"),
    field_of("average_cadence", Kind.DOUBLE, "mean cadence", "rpm or steps of one leg per minute"),
    field_of("average_watts", Kind.DOUBLE, "mean power", "W"),
    field_of("device_watts", Kind.BOOLEAN, "power was measured, not estimated"),
    field_of("average_heartrate", Kind.DOUBLE, "mean heart rate", "bpm"),
    field_of("max_heartrate", Kind.DOUBLE, "highest heart rate", "bpm"),
    field_of("resource_state", Kind.INTEGER, "level of detail of the answer"),
)

_RANKS: tuple[Column, ...] = (
    field_of("pr_rank", Kind.INTEGER, "1 to 3: among the athlete's own best when uploaded"),
    field_of("kom_rank", Kind.INTEGER, "1 to 10: on the leaderboard when uploaded"),
    field_of("achievements", Kind.JSON, "achievements of the effort"),
)

ACTIVITY_LAPS = _child(
    "activity_laps",
    "Laps as the device or the athlete cut them, in order.",
    "lap_position",
    (
        field_of("lap_index", Kind.INTEGER, "Strava's own number of the lap"),
        field_of("split", Kind.INTEGER, "Strava's own number of the split"),
        *_EFFORT_FIELDS,
        field_of("average_speed", Kind.DOUBLE, "mean speed", "m/s"),
        field_of("max_speed", Kind.DOUBLE, "highest speed", "m/s"),
        field_of("total_elevation_gain", Kind.DOUBLE, "climbed", "m"),
        field_of("pace_zone", Kind.INTEGER, "pace zone"),
    ),
    ignored=_NESTED_IDS,
)

ACTIVITY_SEGMENT_EFFORTS = _child(
    "activity_segment_efforts",
    "Efforts on segments, in order.",
    "effort_index",
    (
        *_EFFORT_FIELDS,
        *_RANKS,
        field_of("hidden", Kind.BOOLEAN, "not shown by default"),
        field_of("visibility", Kind.TEXT, "who may see it"),
        field_of("segment_id", Kind.BIGINT, "the segment", path=("segment", "id")),
        field_of("segment_name", Kind.TEXT, "the segment's name", path=("segment", "name")),
        field_of("segment_distance", Kind.DOUBLE, "the segment's length", "m", path=("segment", "distance")),
        field_of("segment_average_grade", Kind.DOUBLE, "mean slope", "%", path=("segment", "average_grade")),
        field_of("segment_maximum_grade", Kind.DOUBLE, "steepest slope", "%", path=("segment", "maximum_grade")),
        field_of(
            "segment_climb_category",
            Kind.INTEGER,
            "0 to 5 (hors catégorie)",
            path=("segment", "climb_category"),
        ),
        field_of("segment", Kind.JSON, "the segment, whole"),
    ),
    ignored=_NESTED_IDS,
)

ACTIVITY_BEST_EFFORTS = _child(
    "activity_best_efforts",
    "Best efforts over standard distances of runs, in order.",
    "effort_index",
    (
        *_EFFORT_FIELDS,
        *_RANKS,
        field_of("segment", Kind.JSON, "always null so far"),
    ),
    ignored=_NESTED_IDS,
)

ACTIVITY_SESSIONS = _child(
    "activity_sessions",
    "What the recording device itself summed up, a row per session: several where sports were changed, or files chained.",
    "session_index",
    (
        field_of("sport", Kind.TEXT, "sport, as the file names it"),
        field_of("sub_sport", Kind.TEXT, "kind of sport, as FIT names it"),
        field_of("name", Kind.TEXT, "the file's own title"),
        field_of("device_name", Kind.TEXT, "device or program that recorded", path=("creator",)),
        field_of("sensors", Kind.JSON, "by measured value its sensor: the model, or wrist, strap, meter, sensor"),
        field_of("started_at", Kind.INSTANT, "start by the device's clock"),
        field_of(
            "utc_offset", Kind.DOUBLE, "local minus UTC, by the file or by the place", "s", path=("utc_offset_s",)
        ),
        field_of("timezone", Kind.TEXT, "zone of the place"),
        field_of("elapsed_time_seconds", Kind.DOUBLE, "time from start to end", "s", path=("elapsed_s",), low=0),
        field_of("moving_time_seconds", Kind.DOUBLE, "time the device's timer ran", "s", path=("moving_s",), low=0),
        field_of("distance_m", Kind.DOUBLE, "distance", "m", low=0),
        field_of("ascent_m", Kind.DOUBLE, "climbed", "m", low=0),
        field_of("descent_m", Kind.DOUBLE, "descended", "m", low=0),
        field_of("calories", Kind.DOUBLE, "energy", "kcal", low=0),
        field_of("average_speed", Kind.DOUBLE, "mean speed", "m/s", path=("avg_speed",)),
        field_of("max_speed", Kind.DOUBLE, "highest speed", "m/s"),
        field_of("average_heartrate", Kind.DOUBLE, "mean heart rate", "bpm", path=("avg_heartrate",)),
        field_of("max_heartrate", Kind.DOUBLE, "highest heart rate", "bpm"),
        field_of(
            "average_cadence", Kind.DOUBLE, "mean cadence", "rpm or steps of one leg per minute", path=("avg_cadence",)
        ),
        field_of("average_watts", Kind.DOUBLE, "mean power", "W", path=("avg_watts",)),
        field_of("max_watts", Kind.DOUBLE, "highest power", "W"),
        field_of("weighted_average_watts", Kind.DOUBLE, "normalised power", "W", path=("normalized_watts",)),
        field_of("pool_length_m", Kind.DOUBLE, "length of the pool", "m"),
        field_of("lengths", Kind.DOUBLE, "lengths swum"),
        field_of("points", Kind.BIGINT, "points of its track"),
        field_of("flags", Kind.JSON, "what is odd about it: truncated, wrong_clock …; kept as it is all the same"),
        field_of(
            "left_out", Kind.JSON, "how many values of the file are none, by column; positions, and whole points, too"
        ),
        field_of(
            "distance_by",
            Kind.TEXT,
            "laps, track (the way along the positions) or app; NULL: the device's or the points'",
        ),
        field_of("moving_time_by", Kind.TEXT, "app, or NULL: the device's timer"),
        field_of("timezone_by", Kind.TEXT, "whose clock the local start is by: place, or file where no place is known"),
    ),
    numbered="place in the file, from 1",
    ignored=frozenset({("place",)}),
)

ACTIVITY_LENGTHS = _child(
    "activity_lengths",
    "Lengths of a pool, in order, as the recording device counted them.",
    "length_index",
    (
        field_of("session", Kind.INTEGER, "which session of the file, from 0"),
        field_of("started_at", Kind.INSTANT, "start by the device's clock"),
        field_of("elapsed_time_seconds", Kind.DOUBLE, "time from start to end", "s", path=("elapsed_s",), low=0),
        field_of("moving_time_seconds", Kind.DOUBLE, "time the device's timer ran", "s", path=("moving_s",), low=0),
        field_of("kind", Kind.TEXT, "active, or idle: a rest"),
        field_of("stroke", Kind.TEXT, "stroke, as FIT names it"),
        field_of("strokes", Kind.DOUBLE, "strokes of it", path=("cycles",)),
        field_of("average_speed", Kind.DOUBLE, "mean speed", "m/s", path=("avg_speed",)),
        field_of("average_cadence", Kind.DOUBLE, "strokes a minute", path=("avg_cadence",)),
    ),
)

# by the field of a DetailedActivity that is a list: its child table, and that table's column for the place in the list
CHILDREN: dict[str, tuple[Table, str]] = {
    "splits_metric": (ACTIVITY_SPLITS_METRIC, "split_index"),
    "splits_standard": (ACTIVITY_SPLITS_STANDARD, "split_index"),
    "laps": (ACTIVITY_LAPS, "lap_position"),
    "segment_efforts": (ACTIVITY_SEGMENT_EFFORTS, "effort_index"),
    "best_efforts": (ACTIVITY_BEST_EFFORTS, "effort_index"),
    "sessions": (ACTIVITY_SESSIONS, "session_index"),
    "lengths": (ACTIVITY_LENGTHS, "length_index"),
}
RECORDED = (ACTIVITY_SESSIONS.name, ACTIVITY_LENGTHS.name)
"""The child tables that only files fill: their rows stay, whatever Strava's detail holds."""


TRACKS = activity_rows(
    "tracks",
    "The points of every activity of which a file or streams are there, in the order of the recording.",
    (
        _ACTIVITY,
        _ATHLETE,
        SOURCE,
        Column("part", Kind.INTEGER, "which session of its file, from 0: several where sports were changed", key=True),
        Column("point", Kind.INTEGER, "place in the session, from 0", key=True),
        Column("recorded_at", Kind.INSTANT, "when"),
        Column("latitude", Kind.DOUBLE, "where, WGS 84", "°", low=-90, high=90),
        Column("longitude", Kind.DOUBLE, "where, WGS 84", "°", low=-180, high=180),
        Column("altitude", Kind.DOUBLE, "height", "m"),
        Column("distance", Kind.DOUBLE, "since the start", "m", low=0),
        Column("speed", Kind.DOUBLE, "speed", "m/s", low=0),
        Column("heartrate", Kind.DOUBLE, "heart rate", "bpm", low=0),
        Column("cadence", Kind.DOUBLE, "cadence", "rpm or steps of one leg per minute", low=0),
        Column("watts", Kind.DOUBLE, "power", "W"),
        Column("temperature", Kind.DOUBLE, "temperature", "°C"),
        Column("moving", Kind.BOOLEAN, "in motion, as Strava judges; only its streams tell"),
        Column("grade", Kind.DOUBLE, "slope, smoothed; only Strava's streams tell", "%"),
    ),
)
CURVES = activity_rows(
    "curves",
    "The best of each activity out of its track: mean power over 5 s to 2 h (mean maximal power: Allen and Coggan, *Training and "
    "Racing with a Power Meter*, 2nd ed. 2010); the highest mean heart rate over 1 and 20 minutes; "
    "time over the distances of the group (runs, walks, rides, swims).",
    (
        _ACTIVITY,
        _ATHLETE,
        Column(
            "measure",
            Kind.TEXT,
            "watts (mean power), heartrate (mean), pace (time) or too_fast (all stretches in which nobody ever was as fast, in "
            "one: a vehicle)",
            key=True,
        ),
        Column(
            "width",
            Kind.DOUBLE,
            "over how long: of watts and heartrate seconds, of the others metres",
            "s or m",
            key=True,
        ),
        Column(
            "value",
            Kind.DOUBLE,
            "the highest mean power or heart rate, where a pause is time without either; or the least seconds from start to "
            "end, pauses included",
            "W, bpm or s",
        ),
        Column("begins_at", Kind.INSTANT, "when that stretch begins"),
        Column(
            "measured_by",
            Kind.TEXT,
            "meter (power, heart rate); of pace: positions (the device tells the same distance within 10 %, or none), device "
            "(no positions, or they tell another distance), lengths (of a pool). A device's row is faster than that of positions",
            key=True,
        ),
    ),
)
VALUE_SECONDS = activity_rows(
    "value_seconds",
    "For how long each power and heart rate held in an activity, out of its track: the sum of the times between points. "
    "With `training_zones`: the time in each zone, `time_in_zones`.",
    (
        _ACTIVITY,
        _ATHLETE,
        Column("measure", Kind.TEXT, "watts or heartrate", key=True),
        Column("value", Kind.INTEGER, "the value, rounded", "W or bpm", key=True),
        Column(
            "seconds",
            Kind.DOUBLE,
            "how long; a point counts until the next one, before a pause (10 s) for one second",
            "s",
        ),
    ),
)
TRACK_CELLS = activity_rows(
    "track_cells",
    "The cells of the map that each activity came through, out of its track: tiles of zoom 21, 12 to 19 m wide up to 50° north.",
    (
        _ACTIVITY,
        _ATHLETE,
        Column("y", Kind.INTEGER, "the tile's row, from the north", key=True),
        Column("x", Kind.INTEGER, "the tile's column, from 180° west", key=True),
    ),
)
HEAT_CELLS = Table(
    "heat_cells",
    "How many activities that insights count came through each cell of the map, by group of sports; a file per local year.",
    (
        Column("athlete_id", Kind.BIGINT, "the athlete; 0: nobody has said who", key=True),
        Column("sport_group", Kind.TEXT, "group of sports: the view sport_groups", key=True),
        Column("y", Kind.INTEGER, "the tile's row, from the north", key=True),
        Column("x", Kind.INTEGER, "the tile's column, from 180° west", key=True),
        Column("activities", Kind.INTEGER, "how many"),
    ),
    may_shrink=True,
)
HEAT_TILES = Table(
    "heat_tiles",
    "How many activities that insights count came through larger tiles of the map than a cell, for maps of a large area.",
    (
        Column("athlete_id", Kind.BIGINT, "the athlete; 0: nobody has said who", key=True),
        Column("sport_group", Kind.TEXT, "group of sports: the view sport_groups", key=True),
        Column(
            "zoom", Kind.INTEGER, "of the tile: 20, 18, 16, 14, 12 or 10, where tiles are 24 to 38 km wide", key=True
        ),
        Column("y", Kind.INTEGER, "the tile's row, from the north", key=True),
        Column("x", Kind.INTEGER, "the tile's column, from 180° west", key=True),
        Column("activities", Kind.INTEGER, "how many"),
    ),
    may_shrink=True,
)
