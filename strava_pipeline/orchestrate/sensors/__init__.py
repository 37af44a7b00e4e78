"""Sensors: they start a run because of existing data, or inform a person. Schedules are schedules.py's.

Sensors in Dagster: https://docs.dagster.io/guides/automate/sensors
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import dagster as dg

from strava_pipeline.core.systems import parts
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import system_clock, utc_now
from strava_pipeline.orchestrate.asset_jobs import Jobs
from strava_pipeline.orchestrate.run_records import run_records_sensor
from strava_pipeline.orchestrate.runs import RESUMABLE
from strava_pipeline.orchestrate.sensors.failure_alert import failure_alert_sensor
from strava_pipeline.orchestrate.sensors.inbox import (
    inbox_sensor,
    publishing_sensor,
    webhooks_sensor,
)
from strava_pipeline.orchestrate.sensors.missing import catch_up_sensor, new_gear_sensor, quarantine_retry_sensor
from strava_pipeline.orchestrate.sensors.requests import requests_sensor
from strava_pipeline.orchestrate.sensors.resume import provider_resume_sensor, resume_sensor


def sensors(
    settings: Settings,
    senders: Collection[str],
    providers: Collection[str],
    jobs: Jobs,
    schedules: Sequence[dg.ScheduleDefinition],
    *,
    running: bool,
    now: Callable[[], datetime] = utc_now,
) -> list[dg.SensorDefinition]:
    """All sensors, including those of `providers`, the enabled ones besides Strava.

    `senders`: the sources whose deliveries are accepted. `jobs`: those that are defined, except the rebuild. `running`:
    they look as soon as the daemon runs; `dashboard_requests` lets the one for requests look on its own. `now`: this
    machine's time, by which Dagster dates its runs.
    """
    status = _status(running)
    return [
        new_gear_sensor(settings, status, system_clock(settings, now)),
        *([resume_sensor(settings, jobs, status, now)] if {job.name for job in jobs}.issuperset(RESUMABLE) else []),
        catch_up_sensor(settings, status, now),
        *([failure_alert_sensor(settings, url, status, now)] if (url := settings.alert_url) is not None else []),
        run_records_sensor(settings, status, now),
        inbox_sensor(settings, jobs, status, now),
        requests_sensor(settings, jobs, schedules, _status(running or settings.dashboard_requests), now),
        *([publishing_sensor(settings, status, now)] if senders else []),
        quarantine_retry_sensor(settings, status),
        *(sensor for system in parts("schedules") for sensor in system.sensors(settings, status)),
        *(provider_resume_sensor(settings, name, status, now) for name in providers),
        *([webhooks_sensor(settings, sorted(senders), jobs, status, now)] if senders else []),
    ]


def sensors_elsewhere(settings: Settings, jobs: Jobs, *, running: bool) -> list[dg.SensorDefinition]:
    """The sensors of an athlete in somebody else's Dagster: those that start runs for what Strava still has."""
    status = _status(running)
    return [
        new_gear_sensor(settings, status, system_clock(settings, utc_now)),
        quarantine_retry_sensor(settings, status),
        *([resume_sensor(settings, jobs, status, utc_now)] if {job.name for job in jobs}.issuperset(RESUMABLE) else []),
    ]


def _status(running: bool) -> dg.DefaultSensorStatus:
    return dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED
