"""Trips by car: pings and what cars answered, as they came, and the trips that the tracker makes of them.

Nothing that these tell holds a position. The work is operations/cars.py's; whatever year is asked for, all that came is taken.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic import BaseModel

from strava_pipeline.core.pings.lines import Answered, Kept
from strava_pipeline.core.tables import CAR_TABLES, CAR_TRIPS, TABLES
from strava_pipeline.lake.car_counts import Watched, rows_by_partition, watched
from strava_pipeline.lake.car_readings import count_readings
from strava_pipeline.lake.warehouse import reading
from strava_pipeline.operations.addresses import Looked, look_up_addresses
from strava_pipeline.operations.cars import Trips, merge_cars, take_pings
from strava_pipeline.operations.publishing import publish_all_right
from strava_pipeline.operations.table_rules import Finding
from strava_pipeline.orchestrate.checks import Result, table_results, wanted_assets, wanted_checks
from strava_pipeline.orchestrate.jobs import PINGS, READINGS
from strava_pipeline.orchestrate.metadata import OWNER, described, if_any, table_description, tell_rows, timed
from strava_pipeline.orchestrate.partitions import years_of
from strava_pipeline.orchestrate.run_resources import Run
from strava_pipeline.orchestrate.verdicts import check_result, table_spec
from strava_pipeline.settings import Settings

LIVE_AGREES = "live_agrees"
_LIVE = {LIVE_AGREES: "what the intake made of a trip at once is what the replay makes of it"}
_NAMES = tuple(table.name for table in CAR_TABLES)


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
            taken = take_pings(run, settings, safety_net=config.safety_net)
        for year in years_of(context.partition_keys):
            context.add_asset_metadata({"pings_of_year": taken.pings[year]}, partition_key=str(year))
        yield dg.MaterializeResult(
            metadata={
                "pings_received": taken.pings.total(),
                "safety_nets_sent": taken.clocks,
                "seconds": seconds.value,
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="all_taken",
                    passed=not taken.left and not taken.not_ours and not taken.fault,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=(taken.fault and f"No safety net was sent: {taken.fault}")
                    or ("Some wait for what a car answers; the next run takes them." if taken.left else None),
                    metadata={"lines_waiting": taken.left, "lines_not_read": taken.not_ours},
                )
            ],
        )

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
            found = count_readings(run.lake, years_of(context.partition_keys))
        for year, of_year in found.items():
            told = {"dagster/row_count": of_year.readings, "api_errors": of_year.errors}
            context.add_asset_metadata(told, partition_key=str(year))
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
            for name in _NAMES
        ],
        check_specs=[table_spec(name, name, warns=_LIVE if name == CAR_TRIPS.name else {}) for name in _NAMES],
        can_subset=True,
    )
    def car_trip_tables(context: dg.AssetExecutionContext, run: Run) -> Iterator[Result]:
        wanted = wanted_assets(context)
        if not wanted:  # checks alone: of a trip that the intake shows, only the replay says whether that agrees
            with reading(run.lake) as connection:
                checks = table_results(run, connection, wanted_checks(context), {})
            yield from checks  # the warehouse is closed by now: Dagster stores each before it asks for the next
            return
        years = years_of(context.partition_keys)
        with timed() as seconds:
            trips = merge_cars(run)
            looked = look_up_addresses(run, settings)
            found = publish_all_right(run, _NAMES)
        with reading(run.lake) as connection:
            rows = {name: rows_by_partition(connection, name) for name in _NAMES}
            told = watched(connection, years)
        found[CAR_TRIPS.name].append(_agreement(trips))
        for name in sorted(wanted):
            tell_rows(context, rows[name], name)
            yield dg.MaterializeResult(
                asset_key=name,
                metadata={"rows_merged": trips.merged.rows[name], "seconds": seconds.value}
                | (_told(trips, told) | _addresses(looked) if name == CAR_TRIPS.name else {}),
            )
        yield from (check_result(name, found[name]) for name in sorted(wanted_checks(context)))

    return [pings, car_readings, car_trip_tables]


def _fields(line: type[BaseModel]) -> dict[str, Any]:
    """The fields of a line of the log, as the columns of the asset that holds it."""
    columns = [dg.TableColumn(name, type="JSON") for name in line.model_fields]
    return {"dagster/column_schema": dg.TableSchema(columns)}


def _told(trips: Trips, watched: Watched) -> dict[str, Any]:
    """What is worth watching over years: of the run's partitions, but for the skip pauses and statuses, which are this run's."""
    statuses = trips.replay.statuses
    shares = {
        "cancellation_rate": watched.cancellation_rate,
        "points_per_trip": watched.points_per_trip,
        "gps_only_share": watched.gps_only_share,
    }
    return {
        "lines_replayed": trips.replay.lines,
        **if_any(pings_by_status=dict(sorted(statuses.items()))),
        "pauses_at_skip": statuses["paused_at_skip"],
        "cancelled_trips": sum(watched.cancelled.values()),
        **if_any(cancelled_trips_by_reason=watched.cancelled),
        **{name: share for name, share in shares.items() if share is not None},  # of no trip there is none
    }


def _addresses(looked: Looked | None) -> dict[str, Any]:
    """Without a geocoder there is nothing to tell."""
    return {} if looked is None else {"areas_looked_up": looked.answered, "areas_without_answer": looked.waiting}


def _agreement(trips: Trips) -> Finding:
    return Finding(
        LIVE_AGREES,
        not trips.differed,
        {"users_agreeing": len(trips.agreed), "users_differing": len(trips.differed)},
        "Trips come from the replay, so they are right; what phones were shown was not. Starting the intake anew "
        "makes it begin from the replay: strava-pipeline service restart.",
        refuses=False,
    )
