"""Trips by car: pings and the answers of cars as received, and the tables that the tracker makes from them.

The work is operations.py's; a run handles everything received, whatever its year. No metadata contains a position.
"""

from typing import Any

import dagster as dg

from strava_pipeline.core.tables import TABLES
from strava_pipeline.environment.settings import Settings
from strava_pipeline.orchestrate.checks import own_checks, table_checks
from strava_pipeline.orchestrate.metadata import json_fields, table_spec
from strava_pipeline.orchestrate.steps import step
from strava_pipeline.trips.car.jobs import PINGS, READINGS
from strava_pipeline.trips.car.operations import (
    CAR_TABLE_NAMES,
    LIVE_AGREES,
    merge_car_trips,
    receive_pings,
    report_car_readings,
)
from strava_pipeline.trips.car.rules.lines import AnswerLine, ReceivedLine
from strava_pipeline.trips.car.tables import CAR_TRIPS

_LIVE_RULE = {LIVE_AGREES: "What the intake made of a trip at once is what the replay makes of it."}


class PingsConfig(dg.Config):
    """`safety_net`: end the trips of which nothing was heard for two hours, asking their cars once more."""

    safety_net: bool = False


def assets(partitions: dg.PartitionsDefinition[Any], settings: Settings) -> list[dg.AssetsDefinition]:
    pings = dg.AssetSpec(
        PINGS,
        partitions_def=partitions,
        group_name="cars",
        kinds={"json", "file"},
        description="What phones sent, as received, and the cars and places of their users at that time. Append-only. "
        "The year is that of arrival, in UTC.",
        metadata=json_fields(ReceivedLine.model_fields),
    )
    readings = dg.AssetSpec(
        READINGS,
        partitions_def=partitions,
        deps=[PINGS],
        group_name="cars",
        kinds={"json", "file"},
        description="What cars and routers answered at the moment of a ping. Append-only.",
        metadata=json_fields(AnswerLine.model_fields),
    )
    tables = [table_spec(TABLES[name], deps=[PINGS, READINGS], partitions_def=partitions) for name in CAR_TABLE_NAMES]
    return [
        step(
            [pings],
            lambda asked: receive_pings(asked.run, settings, asked.years, safety_net=asked.config.safety_net),
            checks=own_checks(PINGS, {"all_taken": "Every line of the inbox is in bronze."}),
            config=PingsConfig,
        ),
        step([readings], lambda asked: report_car_readings(asked.run, asked.years)),
        step(
            tables,
            lambda asked: merge_car_trips(asked.run, settings, asked.scope),
            checks=[
                *(spec for name in CAR_TABLE_NAMES for spec in table_checks(name, name)),
                *own_checks(CAR_TRIPS.name, _LIVE_RULE),
            ],
            name="car_trip_tables",
            can_subset=True,
        ),
    ]
