"""A job executed in this process and noted in Dagster as a run of its workspace, so that the UI shows it with all others.

Dagster's `execute_in_process` notes a run without an origin, and the UI's first page leaves such a run out. A run with an
origin is one that Dagster's daemon starts again when its process dies; a command's run must not be (docs/adr/0040).
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import dagster as dg
import yaml  # type: ignore[import-untyped]
from dagster import JobExecutionResult

from strava_pipeline.orchestrate.dagster_private import (
    MAX_RETRIES_TAG,
    InMemoryJob,
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
    execute_run,
)
from strava_pipeline.orchestrate.home import workspace_file
from strava_pipeline.orchestrate.log_lines import BY_HAND
from strava_pipeline.orchestrate.tags import BY


def create(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    *,
    run_id: str,
    config: Mapping[str, Any],
    year: str | None,
    tags: Mapping[str, str],
) -> dg.DagsterRun:
    """The run `run_id` of `job` as Dagster is told of it, not yet begun.

    `year`: the partition, None for a run over a range (whose years are in `tags`) or of a job without partitions.
    """
    of_year = job.get_tags_for_partition_key(year, None) if year is not None else {}
    return instance.create_run_for_job(
        job,
        run_id=run_id,
        run_config=config,
        tags={**job.run_tags, **tags, **of_year, BY: BY_HAND, MAX_RETRIES_TAG: "0"},
        remote_job_origin=_origin(job.name),
    )


def execute(job: dg.JobDefinition, run: dg.DagsterRun, instance: dg.DagsterInstance) -> JobExecutionResult:
    """Execute a run of `create` here to its end; raises what a step raised."""
    return execute_run(InMemoryJob(job), run, instance, raise_on_error=True)


def _origin(job: str) -> RemoteJobOrigin:
    return RemoteJobOrigin(RemoteRepositoryOrigin(_location(), "__repository__"), job)  # Dagster's name of `defs`


@cache
def _location() -> ManagedGrpcPythonEnvCodeLocationOrigin:
    """The one location of workspace.yaml, which `dev` and the service load."""
    (entry,) = yaml.safe_load(workspace_file().read_bytes())["load_from"]
    told = entry["python_module"]
    return ManagedGrpcPythonEnvCodeLocationOrigin(
        LoadableTargetOrigin(module_name=told["module_name"]), told["location_name"]
    )
