"""Trips by car on the dashboard's page of trips. No positions, no tracks."""

from typing import Any

from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.sql import sql
from strava_pipeline.lookups.rows import rows_by

TEMPLATE = "car_trips.html"
MOST = 50  # a page


def section(connection: Connection) -> dict[str, Any]:
    """The newest trips."""
    return {"by_car": rows_by(connection, sql("sql/trips_by_car", __package__ or ""), {"most": MOST})}
