"""The contents of a run's log: each event of Dagster's, as it is stored.

A new asset or check is logged without any code for it. How the files are written is operations/log_files.py's. A
foreign error's message may contain anything, even a row or a position: only its type and its places in the code are
logged.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, EventLogEntry
from dagster_shared.error import SerializableErrorInfo

from strava_pipeline.operations.log_files import DONE, Outcome, RunLog, ToStdout, in_words, iso
from strava_pipeline.operations.step_reports import SUMMARY, YEAR_ROWS
from strava_pipeline.operations.years import years_in_words
from strava_pipeline.orchestrate.dagster_private import RunFailureReason
from strava_pipeline.orchestrate.failures import fault, was_interrupted
from strava_pipeline.orchestrate.runs import started_by, years_of_run
from strava_pipeline.orchestrate.tags import STOPPED_EARLY

_FINISHED = (DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED)


OnEnd = Callable[[Outcome, str, dict[str, dict[str, Any]], datetime], object]
"""Called at the end of a run: how it ended, why in words, the reports by asset, and when."""


@contextmanager
def logged(
    logs_dir: Path,
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    at: datetime,
    warn: Callable[[str], object],
    on_end: OnEnd = lambda outcome, why, reports, at: None,
    to_stdout: ToStdout | None = None,
) -> Iterator[None]:
    """Log the run from here to its last event, which comes after the body; old logs are removed first.

    `warn` is called with a message for a person about trouble with the log; `to_stdout`: as in RunLog.
    """

    def stored() -> dg.DagsterRun:
        return instance.get_run_by_id(run.run_id) or run

    if stored().is_finished:  # `dagster job execute` opens the resources once more after the end
        yield
        return
    log = RunLog(run.run_id, at, warn, to_stdout=to_stdout)
    log.open(logs_dir, *_beginning(run, version("strava_pipeline")))
    listener = _Listener(log, lambda: stored().tags.get(STOPPED_EARLY) or None, on_end)
    instance.add_event_listener(run.run_id, listener.log_entry)
    try:
        yield
    finally:
        log.report_trouble()


class _WithoutConsole(logging.Logger):
    """Silences the console logger of a run, which Dagster makes by itself, with a level."""

    def __init__(self, name: str, level: int = logging.NOTSET) -> None:
        super().__init__(name, level)
        self._is_console = name == "dagster" and level != logging.NOTSET

    def handle(self, record: logging.LogRecord) -> None:
        if not self._is_console:
            super().handle(record)


def without_console() -> None:
    """Keep Dagster's console logger, which prints each event, out of runs: their own output is enough."""
    logging.setLoggerClass(_WithoutConsole)


class _Listener:
    """Turns the events of a run into lines of its log; `limit`: the limit that stopped the run early, if any."""

    def __init__(self, log: RunLog, limit: Callable[[], str | None], on_end: OnEnd) -> None:
        self._log, self._limit, self._on_end = log, limit, on_end

    def log_entry(self, entry: EventLogEntry) -> None:
        """Log an entry of Dagster's event log, as it is stored."""
        at = datetime.fromtimestamp(entry.timestamp, UTC)
        event = entry.dagster_event
        if event is None:
            self._log.message(at, int(entry.level), entry.user_message, entry.step_key)
            return
        step = str(event.step_key)
        if event.event_type is DagsterEventType.STEP_START:
            self._log.begin_stage(step, at)
        elif event.event_type is DagsterEventType.ASSET_MATERIALIZATION:
            done = event.step_materialization_data.materialization
            self._log.add_report(step, at, done.asset_key.path[-1], reported(done))
        elif event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
            if not event.asset_check_evaluation_data.passed:
                self._log.write(at, *_failed_check(event.asset_check_evaluation_data), event.step_key)
        elif event.is_step_success or event.is_step_failure:
            self._log.end_stage(step, at, _failure(event.step_failure_data.error) if event.is_step_failure else DONE)
        elif event.event_type in _FINISHED:
            outcome = self._outcome(event)
            self._log.end_run(at, outcome)
            self._on_end(outcome, self._log.failure or outcome.why, self._log.reports, at)

    def _outcome(self, event: DagsterEvent) -> Outcome:
        if event.event_type is DagsterEventType.RUN_SUCCESS:
            if limit := self._limit():
                return Outcome("stopped early", logging.WARNING, limit, {"limit": limit})
            return DONE
        if event.event_type is DagsterEventType.RUN_CANCELED:
            return _INTERRUPTED
        data = event.job_failure_data
        if data.failure_reason is RunFailureReason.UNEXPECTED_TERMINATION or was_interrupted(data.error):
            return Outcome("interrupted", logging.WARNING, "What was fetched is kept.")
        return _failure(None if self._log.has_failed_stage else data.error)


_INTERRUPTED = Outcome("interrupted", logging.WARNING)


def _failure(error: SerializableErrorInfo | None) -> Outcome:
    if was_interrupted(error):
        return _INTERRUPTED
    return Outcome("failed", logging.ERROR, *(fault(error) if error else ("", {})))


def _beginning(run: dg.DagsterRun, version: str) -> tuple[str, dict[str, Any]]:
    """The job, the years, the starter and the code of a run: in words, and as fields."""
    years, by = years_of_run(run), started_by(run)
    words = f", year{'s' * (len(years) > 1)} {years_in_words(years)}" if years else ""
    text = f"run begins: {run.job_name}{words}, started by {by}, strava_pipeline {version}, run {run.run_id}"
    first, last = (years[0], years[-1]) if years else (None, None)
    return text, {"job": run.job_name, "first_year": first, "last_year": last, "started_by": by, "version": version}


def reported(materialization: dg.AssetMaterialization) -> dict[str, Any]:
    """An asset's report, without its sentence (already a line), pictures and counts by year."""
    return {
        name: _value(value)
        for name, value in materialization.metadata.items()
        if not isinstance(value, dg.MarkdownMetadataValue) and name not in (SUMMARY, YEAR_ROWS)
    }


def _failed_check(evaluation: dg.AssetCheckEvaluation) -> tuple[int, str, str, dict[str, Any]]:
    """A check that did not pass, as a line of the log: its level, its event, its words, its fields with the counts."""
    name = f"{evaluation.asset_key.to_user_string()}.{evaluation.check_name}"
    values = {key: _value(value) for key, value in evaluation.metadata.items()}
    counts = in_words({"": values}, "")
    words = ". ".join(filter(None, [counts, evaluation.description]))
    level = logging.WARNING if evaluation.severity is dg.AssetCheckSeverity.WARN else logging.ERROR
    fields = {"check": name, "severity": evaluation.severity.value, "description": evaluation.description, **values}
    return level, "check_failed", f"check {name} failed: {words}", fields


def _value(value: dg.MetadataValue[Any]) -> Any:
    if isinstance(value, dg.TimestampMetadataValue):
        return iso(datetime.fromtimestamp(value.value, UTC))
    return value.value
