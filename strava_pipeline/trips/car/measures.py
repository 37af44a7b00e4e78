"""Prometheus metrics of trips by car. Empty if no pings ever came."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from strava_pipeline.core.facts import Fact, Measure, ok
from strava_pipeline.core.text import counted
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.publish import current_snapshot
from strava_pipeline.lake.paths import Lake
from strava_pipeline.trips.car.keeping import last_replay, rows_by_partition, trip_figures
from strava_pipeline.trips.car.log import known_readings, newest_file
from strava_pipeline.trips.car.reading.reading import Trouble
from strava_pipeline.trips.car.rules.events import Reason, Status
from strava_pipeline.trips.car.tables import CAR_TRIP_CANCELLATIONS, CAR_TRIPS

OTHER = "other"  # kinds that an older version, or a file from elsewhere, has

CANCELLED = Measure(
    "car_trip_cancellations", "counter", "What began like a trip by car and was none, by reason", ("reason",)
)
PINGS = Measure(
    "car_pings",
    "counter",
    "Pings by what they led to; paused_at_skip is a pause at a place where trips go on",
    ("status",),
)
READINGS = Measure("car_readings", "counter", "Answers of cars, errors included")
ERRORS = Measure("car_reading_errors", "counter", "Answers of cars that were errors, by kind", ("kind",))


def _facts(settings: Settings, now: datetime) -> Iterator[Fact]:
    lake = Lake(settings.data_dir)
    if newest_file(lake) is None:
        return
    statuses, counts = last_replay(lake).total, known_readings(lake)
    readings, errors = sum(of_year.readings for of_year in counts), Counter[str]()
    for of_year in counts:
        for kind, count in of_year.errors.items():
            errors[kind if kind in set(Trouble) else OTHER] += count
    with current_snapshot(lake) as connection:
        tables = (CAR_TRIPS.name, CAR_TRIP_CANCELLATIONS.name)
        years = {year for table in tables for year in rows_by_partition(connection, table)}
        cancelled = trip_figures(connection, sorted(years)).cancelled_trips_by_reason
    yield ok(
        "car trips",
        f"{counted(readings, 'answer')} of cars, {errors.total()} of them errors",
        values={
            "pings": [PINGS(statuses[status], status) for status in Status],
            "readings": READINGS(readings),
            "errors": [ERRORS(errors[kind], kind) for kind in (*Trouble, OTHER)],
            "cancelled": [CANCELLED(cancelled.get(reason, 0), reason) for reason in Reason],
        },
    )


GROUPS = {"cars": _facts}
