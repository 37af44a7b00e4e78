"""Sensors that start a run for missing data: the daily run, gear, details whose pause after a failure is over.

Dagster by itself runs the latest tick that was missed while the machine slept, and retries no failed one. Outside the
window of the daily run nothing else would ask for a detail again. Which details fail, and how long they rest, is
lake/bronze/answers.py's and lake/gold/quarantine.py's.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.registry import primed_clock
from strava_pipeline.lake.gold.publish import snapshot
from strava_pipeline.lake.gold.quality import unknown_gear
from strava_pipeline.lake.gold.quarantine import failing_now
from strava_pipeline.lake.gold.warehouse import is_outdated
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.years import year_range
from strava_pipeline.orchestrate.dagster_private import InstigatorStatus, InstigatorType, get_latest_completed_cron_tick
from strava_pipeline.orchestrate.jobs import DETAILS, JOBS, NEW_GEAR_JOB
from strava_pipeline.orchestrate.partitions import run_request
from strava_pipeline.orchestrate.runs import UNFINISHED, ended_at, fail_dead_runs, newest
from strava_pipeline.orchestrate.schedules import DAILY, flow_request, no_login
from strava_pipeline.orchestrate.tags import CATCHES_UP, DATA_DIR

GRACE = timedelta(hours=2)  # after a tick: the schedule's own run has been and gone by then, or is at work
PAUSE = timedelta(hours=4)  # between two tries: a fault rarely ends in minutes, and each try may cost two calls
TRIES = 3  # per day: then a person, who got three messages, has to act


def catch_up_sensor(
    settings: Settings, status: dg.DefaultSensorStatus, now: Callable[[], datetime]
) -> dg.SensorDefinition:
    @dg.sensor(
        job_name="flow",
        minimum_interval_seconds=300,
        default_status=status,
        description="Starts the daily run where the last one that was due failed, or never came about.",
    )
    def catch_up(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if skip := no_login(settings):
            return skip
        if _switched_off(context.instance):
            return dg.SkipReason(f"The schedule {DAILY} was switched off, so nothing is missed.")
        lake, at = Lake(settings.data_dir), now()
        fail_dead_runs(context.instance, lake)  # or one of them would be taken to be at work for ever
        if newest(context.instance, lake, "flow", UNFINISHED):
            return dg.SkipReason("A daily run is queued or at work.")
        due = get_latest_completed_cron_tick(settings.schedule, at - GRACE, settings.timezone)
        done = newest(context.instance, lake, "flow", [DagsterRunStatus.SUCCESS])
        if done is not None and ended_at(done) >= due:
            return dg.SkipReason("The daily run that was due is done.")
        last = newest(context.instance, lake, "flow", [])
        if last is not None and at < (again := ended_at(last) + PAUSE):
            return dg.SkipReason(f"The last daily run came to no good end; the next try is at {again:%H:%M} UTC.")
        return _try(context.instance, settings, at)

    return catch_up


def _try(instance: dg.DagsterInstance, settings: Settings, at: datetime) -> dg.RunRequest | dg.SkipReason:
    day, mine = f"{at:%Y-%m-%d}", {DATA_DIR: str(settings.data_dir)}
    tried = instance.get_runs_count(dg.RunsFilter(job_name="flow", tags={CATCHES_UP: day, **mine}))
    if tried >= TRIES:
        return dg.SkipReason(f"{TRIES} tries on {day} (UTC) came to no good end; the next is on the next day.")
    return flow_request(settings, run_key=f"{day} {tried + 1} {settings.data_dir}", **{CATCHES_UP: day})


def _switched_off(instance: dg.DagsterInstance) -> bool:
    """Whether a person stopped the daily schedule in the UI: then they don't want its run started in another way."""
    states = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
    return any(state.name == DAILY and state.status is InstigatorStatus.STOPPED for state in states)


OFTEN = timedelta(hours=1)  # a look into every detail's folder, some 0.1 s for ten thousand; pauses are days


def quarantine_retry_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        job_name="enrich",
        minimum_interval_seconds=int(OFTEN.total_seconds()),
        default_status=status,
        description="Asks again for details that failed, when their pause is over; never for dropped ones.",
    )
    def quarantine_retry(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if skip := no_login(settings):
            return skip
        lake, now = Lake(settings.data_dir), primed_clock(settings).now()
        due = {
            failing.activity_id: (failing.retry_at, activity.year)
            for failing, activity in failing_now(lake, STRAVA)
            if activity is not None and failing.retry_at is not None and failing.retry_at <= now
        }
        if not due:
            return dg.SkipReason("No detail that failed is to be asked for again now.")
        # with the date: a run that met an outage left no evidence, and another one is due
        years = year_range(settings.first_year)
        newest = max(retry_at for retry_at, _ in due.values())
        return run_request(
            settings,
            JOBS["enrich"],
            [years.clamp(year) for _, year in due.values()],
            run_key=f"{now:%Y-%m-%d} {newest:%Y%m%dT%H%M%S} {','.join(map(str, due))}",
            config={DETAILS: {"scope": "rested", "ids": list(due)}},
        )

    return quarantine_retry


def new_gear_sensor(settings: Settings, status: dg.DefaultSensorStatus, clock: ServerClock) -> dg.SensorDefinition:
    @dg.sensor(
        job_name=NEW_GEAR_JOB,
        minimum_interval_seconds=600,
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
                return dg.SkipReason("The warehouse is of another version; the next run rebuilds it.")
            missing = unknown_gear(connection)
        if not missing:
            return dg.SkipReason("All gear was fetched.")
        today = f"{clock.now():%Y-%m-%d}"  # what failed is asked for again the next day
        return run_request(settings, JOBS[NEW_GEAR_JOB], run_key=f"{today} {','.join(missing)}")

    return new_gear
