"""The jobs of activity trips, and whether there is a source of them."""

from strava_pipeline.environment.settings import Settings
from strava_pipeline.orchestrate.job_records import COPIES, Group, Job, JobYears
from strava_pipeline.trips.activity.tables import TRIP_REPLAY

TRIPS_JOB, TRIP_REPLAY_JOB = "trips", "replay_trips"  # the second one not by year
JOBS = (
    Job(
        TRIPS_JOB,
        (Group("trips", but=(TRIP_REPLAY.name,)), COPIES),
        JobYears.ALL,
        "Read, measure and judge the activity trips of the years.",
    ),
    Job(TRIP_REPLAY_JOB, (TRIP_REPLAY.name,), JobYears.NONE, "Every version of the algorithms over all trips."),
)


def is_used(settings: Settings) -> bool:
    return settings.trips_source is not None
