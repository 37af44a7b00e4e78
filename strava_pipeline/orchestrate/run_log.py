"""The log of one run, for people and as JSON lines, written while the run goes on.

Every line comes from an event of Dagster's as it is stored, so a new asset or check is logged without any code for it.
Where the files lie is operations/log_files.py's. A log that can't be written never fails a run; that is reported once. An
error that is not ours may carry anything in its message, a row or a position too: only its type and its places in the code
are logged.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, EventLogEntry
from dagster_shared.error import SerializableErrorInfo

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.operations.log_files import point_latest, prune, reserve
from strava_pipeline.operations.years import years_in_words
from strava_pipeline.orchestrate.checks import BROKEN_RULES, full_name
from strava_pipeline.orchestrate.dagster_private import (
    DagsterAssetCheckFailedError,
    RunFailureReason,
)
from strava_pipeline.orchestrate.runs import started_by, years_of_run
from strava_pipeline.orchestrate.tags import STOPPED_EARLY

Warn = Callable[[str], object]
End = tuple[str, int, str, dict[str, Any]]  # the outcome, how grave it is, in words, what a program may want to know
_FINISHED = (DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED)


@contextmanager
def logged(
    logs_dir: Path, instance: dg.DagsterInstance, run: dg.DagsterRun, at: datetime, warn: Warn
) -> Iterator[None]:
    """Log the run from here to its last event, which comes after the body; old logs are removed first.

    `warn` is called with what a person should know about trouble with the log.
    """

    def stored() -> dg.DagsterRun:
        return instance.get_run_by_id(run.run_id) or run

    if stored().is_finished:  # `dagster job execute` opens the resources once more after the end
        yield
        return
    log = RunLog(run, at, lambda: stored().tags.get(STOPPED_EARLY) or None, warn)
    log.open(logs_dir)
    instance.add_event_listener(run.run_id, log.log_entry)
    try:
        yield
    finally:
        log.report_trouble()


@dataclass(slots=True)
class Stage:
    """A step so far; `assets`: by asset, what it reported."""

    began: datetime
    outcome: str = "broken off"
    seconds: float | None = None
    assets: dict[str, dict[str, Any]] = field(default_factory=dict)


class RunLog:
    """Turns the events of a run into lines of its two files."""

    def __init__(self, run: dg.DagsterRun, at: datetime, limit: Callable[[], str | None], warn: Warn) -> None:
        """`limit`: what stopped the run early, as far as is known."""
        self._run, self._began, self._limit, self._warn = run, at, limit, warn
        self._files: list[BinaryIO] = []
        self._stages: dict[str, Stage] = {}
        self._step: str | None = None
        self._trouble: str | None = None

    def open(self, logs_dir: Path) -> None:
        """Make the files, remove old ones, write how the run began."""
        try:
            human, structured = reserve(logs_dir, self._began)
            self._files.append(human.open("ab"))
            self._files.append(structured.open("ab"))
        except OSError as error:
            self._give_up(error)
            self.report_trouble()
            return
        text, fields = run_begins(self._run, version("strava_pipeline"))
        self._write(self._began, logging.INFO, "run_begins", text, fields)
        try:
            point_latest(logs_dir, human)
        except OSError as error:
            text = f"latest.log can't lead here ({error.strerror}); `strava-pipeline logs latest` finds this log"
            self._write(self._began, logging.WARNING, "message", text, {"text": text})
        _, faults = prune(logs_dir, self._began.date())
        if faults:
            self._warn(f"Old logs could not be removed: {'; '.join(faults)}")

    def log_entry(self, entry: EventLogEntry) -> None:
        """Log an entry of Dagster's event log, as it is stored."""
        at = datetime.fromtimestamp(entry.timestamp, UTC)
        event = entry.dagster_event
        if event is None:
            text = entry.user_message
            self._write(at, int(entry.level), "message", text, {"text": text}, entry.step_key or self._step)
            return
        step = str(event.step_key)
        if event.event_type is DagsterEventType.STEP_START:
            self._step, self._stages[step] = step, Stage(at)
            self._write(at, logging.INFO, "stage_begins", "begins", {}, step)
        elif event.event_type is DagsterEventType.ASSET_MATERIALIZATION:
            done = event.step_materialization_data.materialization
            assets = self._stages.setdefault(step, Stage(at)).assets
            assets.setdefault(done.asset_key.to_user_string(), {}).update(reported(done))
        elif event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
            if not event.asset_check_evaluation_data.passed:
                self._write(at, *failed_check(event.asset_check_evaluation_data), event.step_key)
        elif event.is_step_success or event.is_step_failure:
            self._end_stage(event, step, at)
        elif event.event_type in _FINISHED:
            self._end_run(event, at)

    def report_trouble(self) -> None:
        """Say once what keeps the log from being written."""
        text, self._trouble = self._trouble, None
        if text is not None:
            self._warn(text)

    def _end_stage(self, event: DagsterEvent, step: str, at: datetime) -> None:
        stage = self._stages.setdefault(step, Stage(at))
        stage.seconds, self._step = _seconds(stage.began, at), None
        end: End = ("done", logging.INFO, in_words(stage.assets, step), {})
        stage.outcome, level, words, found = _failure(event.step_failure_data.error) if event.is_step_failure else end
        text = f"{stage.outcome} after {stage.seconds:.1f} s" + (f": {words}" if words else "")
        fields = {"outcome": stage.outcome, "seconds": stage.seconds, "assets": stage.assets, **found}
        self._write(at, level, "stage_ends", text, fields, step)

    def _end_run(self, event: DagsterEvent, at: datetime) -> None:
        outcome, level, why, found = self._outcome(event)
        seconds = _seconds(self._began, at)
        for stage in self._stages.values():
            if stage.seconds is None:  # begun and not ended
                stage.seconds = _seconds(stage.began, at)
        stages = {name: {"outcome": stage.outcome, "seconds": stage.seconds} for name, stage in self._stages.items()}
        table = [f"{stage['seconds']:>10.1f} s  {name}, {stage['outcome']}" for name, stage in stages.items()]
        text = "\n".join([f"run ends: {outcome} after {seconds:.1f} s" + (f". {why}" if why else ""), *table])
        fields = {"outcome": outcome.replace(" ", "_"), "seconds": seconds, "stages": stages, **found}
        self._write(at, level, "run_ends", text, fields)
        self._close()
        self.report_trouble()

    def _outcome(self, event: DagsterEvent) -> End:
        if event.event_type is DagsterEventType.RUN_SUCCESS:
            if limit := self._limit():
                return "stopped early", logging.WARNING, limit, {"limit": limit}
            return "done", logging.INFO, "", {}
        if event.event_type is DagsterEventType.RUN_CANCELED:
            return "interrupted", logging.WARNING, "", {}
        data = event.job_failure_data
        if data.failure_reason is RunFailureReason.UNEXPECTED_TERMINATION or was_interrupted(data.error):
            return "interrupted", logging.WARNING, "What was fetched is kept.", {}
        stage_failed = any(stage.outcome == "failed" for stage in self._stages.values())  # and its line says why
        return _failure(None if stage_failed else data.error)

    def _write(
        self, at: datetime, level: int, event: str, text: str, fields: dict[str, Any], step: str | None = None
    ) -> None:
        """A line in both files. `text` is for people, `fields` for programs: docs/formats.md names them."""
        name, stage = logging.getLevelName(level), f"{step}: " if step else ""
        human = f"{at:%Y-%m-%d %H:%M:%S}Z {name:<7} {stage}{text}".replace("\n", "\n    ")
        row = {"ts": iso(at), "level": name, "event": event, "run_id": self._run.run_id, "step": step, "fields": fields}
        try:
            for file, line in zip(self._files, (human, json.dumps(row, ensure_ascii=False, default=str)), strict=False):
                file.write(f"{line}\n".encode(errors="backslashreplace"))
                file.flush()  # what was written before a kill is there
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        where = error.filename or "the file"
        self._trouble = f"This run's log can't be written ({where}: {error.strerror}); it goes on without."
        self._close()

    def _close(self) -> None:
        files, self._files = self._files, []
        for file in files:
            with suppress(OSError):
                file.close()


def _failure(error: SerializableErrorInfo | None) -> End:
    if was_interrupted(error):
        return "interrupted", logging.WARNING, "", {}
    return "failed", logging.ERROR, *(fault(error) if error else ("", {}))


def _seconds(began: datetime, ended: datetime) -> float:
    return round(max((ended - began).total_seconds(), 0.0), 3)


def run_begins(run: dg.DagsterRun, version: str) -> tuple[str, dict[str, Any]]:
    """Which job, which years, who started it, what code: in words, and as fields."""
    years, by = years_of_run(run), started_by(run)
    words = f", year{'s' * (len(years) > 1)} {years_in_words(years)}" if years else ""
    text = f"run begins: {run.job_name}{words}, started by {by}, strava_pipeline {version}, run {run.run_id}"
    first, last = (years[0], years[-1]) if years else (None, None)
    return text, {"job": run.job_name, "first_year": first, "last_year": last, "started_by": by, "version": version}


def reported(materialization: dg.AssetMaterialization) -> dict[str, Any]:
    """What an asset told of its work. A count per year stands in Dagster; the sums are told beside it. So do pictures."""
    return {
        name: _value(value)
        for name, value in materialization.metadata.items()
        if not isinstance(value, dg.MarkdownMetadataValue)
        and (name != "dagster/row_count" or materialization.partition is None)
    }


def in_words(reports: Mapping[str, Mapping[str, Any]], step: str) -> str:
    """What the assets of a stage reported, as `name value` pairs; the stage's own name and seconds are not repeated."""
    parts = []
    for asset, values in reports.items():
        pairs = ", ".join(
            f"{name.removeprefix('dagster/')} {_word(value)}" for name, value in values.items() if name != "seconds"
        )
        if pairs:
            parts.append(pairs if asset == step else f"{asset}: {pairs}")
    return "; ".join(parts)


def failed_check(evaluation: dg.AssetCheckEvaluation) -> tuple[int, str, str, dict[str, Any]]:
    """A check that did not pass, as a line of the log: its level, its event, its words, its fields with the counts."""
    name = f"{evaluation.asset_key.to_user_string()}.{evaluation.check_name}"
    values = {key: _value(value) for key, value in evaluation.metadata.items()}
    counts = in_words({"": {key: value for key, value in values.items() if key != BROKEN_RULES}}, "")
    words = ". ".join(filter(None, [counts, evaluation.description]))
    level = logging.WARNING if evaluation.severity is dg.AssetCheckSeverity.WARN else logging.ERROR
    fields = {"check": name, "severity": evaluation.severity.value, "description": evaluation.description, **values}
    return level, "check_failed", f"check {full_name(evaluation)} failed: {words}", fields


def fault(error: SerializableErrorInfo) -> tuple[str, dict[str, Any]]:
    """An error in words and as fields: ours and the system's by their message, any other by its traceback alone."""
    links = list(_chain(error))
    ours = {
        *_names(PipelineError),
        *(name for name in _names(OSError) if "." not in name),
        *_names(DagsterAssetCheckFailedError),  # the names of the checks
    }
    for link in links:
        name, _, message = link.message.strip().partition(": ")  # Dagster hands an error on as text, its type first
        if name in ours:
            return message or name, {"error": link.cls_name, "message": message}
    last = links[-1].cls_name
    frames = [frame.rstrip() for link in links for frame in [f"{link.cls_name}:", *link.stack]]
    return f"{last}, an error of the program; its traceback is in the structured log", {
        "error": last,
        "traceback": frames,
    }


def was_interrupted(error: SerializableErrorInfo | None) -> bool:
    """Whether a person or a signal ended it."""
    return any(link.cls_name in ("KeyboardInterrupt", "DagsterExecutionInterruptedError") for link in _chain(error))


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _chain(error: SerializableErrorInfo | None) -> Iterator[SerializableErrorInfo]:
    while error is not None:
        yield error
        error = error.cause or error.context


def _names(base: type[BaseException]) -> Iterator[str]:
    """A type of errors and all kinds of it, as a traceback names them: Python's own without their module."""
    yield base.__qualname__ if base.__module__ == "builtins" else f"{base.__module__}.{base.__qualname__}"
    for sub in base.__subclasses__():
        yield from _names(sub)


def _value(value: dg.MetadataValue[Any]) -> Any:
    if isinstance(value, dg.TimestampMetadataValue):
        return iso(datetime.fromtimestamp(value.value, UTC))
    return value.value


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, list | dict) else str(value)
