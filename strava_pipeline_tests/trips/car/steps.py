"""The operations of trips by car, as without_dagster.py does them: by asset, each with what a run has."""

from typing import Any

from strava_pipeline.operations.step_reports import Scope
from strava_pipeline.trips.car.jobs import PINGS, READINGS
from strava_pipeline.trips.car.log import count_readings
from strava_pipeline.trips.car.operations import merge_car_trips, receive_pings
from strava_pipeline.trips.car.tables import TABLES


def _land(do: Any) -> None:
    report = receive_pings(do.run, do.settings, do.years, **do.config.get(PINGS, {"safety_net": False}))
    if not report.complete.holds:
        do.done.broken_rules.append(f"{PINGS}.all_taken")


def _count(do: Any) -> None:
    count_readings(do.run.lake, do.years)


def _update(do: Any) -> None:
    names = [table.name for table in TABLES]
    for report in merge_car_trips(do.run, do.settings, Scope(do.years, names, names, "")):
        do.note(report.asset, report.findings)


STEPS = {PINGS: _land, READINGS: _count, TABLES[0].name: _update}
MADE_TOGETHER = TABLES
