"""Starts a run as soon as webhook events wait that can be followed now. What is done about them is operations/events.py's."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus

from strava_pipeline.ingest.strava.clocks import system_clock
from strava_pipeline.lake.events import EventsState, load
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sightings import digest_of_events
from strava_pipeline.operations.events_years import years_behind_events, years_of_news
from strava_pipeline.operations.years import year_range
from strava_pipeline.orchestrate.janitor import fail_dead_runs
from strava_pipeline.orchestrate.jobs import EVENTS_JOB
from strava_pipeline.orchestrate.login import no_login
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline.orchestrate.runs import UNFINISHED, is_ours, newest, years_of_run
from strava_pipeline.orchestrate.tags import DATA_DIR
from strava_pipeline.settings import Settings

INTERVAL = 30  # seconds: what is said of one activity within it costs one call
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)  # after runs that failed, four times as long each
FAILED = [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


def webhooks_sensor(
    settings: Settings, status: dg.DefaultSensorStatus, now: Callable[[], datetime]
) -> dg.SensorDefinition:
    @dg.sensor(
        name="webhooks",
        job_name=EVENTS_JOB,
        minimum_interval_seconds=INTERVAL,
        default_status=status,
        description="Follows webhook events: fetches what changed, marks what is gone.",
    )
    def webhooks(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        lake = Lake(settings.data_dir)
        state = load(lake)
        if state is None and not lake.inbox_webhooks.is_dir():
            return dg.SkipReason("No webhook event ever came.")
        if (why := no_login(settings)) is not None:
            return why
        fail_dead_runs(context.instance, lake)  # or one of them would be waited for for ever
        if at_work := newest(context.instance, lake, EVENTS_JOB, UNFINISHED):
            return dg.SkipReason(f"Run {at_work.dagster_run.run_id} is at work on them.")
        failed = _failed_in_a_row(context.instance, lake)
        if failed and now() < (again := _ended(failed[0]) + _pause(len(failed))):
            return dg.SkipReason(f"The last run failed; the next try is at {again:%H:%M} UTC.")
        years = year_range(settings.first_year)
        clock = system_clock(settings, now)
        behind = years_of_news(settings, state or EventsState(), years, clock)
        told = digest_of_events(lake)
        if told != context.cursor:  # else nothing was told since all of it was in gold
            lacking = years_behind_events(lake, years)
            behind |= lacking
            context.update_cursor(context.cursor if lacking else told)
        if failed:
            behind |= {*years_of_run(failed[0].dagster_run)}
        if not behind:
            return dg.SkipReason("Every event was followed, or waits for its time.")
        return dg.RunRequest(job_name=EVENTS_JOB, tags={**range_tags(sorted(behind)), DATA_DIR: str(settings.data_dir)})

    return webhooks


def _failed_in_a_row(instance: dg.DagsterInstance, lake: Lake) -> list[dg.RunRecord]:
    """The runs that failed since the last good one, newest first."""
    failed = []
    for record in instance.get_run_records(dg.RunsFilter(job_name=EVENTS_JOB), limit=10):
        if is_ours(record.dagster_run, lake):
            if record.dagster_run.status not in FAILED:
                break
            failed.append(record)
    return failed


def _pause(failures: int) -> timedelta:
    return min(FIRST_PAUSE * int(4 ** (failures - 1)), LONGEST_PAUSE)


def _ended(record: dg.RunRecord) -> datetime:
    return datetime.fromtimestamp(record.end_time or record.create_timestamp.timestamp(), UTC)
