"""The jobs of jobs.py as Dagster's. No names, assets or config of their own.

Jobs in Dagster: https://docs.dagster.io/guides/build/jobs/asset-jobs
"""

from functools import cache

import dagster as dg

from strava_pipeline.orchestrate.dagster_private import UnresolvedAssetJobDefinition
from strava_pipeline.orchestrate.jobs import JOBS


@cache
def asset_jobs() -> tuple[UnresolvedAssetJobDefinition, ...]:
    """The jobs as Dagster's; the same objects each time, since two jobs of one name are an error to it."""
    return tuple(
        dg.define_asset_job(
            job.name,
            dg.AssetSelection.assets(*job.assets),
            description=job.description,
            config=job.run_config(),
        )
        for job in JOBS.values()
    )
