"""The jobs as Dagster's: those of jobs.py, made of assets, and `rebuild`, which is one op.

A rebuild is all or nothing, and a run of one year could not replace the warehouse; so it isn't a run of the assets. Its
run still reports each asset as materialised, year by year. The work is operations/rebuilding.py's.

Jobs in Dagster: https://docs.dagster.io/guides/build/jobs/asset-jobs
"""

import time
from collections.abc import Sequence, Set

import dagster as dg

from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.providers_file import enabled_providers
from strava_pipeline.operations.rebuilding import rebuild_all
from strava_pipeline.orchestrate.dagster_private import UnresolvedAssetJobDefinition
from strava_pipeline.orchestrate.failures import step_in_our_words
from strava_pipeline.orchestrate.job_records import Selected, made_by
from strava_pipeline.orchestrate.jobs import (
    REBUILD_JOB,
    events_job,
    jobs_of,
    sends_webhooks,
)
from strava_pipeline.orchestrate.placing import HOME, Place
from strava_pipeline.orchestrate.resources import Run
from strava_pipeline.orchestrate.steps import shown

Jobs = Sequence[UnresolvedAssetJobDefinition | dg.JobDefinition]


def defined_jobs(
    settings: Settings, assets: Set[str], senders: Set[str], place: Place = HOME
) -> list[UnresolvedAssetJobDefinition]:
    """The jobs whose parts are all among `assets`; those that follow deliveries of services only for `senders`."""
    silent = {*enabled_providers(settings)} - senders
    left_out = {events_job(name).name for name in silent if sends_webhooks(name)}
    return [
        dg.define_asset_job(
            place.name(job.name),
            dg.AssetSelection.assets(
                *(place.key(dg.AssetKey(name)) for part in job.selects for name in made_by(part) if name in assets)
            ),
            description=job.words,
            config=place.config(job.run_config()),
            executor_def=None if place.is_ours else dg.in_process_executor,
        )
        for job in jobs_of(settings).values()
        if job.name not in left_out and not any(_is_missing(part, assets) for part in job.selects)
    ]


def _is_missing(part: Selected, assets: Set[str]) -> bool:
    """Whether it has tables (copies, for one, have none), and none of them is among `assets`."""
    tables = {part} if isinstance(part, str) else {*part.tables}
    return bool(tables) and assets.isdisjoint(tables)


def rebuild_job(settings: Settings) -> dg.JobDefinition:
    """The job; it imports dropped files under the limits of `settings`, and makes insights in their time zone."""

    @dg.op(description="Shards, gold and tracks from bronze, then published. Readers keep the old snapshot meanwhile.")
    def from_bronze(context: dg.OpExecutionContext, run: Run) -> None:
        with step_in_our_words(context.run, run.logs_dir):
            began = time.monotonic()
            for report in rebuild_all(run, settings):
                for year, numbers in report.by_year.items():
                    metadata = shown({"seconds": time.monotonic() - began, **report.metadata, **numbers})
                    context.log_event(dg.AssetMaterialization(report.asset, partition=str(year), metadata=metadata))
            if settings.is_copied:
                from strava_pipeline.operations.copying import copy_after_run  # which no other process loads

                copied = copy_after_run(run, settings)
                context.log_event(dg.AssetMaterialization(copied.asset, metadata=shown(copied.metadata)))

    @dg.job(name=REBUILD_JOB, description="Rebuild shards and the warehouse from bronze, without a call, and publish.")
    def job() -> None:
        from_bronze()

    return job
