"""What asks again for details that failed, when their pause is over: outside its window no daily run would.

Which ones failed, and how long they rest, is lake/detail_files.py's and lake/quarantine.py's.
"""

from datetime import timedelta

import dagster as dg

from strava_pipeline.ingest.strava.clocks import primed_clock
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.quarantine import failing_now
from strava_pipeline.operations.years import year_range
from strava_pipeline.orchestrate.jobs import DETAILS, JOBS
from strava_pipeline.orchestrate.login import no_login
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline.settings import Settings

OFTEN = timedelta(hours=1)  # a look into every detail's folder, some 0.1 s for ten thousand; pauses are days


def quarantine_retry(settings: Settings, *, running: bool) -> dg.SensorDefinition:
    """The sensor; `running`: it looks as soon as the daemon is there."""

    @dg.sensor(
        name="quarantine_retry",
        job_name="enrich",
        minimum_interval_seconds=int(OFTEN.total_seconds()),
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description="Asks again for details that failed, when their pause is over; never for dropped ones.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if skip := no_login(settings):
            return skip
        lake, now = Lake(settings.data_dir), primed_clock(settings).now()
        due = {
            each.activity_id: (each.retry_at, activity.year)
            for each, activity in failing_now(lake)
            if activity is not None and each.retry_at is not None and each.retry_at <= now
        }
        if not due:
            return dg.SkipReason("No detail that failed is to be asked for again now.")
        # The date: a run that met an outage left no evidence, and is to be made up for.
        years = year_range(settings.first_year)
        newest = max(retry_at for retry_at, _ in due.values())
        return dg.RunRequest(
            run_key=f"{now:%Y-%m-%d} {newest:%Y%m%dT%H%M%S} {','.join(map(str, due))}",
            run_config=JOBS["enrich"].run_config(**{DETAILS: {"scope": "rested", "ids": list(due)}}),
            tags=range_tags([years.clamp(year) for _, year in due.values()]),
        )

    made: dg.SensorDefinition = sensor
    return made
