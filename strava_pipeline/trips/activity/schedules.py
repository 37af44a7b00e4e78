"""The triggers of activity trips' runs: a daily schedule that reads them all, and a sensor that replays the algorithms.

The sensor fires once after trips were diagnosed, however many years' runs that took: a replay covers all trips.
"""

import dagster as dg

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.job_years import years_without_choice
from strava_pipeline.orchestrate.jobs import JOBS
from strava_pipeline.orchestrate.partitions import run_request
from strava_pipeline.orchestrate.runs import UNFINISHED, assets_of, fail_dead_runs, is_ours
from strava_pipeline.orchestrate.tags import DATA_DIR
from strava_pipeline.trips.activity.jobs import TRIP_REPLAY_JOB, TRIPS_JOB
from strava_pipeline.trips.activity.tables import TRIP_DIAGNOSTICS, TRIP_REPLAY

TRIES = 3  # of one replay: what fails thrice is for a person
AFTER = "strava_pipeline/after"  # tag: the number of the diagnosis that a replay is of


def schedules(settings: Settings, status: dg.DefaultScheduleStatus) -> list[dg.ScheduleDefinition]:
    """The schedule of the trips of all years."""

    @dg.schedule(
        name="daily_trips",
        job_name=TRIPS_JOB,
        cron_schedule="15 4 * * *",  # before the daily flow, so that neither waits for the other's publishing
        execution_timezone=settings.timezone,
        default_status=status,
        description="Reads, measures and judges the activity trips of all years each day.",
    )
    def daily_trips(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        fail_dead_runs(context.instance, Lake(settings.data_dir))
        # of every year: a trip may be reviewed years later
        return run_request(settings, JOBS[TRIPS_JOB], years_without_choice(settings, TRIPS_JOB))

    return [daily_trips]


def sensors(settings: Settings, status: dg.DefaultSensorStatus) -> list[dg.SensorDefinition]:
    """The sensor of the replays."""

    @dg.sensor(
        job_name=TRIP_REPLAY_JOB,
        minimum_interval_seconds=300,
        default_status=status,
        description="Replays the algorithms over all trips when the last run that diagnosed some is over.",
    )
    def trip_replay(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        lake = Lake(settings.data_dir)
        diagnosed, replayed = (_newest(context.instance, table.name) for table in (TRIP_DIAGNOSTICS, TRIP_REPLAY))
        if diagnosed <= replayed:
            return dg.SkipReason("No trip was diagnosed since the last replay.")
        fail_dead_runs(context.instance, lake)  # or one of them would be waited for for ever
        wanted = {TRIP_DIAGNOSTICS.name, TRIP_REPLAY.name}
        for run in context.instance.get_runs(filters=dg.RunsFilter(statuses=UNFINISHED)):
            if is_ours(run, lake) and wanted & assets_of(run):
                return dg.SkipReason(f"Run {run.run_id} is at work on them.")
        mark = {AFTER: str(diagnosed), DATA_DIR: str(settings.data_dir)}
        tried = context.instance.get_runs_count(dg.RunsFilter(job_name=TRIP_REPLAY_JOB, tags=mark))
        if tried >= TRIES:
            return dg.SkipReason(f"{TRIES} replays failed; the next is when trips are diagnosed again.")
        return dg.RunRequest(run_key=f"after {diagnosed} {tried + 1} {settings.data_dir}", tags=mark)

    return [trip_replay]


def _newest(instance: dg.DagsterInstance, asset: str) -> int:
    """The number of the asset's last materialisation in the instance's log; 0: none yet."""
    records = instance.fetch_materializations(dg.AssetKey(asset), limit=1).records
    return records[0].storage_id if records else 0
