"""Tells a person that a run failed, at STRAVA_ALERT_URL: once per run, and only when nothing starts it again by itself.

No run-failure sensor of Dagster's: that sees each failure once, and the commonest one is a machine without a connection,
which can't send the message either. Here a run that failed within a day is looked at until its tag says that it was told.
A verb typed on the command line fails before whoever typed it (or cron, which sends mail), and is not told again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus

from strava_pipeline.core.errors import PipelineError, TransientError
from strava_pipeline.ingest.alerts import post_alert
from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.failures import is_retried, message_about
from strava_pipeline.orchestrate.home import ui_of
from strava_pipeline.orchestrate.log_lines import BY_HAND, started_by
from strava_pipeline.orchestrate.runs import is_ours
from strava_pipeline.orchestrate.tags import ALERT
from strava_pipeline.settings import Settings

FRESH = timedelta(days=1)  # what failed earlier is no news; a message that can't be sent is given up then
AT_ONCE = 2  # messages a tick, which has a minute: each may take twice alerts.PATIENCE
LONGEST_PAUSE = timedelta(
    hours=1
)  # between two tries to send; the first pause is a minute, each the double of the last


def failure_alert_sensor(
    settings: Settings, status: dg.DefaultSensorStatus, now: Callable[[], datetime]
) -> dg.SensorDefinition:
    @dg.sensor(
        name="failure_alert",
        minimum_interval_seconds=30,
        default_status=status,
        description="Posts a message to STRAVA_ALERT_URL when a run failed that nobody typed.",
    )
    def failure_alert(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        if settings.alert_url is None:
            return dg.SensorResult(skip_reason="STRAVA_ALERT_URL is not set.", cursor="")
        at, pause = now(), _Pause.read(context.cursor)
        if at < pause.until:
            return dg.SensorResult(skip_reason=f"The next try to send is at {pause.until:%H:%M} UTC.")
        sent = 0
        for record in _untold(context.instance, Lake(settings.data_dir), at)[:AT_ONCE]:
            run_id = record.dagster_run.run_id
            try:
                post_alert(settings.alert_url, _message(context.instance, record, settings), settings)
            except TransientError as error:
                pause = pause.longer(at)
                told = f"The failure of run {run_id} could not be told: {error}. Next try at {pause.until:%H:%M} UTC."
                context.log.warning(told)
                return dg.SensorResult(skip_reason=told, cursor=pause.written())
            except PipelineError as error:
                context.log.warning(f"The failure of run {run_id} can't be told: {error}")
                context.instance.add_run_tags(run_id, {ALERT: "refused"})
            else:
                sent += 1
                context.instance.add_run_tags(run_id, {ALERT: "sent"})
        return dg.SensorResult(skip_reason=f"{sent} sent." if sent else "No run failed that is to be told.", cursor="")

    return failure_alert


def _untold(instance: dg.DagsterInstance, lake: Lake, at: datetime) -> list[dg.RunRecord]:
    """The runs whose failure is to be told, the earliest first."""
    failed = instance.get_run_records(
        dg.RunsFilter(statuses=[DagsterRunStatus.FAILURE], updated_after=at - FRESH), ascending=True
    )
    return [
        record
        for record in failed
        if (run := record.dagster_run)
        and not run.tags.get(ALERT)
        and is_ours(run, lake)
        and started_by(run) != BY_HAND
        and not is_retried(instance, run)
        and (record.end_time or 0) > (at - FRESH).timestamp()
    ]


def _message(instance: dg.DagsterInstance, record: dg.RunRecord, settings: Settings) -> dict[str, object]:
    return message_about(instance, record.dagster_run, settings.logs_dir, ui_of(settings.dagster_home))


@dataclass(frozen=True, slots=True)
class _Pause:
    """How long nothing is sent after a message that could not be: the sensor's cursor."""

    until: datetime
    length: timedelta

    @classmethod
    def read(cls, cursor: str | None) -> "_Pause":
        until, _, seconds = (cursor or "").partition(" ")
        if not seconds:
            return cls(datetime.min.replace(tzinfo=UTC), timedelta(0))
        return cls(datetime.fromisoformat(until), timedelta(seconds=float(seconds)))

    def longer(self, at: datetime) -> "_Pause":
        length = min(max(2 * self.length, timedelta(minutes=1)), LONGEST_PAUSE)
        return _Pause(at + length, length)

    def written(self) -> str:
        return f"{self.until.isoformat()} {self.length.total_seconds():.0f}"
