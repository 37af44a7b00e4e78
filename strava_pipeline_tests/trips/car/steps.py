"""The operations of trips by car, as without_dagster.py does them: by asset, each with what a run has."""

from typing import Any

from strava_pipeline.trips.car.jobs import PINGS, READINGS
from strava_pipeline.trips.car.log import count_readings
from strava_pipeline.trips.car.operations import land_pings, update_car_trips
from strava_pipeline.trips.car.tables import TABLES


def _land(do: Any) -> None:
    landed = land_pings(do.run, do.settings, **do.config.get(PINGS, {"safety_net": False}))
    if landed.left or landed.not_ours or landed.fault:
        do.done.broken_rules.append(f"{PINGS}.all_taken")


def _count(do: Any) -> None:
    count_readings(do.run.lake, do.years)


def _update(do: Any) -> None:
    for table, findings in update_car_trips(do.run, do.settings, do.years).findings.items():
        do.note(table, findings)


STEPS = {PINGS: _land, READINGS: _count, TABLES[0].name: _update}
MADE_TOGETHER = TABLES
