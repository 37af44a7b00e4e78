"""Training load: the columns that each publish fills for each activity, and the view of days over it. SQL:
lake/sql/activity_load.sql.
"""

from strava_pipeline.core.tables.bests import ATHLETE, GROUP
from strava_pipeline.core.tables.model import Column, Kind, Table, activity_rows

ACTIVITY_HEARTRATES = activity_rows(
    "activity_heartrates",
    "For how long each heart rate, and any power, held in each activity: what `value_seconds` has of it, in a row.",
    (
        Column("activity_id", Kind.BIGINT, "the activity", key=True),
        Column("athlete_id", Kind.BIGINT, "the athlete"),
        Column("heartrates", Kind.DOUBLES, "the heart rates, rising", "bpm"),
        Column("seconds", Kind.DOUBLES, "how long each held", "s"),
        Column("powered_seconds", Kind.DOUBLE, "how long there was a power, 0 W too; NULL: never", "s"),
        Column("year", Kind.INTEGER, "the year whose file of `value_seconds` has it"),
    ),
)
ACTIVITY_LOAD = Table(
    "activity_load",
    "The training load of each activity; 100: an hour at threshold. By the first of power, heartrate, pace, relative_effort that "
    "it allows. Thresholds that nobody said are estimated from its day and the 365 days before: 0.95 × the best 20 minutes of "
    "power, or of any group's heart rate; the fastest standard distance of half an hour or more; the highest minute of beats.",
    (
        Column("activity_id", Kind.BIGINT, "the activity", key=True),
        Column("athlete_id", Kind.BIGINT, ATHLETE.meaning),
        Column("sport_group", Kind.TEXT, GROUP.meaning),
        Column("on_day", Kind.DATE, "local day of its start"),
        Column("load", Kind.DOUBLE, "training load; 100: an hour at threshold"),
        Column(
            "method",
            Kind.TEXT,
            "power (100 × hours × (normalised power / FTP)²; measured for ten minutes and 80 % of the time in motion), pace (of "
            "runs: 100 × hours × (speed / threshold speed)²), heartrate (100 × hours × r·e^(1.92 r) / (t·e^(1.92 t)), r and t: "
            "shares of the heart-rate reserve of each moment and at threshold; Banister 1991) or relative_effort (Strava's, by "
            "its median ratio to loads by others)",
        ),
        Column("intensity", Kind.DOUBLE, "√(load / 100 / hours in motion); by power, normalised power / FTP"),
        Column("threshold", Kind.DOUBLE, "the method's threshold; relative_effort has none", "W, s/km or bpm"),
        Column("threshold_on", Kind.DATE, "day of the effort that it is estimated from; NULL: somebody said it"),
        Column(
            "max_heartrate", Kind.DOUBLE, "of heartrate: the maximum; NULL: none above the threshold is known", "bpm"
        ),
        Column("max_heartrate_on", Kind.DATE, "day of the minute that it is estimated from; NULL: somebody said it"),
        Column("resting_heartrate", Kind.DOUBLE, "of heartrate: at rest", "bpm"),
        Column(
            "is_assumed",
            Kind.BOOLEAN,
            "no resting heart rate is given (goals.toml) or measured (`days`): 60 is assumed",
        ),
    ),
)
TRAINING_LOAD = Table(
    "training_load",
    "Load, fitness, fatigue and form by day, from the first day with a load on. After Allen and Coggan, *Training and Racing "
    "with a Power Meter*, 2nd ed. 2010, ch. 8, and Banister 1975.",
    (
        ATHLETE,
        Column("on_day", Kind.DATE, "day", key=True),
        Column("load", Kind.DOUBLE, "the day's sum of `activity_load`; 0: no activity; NULL: none that has a load"),
        Column("methods", Kind.TEXTS, "the methods that the day's loads are by; NULL: none"),
        Column("unmeasured_activities", Kind.BIGINT, "activities of the day without a load"),
        Column("estimated_activities", Kind.BIGINT, "activities of the day whose load goes by an estimated threshold"),
        Column("fitness", Kind.DOUBLE, "yesterday's and 1/42 of the load's difference to it (chronic training load)"),
        Column("fatigue", Kind.DOUBLE, "yesterday's and 1/7 of the load's difference to it (acute training load)"),
        Column("form", Kind.DOUBLE, "fitness minus fatigue (training stress balance, with the day's own load)"),
    ),
)
