"""The trigger of runs for trips by car: a schedule that looks every ten minutes for work."""

import dagster as dg

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.job_years import years_without_choice
from strava_pipeline.orchestrate.jobs import JOBS
from strava_pipeline.orchestrate.partitions import run_request
from strava_pipeline.orchestrate.runs import fail_dead_runs
from strava_pipeline.trips.car.jobs import CARS_JOB
from strava_pipeline.trips.car.keeping import is_due


def schedules(settings: Settings, status: dg.DefaultScheduleStatus) -> list[dg.ScheduleDefinition]:
    """The schedule of the safety net."""

    @dg.schedule(
        name="car_trips_safety_net",
        job_name=CARS_JOB,
        cron_schedule="*/10 * * * *",
        execution_timezone=settings.timezone,
        default_status=status,
        description="Takes in pings, ends the trips by car of which nothing was heard for two hours, and brings all to gold.",
    )
    def car_trips_safety_net(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        lake = Lake(settings.data_dir)
        if not is_due(lake, context.scheduled_execution_time):
            return dg.SkipReason("No ping came, and no trip is to be ended.")
        fail_dead_runs(context.instance, lake)
        return run_request(settings, JOBS[CARS_JOB], years_without_choice(settings, CARS_JOB))

    return [car_trips_safety_net]


def sensors(settings: Settings, status: dg.DefaultSensorStatus) -> list[dg.SensorDefinition]:
    """None: the schedule sees everything that comes."""
    return []
