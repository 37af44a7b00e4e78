"""Removes old records of runs while the daemon runs for months. Which, and why never beside a run, is run_records.py's."""

from collections.abc import Callable
from datetime import datetime

import dagster as dg

from strava_pipeline.orchestrate.run_records import prune_daily
from strava_pipeline.settings import Settings


def run_records_sensor(
    settings: Settings, status: dg.DefaultSensorStatus, now: Callable[[], datetime]
) -> dg.SensorDefinition:
    @dg.sensor(
        name="run_records",
        minimum_interval_seconds=3600,
        default_status=status,
        description="Removes Dagster's records of runs older than STRAVA_RUN_RECORDS_DAYS that nothing asks for any more.",
    )
    def run_records(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        pruned = prune_daily(context.instance, settings, now())
        left = f" Those of {pruned.skipped} can't be read or removed." if pruned.skipped else ""
        return dg.SkipReason(pruned.why or f"{pruned.removed} records of runs removed.{left}")

    return run_records
