"""Makes a daily run good that did not come about: on a fresh instance, or after one that failed.

Dagster by itself runs the latest tick that was missed while the machine slept, and tries no failed one again.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus

from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.dagster_private import InstigatorStatus, InstigatorType, get_latest_completed_cron_tick
from strava_pipeline.orchestrate.janitor import fail_dead_runs
from strava_pipeline.orchestrate.login import no_login
from strava_pipeline.orchestrate.runs import UNFINISHED, newest
from strava_pipeline.orchestrate.schedules import DAILY, flow_request
from strava_pipeline.orchestrate.tags import CATCHES_UP, DATA_DIR
from strava_pipeline.settings import Settings

GRACE = timedelta(hours=2)  # after a tick: the schedule's own run has been and gone by then, or is at work
PAUSE = timedelta(hours=4)  # between two tries: what is wrong is rarely over in minutes, and each may cost two calls
TRIES = 3  # a day: after that it is for a person, who has been told three times


def catch_up_sensor(
    settings: Settings, status: dg.DefaultSensorStatus, now: Callable[[], datetime]
) -> dg.SensorDefinition:
    @dg.sensor(
        name="catch_up",
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
        if done is not None and _ended(done) >= due:
            return dg.SkipReason("The daily run that was due is done.")
        last = newest(context.instance, lake, "flow", [])
        if last is not None and at < (again := _ended(last) + PAUSE):
            return dg.SkipReason(f"The last daily run came to no good end; the next try is at {again:%H:%M} UTC.")
        return _try(context.instance, settings, at)

    return catch_up


def _try(instance: dg.DagsterInstance, settings: Settings, at: datetime) -> dg.RunRequest | dg.SkipReason:
    day, mine = f"{at:%Y-%m-%d}", {DATA_DIR: str(settings.data_dir)}
    tried = instance.get_runs_count(dg.RunsFilter(job_name="flow", tags={CATCHES_UP: day, **mine}))
    if tried >= TRIES:
        return dg.SkipReason(f"{TRIES} tries on {day} (UTC) came to no good end; the next is on the next day.")
    return flow_request(settings, run_key=f"{day} {tried + 1} {settings.data_dir}", tags={CATCHES_UP: day})


def _ended(record: dg.RunRecord) -> datetime:
    """When a run was over; one that never began (cancelled in the queue): when it was made."""
    return datetime.fromtimestamp(record.end_time or record.create_timestamp.timestamp(), UTC)


def _switched_off(instance: dg.DagsterInstance) -> bool:
    """Whether a person stopped the daily schedule in the UI: then they don't want its run by another way."""
    known = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
    return any(state.name == DAILY and state.status is InstigatorStatus.STOPPED for state in known)
