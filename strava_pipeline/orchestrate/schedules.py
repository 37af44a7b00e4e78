"""The schedules: the daily flow, other providers, the profile, years compared with each service; and their deadlines.

Dagster's daemon marks an asset that is older than its freshness policy allows. An asset that was never made stays
unmarked, so that a fresh instance is not red; without schedules, there is no policy. The jobs are jobs.py's.

Schedules in Dagster: https://docs.dagster.io/guides/automate/schedules Freshness policies in Dagster:
https://docs.dagster.io/guides/observe/asset-freshness-policies
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import dagster as dg

from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.systems import parts
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.providers_file import ProviderChoice
from strava_pipeline.ingest.registry import access_problem, missing_login
from strava_pipeline.lake.bronze.listings import is_by_start
from strava_pipeline.lake.looks import ScheduleTicks
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.years import year_range
from strava_pipeline.orchestrate.dagster_private import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    cron_string_iterator,
    schedule_execution_time_iterator,
)
from strava_pipeline.orchestrate.job_years import years_without_choice
from strava_pipeline.orchestrate.jobs import (
    DETAILS,
    JOBS,
    LISTING,
    PROFILE_JOB,
    RECONCILE_JOB,
    job_as_set_up,
    provider_listing,
    pulled_as,
)
from strava_pipeline.orchestrate.partitions import run_request
from strava_pipeline.orchestrate.placing import Asset
from strava_pipeline.orchestrate.runs import fail_dead_runs
from strava_pipeline.orchestrate.tags import FIRST

DAILY = "daily_flow"


def flow_request(settings: Settings, *, run_key: str | None = None, **tags: str) -> dg.RunRequest:
    """A daily run over the years that may have changed, ahead of other runs in the queue."""
    years = years_without_choice(settings, "flow")
    return run_request(settings, JOBS["flow"], years, run_key=run_key, tags={**FIRST, **tags})


def schedules(
    settings: Settings, sources: Mapping[str, ProviderChoice], left_out: Set[str], *, running: bool
) -> list[dg.ScheduleDefinition]:
    """The schedules of each of `sources`, and of the further systems except the packages `left_out`.

    `running`: they tick as soon as the daemon runs. One run for all years, with one listing.
    """
    status = dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED
    found: list[dg.ScheduleDefinition] = []
    for system in parts("schedules"):
        found += [] if system.__package__ in left_out else system.schedules(settings, status)
    for name, choice in sources.items():
        if spec_of(name).unnamed:
            found += _own_schedules(settings, status)
            continue
        found.append(_provider_schedule(settings, name, choice, status))
        if is_by_start(name):  # a feed says what changed of any year, and a file shows all that it has
            found += _comparisons(settings, name, status)
    return found


def _provider_schedule(
    settings: Settings, provider: str, choice: ProviderChoice, status: dg.DefaultScheduleStatus
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"daily_{provider}",
        job_name=provider,
        cron_schedule=an_hour_after(settings.schedule),
        execution_timezone=settings.timezone,
        default_status=status,
        description=f"Lists what is new at {spec_of(provider).title}, merges, publishes.",
    )
    def daily_pull(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if reason := missing_login(provider, settings):
            return dg.SkipReason(reason)
        fail_dead_runs(context.instance, Lake(settings.data_dir))
        years = years_without_choice(settings, provider, context.scheduled_execution_time)
        return run_request(
            settings, job_as_set_up(settings, provider), years, config=pulled_as(provider, mode="incremental")
        )

    return daily_pull


def _comparisons(settings: Settings, source: str, status: dg.DefaultScheduleStatus) -> list[dg.ScheduleDefinition]:
    """The schedules that compare a service's present and last year each week, and everything each month, each in one listing."""
    title, listing, is_unnamed = spec_of(source).title, provider_listing(source), spec_of(source).unnamed
    job = JOBS[RECONCILE_JOB] if is_unnamed else job_as_set_up(settings, source)
    scheduled = partial(dg.schedule, job_name=job.name, execution_timezone=settings.timezone, default_status=status)

    def request(mode: str, years: list[int], run_key: str | None = None) -> dg.RunRequest | dg.SkipReason:
        if reason := access_problem(source, settings):
            return dg.SkipReason(reason)
        config = pulled_as(source, mode="incremental") | {listing: {"mode": mode}}
        return run_request(settings, job, years, run_key=run_key, config=config)

    @scheduled(
        name=f"weekly_{job.name}",
        cron_schedule="0 4 * * 0",
        description=f"Compares the running and the last year with {title} each Sunday.",
    )
    def weekly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        at = context.scheduled_execution_time
        today = at.astimezone(ZoneInfo(settings.timezone))
        if today.day == 1:
            return dg.SkipReason("Everything was compared an hour ago.")
        return request("year", years_without_choice(settings, RECONCILE_JOB, at), f"{today:%Y-%m-%d}")

    @scheduled(
        name=f"monthly_{job.name}",
        cron_schedule="0 3 1 * *",
        description=f"Compares everything with {title} on the first of each month, in one listing.",
    )
    def monthly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return request("all", year_range(settings.first_year).all)

    return [weekly, monthly]


def next_ticks(cron: str, timezone: str, now: datetime, count: int) -> list[datetime]:
    """The next times after `now`, in the zone, by the iterator of Dagster's own daemon."""
    upcoming = schedule_execution_time_iterator(now.timestamp(), cron, timezone)
    return list(islice((at for at in upcoming if at > now), count))


def switched(instance: dg.DagsterInstance) -> dict[str, InstigatorState]:
    """What the instance holds of schedules, by name."""
    return {
        state.instigator_name: state for state in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
    }


def is_on(schedule: dg.ScheduleDefinition, state: InstigatorState | None) -> bool:
    """Whether it ticks: as the code says, or as somebody switched it in Dagster's web interface."""
    if state is None or state.status == InstigatorStatus.DECLARED_IN_CODE:
        return schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    return state.is_running


def ticks_due(
    schedules: Sequence[dg.ScheduleDefinition], instance: dg.DagsterInstance, now: datetime
) -> Iterator[ScheduleTicks]:
    """The next ticks of the schedules that are on."""
    states = switched(instance) if schedules else {}
    for each in schedules:
        if is_on(each, states.get(each.name)):
            first, later = next_ticks(str(each.cron_schedule), each.execution_timezone or "UTC", now, 2)
            yield ScheduleTicks(what=each.description or each.name, ticks=(first, later))


def an_hour_after(schedule: str) -> str:
    """The cron schedule an hour after `schedule`, if its hours are plain numbers and stay within the day; else the same.

    At the same time the daily run is first in the queue, and the later one waits for the warehouse.
    """
    minute, hours, *days = schedule.split()
    later = [int(hour) + 1 for hour in hours.split(",")] if re.fullmatch(r"\d+(,\d+)*", hours) else [24]
    return schedule if max(later) > 23 else " ".join([minute, ",".join(map(str, later)), *days])


def _own_schedules(settings: Settings, status: dg.DefaultScheduleStatus) -> list[dg.ScheduleDefinition]:
    scheduled = partial(dg.schedule, execution_timezone=settings.timezone, default_status=status)

    @scheduled(
        name=DAILY,
        job_name="flow",
        cron_schedule=settings.schedule,
        description="Pulls what is new each day, merges, fetches recent details, publishes.",
    )
    def daily_flow(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if skip := no_login(settings):
            return skip
        fail_dead_runs(context.instance, Lake(settings.data_dir))  # or they would hold the places of live ones
        return flow_request(settings)

    @scheduled(
        name="weekly_profile",
        job_name=PROFILE_JOB,
        cron_schedule="30 4 * * 1",  # before the daily flow, when the day's calls are unused
        description="Fetches the athlete and all gear again each Monday.",
    )
    def weekly_profile(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return no_login(settings) or dg.RunRequest()

    return [daily_flow, weekly_profile, *_comparisons(settings, STRAVA, status)]


def no_login(settings: Settings) -> dg.SkipReason | None:
    """Why Strava can't be asked, or None if a login exists and may be used."""
    reason = access_problem(STRAVA, settings)
    return None if reason is None else dg.SkipReason(reason)


DAILY_ASSETS = (LISTING, DETAILS, "published_warehouse")  # Strava was asked, for both; and readers have it
LATE = timedelta(hours=2)  # a daily run of minutes, after a start that was late by a restart
TOO_LATE = timedelta(hours=8)  # a laptop that was opened at noon is normal
_TICKS = 200  # enough to see the longest pause of a schedule by hours, days, weeks or months
_THURSDAY = datetime(2024, 1, 4, tzinfo=UTC)  # any, so that a weekend is soon reached


def with_freshness(assets: Iterable[Asset], settings: Settings, sources: Collection[str]) -> list[Asset]:
    """The assets, with their freshness if a daily run is expected: for each of `sources`."""
    if not settings.automation or not sources:
        return list(assets)
    policy = freshness(settings.schedule)
    daily = {*DAILY_ASSETS, *map(provider_listing, sources)}
    return list(
        dg.map_asset_specs(
            lambda spec: (
                spec.replace_attributes(freshness_policy=policy) if spec.key.to_user_string() in daily else spec
            ),
            assets,
        )
    )


def freshness(schedule: str) -> dg.FreshnessPolicy:
    """The maximum distance between two runs of `schedule` (five cron fields), plus an hour for a change of the clocks."""
    ticks = islice(cron_string_iterator(_THURSDAY.timestamp(), schedule, "UTC"), _TICKS)
    pause = max(later - earlier for earlier, later in pairwise(ticks)) + timedelta(hours=1)
    return dg.FreshnessPolicy.time_window(fail_window=pause + TOO_LATE, warn_window=pause + LATE)
