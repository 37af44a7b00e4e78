"""Posts a message to STRAVA_ALERT_URL about a run that failed: once per run, and only if nothing restarts it automatically.

Notifications of errors go there, too, except those about failed runs. This is not a run-failure sensor of Dagster's:
that sees each failure once, and the commonest one is a machine without a connection, which can't send the message
either. Here a run that failed within a day is checked until its tag says that a message was sent. A command fails in
front of its user (or cron, which sends mail), so no message is sent. Foreign errors' messages may contain a row or a
position; they are left out (failures.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus

from strava_pipeline.core.errors import PipelineError, TransientError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.alerts import post_alert
from strava_pipeline.lake.notifications import Notification, mark_notifications, notifications
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.log_files import log_of
from strava_pipeline.operations.years import years_in_words
from strava_pipeline.orchestrate.dagster_private import BULK_ACTION_TERMINAL_STATUSES
from strava_pipeline.orchestrate.failures import KEPT, fault, was_interrupted
from strava_pipeline.orchestrate.home import ui_of
from strava_pipeline.orchestrate.notifying import is_about_failure
from strava_pipeline.orchestrate.runs import is_ours, started_by, years_of_run
from strava_pipeline.orchestrate.tags import ALERT, BACKFILL, BY_HAND

FRESH = timedelta(days=1)  # earlier failures are old news; a message that can't be sent is given up then
AT_ONCE = 2  # messages a tick, which has a minute: each may take twice alerts.PATIENCE
# between two tries to send; the first pause is a minute, each the double of the last
LONGEST_PAUSE = timedelta(hours=1)


def failure_alert_sensor(
    settings: Settings, url: str, status: dg.DefaultSensorStatus, now: Callable[[], datetime]
) -> dg.SensorDefinition:
    @dg.sensor(
        minimum_interval_seconds=120,
        default_status=status,
        description="Posts a message to STRAVA_ALERT_URL when a run failed that nobody typed, and notifications of errors.",
    )
    def failure_alert(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        at, pause = now(), _Pause.read(context.cursor)
        if at < pause.until:
            return dg.SensorResult(skip_reason=f"The next try to send is at {pause.until:%H:%M} UTC.")
        sent = 0
        for alert in _alerts(context.instance, Lake(settings.data_dir), settings, at)[:AT_ONCE]:
            try:
                post_alert(url, alert.message(), settings)
            except TransientError as error:
                pause = pause.longer(at)
                reason = (
                    f"The message about {alert.about} could not be sent: {error}. Next try at {pause.until:%H:%M} UTC."
                )
                context.log.warning(reason)
                return dg.SensorResult(skip_reason=reason, cursor=pause.written())
            except PipelineError as error:
                context.log.warning(f"The message about {alert.about} was refused: {error}")
                alert.note("refused")
            else:
                sent += 1
                alert.note("sent")
        return dg.SensorResult(skip_reason=f"{sent} sent." if sent else "Nothing calls for a message.", cursor="")

    return failure_alert


@dataclass(frozen=True, slots=True)
class _Alert:
    """A message to send: its subject (`about`), how it is made, and where its result is recorded."""

    about: str
    message: Callable[[], Mapping[str, object]]
    note: Callable[[str], object]


def _alerts(instance: dg.DagsterInstance, lake: Lake, settings: Settings, at: datetime) -> list[_Alert]:
    """The messages to send: failed runs first."""
    wanted = [
        each
        for each in reversed(notifications(lake))
        if each.category == "error" and not is_about_failure(each)
        if not (each.read or each.posted) and at - each.at < FRESH
    ]
    failed = [_of_run(instance, record.dagster_run, settings) for record in _unreported(instance, lake, at)]
    return failed + [_of_notification(lake, each) for each in wanted]


def _of_run(instance: dg.DagsterInstance, run: dg.DagsterRun, settings: Settings) -> _Alert:
    message = partial(message_about, instance, run, settings.logs_dir, ui_of(settings.dagster_home))
    return _Alert(f"run {run.run_id}", message, lambda what: instance.add_run_tags(run.run_id, {ALERT: what}))


def _of_notification(lake: Lake, each: Notification) -> _Alert:
    note = partial(mark_notifications, lake, "posted", [each.id])
    return _Alert(f"notification {each.id}", partial(_notice, each), lambda _: note())


def _notice(each: Notification) -> dict[str, object]:
    """A notification as a message; its fields are those of a failure's message, if it has them."""
    text = f"strava_pipeline: {each.message}" + (f"\n{each.link}" if each.link else "")
    return {
        "text": text,
        "content": text,
        "category": each.category,
        "notification": each.id,
        "run_id": each.run_id,
        "url": each.link,
    }


def _unreported(instance: dg.DagsterInstance, lake: Lake, at: datetime) -> list[dg.RunRecord]:
    """The failed runs without a message, the earliest first."""
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


@dataclass(frozen=True, slots=True)
class _Pause:
    """How long nothing is sent after a failed message: the sensor's cursor."""

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


LONGEST = 1000  # characters of an error; Discord takes 2,000 in all
_ENDS = {DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE}


def is_retried(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether Dagster's daemon restarts the failed run (its process died): then no message is sent yet."""
    if run.tags.get("dagster/will_retry") != "true":
        return False
    if "dagster/auto_retry_run_id" in run.tags or BACKFILL not in run.tags:
        return True
    backfill = instance.get_backfill(run.tags[BACKFILL])  # of one that is over, Dagster starts no run again
    return backfill is not None and backfill.status not in BULK_ACTION_TERMINAL_STATUSES


def message_about(
    instance: dg.DagsterInstance, run: dg.DagsterRun, logs_dir: Path, ui: str | None
) -> dict[str, object]:
    """The message as JSON: `text` is for Slack and Mattermost, `content` for Discord; the rest for programs."""
    years = years_in_words(years_of_run(run))
    error, advice = _why(instance, run)
    log = log_of(logs_dir, run.run_id)
    link = f"{ui}/runs/{run.run_id}" if ui else None
    head = f"strava_pipeline: the run {run.job_name}" + (f" ({years})" if years else "") + " failed."
    text = "\n".join(filter(None, [head, error, advice, f"Log: {log}" if log else None, link]))
    return {
        "text": text,
        "content": text,
        "job": run.job_name,
        "run_id": run.run_id,
        "years": years or None,
        "error": error,
        "what_to_do": advice,
        "log": str(log) if log else None,
        "url": link,
    }


def _why(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[str, str]:
    """The error, and what to do about it. Our own errors say that themselves."""
    words = ""
    for event in (entry.get_dagster_event() for entry in instance.all_logs(run.run_id, of_type=_ENDS)):
        found = getattr(event.event_specific_data, "error", None)
        if was_interrupted(found):
            return "It was interrupted.", KEPT
        if found is not None:
            words, fields = fault(found)
            unknown = "traceback" in fields
            return _short(words), ("Its log tells where; run it again. " if unknown else "") + KEPT
        words = words or event.message or ""
    return _short(words or "It ended without a word."), KEPT


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
