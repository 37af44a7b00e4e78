"""The job `rebuild`: everything downstream of bronze, all years at once. The work is operations/rebuilding.py's.

One op instead of the assets, because a rebuild is whole or nothing: a run of one year could not replace the warehouse.
Its run reports each asset as materialised all the same, year by year.
"""

import dagster as dg

from strava_pipeline.operations.rebuilding import rebuild_all
from strava_pipeline.orchestrate.jobs import REBUILD_JOB
from strava_pipeline.orchestrate.run_resources import Run
from strava_pipeline.orchestrate.steps import shown
from strava_pipeline.settings import Settings


def rebuild_job(settings: Settings) -> dg.JobDefinition:
    """The job; it imports what was dropped under the limits of `settings`, and makes insights in their time zone."""

    @dg.op(description="Shards, gold and tracks from bronze, then published. Readers keep the old snapshot meanwhile.")
    def from_bronze(context: dg.OpExecutionContext, run: Run) -> None:
        for report in rebuild_all(run, settings):
            for year, metadata in report.by_year.items():
                context.log_event(dg.AssetMaterialization(report.asset, partition=str(year), metadata=shown(metadata)))

    @dg.job(name=REBUILD_JOB, description="Rebuild shards and the warehouse from bronze, without a call, and publish.")
    def job() -> None:
        from_bronze()

    return job
