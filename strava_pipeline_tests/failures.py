"""Why a run failed, as Dagster recorded it: the cause of each failed step, without Dagster's wrapping around it."""

from collections.abc import Iterator

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from strava_pipeline.core.errors import PipelineError

_WRAPPERS = ("Failure", "DagsterUserCodeExecutionError")


def failures(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """The cause of each failed step, and of the run's own failure, as `type: message`; empty for a run that succeeded."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    if run.status is dg.DagsterRunStatus.SUCCESS:
        return []
    causes = [f"{cause.cls_name}: {cause.message.partition(': ')[2].strip()}" for cause in _causes(instance, run_id)]
    return causes or [f"{run.status}"]


def foreign(causes: list[str]) -> list[str]:
    """Those that are no error of ours: Dagster's and Python's own tell nobody what to do."""
    ours = {error.__name__ for error in _subclasses(PipelineError)}
    return [cause for cause in causes if cause.partition(":")[0] not in ours]


def _causes(instance: dg.DagsterInstance, run_id: str) -> Iterator[SerializableErrorInfo]:
    for entry in instance.all_logs(run_id, of_type={dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}):
        event = entry.dagster_event
        assert event is not None
        error = event.step_failure_data.error if event.is_step_failure else event.job_failure_data.error
        while error is not None and error.cause is not None and error.cls_name in _WRAPPERS:
            error = error.cause
        if error is not None:
            yield error


def _subclasses(error: type[PipelineError]) -> Iterator[type[PipelineError]]:
    yield error
    for narrower in error.__subclasses__():
        yield from _subclasses(narrower)
