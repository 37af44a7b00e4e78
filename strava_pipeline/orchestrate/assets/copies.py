"""The asset of the second copy: exists only if one is made, as the last step of each run that lands or publishes anything."""

import dagster as dg

from strava_pipeline.environment.settings import Settings
from strava_pipeline.operations.copying import COPIED, SECOND_COPY, copy_after_run
from strava_pipeline.orchestrate.checks import own_checks
from strava_pipeline.orchestrate.job_records import COPIES
from strava_pipeline.orchestrate.jobs import FILE_READINGS, INSIGHTS
from strava_pipeline.orchestrate.steps import step
from strava_pipeline.orchestrate.tags import STEP_LAST


def copy_assets(settings: Settings) -> dg.AssetsDefinition:
    """The asset, which every job that lands or publishes anything includes. It has no years: the whole folder is copied."""
    copy = dg.AssetSpec(
        SECOND_COPY,
        deps=["published_warehouse", INSIGHTS, "activity_shards", FILE_READINGS, "athlete", "gear"],
        group_name=COPIES.name,
        kinds={"duckdb"},
        description="What can't be made again, and the published warehouse, in RESTIC_REPOSITORY: new and changed files of the "
        "whole folder, whatever the years of the run.",
    )
    checks = own_checks(SECOND_COPY, {COPIED: "The copy is up to date."})
    return step([copy], lambda asked: copy_after_run(asked.run, settings), checks=checks, op_tags=STEP_LAST)
