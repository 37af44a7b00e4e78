"""Activity trips: the index, what each trip measures and was judged, and how the algorithms do on all of them.

The work is operations.py's. Nothing here reports or keeps a position, a device's detail or free text.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import Table
from strava_pipeline.orchestrate.checks import own_checks, table_checks
from strava_pipeline.orchestrate.metadata import described, table_description
from strava_pipeline.orchestrate.resources import Run
from strava_pipeline.orchestrate.steps import Result, asset, chosen_years, reported
from strava_pipeline.settings import Settings
from strava_pipeline.trips.activity.operations import NO_SOURCE, diagnose_trips, index_trips, replay_trips
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


def _asset(table: Table, warns: Mapping[str, str], **more: Any) -> Callable[..., dg.AssetsDefinition]:
    return asset(
        group_name="trips",
        kinds={"duckdb"},
        description=table_description(table),
        metadata=described(table.name),
        check_specs=[*table_checks(table.name, table.name), *own_checks(table.name, warns)],
        **more,
    )


def assets(partitions: dg.PartitionsDefinition[Any], settings: Settings) -> list[dg.AssetsDefinition]:
    @_asset(TRIP_INDEX, _INDEX_WARNS, partitions_def=partitions)
    def trip_index(context: dg.AssetExecutionContext, config: TripsConfig, run: Run) -> Iterator[Result]:
        years = chosen_years(context, run)
        yield from reported(context, run, index_trips(run, settings, years, allow_shrink=config.allow_shrink))

    @_asset(TRIP_DIAGNOSTICS, _DIAGNOSTICS_WARN, partitions_def=partitions, deps=[trip_index])
    def trip_diagnostics(context: dg.AssetExecutionContext, config: TripsConfig, run: Run) -> Iterator[Result]:
        years = chosen_years(context, run)
        yield from reported(context, run, diagnose_trips(run, settings, years, allow_shrink=config.allow_shrink))

    @_asset(TRIP_REPLAY, {}, deps=[trip_diagnostics])
    def trip_replay(context: dg.AssetExecutionContext, run: Run) -> Iterator[Result]:
        if not settings.trips_source:
            context.log.info(NO_SOURCE)
        yield from reported(context, run, replay_trips(run, settings))

    return [trip_index, trip_diagnostics, trip_replay]
