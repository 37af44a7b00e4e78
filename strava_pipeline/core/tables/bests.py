"""The views of bests and records, over gold and the measures of tracks. SQL: lake/sql/insights/."""

from strava_pipeline.core.tables.model import Column, Kind, Table

ATHLETE = Column("athlete_id", Kind.BIGINT, "the athlete; 0: nobody has said who", key=True)
GROUP = Column("sport_group", Kind.TEXT, "group of sports: the view sport_groups", key=True)
YEAR = Column("local_year", Kind.INTEGER, "year", key=True)

_TOLD_BY = Column(
    "told_by",
    Kind.TEXT,
    "activity, computed (a sum of its track), best_effort (Strava's), track (a stretch of it) or splits (kilometres in a row)",
)
_MEASURED_BY = Column(
    "measured_by",
    Kind.TEXT,
    "of a time that a track has: positions, lengths (of a pool) or device (no positions, or they tell another distance); "
    "virtual: all of a virtual ride, run or row; NULL: no track has it",
)
_AT_MOST = Column(
    "at_most",
    Kind.BOOLEAN,
    "it is the time over a greater distance, or its equal part of that: no longer one is known over this one",
)
_RECORD = Column(
    "record",
    Kind.TEXT,
    "longest_distance, longest_moving_time, biggest_climb, fastest_1k … (standard_distances)",
    key=True,
)
_VALUE = (
    Column("value", Kind.DOUBLE, "how long, how high, or how many seconds from start to end"),
    Column("unit", Kind.TEXT, "m or s"),
)
ACTIVITY_BESTS = Table(
    "activity_bests",
    "The bests of each activity: how long, how high, and its fastest times over standard distances.",
    (
        Column("activity_id", Kind.BIGINT, "the activity", key=True),
        Column("athlete_id", Kind.BIGINT, ATHLETE.meaning),
        Column("sport_group", Kind.TEXT, GROUP.meaning),
        Column("local_year", Kind.INTEGER, YEAR.meaning),
        Column("on_day", Kind.DATE, "local day of its start"),
        _RECORD,
        *_VALUE,
        _TOLD_BY,
        _MEASURED_BY,
        _AT_MOST,
        Column("is_dismissed", Kind.BOOLEAN, "a person said that this activity holds no best (`bests --dismiss`)"),
        Column("counts", Kind.BOOLEAN, "it may be a record: neither dismissed nor virtual, nor by the device alone"),
    ),
)


def _records(name: str, meaning: str, *more: Column) -> Table:
    return Table(
        name,
        meaning,
        (
            ATHLETE,
            GROUP,
            YEAR,
            _RECORD,
            *_VALUE,
            Column("activity_id", Kind.BIGINT, "the activity"),
            Column("on_day", Kind.DATE, "day"),
            _TOLD_BY,
            _MEASURED_BY,
            _AT_MOST,
            Column("all_time", Kind.BOOLEAN, "the best of all years, too"),
            *more,
        ),
    )


ALL_RECORDS = _records(
    "all_records",
    "`records` and `device_records` in one.",
    Column("stands_apart", Kind.BOOLEAN, "it is virtual, or its distance is told by the device alone", key=True),
)
RECORDS = _records(
    "records",
    "The best of each year and group: longest, biggest climb, fastest over standard distances; of `activity_bests` that count.",
)
DEVICE_RECORDS = _records(
    "device_records",
    "The same of virtual rides, runs and rows, and of times whose distance the device alone tells: indoors, or where positions "
    "tell another one.",
)
ACTIVITY_POWER = Table(
    "activity_power",
    "The best mean power of each activity over 5 s to 2 h, out of its track, where it may be a best: it was measured by a power "
    "meter, and no person dismissed the activity.",
    (
        Column("activity_id", Kind.BIGINT, "the activity", key=True),
        Column("athlete_id", Kind.BIGINT, ATHLETE.meaning),
        Column("sport_group", Kind.TEXT, GROUP.meaning),
        Column("local_year", Kind.INTEGER, YEAR.meaning),
        Column("on_day", Kind.DATE, "local day of its start"),
        Column("seconds", Kind.INTEGER, "over how long", "s", key=True),
        Column("watts", Kind.DOUBLE, "mean power", "W"),
        Column("watts_per_kg", Kind.DOUBLE, "by the weight of its day in goals.toml; NULL: none is known", "W/kg"),
    ),
)
POWER_BESTS = Table(
    "power_bests",
    "The best mean power of each year and group over 5 s to 2 h, out of tracks with a power meter (mean maximal power: Allen and "
    "Coggan, *Training and Racing with a Power Meter*, 2nd ed. 2010).",
    (
        ATHLETE,
        GROUP,
        YEAR,
        Column("seconds", Kind.INTEGER, "over how long", "s", key=True),
        Column("watts", Kind.DOUBLE, "mean power", "W"),
        Column("watts_per_kg", Kind.DOUBLE, "by the weight of its day in goals.toml; NULL: none is known", "W/kg"),
        Column("activity_id", Kind.BIGINT, "the activity"),
        Column("on_day", Kind.DATE, "day"),
        Column("all_time", Kind.BOOLEAN, "the best of all years, too"),
    ),
)
STANDARD_DISTANCES = Table(
    "standard_distances",
    "The distances that times are taken over.",
    (
        Column("record", Kind.TEXT, "the record's name", key=True),
        Column("distance_m", Kind.INTEGER, "length", "m"),
        Column("splits", Kind.INTEGER, "how many splits of a kilometre that is; NULL: no whole number"),
        Column("sport_groups", Kind.TEXTS, "the groups of sports whose distance it is"),
    ),
)
HUMAN_BESTS = Table(
    "human_bests",
    "The least time over a distance that is believed, by group of sports: the best of anybody, less 4 %. Between two distances "
    "nobody is faster than over the shorter one.",
    (
        Column("sport_group", Kind.TEXT, GROUP.meaning, key=True),
        Column("distance_m", Kind.DOUBLE, "length", "m", key=True),
        Column("least_seconds", Kind.DOUBLE, "what is faster was carried: such a time is no best", "s"),
    ),
)
TOO_FAST_ACTIVITIES = Table(
    "too_fast_activities",
    "Activities that hold no record of length, time or climb, and no best by efforts or splits, as nobody is as fast: a "
    "stretch of the track (more than a twentieth of the distance), or all of it; or they are flagged at Strava.",
    (
        Column("activity_id", Kind.BIGINT, "the activity", key=True),
        Column("is_flagged", Kind.BOOLEAN, "flagged at Strava"),
        Column("too_fast_m", Kind.DOUBLE, "how long the stretches of the track are; NULL: there is none", "m"),
        Column("holds_none", Kind.BOOLEAN, "no record over a distance either: flagged, or most of it was too fast"),
    ),
)

DURATIONS = (5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 5400, 7200)  # of best power, s
DISTANCES: dict[str, int] = {  # metres; those of runs as Strava's best efforts have them
    "fastest_100m": 100,
    "fastest_200m": 200,
    "fastest_400m": 400,
    "fastest_800m": 800,
    "fastest_half_mile": 805,
    "fastest_1k": 1000,
    "fastest_1500m": 1500,
    "fastest_1_mile": 1609,
    "fastest_3k": 3000,
    "fastest_2_miles": 3219,
    "fastest_5k": 5000,
    "fastest_10k": 10_000,
    "fastest_15k": 15_000,
    "fastest_10_miles": 16_090,
    "fastest_20k": 20_000,
    "fastest_half_marathon": 21_097,
    "fastest_30k": 30_000,
    "fastest_40k": 40_000,
    "fastest_marathon": 42_195,
    "fastest_50k": 50_000,
    "fastest_100k": 100_000,
    "fastest_160k": 160_000,
}
_RUN = {*DISTANCES.values()} - {100, 200, 800, 1500, 40_000, 160_000}
_SWIM, _RIDE = {100, 200, 400, 800, 1000, 1500}, {5000, 10_000, 20_000, 40_000, 50_000, 100_000, 160_000}
DISTANCES_OF = {
    group: {record: metres for record, metres in DISTANCES.items() if metres in lengths}
    for group, lengths in {"run": _RUN, "walk": _RUN, "swim": _SWIM, "ride": _RIDE, "e_ride": _RIDE}.items()
}
"""Each group's own distances, from short to long."""
NO_RECORDS: dict[str, tuple[str, ...]] = {
    "gym": ("longest_distance", "biggest_climb"),  # a machine's kilometres
    **dict.fromkeys(("swim", "row", "water"), ("biggest_climb",)),  # a barometer in waves
}
"""By group the records that mean nothing there, which no activity holds."""
