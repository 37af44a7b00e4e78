"""The asset of the second copy: there only where MIRROR_URL is set, the last step of each run that publishes."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from strava_pipeline.operations.copies.after_runs import COPIED, SECOND_COPY, copy_after_run
from strava_pipeline.orchestrate.jobs import EXPORTS, INSIGHTS
from strava_pipeline.orchestrate.metadata import OWNER
from strava_pipeline.orchestrate.resources import Run
from strava_pipeline.orchestrate.steps import Result, reported
from strava_pipeline.orchestrate.tags import STEP_LAST
from strava_pipeline.settings import Settings


def copy_assets(partitions: dg.PartitionsDefinition[Any], settings: Settings) -> list[dg.AssetsDefinition]:
    """The asset, which every job that publishes takes along."""

    @dg.asset(
        name=SECOND_COPY,
        partitions_def=partitions,
        deps=["published_warehouse", INSIGHTS],
        group_name=EXPORTS.name,
        op_tags=STEP_LAST,
        kinds={"duckdb"},
        owners=[OWNER],
        description="What can't be made again, and the published warehouse, at MIRROR_URL: new and changed files of the whole "
        "folder, whatever the years of the run.",
        check_specs=[
            dg.AssetCheckSpec(COPIED, asset=SECOND_COPY, description="Only warned of: the copy is up to date.")
        ],
    )
    def second_copy(context: dg.AssetExecutionContext, run: Run) -> Iterator[Result]:
        yield from reported(context, run, copy_after_run(run, settings))

    return [second_copy]
