"""Activity trips on the dashboard's page of trips: the result for each. No positions, no tracks."""

from typing import Any

from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.sql import sql
from strava_pipeline.lookups.rows import rows_by

TEMPLATE = "activity_trips.html"
MOST = 50  # a page


def section(connection: Connection) -> dict[str, Any]:
    """The number of trips by verdict, and the most frequent reason; the newest trips with their results."""
    verdicts = rows_by(connection, sql("sql/trip_verdicts", __package__ or ""), {})
    diagnosed = rows_by(connection, sql("sql/trips_diagnosed", __package__ or ""), {"most": MOST})
    return {"verdicts": {row["verdict"]: row for row in verdicts}, "diagnosed": diagnosed}
