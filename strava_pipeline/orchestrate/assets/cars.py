"""Trips by car: pings and the answers of cars as received, and the tables that the tracker makes of them.

The work is operations/cars.py's; each run takes in everything received, whatever year it is for. No metadata holds a position.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic import BaseModel

from strava_pipeline.core.pings.lines import Answered, Kept
from strava_pipeline.core.tables import CAR_TRIPS, TABLES
from strava_pipeline.lake.car_readings import count_readings
from strava_pipeline.lake.ping_log import TakenIn
from strava_pipeline.lake.warehouse import reading
from strava_pipeline.operations.cars import (
    CAR_TABLE_NAMES,
    LIVE_AGREES,
    AddressLookups,
    CarTrips,
    land_pings,
    update_car_trips,
)
from strava_pipeline.operations.step_reports import check_tables, if_any, timed
from strava_pipeline.orchestrate.checks import check_result, table_spec
from strava_pipeline.orchestrate.jobs import PINGS, READINGS
from strava_pipeline.orchestrate.metadata import OWNER, described, table_description
from strava_pipeline.orchestrate.partitions import years_of
from strava_pipeline.orchestrate.resources import Run
from strava_pipeline.orchestrate.steps import Result, report_rows, scope_of
from strava_pipeline.settings import Settings

_LIVE_RULE = {LIVE_AGREES: "what the intake made of a trip at once is what the replay makes of it"}


class PingsConfig(dg.Config):
    """`safety_net`: end the trips of which nothing was heard for two hours, asking their cars once more."""

    safety_net: bool = False


def car_assets(partitions: dg.PartitionsDefinition[Any], settings: Settings) -> list[dg.AssetsDefinition]:
    @dg.asset(
        name=PINGS,
        partitions_def=partitions,
        group_name="cars",
        kinds={"json", "file"},
        owners=[OWNER],
        description="What phones sent, as received, and the cars and places of their users at that time. Append-only. "
        "The year is that of arrival, in UTC.",
        metadata=_fields(Kept),
        check_specs=[dg.AssetCheckSpec("all_taken", asset=PINGS, description="Every line of the inbox is in bronze.")],
    )
    def pings(context: dg.AssetExecutionContext, config: PingsConfig, run: Run) -> Iterator[dg.MaterializeResult[Any]]:
        with timed() as seconds:
            landed = land_pings(run, settings, safety_net=config.safety_net)
        for year in years_of(context.partition_keys):
            context.add_asset_metadata({"pings_of_year": landed.pings[year]}, partition_key=str(year))
        counts = {"pings_received": landed.pings.total(), "safety_nets_sent": landed.clocks, "seconds": seconds.value}
        yield dg.MaterializeResult(metadata=counts, check_results=[_all_landed(landed)])

    @dg.asset(
        name=READINGS,
        partitions_def=partitions,
        deps=[PINGS],
        group_name="cars",
        kinds={"json", "file"},
        owners=[OWNER],
        description="What cars and routers answered at the moment of a ping. Append-only.",
        metadata=_fields(Answered),
    )
    def car_readings(context: dg.AssetExecutionContext, run: Run) -> dg.MaterializeResult[Any]:
        with timed() as seconds:
            counted = count_readings(run.lake, years_of(context.partition_keys))
        for year, of_year in counted.items():
            counts = {"dagster/row_count": of_year.readings, "api_errors": of_year.errors}
            context.add_asset_metadata(counts, partition_key=str(year))
        return dg.MaterializeResult(metadata={"seconds": seconds.value})

    @dg.multi_asset(
        specs=[
            dg.AssetSpec(
                name,
                deps=[PINGS, READINGS],
                partitions_def=partitions,
                group_name="cars",
                kinds={"duckdb"},
                owners=[OWNER],
                description=table_description(TABLES[name]),
                metadata=described(name),
            )
            for name in CAR_TABLE_NAMES
        ],
        check_specs=[
            table_spec(name, name, warns=_LIVE_RULE if name == CAR_TRIPS.name else {}) for name in CAR_TABLE_NAMES
        ],
        can_subset=True,
    )
    def car_trip_tables(context: dg.AssetExecutionContext, run: Run) -> Iterator[Result]:
        scope = scope_of(context, run)
        if not scope.assets:  # checks alone: only a replay can compare the live state
            with reading(run.lake) as connection:
                checked = check_tables(run, connection, scope.checks, {})
            # the warehouse is closed by now: Dagster stores each before it asks for the next
            yield from (check_result(name, findings) for name, findings in checked.items())
            return
        with timed() as seconds:
            update = update_car_trips(run, settings, years_of(context.partition_keys))
        for name in sorted(scope.assets):
            report_rows(context, update.rows[name], name)
            counts = {"rows_merged": update.merged.rows[name], "seconds": seconds.value}
            figures = _figures(update) if name == CAR_TRIPS.name else {}
            yield dg.MaterializeResult(asset_key=name, metadata=counts | figures)
        yield from (check_result(name, update.findings[name]) for name in sorted(scope.checks))

    return [pings, car_readings, car_trip_tables]


def _fields(line: type[BaseModel]) -> dict[str, Any]:
    """The fields of a line of the log, as the columns of the asset that holds it."""
    columns = [dg.TableColumn(name, type="JSON") for name in line.model_fields]
    return {"dagster/column_schema": dg.TableSchema(columns)}


def _all_landed(landed: TakenIn) -> dg.AssetCheckResult:
    fault = landed.fault and f"No safety net was sent: {landed.fault}"
    waiting = "Some wait for what a car answers; the next run takes them." if landed.left else None
    return dg.AssetCheckResult(
        check_name="all_taken",
        passed=not landed.left and not landed.not_ours and not landed.fault,
        severity=dg.AssetCheckSeverity.WARN,
        description=fault or waiting,
        metadata={"lines_waiting": landed.left, "lines_not_read": landed.not_ours},
    )


def _figures(update: CarTrips) -> dict[str, Any]:
    """What is worth watching over years: shares are of the run's partitions, statuses and pauses of this run's lines."""
    statuses, figures = update.replay.statuses, update.watched
    shares = {
        "cancellation_rate": figures.cancellation_rate,
        "points_per_trip": figures.points_per_trip,
        "gps_only_share": figures.gps_only_share,
    }
    return {
        "lines_replayed": update.replay.lines,
        **if_any(pings_by_status=dict(sorted(statuses.items()))),
        "pauses_at_skip": statuses["paused_at_skip"],
        "cancelled_trips": sum(figures.cancelled.values()),
        **if_any(cancelled_trips_by_reason=figures.cancelled),
        **{name: share for name, share in shares.items() if share is not None},  # without trips there is no share
        **_lookups(update.lookups),
    }


def _lookups(lookups: AddressLookups | None) -> dict[str, Any]:
    return {} if lookups is None else {"areas_looked_up": lookups.answered, "areas_without_answer": lookups.waiting}
