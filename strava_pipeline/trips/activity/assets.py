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
from strava_pipeline.orchestrate.steps import Work, step
from strava_pipeline.trips.activity.operations import diagnose_trips, index_trips, replay_trips
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
    """`allow_shrink`: a person means what the source lacks."""

    allow_shrink: bool = False


def _step(
    table: Table,
    work: Work,
    warns: Mapping[str, str],
    *,
    config: type[dg.Config] | None = TripsConfig,
    **more: Any,
) -> dg.AssetsDefinition:
    checks = [*table_checks(table.name, table.name), *own_checks(table.name, warns)]
    return step([table_spec(table, **more)], work, checks=checks, config=config)


def assets(partitions: dg.PartitionsDefinition[Any], settings: Settings) -> list[dg.AssetsDefinition]:
    return [
        _step(
            TRIP_INDEX,
            lambda asked: index_trips(asked.run, settings, asked.years, allow_shrink=asked.config.allow_shrink),
            _INDEX_WARNS,
            partitions_def=partitions,
        ),
        _step(
            TRIP_DIAGNOSTICS,
            lambda asked: diagnose_trips(asked.run, settings, asked.years, allow_shrink=asked.config.allow_shrink),
            _DIAGNOSTICS_WARN,
            partitions_def=partitions,
            deps=[TRIP_INDEX.name],
        ),
        _step(
            TRIP_REPLAY,
            lambda asked: replay_trips(asked.run, settings),
            {},
            config=None,
            deps=[TRIP_DIAGNOSTICS.name],
        ),
    ]
