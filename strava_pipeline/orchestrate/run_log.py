"""The log of one run, a human and a structured one, written while it goes on; each line is on its way to the disk at once.

Everything comes from Dagster's events of the run, heard as they are stored: a new asset or check is in the log without a
word about logs. How an event reads is log_lines.py's, where the files lie log_files.py's. A log that can't be written
never fails a run: the trouble is said once.
"""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, EventLogEntry

from strava_pipeline.orchestrate.dagster_private import RunFailureReason
from strava_pipeline.orchestrate.log_files import create, point_latest
from strava_pipeline.orchestrate.log_lines import (
    Line,
    failed_check,
    fault,
    in_words,
    reported,
    run_begins,
    was_interrupted,
)
from strava_pipeline.orchestrate.log_prune import prune

STOPPED_EARLY = "stopped_early"  # tag of a run: the limit that ended its work

Tell = Callable[[str], object]


@contextmanager
def logged(
    logs_dir: Path, instance: dg.DagsterInstance, run: dg.DagsterRun, at: datetime, tell: Tell
) -> Iterator[None]:
    """Log the run from here to its last event, which comes after the body; old logs are removed first."""

    def known() -> dg.DagsterRun:
        return instance.get_run_by_id(run.run_id) or run

    if known().is_finished:  # `dagster job execute` opens the resources once more when all is over
        yield
        return
    log = RunLog(run.run_id, lambda: known().tags.get(STOPPED_EARLY) or None, tell)
    log.open(logs_dir, run, at)
    instance.add_event_listener(run.run_id, log.hear)
    try:
        yield
    finally:
        log.say_trouble()


@dataclass(slots=True)
class Stage:
    """What became of a step so far; `told`: by asset, what it reported."""

    began: datetime
    outcome: str = "broken off"
    seconds: float | None = None
    told: dict[str, dict[str, Any]] = field(default_factory=dict)


class RunLog:
    """Turns the events of a run into lines of its two files."""

    def __init__(self, run_id: str, limit: Callable[[], str | None], tell: Tell) -> None:
        """`limit`: what stopped the run early, as far as is known; `tell`: where a person reads of trouble with the log."""
        self._run_id, self._limit, self._tell = run_id, limit, tell
        self._files: tuple[BinaryIO, BinaryIO] | None = None
        self._stages: dict[str, Stage] = {}
        self._step: str | None = None
        self._began: datetime | None = None
        self._trouble: str | None = None

    def open(self, logs_dir: Path, run: dg.DagsterRun, at: datetime) -> None:
        """Make the files, remove old ones, write how the run began."""
        try:
            self._files = create(logs_dir, at)
        except OSError as error:
            self._give_up(error)
            self.say_trouble()
            return
        self._began = at
        self._write(run_begins(run, _version(), at))
        try:
            point_latest(logs_dir, Path(self._files[0].name))
        except OSError as error:
            text = f"latest.log can't lead here ({error.strerror}); `strava-pipeline logs latest` finds this log"
            self._write(Line(at, logging.WARNING, "message", None, text, {"text": text}))
        if faults := prune(logs_dir, at.date()).faults:
            self._tell(f"Old logs could not be removed: {'; '.join(faults)}")

    def hear(self, entry: EventLogEntry) -> None:
        """An entry of Dagster's event log, as it is stored."""
        at = datetime.fromtimestamp(entry.timestamp, UTC)
        event = entry.dagster_event
        if event is None:
            text = entry.user_message
            self._write(Line(at, int(entry.level), "message", entry.step_key or self._step, text, {"text": text}))
            return
        match event.event_type:
            case DagsterEventType.STEP_START:
                self._begin_stage(str(event.step_key), at)
            case DagsterEventType.ASSET_MATERIALIZATION:
                done = event.step_materialization_data.materialization
                told = self._stage(str(event.step_key), at).told
                told.setdefault(done.asset_key.to_user_string(), {}).update(reported(done))
            case DagsterEventType.ASSET_CHECK_EVALUATION:
                evaluation = event.asset_check_evaluation_data
                if not evaluation.passed:
                    self._write(failed_check(evaluation, event.step_key, at))
            case DagsterEventType.STEP_SUCCESS | DagsterEventType.STEP_FAILURE:
                self._end_stage(event, at)
            case DagsterEventType.RUN_SUCCESS | DagsterEventType.RUN_FAILURE | DagsterEventType.RUN_CANCELED:
                self._end_run(event, at)

    def say_trouble(self) -> None:
        """Say once what keeps the log from being written."""
        if self._trouble is not None:
            text, self._trouble = self._trouble, None
            self._tell(text)

    def _begin_stage(self, step: str, at: datetime) -> None:
        self._step = step
        self._stage(step, at)
        self._write(Line(at, logging.INFO, "stage_begins", step, "begins"))

    def _end_stage(self, event: DagsterEvent, at: datetime) -> None:
        step = str(event.step_key)
        stage = self._stage(step, at)
        stage.seconds = _seconds(stage.began, at)
        self._step = None
        stage.outcome, level, words, found = _end_of(event, stage)
        text = f"{stage.outcome} after {stage.seconds:.1f} s" + (f": {words}" if words else "")
        fields = {"outcome": stage.outcome, "seconds": stage.seconds, "assets": stage.told, **found}
        self._write(Line(at, level, "stage_ends", step, text, fields))

    def _stage(self, step: str, at: datetime) -> Stage:
        return self._stages.setdefault(step, Stage(at))

    def _end_run(self, event: DagsterEvent, at: datetime) -> None:
        outcome, level, why, found = self._outcome(event)
        seconds = _seconds(self._began or at, at)
        for stage in self._stages.values():
            if stage.seconds is None:  # begun and not ended
                stage.seconds = _seconds(stage.began, at)
        stages = {name: {"outcome": stage.outcome, "seconds": stage.seconds} for name, stage in self._stages.items()}
        table = [f"{told['seconds']:>10.1f} s  {name}, {told['outcome']}" for name, told in stages.items()]
        text = "\n".join([f"run ends: {outcome} after {seconds:.1f} s" + (f". {why}" if why else ""), *table])
        fields = {"outcome": outcome.replace(" ", "_"), "seconds": seconds, "stages": stages, **found}
        self._write(Line(at, level, "run_ends", None, text, fields))
        self._close()
        self.say_trouble()

    def _outcome(self, event: DagsterEvent) -> tuple[str, int, str, dict[str, Any]]:
        if event.event_type is DagsterEventType.RUN_SUCCESS:
            limit = self._limit()
            if limit is None:
                return "done", logging.INFO, "", {}
            return "stopped early", logging.WARNING, limit, {"limit": limit}
        if event.event_type is DagsterEventType.RUN_CANCELED:
            return "interrupted", logging.WARNING, "", {}
        data = event.job_failure_data
        if data.failure_reason is RunFailureReason.UNEXPECTED_TERMINATION or was_interrupted(data.error):
            return "interrupted", logging.WARNING, "What was fetched is kept.", {}
        if data.error is None or any(stage.outcome == "failed" for stage in self._stages.values()):
            return "failed", logging.ERROR, "", {}  # the stage has said why
        words, found = fault(data.error)
        return "failed", logging.ERROR, words, found

    def _write(self, line: Line) -> None:
        if self._files is None:
            return
        row = json.dumps(line.structured(self._run_id), ensure_ascii=False, default=str)
        try:
            for file, text in zip(self._files, (line.human(), row), strict=True):
                whole = f"{text}\n".encode(errors="backslashreplace")
                if file.write(whole) != len(whole):
                    raise OSError(0, "the disk is full", file.name)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._trouble = (
            f"This run's log can't be written ({error.filename or 'the file'}: {error.strerror}); it goes on without."
        )
        self._close()

    def _close(self) -> None:
        for file in self._files or ():
            with suppress(OSError):
                file.close()
        self._files = None


def _end_of(event: DagsterEvent, stage: Stage) -> tuple[str, int, str, dict[str, Any]]:
    """How a stage ended: the outcome, how grave it is, in words, and what a program may want of an error."""
    if event.event_type is DagsterEventType.STEP_SUCCESS:
        return "done", logging.INFO, in_words(stage.told, str(event.step_key)), {}
    error = event.step_failure_data.error
    if was_interrupted(error):
        return "interrupted", logging.WARNING, "", {}
    return "failed", logging.ERROR, *(fault(error) if error else ("", {}))


def _version() -> str:
    try:
        return version("strava_pipeline")
    except PackageNotFoundError:  # a checkout that was never installed
        return "of a checkout"


def _seconds(began: datetime, ended: datetime) -> float:
    return round(max((ended - began).total_seconds(), 0.0), 3)
