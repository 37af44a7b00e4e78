"""Trips as the dashboard shows them: diagnoses of encrypted activity trips, and trips by car. No positions, no tracks."""

from dataclasses import dataclass

from strava_pipeline.lake.dashboard.rows import Values, rows_of
from strava_pipeline.lake.gold.warehouse import Connection

MOST_TRIPS = 50  # of each kind: a page


@dataclass(frozen=True, slots=True)
class Trips:
    """Trips for a page.

    Args:
        verdicts: how many activity trips have each verdict, by it: `trips`, `primary_reason` the most frequent one.
        diagnosed: the newest activity trips with what was found out about each.
        by_car: the newest trips by car.
    """

    verdicts: dict[str, Values]
    diagnosed: list[Values]
    by_car: list[Values]


def newest_trips(connection: Connection) -> Trips:
    """The newest of each kind, up to MOST_TRIPS."""
    return Trips(
        {row["verdict"]: row for row in rows_of(connection, "trip_verdicts", {})},
        list(rows_of(connection, "trips_diagnosed", {"most": MOST_TRIPS})),
        list(rows_of(connection, "trips_by_car", {"most": MOST_TRIPS})),
    )
