"""`quarantine`: activities whose detail always fails. Which these are, lake/quarantine.py tells from the evidence on disk."""

from strava_pipeline.core.tables.activities import SOURCE
from strava_pipeline.core.tables.model import Column, Kind, Table

QUARANTINE = Table(
    "quarantine",
    "Activities whose detail failed three times in a row, and since, while others succeeded; those deleted since too.",
    (
        Column("activity_id", Kind.BIGINT, "the activity", key=True),
        Column("athlete_id", Kind.BIGINT, "the athlete"),
        SOURCE,
        Column("failures", Kind.INTEGER, "failures in a row, one for each run that asked", low=3),
        Column("first_failed_at", Kind.INSTANT, "the first of these"),
        Column("last_failed_at", Kind.INSTANT, "the newest of these"),
        Column("status", Kind.INTEGER, "HTTP status of the newest; 404: gone at the source or hidden; NULL: no answer"),
        Column("retry_at", Kind.INSTANT, "from when it is asked for again; NULL: by no run"),
        Column("dropped_at", Kind.INSTANT, "when a person dropped it; NULL: nobody did"),
    ),
    parent="activities_all",
    may_shrink=True,
)
