"""Runs a job in this process, on the shared Dagster instance, as commands do. No daemon needed.

The run, its logs and its lineage are in Dagster's UI like those of any other run. `execute_in_process` records a run without an
origin, which the UI's first page leaves out. Dagster's daemon restarts a run with an origin when the run's process dies; a
command's run must not be restarted (docs/adr/0038).
"""

import signal
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, TypedDict, Unpack
from uuid import uuid4

import dagster as dg
import yaml  # type: ignore[import-untyped]
from dagster import DagsterExecutionInterruptedError

from strava_pipeline.core.errors import PipelineError, YearsHeldBackError
from strava_pipeline.core.years import span_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.locks import live_run
from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.build import build_defs
from strava_pipeline.orchestrate.dagster_private import (
    InMemoryJob,
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
    RunFailureReason,
    execute_run,
)
from strava_pipeline.orchestrate.failures import error_behind, fault, was_interrupted
from strava_pipeline.orchestrate.home import workspace_file
from strava_pipeline.orchestrate.jobs import jobs_of
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline.orchestrate.resources import ProgressOf
from strava_pipeline.orchestrate.run_records import prune_daily
from strava_pipeline.orchestrate.runs import fail_dead_runs
from strava_pipeline.orchestrate.tags import BY, BY_HAND, MAX_RETRIES, REQUEST, STOPPED_EARLY
from strava_pipeline.verbs.instance import database_faults_named, open_instance
from strava_pipeline.verbs.terminal import progress_for_terminal


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """A completed run. `stopped_early`: the limit that ended it; `metadata`: the reports by asset.

    `refused_years`: those that a check refused, each with the reason; the others are done. `failures`: the errors of
    steps in a run that continued nevertheless.
    """

    run_id: str
    stopped_early: str | None
    metadata: dict[str, dict[str, Any]]
    refused_years: Mapping[int, str] = field(default_factory=dict)
    failures: Mapping[str, Exception] = field(default_factory=dict)


class PartialRunError(YearsHeldBackError):
    """A check refused some years of a run; `outcome`: of the others."""

    def __init__(self, error: YearsHeldBackError, outcome: RunOutcome) -> None:
        super().__init__(error.years, others=error.others)
        self.outcome = outcome


def run_job(
    settings: Settings,
    name: str,
    *,
    years: Sequence[int] | None = None,
    config: dict[str, dict[str, Any]] | None = None,
    assets: Collection[str] | None = None,
    go_on: bool = False,
    tags: Mapping[str, str] | None = None,
    progress_of: ProgressOf | None = None,
    log_level: str = "CRITICAL",
    instance: dg.DagsterInstance | None = None,
    definitions: dg.Definitions | None = None,
) -> RunOutcome:
    """Run the job `name` for `years` (None: a job without partitions) to its end; raises an asset's error.

    Raises PartialRunError if a check refused some of the years.

    One year is a run of that partition, several one run over the range. `config`: by asset, over the job's own.
    `assets`: the job's assets to make; None for all. `go_on`: an asset's error ends only the steps below it, and is in
    the outcome. `progress_of` makes a progress display in addition to Dagster's log; `instance`: the Dagster instance,
    None for the settings'. `definitions`: built from the settings before, for a caller that runs several jobs.
    """
    job = (definitions or build_defs(settings, progress_of=progress_of)).resolve_job_def(name)
    job_record = jobs_of(settings).get(name)
    run_config = job_record.run_config(**(config or {})) if job_record is not None else {}
    run_config["loggers"] = {"console": {"config": {"log_level": log_level}}}
    lake, run_id, on_disk = Lake(settings.data_dir), str(uuid4()), instance is None
    with (
        database_faults_named(settings.dagster_home),
        nullcontext(instance) if instance else open_instance(settings.dagster_home, compute_logs=False) as instance,
        _hangup_interrupts(),
    ):
        fail_dead_runs(instance, lake)
        try:
            with live_run(lake, run_id):  # from before Dagster has recorded the run until it has recorded its end
                created = _create(job, instance, run_id, run_config, years=years, assets=assets, tags=tags)
                failures, held = (_executed_to_the_end if go_on else _executed)(job, created, instance)
        except DagsterExecutionInterruptedError as error:  # Ctrl-C, after Dagster has marked the run
            signal.raise_signal(signal.SIGINT)  # for the handler that was there before Dagster's
            raise KeyboardInterrupt from error
        except (dg.Failure, dg.DagsterUserCodeExecutionError) as error:
            found = error_behind(error)
            raise found from found.__cause__
        if on_disk:
            prune_daily(instance, settings, datetime.now(UTC))
        outcome = _outcome(instance, run_id, held.years if held is not None else {}, failures)
        if held is not None:
            raise PartialRunError(held, outcome)
        return outcome


def _create(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    run_id: str,
    config: Mapping[str, Any],
    *,
    years: Sequence[int] | None,
    assets: Collection[str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.DagsterRun:
    """Create the run `run_id` of `job` in Dagster's records; it has not begun. `years`: None for a job without partitions."""
    of_years: Mapping[str, str] = {} if years is None else range_tags(years)
    if years is not None and len(years) == 1:
        of_years = job.get_tags_for_partition_key(str(years[0]), None)
    return instance.create_run_for_job(
        job,
        run_id=run_id,
        run_config=config,
        tags={**job.run_tags, **of_years, BY: BY_HAND, MAX_RETRIES: "0", **(tags or {})},
        asset_selection=None if assets is None else frozenset(map(dg.AssetKey, assets)),
        remote_job_origin=_origin(job.name),
    )


class _Chosen(InMemoryJob):
    """A job with selected assets: selecting them again would lose its hooks."""

    def get_subset(self, **_: Any) -> "_Chosen":
        return self


_Ending = tuple[dict[str, Exception], YearsHeldBackError | None]


def _executed(job: dg.JobDefinition, created: dg.DagsterRun, instance: dg.DagsterInstance) -> _Ending:
    """Execute a run that ends if a step fails; returns the years held back by a check. Raises the step's error."""
    try:
        execute_run(InMemoryJob(job), created, instance, raise_on_error=True)
    except dg.Failure as error:
        if isinstance(found := error_behind(error), YearsHeldBackError):
            return {}, found
        raise
    return {}, None


def _executed_to_the_end(job: dg.JobDefinition, created: dg.DagsterRun, instance: dg.DagsterInstance) -> _Ending:
    """Execute a run whose steps continue after failures; returns the steps' errors, and the years held back by a check.

    Raises DagsterExecutionInterruptedError, and PipelineError if the run failed outside its steps.
    """
    failures: dict[str, Exception] = {}

    @dg.failure_hook(name="failures")
    def keep(context: dg.HookContext) -> None:
        if context.op_exception is not None and isinstance(found := error_behind(context.op_exception), Exception):
            failures[context.op.name] = found

    job = job.get_subset(asset_selection=created.asset_selection).with_hooks({keep})
    result = execute_run(_Chosen(job), created, instance, raise_on_error=False)
    ends = [event.job_failure_data for event in result.all_events if event.is_job_failure]
    if result.dagster_run.status is dg.DagsterRunStatus.CANCELED or any(was_interrupted(end.error) for end in ends):
        raise DagsterExecutionInterruptedError
    for end in ends:
        if end.failure_reason is not RunFailureReason.STEP_FAILURE:
            raise PipelineError(fault(end.error)[0] if end.error else "The run failed outside its steps.")
    held = next((error for error in failures.values() if isinstance(error, YearsHeldBackError)), None)
    return {name: error for name, error in failures.items() if not isinstance(error, YearsHeldBackError)}, held


def _origin(job: str) -> RemoteJobOrigin:
    return RemoteJobOrigin(RemoteRepositoryOrigin(_location(), "__repository__"), job)  # Dagster's name of `defs`


@cache
def _location() -> ManagedGrpcPythonEnvCodeLocationOrigin:
    """The one location of workspace.yaml, which `dev` and the service load."""
    (entry,) = yaml.safe_load(workspace_file().read_bytes())["load_from"]
    module = entry["python_module"]
    return ManagedGrpcPythonEnvCodeLocationOrigin(
        LoadableTargetOrigin(module_name=module["module_name"]), module["location_name"]
    )


@contextmanager
def _hangup_interrupts() -> Iterator[None]:
    """Treat a closed terminal like Ctrl-C, unless hang-ups are ignored (nohup)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGHUP)
    if before is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _outcome(
    instance: dg.DagsterInstance, run_id: str, refused: Mapping[int, str], failures: Mapping[str, Exception]
) -> RunOutcome:
    run, found = instance.get_run_by_id(run_id), dict[str, dict[str, Any]]()
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        if entry.dagster_event is not None:
            made = entry.dagster_event.step_materialization_data.materialization
            found[made.asset_key.to_user_string()] = {name: value.value for name, value in made.metadata.items()}
    return RunOutcome(run_id, run.tags.get(STOPPED_EARLY) if run else None, found, refused, failures)


def import_runs(
    settings: Settings, paths: list[Path], *, request: str | None = None, verbose: bool = False
) -> Iterator[RunOutcome]:
    """Run the import, and yield each run when it has ended: first the files and their readings, then the merge of new data.

    `request`: of the page that asks for it, whose import is one run, as Dagster's daemon makes it.
    """
    from strava_pipeline.lake.gold.publish import is_published
    from strava_pipeline.lake.imports.merge import years_with_unmerged_imports
    from strava_pipeline.operations.years import year_range
    from strava_pipeline.orchestrate.jobs import FILE_BRONZE, IMPORT_ALL_JOB, IMPORT_JOB, MERGE_FILES_JOB

    run = partial(run_in_terminal, settings, verbose=verbose)
    names = [str(path.absolute()) for path in paths]
    if request is not None:
        years_of_all = year_range(settings.first_year).all
        yield run(IMPORT_ALL_JOB, years=years_of_all, config={FILE_BRONZE: {"paths": names}}, tags={REQUEST: request})
        return
    config = {"paths": names, "also_undone": True}
    yield run(IMPORT_JOB, config={FILE_BRONZE: config})
    lake, years = Lake(settings.data_dir), year_range(settings.first_year)
    behind = years_with_unmerged_imports(lake, years)
    if not behind and not is_published(lake):  # who merged it last died before readers could see it
        behind = {years.newest}
    if behind:
        yield run(MERGE_FILES_JOB, years=span_of(behind))


class RunOptions(TypedDict, total=False):
    """A command's arguments to `run_job`."""

    years: Sequence[int] | None
    config: dict[str, dict[str, Any]] | None
    assets: Collection[str] | None
    go_on: bool
    tags: Mapping[str, str] | None


def run_in_terminal(settings: Settings, name: str, *, verbose: bool = False, **asked: Unpack[RunOptions]) -> RunOutcome:
    """As `run_job`, with its progress on stderr; `verbose`: with Dagster's own log, too."""
    log_level = "INFO" if verbose else "CRITICAL"
    return run_job(settings, name, progress_of=progress_for_terminal(), log_level=log_level, **asked)
