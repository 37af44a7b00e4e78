"""`activity_history`: every version of an activity that a listing ever held, and what changed from one to the next."""

from strava_pipeline.core.tables.activities import SOURCE
from strava_pipeline.core.tables.model import Column, Kind, Table

ACTIVITY_HISTORY = Table(
    "activity_history",
    "Every version of an activity that a listing held: from when to when, what changed, and what that was before.",
    (
        Column("activity_id", Kind.BIGINT, "the activity", key=True),
        Column("version", Kind.INTEGER, "number of this version, from 1", key=True),
        Column("athlete_id", Kind.BIGINT, "the athlete"),
        Column("source", SOURCE.kind, SOURCE.meaning),
        Column("valid_from", Kind.INSTANT, "when a listing first held this version"),
        Column("valid_to", Kind.INSTANT, "when the next version, or a deletion, was found; NULL: the present one"),
        Column(
            "changed_fields",
            Kind.TEXTS,
            "columns of activities_all that differ from the version before; [] in the first",
        ),
        Column("previous", Kind.JSON, "these columns as they were before; {} in the first"),
    ),
    parent="activities_all",
)
