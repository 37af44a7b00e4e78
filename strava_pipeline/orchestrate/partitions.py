"""The one partitions definition, and runs over some of its years: a partition is a local year of the athlete.

The same years without Dagster: operations/years.py.

Partitions in Dagster: https://docs.dagster.io/guides/build/partitions-and-backfills/partitioning-assets
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from strava_pipeline.environment.settings import Settings
from strava_pipeline.operations.years import ZONE
from strava_pipeline.orchestrate.job_records import Job
from strava_pipeline.orchestrate.tags import DATA_DIR, FIRST_PARTITION, LAST_PARTITION


def year_partitions(first_year: int) -> dg.TimeWindowPartitionsDefinition:
    """Years from `first_year` to the present one, inclusive; a new one appears without a reload."""
    return dg.TimeWindowPartitionsDefinition(
        cron_schedule="0 0 1 1 *", start=str(first_year), fmt="%Y", end_offset=1, timezone=ZONE
    )


def range_tags(years: Sequence[int]) -> dict[str, str]:
    """The tags that make one run cover all of `years`, first to last."""
    return {FIRST_PARTITION: str(min(years)), LAST_PARTITION: str(max(years))}


def run_request(
    settings: Settings,
    job: Job,
    years: Sequence[int] = (),
    *,
    run_key: str | None = None,
    tags: Mapping[str, str] | None = None,
    config: Mapping[str, dict[str, Any]] | None = None,
) -> dg.RunRequest:
    """A run of `job` over `years` in the data folder of the settings; `config` by asset, over the job's own."""
    of_years = range_tags(years) if years else {}
    tags = {**of_years, DATA_DIR: str(settings.data_dir), **(tags or {})}
    return dg.RunRequest(run_key=run_key, job_name=job.name, tags=tags, run_config=job.run_config(**(config or {})))
