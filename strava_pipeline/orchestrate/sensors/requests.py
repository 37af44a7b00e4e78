"""Makes a run of each request in data/inbox/requests, within seconds; and notes the end of runs that left no word.

The request's id is the run key, so a request comes to one run. What is a request is lake/requests.py's.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.providers import spec_of
from strava_pipeline.ingest.clock import system_clock
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import (
    ApplyWanted,
    BackfillWanted,
    DisplayWanted,
    ImportWanted,
    MonthWanted,
    PullWanted,
    Request,
    SettingsWanted,
    Unreadable,
    Wanted,
    end_request,
    forget_requests,
    has_requests,
    note_look,
    open_requests,
)
from strava_pipeline.operations.requesting import paths_of_import, refuse_request, years_of_approved
from strava_pipeline.operations.years import year_range
from strava_pipeline.orchestrate.dagster_private import UnresolvedAssetJobDefinition
from strava_pipeline.orchestrate.job_records import MATCHING
from strava_pipeline.orchestrate.job_years import years_without_choice
from strava_pipeline.orchestrate.jobs import (
    APPLIED_CHANGES,
    APPLY_JOB,
    FILE_BRONZE,
    IMPORT_ALL_JOB,
    JOBS,
    LISTING,
    MONTH_JOB,
    SETTINGS_JOB,
    SETTINGS_OP,
    SOURCES_JOB,
    jobs_of,
    provider_job,
    provider_listing,
)
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline.orchestrate.runs import fail_dead_runs, is_ours
from strava_pipeline.orchestrate.tags import DATA_DIR, FIRST, REQUEST
from strava_pipeline.settings import Settings

_JOBS = ("flow", "refresh", "backfill", APPLY_JOB, IMPORT_ALL_JOB)
SOON = timedelta(minutes=1)  # within it, the service loads what was just set up
_NOT_LOADED = (
    "Dagster has not loaded what this needs. Start it again (`strava-pipeline service restart`), then ask again."
)
_SILENT = "The run ended and left no word; `strava-pipeline logs latest` and Dagster's pages may have one."


def requests_sensor(
    settings: Settings,
    defined: Sequence[UnresolvedAssetJobDefinition | dg.JobDefinition],
    status: dg.DefaultSensorStatus,
    now: Callable[[], datetime],
) -> dg.SensorDefinition:
    """`defined`: the jobs that there are; the definitions' own objects."""
    jobs = [job for job in defined if job.name in _JOBS or job.name not in JOBS]
    names = {job.name for job in jobs}

    @dg.sensor(
        jobs=jobs,
        minimum_interval_seconds=60,  # waking.py has it look sooner
        default_status=status,
        description="Makes a run of what a person asked for on the dashboard.",
    )
    def requests(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        lake, clock = Lake(settings.data_dir), system_clock(settings, now)
        note_look(lake, now())
        if not has_requests(lake):
            yield dg.SkipReason("Nobody asked for anything.")
            return
        forget_requests(lake, now())
        if any(True for _ in open_requests(lake)):
            fail_dead_runs(context.instance, lake)  # or one of them would be taken to be at work for ever
        for request in list(open_requests(lake)):
            if isinstance(request, Unreadable):
                end_request(lake, request.id, "failed", now(), "The file of this request can't be read. Ask again.")
            elif runs := _runs_of(context.instance, lake, request.id):
                _settle(lake, request, runs, now())
            else:
                try:
                    asked = run_request(settings, request, clock.now())
                    if asked.job_name not in names:  # Dagster would refuse whatever waits beside it, too
                        if now() - request.at < SOON:
                            continue
                        raise PipelineError(_NOT_LOADED)
                    yield asked
                except PipelineError as error:  # what was possible when it was asked for is so no more
                    end_request(lake, request.id, "failed", now(), str(error))

    return requests


def _runs_of(instance: dg.DagsterInstance, lake: Lake, request_id: str) -> list[dg.DagsterRun]:
    """The runs of a request, the newest first: Dagster starts one again whose process died."""
    runs = instance.get_runs(filters=dg.RunsFilter(tags={REQUEST: request_id}))
    return [run for run in runs if is_ours(run, lake)]


def _settle(lake: Lake, request: Request, runs: Sequence[dg.DagsterRun], at: datetime) -> None:
    """Note the end of a request whose runs have all ended, where none of them could."""
    if all(run.is_finished for run in runs):
        succeeded = runs[0].status is DagsterRunStatus.SUCCESS
        end_request(lake, request.id, "done" if succeeded else "failed", at, "" if succeeded else _SILENT)


def run_request(settings: Settings, request: Request, now: datetime) -> dg.RunRequest:
    """The run that a request comes to. Raises PipelineError where it can't be carried out any more."""
    refuse_request(settings, request.wanted, now)
    found = _planned(settings, request.wanted, now)
    tags = {**found.tags, **FIRST, DATA_DIR: str(settings.data_dir), REQUEST: request.id}
    return dg.RunRequest(run_key=request.id, job_name=found.job_name, run_config=found.run_config, tags=tags)


def _planned(settings: Settings, wanted: Wanted, now: datetime) -> dg.RunRequest:
    """The job of what a person wants, with its config and years."""
    years = year_range(settings.first_year, now)
    match wanted:
        case PullWanted(provider=name) if spec_of(name).unnamed:
            return _of("flow", years_without_choice(settings, "flow", now), JOBS["flow"].run_config())
        case PullWanted(provider=name):
            covered = years_without_choice(settings, name, now)
            return _of(
                name, covered, provider_job(name).run_config(**{provider_listing(name): {"mode": "incremental"}})
            )
        case MonthWanted(month=month):
            year, job = years.clamp(int(month[:4])), jobs_of(settings).get(MONTH_JOB)
            if job is None:
                return _of(
                    "refresh", [year], JOBS["refresh"].run_config(**{LISTING: {"mode": "month", "month": month}})
                )
            return _of(MONTH_JOB, [year], job.run_config(**{MATCHING: {"months": [month]}}))
        case BackfillWanted(year=year):
            name = SOURCES_JOB if SOURCES_JOB in jobs_of(settings) else "backfill"
            return _of(name, [year], jobs_of(settings)[name].run_config())
        case ApplyWanted(ids=ids):
            covered = years_of_approved(settings, ids, now)
            return _of(APPLY_JOB, covered, JOBS[APPLY_JOB].run_config(**{APPLIED_CHANGES: {"ids": list(ids)}}))
        case SettingsWanted() as chosen:
            config = chosen.model_dump(mode="json", include={"seal", "priorities", "write"})
            return _of(SETTINGS_JOB, [], {"ops": {SETTINGS_OP: {"config": config}}})
        case DisplayWanted(seal=seal) as chosen:
            display = {name: value or "" for name, value in chosen.model_dump(exclude={"kind", "seal"}).items()}
            return _of(SETTINGS_JOB, [], {"ops": {SETTINGS_OP: {"config": {"seal": seal, "display": display}}}})
        case ImportWanted(names=names):
            paths = [str(path.absolute()) for path in paths_of_import(Lake(settings.data_dir), names)]
            config = JOBS[IMPORT_ALL_JOB].run_config(**{FILE_BRONZE: {"paths": paths}})
            return _of(IMPORT_ALL_JOB, years.all, config)  # of which years the files are is known when they are read


def _of(job: str, years: Sequence[int], config: dict[str, object]) -> dg.RunRequest:
    return dg.RunRequest(job_name=job, run_config=config, tags=range_tags(years) if years else {})
