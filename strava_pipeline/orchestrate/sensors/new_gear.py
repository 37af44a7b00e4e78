"""Gear that an activity names and that was never fetched."""

import dagster as dg

from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.lake.counts import unknown_gear
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.publish import snapshot
from strava_pipeline.lake.warehouse import is_outdated
from strava_pipeline.orchestrate.jobs import JOBS, NEW_GEAR_JOB
from strava_pipeline.orchestrate.login import no_login
from strava_pipeline.settings import Settings


def new_gear_sensor(settings: Settings, status: dg.DefaultSensorStatus, clock: ServerClock) -> dg.SensorDefinition:
    @dg.sensor(
        name="new_gear",
        job_name=NEW_GEAR_JOB,
        minimum_interval_seconds=300,
        default_status=status,
        description="Fetches gear when an activity names one that was never fetched.",
    )
    def new_gear(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if skip := no_login(settings):
            return skip
        lake = Lake(settings.data_dir)
        if not lake.snapshot.exists():
            return dg.SkipReason("Nothing is published yet.")
        with snapshot(lake) as connection:
            if is_outdated(connection):
                return dg.SkipReason("The warehouse is of another version; the next run makes it anew.")
            missing = unknown_gear(connection)
        if not missing:
            return dg.SkipReason("All gear is known.")
        today = f"{clock.now():%Y-%m-%d}"  # what failed is asked for again the next day
        return dg.RunRequest(run_key=f"{today} {','.join(missing)}", run_config=JOBS[NEW_GEAR_JOB].run_config())

    return new_gear
