"""What Dagster says of a run, as words and fields for its log: pure functions.

Nothing is written here and no state is kept: both are run_log.py's. An error that is not one of ours may carry anything
in its message, a row or a position too: of those only the type and the places in the code are kept.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.operations.years import years_in_words
from strava_pipeline.orchestrate.checks import BROKEN_RULES, full_name
from strava_pipeline.orchestrate.dagster_private import (
    BACKFILL_ID_TAG,
    SCHEDULE_NAME_TAG,
    SENSOR_NAME_TAG,
    DagsterAssetCheckFailedError,
)
from strava_pipeline.orchestrate.runs import years_of_run
from strava_pipeline.orchestrate.tags import BY

BY_HAND = "the command line"


def run_begins(run: dg.DagsterRun, version: str) -> tuple[str, dict[str, Any]]:
    """Which job, which years, who started it, what code: in words, and as fields."""
    years, by = years_of_run(run), started_by(run)
    words = f", year{'s' * (len(years) > 1)} {years_in_words(years)}" if years else ""
    text = f"run begins: {run.job_name}{words}, started by {by}, strava_pipeline {version}, run {run.run_id}"
    first, last = (years[0], years[-1]) if years else (None, None)
    return text, {"job": run.job_name, "first_year": first, "last_year": last, "started_by": by, "version": version}


def started_by(run: dg.DagsterRun) -> str:
    """Whoever asked for the run: a schedule, a sensor, a backfill, Dagster's UI, else a command line."""
    for tag, what in ((BACKFILL_ID_TAG, "backfill"), (SCHEDULE_NAME_TAG, "schedule"), (SENSOR_NAME_TAG, "sensor")):
        if tag in run.tags:
            return f"{what} {run.tags[tag]}"
    by_command = run.tags.get(BY) == BY_HAND and run.parent_run_id is None  # run again in the UI, it has both
    return BY_HAND if by_command or run.remote_job_origin is None else "Dagster's UI"


def reported(materialization: dg.AssetMaterialization) -> dict[str, Any]:
    """What an asset told of its work. A count per year stands in Dagster; the sums are told beside it. So do pictures."""
    return {
        name: _value(value)
        for name, value in materialization.metadata.items()
        if not isinstance(value, dg.MarkdownMetadataValue)
        and (name != "dagster/row_count" or materialization.partition is None)
    }


def in_words(told: Mapping[str, Mapping[str, Any]], step: str) -> str:
    """What the assets of a stage reported, as `name value` pairs; the stage's own name and seconds are not repeated."""
    parts = []
    for asset, values in told.items():
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
    told = {
        *_names(PipelineError),
        *(name for name in _names(OSError) if "." not in name),
        *_names(DagsterAssetCheckFailedError),  # the names of the checks
    }
    for link in links:
        name, _, message = link.message.strip().partition(": ")  # Dagster hands an error on as text, its type first
        if name in told:
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
