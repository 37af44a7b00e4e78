"""What `service status`, `service time` and `service health` show.

They only look: an instance that was never used is not made.
"""

import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from strava_pipeline.orchestrate.home import may_have_records
from strava_pipeline.settings import Settings
from strava_pipeline.verbs.dagster_process import environment_of_dagster
from strava_pipeline.verbs.instance import open_instance
from strava_pipeline.verbs.service_process import intake_answers, running, service_log, ui_answers
from strava_pipeline.verbs.ticks import (
    ScheduleState,
    check_schedule,
    heard_of_scheduler,
    last_success,
    next_ticks,
    schedule_states,
)

SILENT = timedelta(minutes=3)  # a heartbeat comes every 30 s, later while the daemon is busy


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """docs/formats.md describes it."""

    alive: bool
    since: datetime | None
    pid: int | None
    ui: str | None
    intake: dict[str, Any] | None
    heard_at: datetime | None
    silent: bool
    schedules: list[ScheduleState]
    last_flow_at: datetime | None
    log: str


def look(settings: Settings, now: datetime) -> ServiceStatus:
    """How the service stands at `now`."""
    service = running(settings.dagster_home)
    heard = last_flow = None
    if may_have_records(settings.dagster_home):
        with open_instance(settings.dagster_home) as instance:
            heard = heard_of_scheduler(instance)
            last_flow = last_success(settings, instance, "flow")
            states = schedule_states(settings, instance, now)
    else:
        states = schedule_states(settings, None, now)
    return ServiceStatus(
        alive=service is not None,
        since=service.since if service else None,
        pid=service.pid if service else None,
        ui=service.ui.url if service and service.ui else None,
        intake=_intake(settings),
        heard_at=heard,
        silent=service is not None and now - max(heard or service.since, service.since) > SILENT,
        schedules=states,
        last_flow_at=last_flow,
        log=str(service_log(settings.logs_dir)),
    )


def _intake(settings: Settings) -> dict[str, Any] | None:
    """None: switched off."""
    if not settings.has_intake:
        return None
    return {"address": settings.serve_address, "takes_events": intake_answers(settings.serve_address)}


def status_lines(report: ServiceStatus) -> list[str]:
    """The report for eyes."""
    if report.alive:
        lines = [f"Alive since {report.since:%Y-%m-%d %H:%M:%S} UTC (process {report.pid}). UI: {report.ui or 'none'}"]
    else:
        lines = ["Not running. `strava-pipeline service up` starts it; until then no schedule ticks."]
    if report.intake is not None:
        state = "takes events" if report.intake["takes_events"] else "does not answer, or its inbox is full"
        lines.append(f"Intake at {report.intake['address']}: {state}")
    if report.silent:
        lines.append("Nothing was heard of its scheduler for minutes: it hangs. `strava-pipeline service restart`")
    for schedule in report.schedules:
        lines.append(
            f"{schedule.name}: {'switched on' if schedule.running else 'switched off'}, {schedule.cron} in {schedule.timezone}"
        )
        last = schedule.last_tick
        if last is None:
            lines.append("  last tick: none yet")
        else:
            why = f" ({last.why})" if last.why else ""
            lines.append(f"  last tick: {_local(last.at, schedule.timezone)}, {last.outcome}{why}")
        if schedule.next_tick_at is not None:
            lines.append(f"  next tick: {_local(schedule.next_tick_at, schedule.timezone)}")
    flow = report.last_flow_at
    zone = report.schedules[0].timezone
    lines.append(f"Last flow that succeeded: {_local(flow, zone) if flow else 'none yet'}")
    lines.append(f"Log: {report.log}")
    return lines


def time_lines(settings: Settings, now: datetime) -> list[str]:
    """The zone, the cron line, now in that zone, and the next runs, with what each is in UTC."""
    check_schedule(settings)
    coming = next_ticks(settings.schedule, settings.timezone, now, 5)
    return [
        f"Zone:       {settings.timezone}",
        f"Daily run:  {settings.schedule}",
        f"Now:        {_local(now, settings.timezone)}",
        "Next runs:",
        *(f"  {_local(at, settings.timezone)}" for at in coming),
    ]


def _local(at: datetime, timezone: str) -> str:
    there = at.astimezone(ZoneInfo(timezone))
    offset = there.strftime("%z")
    return f"{there:%a %Y-%m-%d %H:%M} {there.tzname()} (UTC{offset[:3]}:{offset[3:5]})"


PATIENCE = 60  # seconds for the scheduler's records: importing Dagster takes 2 on an idle machine


def faults(settings: "Settings") -> list[str]:
    """A sentence for each part of the service that does not answer; the cheap questions first."""
    present = running(settings.dagster_home)
    if present is None:
        return [f"No service is running on {settings.dagster_home}."]
    found = []
    if present.ui is not None and not ui_answers(present.ui):
        found.append(f"The UI does not answer GET {present.ui.url}/server_info.")
    if settings.has_intake and not intake_answers(settings.serve_address):
        found.append(f"The intake does not answer GET http://{settings.serve_address}/health, or its inbox is full.")
    return found or _scheduler(settings)


def _scheduler(settings: "Settings") -> list[str]:
    """What `dagster-daemon liveness-check` finds: whether each of its threads was heard of lately."""
    from strava_pipeline.verbs.instance import provide_secrets

    provide_secrets(settings.dagster_home)
    check = [sys.executable, "-m", "dagster._daemon", "liveness-check"]
    environment = environment_of_dagster(settings)
    try:
        asked = subprocess.run(check, env=environment, stdout=subprocess.DEVNULL, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return [f"`dagster-daemon liveness-check` took longer than {PATIENCE} s."]
    return [] if asked.returncode == 0 else ["`dagster-daemon liveness-check` hears nothing of the scheduler."]
