"""Activity trips on the dashboard's page of trips: what was found out about each. No positions, no tracks."""

from typing import Any

from strava_pipeline.lake.dashboard.rows import rows_by
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.sql import sql

TEMPLATE = "activity_trips.html"
MOST = 50  # a page


def section(connection: Connection) -> dict[str, Any]:
    """How many trips have each verdict, by it, and the most frequent reason; the newest with what was found out about each."""
    verdicts = rows_by(connection, sql("sql/trip_verdicts", __package__ or ""), {})
    diagnosed = rows_by(connection, sql("sql/trips_diagnosed", __package__ or ""), {"most": MOST})
    return {"verdicts": {row["verdict"]: row for row in verdicts}, "diagnosed": diagnosed}
