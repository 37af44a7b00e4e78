"""Starts a run for each request in data/inbox/requests, within seconds; and records the end of runs that left no record.

The request's id is the run key, so a request gets one run. lake/requests.py defines requests.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
from dagster import DagsterRunStatus

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.providers import spec_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import system_clock
from strava_pipeline.lake.looks import note_look
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import forget_refusals
from strava_pipeline.lake.requests import (
    ApplyWanted,
    BackfillWanted,
    ImportWanted,
    MonthWanted,
    PublishWanted,
    PullWanted,
    RegionWanted,
    Request,
    Unreadable,
    Wanted,
    end_request,
    forget_requests,
    has_requests,
    is_taken,
    open_requests,
)
from strava_pipeline.operations.requesting import paths_of_import, refuse_request, years_of_approved
from strava_pipeline.operations.years import year_range
from strava_pipeline.orchestrate.asset_jobs import Jobs
from strava_pipeline.orchestrate.job_records import MATCHING, Job
from strava_pipeline.orchestrate.job_years import years_without_choice
from strava_pipeline.orchestrate.jobs import (
    APPLIED_CHANGES,
    APPLY_JOB,
    FILE_BRONZE,
    IMPORT_ALL_JOB,
    JOBS,
    LISTING,
    MONTH_JOB,
    REGION_JOB,
    SOURCES_JOB,
    jobs_of,
    pulled_as,
)
from strava_pipeline.orchestrate.partitions import run_request
from strava_pipeline.orchestrate.runs import fail_dead_runs, our_runs
from strava_pipeline.orchestrate.schedules import ticks_due
from strava_pipeline.orchestrate.tags import FIRST, REQUEST

_JOBS = ("compact", "flow", "refresh", "backfill", APPLY_JOB, IMPORT_ALL_JOB, REGION_JOB)
SOON = timedelta(minutes=1)  # within it, the service loads what was just set up
_NOT_LOADED = (
    "Dagster has not loaded what this needs. Start it again (`strava-pipeline service restart`), then ask again."
)
_SILENT = "The run ended and left no word; `strava-pipeline logs latest` and Dagster's pages may have one."


def requests_sensor(
    settings: Settings,
    defined: Jobs,
    schedules: Sequence[dg.ScheduleDefinition],
    status: dg.DefaultSensorStatus,
    now: Callable[[], datetime],
) -> dg.SensorDefinition:
    """The sensor for requests. `defined`, `schedules`: the existing ones; the definitions' own objects."""
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
        note_look(lake, now(), ticks_due(schedules, context.instance, now()))
        if not has_requests(lake):
            yield dg.SkipReason("Nobody asked for anything.")
            return
        forget_requests(lake, now())
        if any(True for _ in open_requests(lake)):
            fail_dead_runs(context.instance, lake)  # or one of them would be taken to be at work for ever
        for request in list(open_requests(lake)):
            if isinstance(request, Unreadable):
                end_request(lake, request.id, "failed", now(), "The file of this request can't be read. Ask again.")
            # several: Dagster restarts one whose process died
            elif runs := our_runs(context.instance, lake, dg.RunsFilter(tags={REQUEST: request.id})):
                _settle(lake, request, runs, now())
            elif not is_taken(lake, request.id, now()):
                try:
                    asked = request_of(settings, request, clock.now())
                    if asked.job_name not in names:  # otherwise Dagster would refuse everything that waits with it
                        if now() - request.at < SOON:
                            continue
                        raise PipelineError(_NOT_LOADED)
                    yield asked
                except PipelineError as error:  # what was possible when it was asked for is so no more
                    end_request(lake, request.id, "failed", now(), str(error))

    return requests


def _settle(lake: Lake, request: Request, runs: Sequence[dg.DagsterRun], at: datetime) -> None:
    """Record the end of a request whose runs have all ended, if none of them could."""
    if all(run.is_finished for run in runs):
        succeeded = runs[0].status is DagsterRunStatus.SUCCESS
        end_request(lake, request.id, "done" if succeeded else "failed", at, "" if succeeded else _SILENT)


def request_of(settings: Settings, request: Request, now: datetime) -> dg.RunRequest:
    """The run of a request. Raises PipelineError if it can't be carried out any more."""
    refuse_request(settings, request.wanted, now)
    tags = {**FIRST, REQUEST: request.id}
    job, years, own = _planned(settings, request.wanted, now)
    return run_request(settings, job, years, run_key=request.id, tags=tags, config=own)


def _planned(settings: Settings, wanted: Wanted, now: datetime) -> tuple[Job, Sequence[int], dict[str, dict[str, Any]]]:
    """The job of a person's request, its years, and the config of its assets."""
    years, jobs = year_range(settings.first_year, now), jobs_of(settings)
    match wanted:
        case PullWanted(provider=name) if spec_of(name).unnamed:
            return jobs["flow"], years_without_choice(settings, "flow", now), {}
        case PullWanted(provider=name):
            forget_refusals(Lake(settings.data_dir), name)  # a person asks for everything again
            return jobs[name], years_without_choice(settings, name, now), pulled_as(name, mode="incremental")
        case MonthWanted(month=month):
            year = years.clamp(int(month[:4]))
            if MONTH_JOB in jobs:
                return jobs[MONTH_JOB], [year], {MATCHING: {"months": [month]}}
            return jobs["refresh"], [year], {LISTING: {"mode": "month", "month": month}}
        case BackfillWanted(year=year):
            return jobs[SOURCES_JOB if SOURCES_JOB in jobs else "backfill"], [year], {}
        case ApplyWanted(ids=ids):
            return jobs[APPLY_JOB], years_of_approved(settings, ids, now), {APPLIED_CHANGES: {"ids": list(ids)}}
        case PublishWanted():
            return jobs["compact"], years_without_choice(settings, "compact", now), {}
        case RegionWanted():  # the run reads how many bytes it may load
            return jobs[REGION_JOB], [], {}
        case ImportWanted(names=names):
            paths = [str(path.absolute()) for path in paths_of_import(Lake(settings.data_dir), names)]
            # the files' years are known when they are read
            return jobs[IMPORT_ALL_JOB], years.all, {FILE_BRONZE: {"paths": paths}}
    raise AssertionError(f"no job does {wanted}")
