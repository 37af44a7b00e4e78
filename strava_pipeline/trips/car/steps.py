"""The steps of a run for trips by car, and for their pings. Each does and reports; the work is cars.py's.

No report holds a position.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import (
    ROWS,
    Scope,
    StepReport,
    check_tables,
    if_any,
    table_report,
    timed,
)
from strava_pipeline.operations.table_rules import Finding
from strava_pipeline.settings import Settings
from strava_pipeline.trips.car.log import count_readings
from strava_pipeline.trips.car.operations import AddressLookups, CarTrips, land_pings, update_car_trips
from strava_pipeline.trips.car.tables import CAR_TRIPS


def receive_pings(run: RunContext, settings: Settings, years: Sequence[int], *, safety_net: bool) -> StepReport:
    """Land what phones sent. `safety_net`: end the trips of which nothing was heard for two hours."""
    with timed() as seconds:
        landed = land_pings(run, settings, safety_net=safety_net)
    fault = landed.fault and f"No safety net was sent: {landed.fault}"
    waiting = "Some wait for what a car answers; the next run takes them." if landed.left else ""
    return StepReport(
        "pings",
        {"pings_received": landed.pings.total(), "safety_nets_sent": landed.clocks, "seconds": seconds.value},
        {year: {"pings_of_year": landed.pings[year]} for year in years},
        complete=Finding(
            "all_taken",
            not landed.left and not landed.not_ours and not landed.fault,
            {"lines_waiting": landed.left, "lines_not_read": landed.not_ours},
            fault or waiting,
            refuses=False,
        ),
    )


def report_car_readings(run: RunContext, years: Sequence[int]) -> StepReport:
    """Count what cars and routers answered."""
    with timed() as seconds:
        counted = count_readings(run.lake, years)
    by_year = {year: {ROWS: of_year.readings, "api_errors": of_year.errors} for year, of_year in counted.items()}
    return StepReport("car_readings", {"seconds": seconds.value}, by_year)


def merge_car_trips(run: RunContext, settings: Settings, scope: Scope) -> list[StepReport]:
    """Replay the log of pings into the tables of trips by car."""
    if not scope.assets:  # checks alone: only a replay can compare the live state
        with reading(run.lake) as connection:
            found = check_tables(run, connection, scope.checks, {})
        return [StepReport(name, findings=findings) for name, findings in found.items()]
    with timed() as seconds:
        update = update_car_trips(run, settings, scope.years)
    return [
        table_report(
            name,
            _car_counts(name, update, seconds.value) if name in scope.assets else None,
            update.rows[name],
            scope.years,
            update.findings[name] if name in scope.checks else None,
        )
        for name in sorted({*scope.assets, *scope.checks})
    ]


def _car_counts(name: str, update: CarTrips, seconds: float) -> dict[str, Any]:
    figures = _figures(update) if name == CAR_TRIPS.name else {}
    return {"rows_merged": update.merged.rows[name], "seconds": seconds, **figures}


def _figures(update: CarTrips) -> Mapping[str, Any]:
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
