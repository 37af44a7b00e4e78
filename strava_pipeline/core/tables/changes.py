"""The table of changes at services: proposals, decisions and results. The rules are elsewhere."""

from strava_pipeline.core.tables.activities import ATHLETE_ID
from strava_pipeline.core.tables.model import Column, Kind, Table

PROPOSED_CHANGES = Table(
    "proposed_changes",
    "Every change at a service that was ever proposed, as it was proposed last: one value at one place, and its state.",
    (
        Column("id", Kind.TEXT, "the same for the same value at the same place", key=True),
        Column("athlete_id", ATHLETE_ID.kind, "the athlete"),
        Column("kind", Kind.TEXT, "update_name, update_gear, add_activity …"),
        Column("provider", Kind.TEXT, "where it is written; disk: a file that is fetched"),
        Column("source_id", Kind.TEXT, "the activity, by that service's own id"),
        Column("activity_id", Kind.BIGINT, "the activity here; NULL: it is of none, such as gear"),
        Column("field", Kind.TEXT, "what it changes: name, gear, elapsed_time, row, ids, file"),
        Column("old", Kind.JSON, "the value that is there"),
        Column("new", Kind.JSON, "the value that it gets"),
        Column("source", Kind.TEXT, "the service whose value the new one is; NULL: it is computed"),
        Column("month", Kind.TEXT, "local month of the activity's start, as 2026-10"),
        Column("start_date", Kind.INSTANT, "start of the activity"),
        Column("title", Kind.TEXT, "title of the activity"),
        Column("status", Kind.TEXT, "proposed, approved, rejected, applied, failed, conflicted, expired or undone"),
        Column("reason", Kind.TEXT, "why it has this status, where there is something to say"),
        Column("round", Kind.INTEGER, "how many times it was proposed", low=1),
        Column("proposed_at", Kind.INSTANT, "when it was proposed last"),
        Column("decided_at", Kind.INSTANT, "when a person decided about that proposal"),
        Column("status_at", Kind.INSTANT, "since when it has this status"),
        Column("is_due", Kind.BOOLEAN, "the data still say that it should be made"),
        Column("undoes", Kind.TEXT, "the id of the change that this one takes back"),
    ),
    may_shrink=True,
)
