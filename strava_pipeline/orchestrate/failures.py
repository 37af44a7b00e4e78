"""A failed run in words: what is told to a person who was not there. Nothing is sent here.

Messages of errors that are not ours may carry anything, a row or a position too, and stay behind (log_lines.fault).
"""

from pathlib import Path

import dagster as dg
from dagster import DagsterEventType

from strava_pipeline.operations.log_files import log_of
from strava_pipeline.operations.years import years_in_words
from strava_pipeline.orchestrate.checks import full_name
from strava_pipeline.orchestrate.dagster_private import (
    AUTO_RETRY_RUN_ID_TAG,
    BACKFILL_ID_TAG,
    BULK_ACTION_TERMINAL_STATUSES,
    WILL_RETRY_TAG,
)
from strava_pipeline.orchestrate.log_lines import fault, was_interrupted
from strava_pipeline.orchestrate.runs import years_of_run

LONGEST = 1000  # characters of an error; Discord takes 2,000 in all
_ENDS = {DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE}
_KEPT = "What was fetched is kept, and the next run of the job goes on from there."


def is_retried(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether Dagster's daemon starts the failed run again (its process died): then nobody need be told yet."""
    if run.tags.get(WILL_RETRY_TAG) != "true":
        return False
    if AUTO_RETRY_RUN_ID_TAG in run.tags or BACKFILL_ID_TAG not in run.tags:
        return True
    backfill = instance.get_backfill(run.tags[BACKFILL_ID_TAG])  # of one that is over, Dagster starts no run again
    return backfill is not None and backfill.status not in BULK_ACTION_TERMINAL_STATUSES


def message_about(
    instance: dg.DagsterInstance, run: dg.DagsterRun, logs_dir: Path, ui: str | None
) -> dict[str, object]:
    """The message as JSON: `text` is what Slack and Mattermost show, `content` what Discord does; the rest for programs."""
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
    failed_checks = []
    for entry in instance.all_logs(run.run_id, of_type={DagsterEventType.ASSET_CHECK_EVALUATION}):
        check = entry.dagster_event.asset_check_evaluation_data if entry.dagster_event else None
        if check is not None and not check.passed and check.severity is dg.AssetCheckSeverity.ERROR:
            failed_checks.append(full_name(check))
    if failed_checks:
        return _short(f"The check {', '.join(failed_checks)} failed."), f"Nothing wrong was published. {_KEPT}"
    words = ""
    for entry in instance.all_logs(run.run_id, of_type=_ENDS):
        event = entry.dagster_event
        if event is None:
            continue
        data = event.step_failure_data if event.is_step_failure else event.event_specific_data
        found = getattr(data, "error", None)
        if was_interrupted(found):
            return "It was interrupted.", _KEPT
        if found is not None:
            words, fields = fault(found)
            unknown = "traceback" in fields
            return _short(words), ("Its log tells where; run it again. " if unknown else "") + _KEPT
        words = words or event.message or ""
    return _short(words or "It ended without a word."), _KEPT


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
