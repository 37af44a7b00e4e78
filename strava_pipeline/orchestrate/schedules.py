"""What runs by the clock: the daily flow, and the profile once a week. Their jobs stand in jobs.py."""

from datetime import timedelta
from typing import Any

import dagster as dg

from strava_pipeline.core.windows import years_since
from strava_pipeline.ingest.strava.connect import token_store
from strava_pipeline.lake.behind import years_behind
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.watermark import watermark
from strava_pipeline.orchestrate.janitor import fail_dead_runs
from strava_pipeline.orchestrate.jobs import JOBS, PROFILE_JOB
from strava_pipeline.orchestrate.partitions import range_tags, year_range
from strava_pipeline.orchestrate.resources import DATA_DIR
from strava_pipeline.orchestrate.tags import FIRST
from strava_pipeline.settings import Settings

DAILY = "daily_flow"
NO_LOGIN = dg.SkipReason("There is no login yet. Run `strava-pipeline auth`.")


def flow_years(settings: Settings, *, days: int | None = None) -> list[int]:
    """The years that a pull from the watermark may touch, from the first one on that gold is behind with."""
    years = year_range(settings.first_year)
    lake = Lake(settings.data_dir)
    known = watermark(lake)
    lookback = timedelta(days=settings.days if days is None else days)
    touched = years_since(known - lookback if known else None, years)
    return years.since(min([*touched, *years_behind(lake, years)]))


def flow_request(settings: Settings, **more: Any) -> dg.RunRequest:
    """A daily run over the years that may have changed, before whatever waits in the queue."""
    tags = {**range_tags(flow_years(settings)), DATA_DIR: str(settings.data_dir), **FIRST, **more.pop("tags", {})}
    return dg.RunRequest(tags=tags, run_config=JOBS["flow"].run_config(), **more)


def schedules(settings: Settings, *, running: bool) -> list[dg.ScheduleDefinition]:
    """`running`: they tick as soon as the daemon is there. One run for all years, with one listing."""
    status = dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED

    @dg.schedule(
        name=DAILY,
        job_name="flow",
        cron_schedule=settings.schedule,
        execution_timezone=settings.timezone,
        default_status=status,
        description="Pulls what is new each day, merges, fetches recent details, publishes.",
    )
    def daily_flow(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if not token_store(settings).path.exists():
            return NO_LOGIN
        fail_dead_runs(context.instance, Lake(settings.data_dir))  # or they would hold the places of live ones
        return flow_request(settings)

    @dg.schedule(
        name="weekly_profile",
        job_name=PROFILE_JOB,
        cron_schedule="30 4 * * 1",  # before the daily flow, when the day's calls are unused
        execution_timezone=settings.timezone,
        default_status=status,
        description="Fetches the athlete and all gear again each Monday.",
    )
    def weekly_profile(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return dg.RunRequest() if token_store(settings).path.exists() else NO_LOGIN

    return [daily_flow, weekly_profile]
