"""A command's run in Dagster's eyes: of the workspace, so that the UI shows it, and never started again or failed by the daemon."""

import logging
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.auto_run_reexecution.auto_run_reexecution import filter_runs_to_should_retry
from dagster._daemon.monitoring.run_monitoring import monitor_started_run

from strava_pipeline.orchestrate.dagster_private import InMemoryJob, execute_run
from strava_pipeline.orchestrate.runs import started_by
from strava_pipeline.verbs import run_job
from strava_pipeline.verbs.instance import open_instance
from strava_pipeline_tests.documents import REPO

YEARS = dg.StaticPartitionsDefinition(["2025", "2026"])


@dg.asset(partitions_def=YEARS)
def rides() -> None:
    """By year."""


JOB = dg.Definitions(
    assets=[rides], jobs=[dg.define_asset_job("flow", [rides])], executor=dg.in_process_executor
).resolve_job_def("flow")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(tmp_path / "home") as made:
        yield made


def created(instance: dg.DagsterInstance, status: DagsterRunStatus | None = None) -> dg.DagsterRun:
    run = run_job._create(JOB, instance, run_id=str(uuid4()), config={}, years=[2026])
    if status is DagsterRunStatus.STARTED:
        started = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job_name=run.job_name, message="")
        instance.report_dagster_event(started, run_id=run.run_id)
    return known(instance, run.run_id)


def known(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run


@pytest.mark.parametrize("path", ["workspace.yaml", "strava_pipeline/orchestrate/workspace.yaml"])
def test_a_command_s_run_has_the_origin_of_the_workspace(path: str) -> None:
    (location,) = WorkspaceFileTarget(paths=[str(REPO / path)]).create_origins()
    origin = run_job._origin("flow")
    assert origin.repository_origin.code_location_origin == location
    assert origin.repository_origin.repository_name == "__repository__"


def test_a_command_s_run_makes_its_year_and_says_who_asked_for_it(instance: dg.DagsterInstance) -> None:
    run_id = str(uuid4())
    run = run_job._create(JOB, instance, run_id=run_id, config={}, years=[2026])
    execute_run(InMemoryJob(JOB), run, instance)
    run = known(instance, run_id)
    assert run.status is DagsterRunStatus.SUCCESS
    assert instance.get_materialized_partitions(dg.AssetKey("rides")) == {"2026"}
    assert run.remote_job_origin is not None
    assert (run.tags["by"], started_by(run)) == ("the command line", "the command line")
    again = run.with_tags({**run.tags, "dagster/parent_run_id": run_id})
    assert started_by(again._replace(parent_run_id=run_id)) == "Dagster's UI"


def test_a_command_s_run_that_was_killed_is_not_started_again(instance: dg.DagsterInstance) -> None:
    killed, of_the_ui = created(instance, DagsterRunStatus.STARTED), created(instance, DagsterRunStatus.STARTED)
    instance.add_run_tags(of_the_ui.run_id, {"dagster/max_retries": "2"})
    for run in (killed, of_the_ui):
        instance.report_run_failed(known(instance, run.run_id))
    retried = filter_runs_to_should_retry([known(instance, killed.run_id), known(instance, of_the_ui.run_id)], instance)
    assert [run.run_id for run in retried] == [of_the_ui.run_id]


def test_run_monitoring_leaves_a_command_s_run_at_work(instance: dg.DagsterInstance) -> None:
    run = created(instance, DagsterRunStatus.STARTED)
    record = instance.get_run_record_by_id(run.run_id)
    assert record is not None
    monitor_started_run(instance, None, record, logging.getLogger(__name__))  # type: ignore[arg-type]
    assert known(instance, run.run_id).status is DagsterRunStatus.STARTED
