"""Failures in our words, at their step: the headline of a failed step or run in Dagster, and the original error behind it.

An error of ours or of the operating system says what happened and what to do, so its text heads the step (`dg.Failure`)
and the error itself is the cause. Any other error is a bug: it stays a traceback, and as its message may contain
anything, even a row or a position, only its type and its places in the code are passed on.

Failures in Dagster: https://docs.dagster.io/guides/build/ops/op-events
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from strava_pipeline.core.errors import (
    BudgetExhaustedError,
    LimitReachedError,
    LoginServiceError,
    PipelineError,
    RepeatingListingError,
    TransientError,
    told,
)
from strava_pipeline.operations.log_files import log_of
from strava_pipeline.orchestrate.tags import MAX_RETRIES, REQUEST, SCHEDULE, SENSOR

KEPT = "What was fetched is kept, and the next run of the job goes on from there."
AGAIN = "What was fetched is kept. Launch the run again later."
# temporary errors, for which a retry can help
_MAY_PASS = (TransientError, LoginServiceError, RepeatingListingError, BudgetExhaustedError, LimitReachedError)


@contextmanager
def step_in_our_words(run: dg.DagsterRun, logs_dir: Path | None) -> Iterator[None]:
    """Raise dg.Failure from an error of ours or the system's in the body of a step: what to do, whether the work
    resumes by itself, and where the log is (None: nowhere). A retry policy then retries only temporary errors.
    """
    try:
        yield
    except (PipelineError, OSError) as error:
        may_pass = isinstance(error, _MAY_PASS)
        started = not run.tags.keys().isdisjoint({SCHEDULE, SENSOR}) and REQUEST not in run.tags  # which a person made
        log = log_of(logs_dir, run.run_id) if logs_dir is not None else None
        metadata: dict[str, Any] = {
            "what_to_do": ("" if may_pass else "Do what the message says. ") + (KEPT if started else AGAIN),
            "goes_on_by_itself": may_pass and started,
            **({"log": dg.MetadataValue.path(log)} if log else {}),
        }
        raise dg.Failure(told(error), metadata, allow_retries=may_pass) from error


@contextmanager
def resource_in_our_words(context: dg.InitResourceContext) -> Iterator[None]:
    """The same around a resource: a run that it ends is headed by the error, and restarted only if that may help.

    Before any other type of error Dagster would put its own headline.
    """
    try:
        yield
    except (PipelineError, OSError) as error:
        if context.instance is not None and context.run is not None and not isinstance(error, _MAY_PASS):
            context.instance.add_run_tags(context.run.run_id, {MAX_RETRIES: "0"})
        wrapper: Any = dg.DagsterUserCodeExecutionError  # without types
        raise wrapper(told(error), user_exception=error, original_exc_info=sys.exc_info()) from error


def error_behind(error: BaseException) -> BaseException:
    """The original error behind Dagster's: ours, the system's or a bug."""
    is_wrapper = isinstance(error, (dg.Failure, dg.DagsterUserCodeExecutionError))
    return error_behind(error.__cause__) if is_wrapper and error.__cause__ is not None else error


def fault(error: SerializableErrorInfo) -> tuple[str, dict[str, Any]]:
    """The original error in Dagster's records, in words and as fields; for a bug, its traceback without any message."""
    links = list(_chain(error))
    ours = {*_names(PipelineError), *(name for name in _names(OSError) if "." not in name)}
    for link in links:
        name, _, message = link.message.strip().partition(": ")  # Dagster hands an error on as text, its type first
        if name in ours:
            return message or name, {"error": link.cls_name, "message": message}
    last = links[-1].cls_name
    frames = [frame.rstrip() for link in links for frame in [f"{link.cls_name}:", *link.stack]]
    words = f"{last}, an error of the program; its traceback is in the structured log"
    return words, {"error": last, "traceback": frames}


def was_interrupted(error: SerializableErrorInfo | None) -> bool:
    """Whether a person or a signal ended it."""
    return any(link.cls_name in ("KeyboardInterrupt", "DagsterExecutionInterruptedError") for link in _chain(error))


def _chain(error: SerializableErrorInfo | None) -> Iterator[SerializableErrorInfo]:
    while error is not None:
        yield error
        error = error.cause or error.context


def _names(base: type[BaseException]) -> Iterator[str]:
    """A type of errors and all of its subtypes, as a traceback names them: Python's own without their module."""
    yield base.__qualname__ if base.__module__ == "builtins" else f"{base.__module__}.{base.__qualname__}"
    for sub in base.__subclasses__():
        yield from _names(sub)
