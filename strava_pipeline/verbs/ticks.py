"""When the schedules ticked last and tick next, and when the daily run last succeeded. Looks only.

The times come from the iterator that Dagster's own daemon goes by, so that they are right where clocks change, too.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

import dagster as dg

from strava_pipeline.core.errors import MissingSettingsError
from strava_pipeline.orchestrate.dagster_private import (
    InstigatorState,
    InstigatorStatus,
    InstigatorTick,
    InstigatorType,
    is_valid_cron_string,
    schedule_execution_time_iterator,
)
from strava_pipeline.orchestrate.schedules import schedules
from strava_pipeline.orchestrate.tags import DATA_DIR
from strava_pipeline.settings import Settings

_SCHEDULER = "SCHEDULER"


@dataclass(frozen=True, slots=True)
class Tick:
    """`outcome`: started, success, skipped or failure; `why` it was skipped or failed."""

    at: datetime
    outcome: str
    why: str | None


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """A schedule as its daemon sees it; one that is stopped has no next tick."""

    name: str
    running: bool
    cron: str
    timezone: str
    last_tick: Tick | None
    next_tick_at: datetime | None


def schedule_states(settings: Settings, instance: dg.DagsterInstance | None, now: datetime) -> list[ScheduleState]:
    """Every schedule; without an instance, as a new one would have them."""
    check_schedule(settings)
    known = {} if instance is None else _known(instance)
    return [_state(schedule, known.get(schedule.name), instance, now) for schedule in _schedules(settings)]


def next_ticks(cron: str, timezone: str, now: datetime, count: int) -> list[datetime]:
    """The next times after `now`, in the zone."""
    coming = schedule_execution_time_iterator(now.timestamp(), cron, timezone)
    return list(islice((at for at in coming if at > now), count))


def check_schedule(settings: Settings) -> None:
    """MissingSettingsError where the daily run would never come: Dagster refuses such a schedule, and all else with it."""
    if not is_valid_cron_string(settings.schedule):
        raise MissingSettingsError(
            "These settings, from the environment or .env, are not usable:\n"
            f"  STRAVA_SCHEDULE: {settings.schedule!r} names no time that ever comes; write five fields like 0 5 * * *"
        )


def last_success(settings: Settings, instance: dg.DagsterInstance, job: str) -> datetime | None:
    """When a run of `job` on this data folder last came to a good end."""
    wanted = dg.RunsFilter(
        job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS], tags={DATA_DIR: str(settings.data_dir)}
    )
    ends = [record.end_time for record in instance.get_run_records(wanted, limit=1)]
    return datetime.fromtimestamp(ends[0], UTC) if ends and ends[0] is not None else None


def heard_of_scheduler(instance: dg.DagsterInstance) -> datetime | None:
    """When the daemon's scheduler, of whichever life, last said that it lives; it does so every half minute."""
    beat = instance.get_daemon_heartbeats().get(_SCHEDULER)
    return datetime.fromtimestamp(beat.timestamp, UTC) if beat else None


def _schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    return schedules(settings, running=settings.automation)


def _known(instance: dg.DagsterInstance) -> dict[str, InstigatorState]:
    states = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
    return {state.instigator_name: state for state in states}


def _state(
    schedule: dg.ScheduleDefinition, known: InstigatorState | None, instance: dg.DagsterInstance | None, now: datetime
) -> ScheduleState:
    cron, timezone = str(schedule.cron_schedule), schedule.execution_timezone or "UTC"
    running = schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    last = None
    if known is not None and instance is not None:
        if known.status != InstigatorStatus.DECLARED_IN_CODE:  # somebody switched it in the UI
            running = known.is_running
        ticks = instance.get_ticks(known.instigator_origin_id, known.selector_id, limit=1)
        last = next((_tick(tick) for tick in ticks), None)
    coming = next_ticks(cron, timezone, now, 1) if running else []
    return ScheduleState(schedule.name, running, cron, timezone, last, coming[0] if coming else None)


def _tick(tick: InstigatorTick) -> Tick:
    why = tick.skip_reason or (tick.error.message.strip().partition("\n")[0] if tick.error else None)
    return Tick(datetime.fromtimestamp(tick.timestamp, UTC), tick.status.value.lower(), why)
