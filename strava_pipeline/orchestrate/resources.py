"""Dagster's resources: the context of a run with its locks and its log, the sources, and the published warehouse.

A live run holds data/state/runs/<run_id>.lock, which distinguishes it from a dead one. A run that lists from the
watermark also holds `flow.lock`, because two of them would list the same pages; so does a rebuild. The working
warehouse isn't a resource (docs/adr).

Resources in Dagster: https://docs.dagster.io/guides/build/external-resources
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast

import dagster as dg
from dagster_duckdb import DuckDBResource

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.process import PRIVATE, private_files
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.http import QUIETED
from strava_pipeline.lake.decisions import keep_decisions
from strava_pipeline.lake.locks import is_live, live_run, locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import begin_request
from strava_pipeline.operations.held_years import forget_held_years
from strava_pipeline.operations.log_files import log_of
from strava_pipeline.operations.progress import BothProgress, LogProgress, Progress
from strava_pipeline.operations.rebuilding import bring_up_to_date
from strava_pipeline.operations.run_context import RunContext, run_context
from strava_pipeline.operations.source import FLOW_LOCK
from strava_pipeline.operations.sources import Sources
from strava_pipeline.orchestrate.dagster_private import IMPLICIT_ASSET_JOB_NAME
from strava_pipeline.orchestrate.failures import resource_in_our_words
from strava_pipeline.orchestrate.home import ui_of
from strava_pipeline.orchestrate.job_records import plain_name
from strava_pipeline.orchestrate.job_years import years_without_choice
from strava_pipeline.orchestrate.jobs import LISTING, PULLING_JOBS, REBUILD_JOB, STEP_JOBS
from strava_pipeline.orchestrate.notifying import note_end
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline.orchestrate.placing import HOME, Place, claim
from strava_pipeline.orchestrate.run_log import logged
from strava_pipeline.orchestrate.runs import assets_of, started_by, years_of_run
from strava_pipeline.orchestrate.tags import (
    ALERT,
    BY,
    DATA_DIR,
    FIRST_PARTITION,
    HELD_BACK,
    LAST_PARTITION,
    LIMIT,
    MAX_RETRIES,
    NO_CHOICE,
    NO_LIMIT,
    PARTITION,
    PROVIDER_LIMIT,
    REQUEST,
    STOPPED_EARLY,
)

ProgressOf = Callable[[], Progress]
Run = dg.ResourceParam[RunContext]
RunSources = dg.ResourceParam[Sources]


def run_resource(
    settings: Settings,
    progress_of: ProgressOf | None = None,
    by_year: frozenset[str] = frozenset(),
    place: Place = HOME,
) -> dg.ResourceDefinition:
    """The `RunContext` of a run. Opens the run's log; frees its locks at its end. `by_year`: the assets kept by year.

    Progress goes to Dagster's log, and so into the run's own, and to what `progress_of` makes.
    """

    @dg.resource(description="The data folder, the years, the server's clock and the progress of one run.")
    def run_of(context: dg.InitResourceContext) -> Iterator[RunContext]:
        with resource_in_our_words(context), ExitStack() as held:
            run, instance = context.run, context.instance
            assert run is not None, "only runs have it"
            assert instance is not None
            if place.folder is not None and not place.folder.is_dir():
                raise MisuseError(f"The athlete's folder is missing: {place.folder}. Is its disk there?")
            job = plain_name(run.job_name)
            umask = os.umask(PRIVATE)  # while it begins and ends: the process may not be ours
            held.callback(os.umask, umask)
            for quieted in () if place.is_ours else map(logging.getLogger, QUIETED):
                held.callback(quieted.setLevel, quieted.level)
            log = _StepLog(context.log or logging.getLogger(__name__))
            _add_years(instance, run, settings, by_year)
            who = f"{run.job_name}, run {run.run_id}"
            watcher = progress_of() if progress_of else None
            progress = BothProgress(LogProgress(log), watcher) if watcher else LogProgress(log)
            context_of_run = run_context(settings, progress, who, run_id=run.root_run_id or run.run_id)
            lake, now = context_of_run.lake, datetime.now(UTC)
            if not place.is_ours:
                claim(lake, "/".join(place.prefix))
            held.callback(keep_decisions, lake)
            on_end = private_files()(
                partial(note_end, lake, run, ui_of(settings.dagster_home) if place.is_ours else None)
            )
            to_stdout = None if settings.log_stdout == "runs" and watcher else settings.log_stdout
            held.enter_context(logged(settings.logs_dir, instance, run, now, progress.say, on_end, to_stdout))
            held.enter_context(_warnings_shown(log, watcher))
            if not is_live(lake, run.run_id):  # a command holds it before Dagster has a record of the run
                held.enter_context(live_run(lake, run.run_id))
            if (request := run.tags.get(REQUEST)) is not None:
                _note_begin(lake, settings.logs_dir, request, run.run_id)
            _tag(instance, run, lake)
            if run.parent_run_id is not None and run.step_keys_to_execute is None:  # not from where it failed
                forget_held_years(lake, str(context_of_run.run_id))
            if job not in (*STEP_JOBS, REBUILD_JOB):
                context_of_run = bring_up_to_date(context_of_run, settings)
            if job == REBUILD_JOB or (job in PULLING_JOBS and _lists(run)):
                held.enter_context(locked(lake, FLOW_LOCK, who=who, tell=progress.say))
            os.umask(umask)
            held.callback(os.umask, PRIVATE)
            yield context_of_run

    return run_of


def _add_years(instance: dg.DagsterInstance, run: dg.DagsterRun, settings: Settings, by_year: frozenset[str]) -> None:
    """Give a run that names no years those of its job, in its record and in this process. Raises MisuseError if it has none.

    Steps report by the years in the tags of the run's record, which this process loaded before: so they are added
    there, too. Years before the first one become the first one: the run is from before a later first year was set.
    """
    if years_of_run(run):
        named = {tag: run.tags[tag] for tag in (PARTITION, FIRST_PARTITION, LAST_PARTITION) if tag in run.tags}
        if tags := {tag: str(settings.first_year) for tag, year in named.items() if int(year) < settings.first_year}:
            instance.add_run_tags(run.run_id, tags)
            cast(dict[str, str], run.tags).update(tags)
        return
    if run.job_name == IMPLICIT_ASSET_JOB_NAME and assets_of(run) & by_year:  # before Dagster's own error in its steps
        raise MisuseError(
            "This run names no year, and what it makes is kept by year. In Dagster, choose the years when you launch it."
        )
    if years := years_without_choice(settings, plain_name(run.job_name)):
        tags = {**range_tags(years), NO_CHOICE: "true"}
        instance.add_run_tags(run.run_id, tags)
        cast(dict[str, str], run.tags).update(tags)


def sources_resource(settings: Settings, place: Place = HOME) -> dg.ResourceDefinition:
    """The sources, with one client of each per run. Not a `ConfigurableResource`, because the UI would show its secret fields."""

    key = place.name("run")

    @dg.resource(required_resource_keys={key}, description="The services, with one client of each for each run.")
    def sources(context: dg.InitResourceContext) -> Sources:
        return Sources(settings, getattr(context.resources, key))

    return sources


def _note_begin(lake: Lake, logs_dir: Path, request: str, run_id: str) -> None:
    """Record with a request that the run is at work on it, and where its log is."""
    log = log_of(logs_dir, run_id)
    begin_request(lake, request, run_id, datetime.now(UTC), str(log.relative_to(logs_dir)) if log else None)


def _tag(instance: dg.DagsterInstance, run: dg.DagsterRun, lake: Lake) -> None:
    """Tag the run with its data folder. A re-executed run has the tags of its parent: those about the parent's work are reset."""
    tags = {DATA_DIR: str(lake.data_dir)}
    if run.parent_run_id is not None:
        neutral = {LIMIT: NO_LIMIT, STOPPED_EARLY: "", HELD_BACK: "", ALERT: "", BY: started_by(run)}
        neutral |= {name: NO_LIMIT for name in run.tags if name.startswith(PROVIDER_LIMIT)}
        if run.tags.get(MAX_RETRIES) == "0":  # from a command (verbs/run_job.py), or a retry could not help
            neutral[MAX_RETRIES] = str(instance.run_retries_max_retries)
        tags |= {name: value for name, value in neutral.items() if name in run.tags}
    if not tags.items() <= run.tags.items():
        instance.add_run_tags(run.run_id, tags)


def _lists(run: dg.DagsterRun) -> bool:
    """Whether the listing is among the run's assets; a run that resumes with details alone interferes with no listing."""
    return not run.asset_selection or LISTING in assets_of(run)


class _StepLog(logging.Logger):
    """Dagster's log of the present step, so that its messages name it; before the first step, the run's."""

    def __init__(self, of_run: logging.Logger) -> None:
        super().__init__("run")
        self._of_run = of_run

    def handle(self, record: logging.LogRecord) -> None:
        log: logging.Logger = self._of_run
        with suppress(dg.DagsterInvariantViolationError):  # no step is at work
            log = dg.OpExecutionContext.get().log
        log.log(record.levelno, "%s", record.getMessage())


@contextmanager
def _warnings_shown(log: logging.Logger, watcher: Progress | None) -> Iterator[None]:
    """Sends warnings of the other rooms (retries) to Dagster's log and to the watcher, above its progress bar."""
    handler = _WarningsHandler(log, watcher)
    ours = logging.getLogger("strava_pipeline")
    ours.addHandler(handler)
    try:
        yield
    finally:
        ours.removeHandler(handler)


class _WarningsHandler(logging.Handler):
    def __init__(self, log: logging.Logger, watcher: Progress | None) -> None:
        super().__init__(logging.WARNING)
        self._log, self._watcher = log, watcher

    def emit(self, record: logging.LogRecord) -> None:
        self._log.handle(record)
        if self._watcher is not None:
            self._watcher.say(record.getMessage())


def snapshot_resource(settings: Settings) -> DuckDBResource:
    """The published warehouse, read-only, for readers inside Dagster."""
    return DuckDBResource(
        database=str(Lake(settings.data_dir).snapshot), connection_config={"access_mode": "READ_ONLY"}
    )
