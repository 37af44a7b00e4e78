"""What the runs of an instance are, as the sensors ask: whose, of which years, of which assets, at work or over.

Nothing is launched here and nothing is changed.
"""

import dagster as dg
from dagster import DagsterRunStatus

from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.dagster_private import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    IMPLICIT_ASSET_JOB_NAME,
    PARTITION_NAME_TAG,
)
from strava_pipeline.orchestrate.jobs import DETAILS, JOBS, LISTING, STREAMS, STREAMS_JOB
from strava_pipeline.orchestrate.tags import DATA_DIR

UNFINISHED = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def is_ours(run: dg.DagsterRun, lake: Lake) -> bool:
    """Whether it is of this data folder. One that doesn't say (it hasn't begun) is taken to be."""
    return run.tags.get(DATA_DIR, str(lake.data_dir)) == str(lake.data_dir)


def newest(instance: dg.DagsterInstance, lake: Lake, job: str, statuses: list[DagsterRunStatus]) -> dg.RunRecord | None:
    """The run of all of `job` that was made last, among ours in one of `statuses` (none: in any)."""
    cursor: str | None = None
    while records := instance.get_run_records(
        dg.RunsFilter(job_name=job, statuses=statuses or None), limit=50, cursor=cursor
    ):
        for record in records:
            if is_ours(record.dagster_run, lake) and assets_of(record.dagster_run) >= {*JOBS[job].assets}:
                return record
        cursor = records[-1].dagster_run.run_id
    return None


def job_of(run: dg.DagsterRun) -> str:
    """The job whose work it is: what is launched from the asset graph is a backfill (see jobs.resolved), streams aside."""
    if run.job_name != IMPLICIT_ASSET_JOB_NAME:
        return run.job_name
    assets = assets_of(run)
    return STREAMS_JOB if STREAMS in assets and not assets & {LISTING, DETAILS} else "backfill"


def assets_of(run: dg.DagsterRun) -> frozenset[str]:
    """The names of the assets it makes; none for a job that is not one of ours."""
    if run.asset_selection:  # a run of the command line has an empty one
        return frozenset(key.to_user_string() for key in run.asset_selection)
    return frozenset(JOBS[run.job_name].assets) if run.job_name in JOBS else frozenset()


def years_of_run(run: dg.DagsterRun) -> list[int]:
    """The years it covers; none where it is not by year."""
    first = run.tags.get(ASSET_PARTITION_RANGE_START_TAG) or run.tags.get(PARTITION_NAME_TAG)
    last = run.tags.get(ASSET_PARTITION_RANGE_END_TAG) or run.tags.get(PARTITION_NAME_TAG)
    return list(range(int(first), int(last) + 1)) if first and last and (first + last).isdecimal() else []
