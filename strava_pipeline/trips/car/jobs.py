"""The job of trips by car, and whether there may be any."""

from strava_pipeline.environment.settings import Settings
from strava_pipeline.orchestrate.job_records import COPIES, Group, Job, JobYears

PINGS, READINGS, CARS_JOB = "pings", "car_readings", "car_trips"
JOBS = (
    Job(
        CARS_JOB,
        (PINGS, READINGS, Group("cars"), COPIES),
        JobYears.NEWEST,
        "Take in pings, end the trips by car that nothing was heard of for long, replay the log into gold, publish.",
        {PINGS: {"safety_net": True}},
    ),
)


def is_used(settings: Settings) -> bool:
    return settings.takes_pings
