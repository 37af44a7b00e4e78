"""Figures of car trips for who watches over them: how many were none, how many points they have. No positions."""

from collections.abc import Sequence
from dataclasses import dataclass

from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.warehouse import Connection


@dataclass(frozen=True, slots=True)
class Watched:
    """Of the trips of some years; None where there are none. `cancelled`: how many, by reason."""

    cancellation_rate: float | None
    cancelled: dict[str, int]
    points_per_trip: float | None
    gps_only_share: float | None


def watched(connection: Connection, years: Sequence[int]) -> Watched:
    trips, points, gps_only = connection.execute(sql("car_trips_watched"), {"years": list(years)}).fetchall()[0]
    cancelled = dict(connection.execute(sql("car_cancellations_watched"), {"years": list(years)}).fetchall())
    none = sum(cancelled.values())
    rate = round(none / (trips + none), 4) if trips + none else None
    return Watched(rate, cancelled, points, gps_only)


def rows_by_partition(connection: Connection, table: str) -> dict[int, int]:
    """Rows of a table of trips by car, by their own partition."""
    return dict(connection.execute(sql("rows_by_partition").format(table=table)).fetchall())
