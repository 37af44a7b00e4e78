"""Values computed from tracks that enter the warehouse: as Parquet by year (lake/made/track_measures.py), and at each publish.

Those that exist only as Parquet stand in details.py.
"""

from dataclasses import replace

from strava_pipeline.core.tables.activities import SUMMARY_FIELDS
from strava_pipeline.core.tables.details import CURVES
from strava_pipeline.core.tables.model import Column, Kind, activity_rows

CUT_FIELDS = (
    "distance",
    "moving_time",
    "elapsed_time",
    "total_elevation_gain",
    "elev_high",
    "elev_low",
    "average_speed",
    "max_speed",
    "average_heartrate",
    "max_heartrate",
    "average_cadence",
    "average_temp",
    "average_watts",
    "max_watts",
    "weighted_average_watts",
    "kilojoules",
    "start_latlng",
    "end_latlng",
)
"""The columns of `activities` that a track without what was cut tells."""

TRACK_SUMMARIES = activity_rows(
    "track_summaries",
    "Sums of each activity out of its track, by one method for every source; NULL: the points don't tell. In the warehouse: "
    "`computed_values`.",
    (
        Column("activity_id", Kind.BIGINT, "the activity", key=True),
        Column("athlete_id", Kind.BIGINT, "the athlete"),
        Column(
            "moving_time",
            Kind.BIGINT,
            "time between points at which the median speed over 10 s is above 0.89 m/s (runs and rides; Strava's glossary for "
            "running) or 0.28 m/s (other sports; gpxpy); stops below 15 s count, gaps above 60 s do not",
            "s",
        ),
        Column(
            "elevation_gain",
            Kind.DOUBLE,
            "climbed: rises of the mean altitude over 15 s from a low to a high, each of 2 m or more, 10 m where it jitters as "
            "that of bare GPS (after Strava's article on elevation gain; thresholds that come closest to devices)",
            "m",
        ),
        Column("elevation_loss", Kind.DOUBLE, "descended, by the same rule", "m"),
        Column("max_speed", Kind.DOUBLE, "highest mean speed over 5 s, the device's or else along the distance", "m/s"),
        Column(
            "normalized_power",
            Kind.DOUBLE,
            "fourth root of the mean fourth power of the mean power over 30 s, without pauses; NULL: less than 20 minutes of "
            "power (Allen and Coggan, *Training and Racing with a Power Meter*, 2nd ed. 2010, ch. 7)",
            "W",
        ),
        Column(
            "efficiency",
            Kind.DOUBLE,
            "efficiency factor: normalised power by heart rate; of runs and walks metres in motion per heartbeat; NULL: less "
            "than 20 minutes with both (Friel, *Aerobic Endurance and Decoupling*, TrainingPeaks)",
            "W/bpm or m",
        ),
        Column("efficiency_by", Kind.TEXT, "watts or speed; of runs and walks always speed"),
        Column(
            "decoupling",
            Kind.DOUBLE,
            "aerobic decoupling: by how much the efficiency of the second half is below that of the first one, halves of the "
            "time with both values (the same article); NULL: `decoupling_absent` says why",
            "%",
        ),
        Column(
            "decoupling_absent",
            Kind.TEXT,
            "no_heartrate, no_power, no_motion, sparse (points usually more than 10 s apart), short (less than 40 minutes with "
            "both) or stops (more than a quarter of the time); NULL: there is a decoupling",
        ),
    ),
)
CUT_SUMMARIES = activity_rows(
    "cut_summaries",
    "Values of each activity of whose track a person cut a part: of what is left, under the names of `activities`, which "
    "has them in place of what sources say. Where a rule takes the heart rate from another device and nothing was cut, only "
    "the heart rates count. In the warehouse: `cut_values`.",
    (
        Column("activity_id", Kind.BIGINT, "the activity", key=True),
        Column("athlete_id", Kind.BIGINT, "the athlete"),
        Column("begins_at", Kind.INSTANT, "its first point"),
        *(replace(column, source=None, edited=False) for column in SUMMARY_FIELDS if column.name in CUT_FIELDS),
    ),
)
COMPUTED_VALUES = activity_rows(
    "computed_values",
    "Sums of each activity that its track tells: the rows of `track_summaries`. What its source says stands before them.",
    (*TRACK_SUMMARIES.columns, Column("year", Kind.INTEGER, "the year whose file of `track_summaries` has it")),
)
TRACK_BESTS = activity_rows(
    "track_bests",
    "The best of each activity out of its track: the rows of `curves`.",
    (*CURVES.columns, Column("year", Kind.INTEGER, "the year whose file of `curves` has it")),
)
CUT_VALUES = activity_rows(
    "cut_values",
    "Values of what a person left of an activity's track: the rows of `cut_summaries`.",
    (*CUT_SUMMARIES.columns, Column("year", Kind.INTEGER, "the year whose file of `cut_summaries` has it")),
)
