"""Activity trips: the index, the metrics and verdict of each trip, and the results of the algorithms on all of them.

The work is operations.py's. Nothing here reports or keeps a position, a device's detail or free text.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import Table
from strava_pipeline.environment.settings import Settings
from strava_pipeline.orchestrate.checks import own_checks, table_checks
from strava_pipeline.orchestrate.metadata import table_spec
from strava_pipeline.orchestrate.steps import step
from strava_pipeline.trips.activity.operations import read_trips, replay_trips
from strava_pipeline.trips.activity.tables import TRIP_DIAGNOSTICS, TRIP_INDEX, TRIP_REPLAY

_NOT_SHRUNK = {"not_shrunk": "The source lacks no more trips than people delete."}
_INDEX_WARNS = _NOT_SHRUNK | {
    "one_id_each": "No two trips have one external id.",
    "known_statuses": "Every stored status is a known one.",
}
_DIAGNOSTICS_WARN = _NOT_SHRUNK | {
    "readable": "The locations of at most one trip in a hundred can't be decrypted or read."
}


class TripsConfig(dg.Config):
    """`allow_shrink`: a person means what the source lacks. `again`: read all trips of the years, changed or not."""

    allow_shrink: bool = False
    again: bool = False


def assets(partitions: dg.PartitionsDefinition[Any], settings: Settings) -> list[dg.AssetsDefinition]:
    return [
        step(
            [
                table_spec(TRIP_INDEX, partitions_def=partitions),
                table_spec(TRIP_DIAGNOSTICS, partitions_def=partitions, deps=[TRIP_INDEX.name]),
            ],
            lambda asked: read_trips(
                asked.run,
                settings,
                asked.scope.years,
                allow_shrink=asked.config.allow_shrink,
                again=asked.config.again,
                assets=asked.assets,
                checks=asked.checks,
            ),
            checks=[*_checks(TRIP_INDEX, _INDEX_WARNS), *_checks(TRIP_DIAGNOSTICS, _DIAGNOSTICS_WARN)],
            config=TripsConfig,
            can_subset=True,
        ),
        step(
            [table_spec(TRIP_REPLAY, deps=[TRIP_DIAGNOSTICS.name])],
            lambda asked: replay_trips(asked.run, settings),
            checks=_checks(TRIP_REPLAY, {}),
        ),
    ]


def _checks(table: Table, warns: Mapping[str, str]) -> list[dg.AssetCheckSpec]:
    return [*table_checks(table.name, table.name), *own_checks(table.name, warns)]
