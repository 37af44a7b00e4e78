"""A failure in our words, at its step: what heads it in Dagster, what its records, a command and a message say; a bug stays one."""

import errno
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import dagster as dg
import pytest
from dagster import DagsterEventType
from dagster._daemon.auto_run_reexecution.auto_run_reexecution import filter_runs_to_should_retry

from strava_pipeline.core.errors import (
    BudgetExhaustedError,
    Ceiling,
    CheckFailedError,
    LoginRefusedError,
    MisuseError,
    PipelineError,
    TransientError,
    YearsHeldBackError,
    told,
)
from strava_pipeline.environment.settings import Settings
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.run_context import run_context
from strava_pipeline.orchestrate.failures import fault, resource_in_our_words
from strava_pipeline.orchestrate.steps import Asked, step
from strava_pipeline.verbs.run_job import PartialRunError, run_job

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
RETRIES = {"run_retries": {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False}}
RETRIED = {"outage", "login"}  # by a policy of their step
AT = datetime(2026, 3, 10, 12, tzinfo=UTC)


def cells() -> dict[str, tuple[Exception, bool]]:
    """Errors, which nobody has raised yet, and whether each may pass, so that a retry can help."""
    return {
        "outage": (TransientError("GET /athlete: Strava answered 500", status=500), True),
        "limit": (BudgetExhaustedError(Ceiling("read", "day"), 1000, AT), True),
        "login": (LoginRefusedError("The login is refused. Run strava-pipeline auth."), False),
        "misuse": (MisuseError("Nothing was chosen."), False),
        "check": (CheckFailedError({"rides.integrity": "two are lost"}), False),
        "held_back": (YearsHeldBackError({2025: "rides"}, others=True), False),
        "disk": (OSError(errno.ENOSPC, "No space left on device", "shard.parquet"), False),
        "nameless_disk": (OSError(errno.ENOSPC, "No space left on device"), False),
        "bug": (ValueError("start_latlng 47.3769, 8.5417"), False),
    }


def failing(name: str, error: Exception, retried: bool = False) -> dg.AssetsDefinition:
    def work(asked: Asked) -> NoReturn:
        raise error

    return step([dg.AssetSpec(name)], work, retry_policy=dg.RetryPolicy(max_retries=1) if retried else None)


def defined(settings: Settings, assets: list[dg.AssetsDefinition], refused: Exception | None = None) -> dg.Definitions:
    """Definitions with the job `toy` of these assets; `refused`: what their resource raises."""

    @dg.resource
    def run(context: dg.InitResourceContext) -> Iterator[Any]:
        with resource_in_our_words(context):
            if refused is not None:
                raise refused
            yield run_context(settings, LogProgress(context.log))  # type: ignore[arg-type]

    jobs = [dg.define_asset_job("toy", assets)]
    return dg.Definitions(assets, jobs=jobs, resources={"run": run}, executor=dg.in_process_executor)


def launched(instance: dg.DagsterInstance, defs: dg.Definitions) -> dict[tuple[DagsterEventType, str | None], Any]:
    """What a run that the clock launched says of each type of event and step."""
    job, tags = defs.resolve_job_def("toy"), {"dagster/schedule_name": "daily_flow"}
    result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False, run_config=QUIET)
    return {(event.event_type, event.step_key): event.event_specific_data for event in result.all_events}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(_env_file=None, data_dir=tmp_path / "data", dagster_home=tmp_path / "home")


def test_each_error_heads_its_step_and_is_the_same_to_a_command(settings: Settings, subtests: pytest.Subtests) -> None:
    errors = cells()
    defs = defined(settings, [failing(name, error, name in RETRIED) for name, (error, _) in errors.items()])
    with dg.DagsterInstance.ephemeral() as instance:
        found = launched(instance, defs)
        with pytest.raises(PartialRunError) as partial:
            run_job(settings, "toy", years=None, go_on=True, definitions=defs, instance=instance)
    failures = {**partial.value.outcome.failures, "held_back": errors["held_back"][0]}
    for name, (error, may_pass) in errors.items():
        with subtests.test(name):
            assert failures[name] is error
            failed = found[DagsterEventType.STEP_FAILURE, name]
            words, fields = fault(failed.error)
            assert (fields["error"], "traceback" in fields) == (type(error).__name__, name == "bug")
            tried_again = (DagsterEventType.STEP_RESTARTED, name) in found
            assert tried_again is (may_pass and name in RETRIED)
            if not isinstance(error, (PipelineError, OSError)):
                assert "47.3769" not in words
                continue
            assert (words, failed.user_failure_data.description) == (str(error), told(error))
            assert tried_again or failed.error.message.endswith(f"Failure: {told(error)}\n")
            metadata = {key: value.value for key, value in failed.user_failure_data.metadata.items()}
            assert metadata["goes_on_by_itself"] is may_pass
            assert metadata["what_to_do"].startswith("What was" if may_pass else "Do what the message says. What was")


@pytest.mark.parametrize("name", ["outage", "login", "disk", "bug", "held_back"])
@pytest.mark.parametrize("where", ["step", "resource"])
def test_a_command_ends_with_the_error_itself(settings: Settings, name: str, where: str) -> None:
    error, _ = cells()[name]
    defs = defined(settings, [failing(name, error)], error if where == "resource" else None)
    is_partial = (where, name) == ("step", "held_back")
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(type(error)) as ended:
        run_job(settings, "toy", years=None, definitions=defs, instance=instance)
    assert (str(ended.value), ended.value is error) == (str(error), not is_partial)


@pytest.mark.parametrize("name", ["outage", "misuse", "disk", "bug"])
def test_a_resource_that_fails_heads_its_run_which_starts_again_only_where_that_may_help(
    settings: Settings, name: str
) -> None:
    error, may_pass = cells()[name]
    with dg.DagsterInstance.ephemeral(settings=RETRIES) as instance:
        failed = launched(instance, defined(settings, [failing("never", error)], error))[
            DagsterEventType.RUN_FAILURE, None
        ]
        retried = [*filter_runs_to_should_retry(instance.get_runs(), instance)]
    assert (fault(failed.error)[1]["error"], bool(retried)) == (type(error).__name__, may_pass or name == "bug")
    assert failed.error.message.endswith(f"UserCodeExecutionError: {error}\n") is (name in ("outage", "misuse"))
