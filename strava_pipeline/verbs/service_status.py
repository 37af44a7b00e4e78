"""The data of `service status`, `service time` and `service health`: the service, its schedules, its last successful flow.

Everything is read only: an instance that was never used is not created. Times of ticks come from the iterator that
Dagster's own daemon uses, so that they are right even if clocks change.
"""

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from strava_pipeline.core.systems import unused
from strava_pipeline.environment.process_owner import is_house
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.webhook_secrets import has_intake
from strava_pipeline.operations.used import sources_set_up
from strava_pipeline.orchestrate.dagster_private import InstigatorState, InstigatorTick
from strava_pipeline.orchestrate.home import may_have_records
from strava_pipeline.orchestrate.schedules import is_on, next_ticks, schedules, switched
from strava_pipeline.orchestrate.tags import DATA_DIR
from strava_pipeline.verbs.dagster_process import check_schedule, environment_of_dagster
from strava_pipeline.verbs.dashboard import running_dashboard
from strava_pipeline.verbs.instance import open_instance, scheduler_heartbeat
from strava_pipeline.verbs.service_process import intake_answers, running, service_log, ui_answers

SILENT_AFTER = timedelta(minutes=3)  # a heartbeat comes every 30 s, later while the daemon is busy


@dataclass(frozen=True, slots=True)
class Tick:
    """A moment at which a schedule was due.

    Args:
        outcome: `started`, `success`, `skipped`, `failure`.
        why: it was skipped or failed; None after a success.
    """

    at: datetime
    outcome: str
    why: str | None


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """A schedule as its daemon sees it.

    Args:
        running: whether it is switched on, even without a daemon.
        last_tick: None before the first.
        next_tick_at: None if it is switched off.
    """

    name: str
    running: bool
    cron: str
    timezone: str
    last_tick: Tick | None
    next_tick_at: datetime | None


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """The background service, its schedules, and its last successful flow.

    Args:
        alive: the service's process is running.
        since, pid: None if it is not.
        ui: the address of Dagster's UI; None with `--no-ui`, or if the service is not running.
        intake: the webhook intake: its `address`, and whether it `takes_events`; None: switched off.
        dashboard: where the dashboard answers; None: it is not running.
        heard_at: the last heartbeat of a scheduler on this instance, of the service or of `dev`; None: never.
        silent: the service is running, but its scheduler had no heartbeat for three minutes.
        last_flow_at: when `flow`, however it was started, last succeeded on this data folder; None: never.
    """

    alive: bool
    since: datetime | None
    pid: int | None
    ui: str | None
    intake: dict[str, Any] | None
    dashboard: str | None
    heard_at: datetime | None
    silent: bool
    schedules: list[ScheduleState]
    last_flow_at: datetime | None
    log: str


def service_status(settings: Settings, now: datetime) -> ServiceStatus:
    """The state of the service and its schedules at `now`."""
    service = running(settings.dagster_home)
    heard = last_flow = None
    if may_have_records(settings.dagster_home):
        with open_instance(settings.dagster_home) as instance:
            heard = scheduler_heartbeat(instance)
            last_flow = last_success(settings, instance, "flow")
    return ServiceStatus(
        alive=service is not None,
        since=service.since if service else None,
        pid=service.pid if service else None,
        ui=service.ui.url if service and service.ui else None,
        intake=_intake(settings),
        dashboard=running_dashboard(settings),
        heard_at=heard,
        silent=service is not None and now - max(heard or service.since, service.since) > SILENT_AFTER,
        schedules=_states(settings, now),
        last_flow_at=last_flow,
        log=str(service_log(settings.logs_dir)),
    )


def _intake(settings: Settings) -> dict[str, Any] | None:
    """The intake's state, or None if it is off."""
    if not has_intake(settings):
        return None
    return {"address": settings.serve_address, "takes_events": intake_answers(settings.serve_address)}


def status_advice(report: ServiceStatus) -> list[str]:
    """What to do about faults."""
    advice = []
    if not report.alive:
        advice.append("Not running. `strava-pipeline service up` starts it; until then no schedule ticks.")
    if report.silent:
        advice.append("Nothing was heard of its scheduler for minutes: it hangs. `strava-pipeline service restart`")
    return advice


def time_lines(settings: Settings, now: datetime) -> list[str]:
    """The zone, now in that zone, and the next run of each schedule that is on, with its distance from UTC."""
    due = sorted((state.next_tick_at, state.name) for state in _states(settings, now) if state.next_tick_at)
    return [
        f"Zone:       {settings.timezone}",
        f"Now:        {_local(now, settings.timezone)}",
        "Next runs:" if due else "Next runs:  none. No schedule is on.",
        *(f"  {_local(at, settings.timezone)}  {name}" for at, name in due),
    ]


def _states(settings: Settings, now: datetime) -> list[ScheduleState]:
    if not may_have_records(settings.dagster_home):
        return schedule_states(settings, None, now)
    with open_instance(settings.dagster_home) as instance:
        return schedule_states(settings, instance, now)


def _local(at: datetime, timezone: str) -> str:
    there = at.astimezone(ZoneInfo(timezone))
    offset = there.strftime("%z")
    return f"{there:%a %Y-%m-%d %H:%M} {there.tzname()} (UTC{offset[:3]}:{offset[3:5]})"


PATIENCE = 60  # seconds for the scheduler's records: importing Dagster takes 2 on an idle machine


def service_faults(settings: "Settings") -> list[str]:
    """A sentence for each part of the service that does not answer; the cheap checks come first."""
    present = running(settings.dagster_home)
    if present is None:
        return [f"No service is running on {settings.dagster_home}."]
    found = []
    if present.ui is not None and not ui_answers(present.ui):
        found.append(f"The UI does not answer GET {present.ui.url}/server_info.")
    if has_intake(settings) and not intake_answers(settings.serve_address):
        found.append(f"The intake does not answer GET http://{settings.serve_address}/health, or its inbox is full.")
    return found or _scheduler_faults(settings)


def _scheduler_faults(settings: "Settings") -> list[str]:
    """The findings of `dagster-daemon liveness-check`: whether each of its threads reported lately."""
    from strava_pipeline.verbs.instance import provide_secrets

    provide_secrets(settings.dagster_home)
    check = [sys.executable, "-m", "dagster._daemon", "liveness-check"]
    environment = environment_of_dagster(settings)
    try:
        asked = subprocess.run(check, env=environment, stdout=subprocess.DEVNULL, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return [f"`dagster-daemon liveness-check` took longer than {PATIENCE} s."]
    return [] if asked.returncode == 0 else ["`dagster-daemon liveness-check` hears nothing of the scheduler."]


def schedule_states(settings: Settings, instance: dg.DagsterInstance | None, now: datetime) -> list[ScheduleState]:
    """Every schedule; without an instance, as a new one would have them."""
    check_schedule(settings)
    saved = {} if instance is None else switched(instance)
    return [_state(schedule, saved.get(schedule.name), instance, now) for schedule in _schedules(settings)]


def last_success(settings: Settings, instance: dg.DagsterInstance, job: str | None = None) -> datetime | None:
    """When a run of `job`, or of any job, on this data folder last succeeded."""
    done, ours = [dg.DagsterRunStatus.SUCCESS], {DATA_DIR: str(settings.data_dir)}
    wanted = dg.RunsFilter(job_name=job, statuses=done, tags=ours)
    ends = [record.end_time for record in instance.get_run_records(wanted, limit=1)]
    return datetime.fromtimestamp(ends[0], UTC) if ends and ends[0] is not None else None


def _schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    if is_house():
        from strava_pipeline.orchestrate.house.build import house_schedules

        return house_schedules(settings)
    return schedules(settings, sources_set_up(settings), unused(settings), running=settings.automation)


def _state(
    schedule: dg.ScheduleDefinition, saved: InstigatorState | None, instance: dg.DagsterInstance | None, now: datetime
) -> ScheduleState:
    cron, timezone = str(schedule.cron_schedule), schedule.execution_timezone or "UTC"
    running, last = is_on(schedule, saved), None
    if saved is not None and instance is not None:
        ticks = instance.get_ticks(saved.instigator_origin_id, saved.selector_id, limit=1)
        last = next((_tick(tick) for tick in ticks), None)
    upcoming = next_ticks(cron, timezone, now, 1) if running else []
    return ScheduleState(schedule.name, running, cron, timezone, last, upcoming[0] if upcoming else None)


def _tick(tick: InstigatorTick) -> Tick:
    why = tick.skip_reason or (tick.error.message.strip().partition("\n")[0] if tick.error else None)
    return Tick(datetime.fromtimestamp(tick.timestamp, UTC), tick.status.value.lower(), why)
