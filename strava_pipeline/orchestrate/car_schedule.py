"""The safety net of trips by car: every ten minutes what came is taken in, and what nothing was heard of is ended."""

import dagster as dg

from strava_pipeline.lake.car_trips import is_due
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.years import year_range
from strava_pipeline.orchestrate.janitor import fail_dead_runs
from strava_pipeline.orchestrate.jobs import CARS_JOB, JOBS
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline.orchestrate.tags import DATA_DIR
from strava_pipeline.settings import Settings


def car_schedule(settings: Settings, *, running: bool) -> dg.ScheduleDefinition:
    """`running`: it ticks as soon as the daemon is there."""

    @dg.schedule(
        name="car_trips_safety_net",
        job_name=CARS_JOB,
        cron_schedule="*/10 * * * *",
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
        description="Takes in pings, ends the trips by car of which nothing was heard for two hours, and brings all to gold.",
    )
    def car_trips_safety_net(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        lake = Lake(settings.data_dir)
        if not is_due(lake, context.scheduled_execution_time):
            return dg.SkipReason("No ping came, and no trip is to be ended.")
        fail_dead_runs(context.instance, lake)
        newest = [year_range(settings.first_year).newest]
        config = JOBS[CARS_JOB].run_config()
        return dg.RunRequest(tags={**range_tags(newest), DATA_DIR: str(settings.data_dir)}, run_config=config)

    return car_trips_safety_net
