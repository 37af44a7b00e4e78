"""The published warehouse in PostgreSQL, where EXPORT_URL is set. The work is operations/exporting.py's."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from strava_pipeline.operations.exporting import EXPORTED, export_to_postgres
from strava_pipeline.orchestrate.checks import own_checks
from strava_pipeline.orchestrate.jobs import EXPORTS
from strava_pipeline.orchestrate.resources import Run
from strava_pipeline.orchestrate.steps import Result, asset, chosen_years, reported
from strava_pipeline.orchestrate.tags import STEP_LAST
from strava_pipeline.settings import Settings


def exported_assets(partitions: dg.PartitionsDefinition[Any], settings: Settings) -> list[dg.AssetsDefinition]:
    """The asset, which every job that publishes takes along."""

    @asset(
        name=EXPORTED,
        partitions_def=partitions,
        deps=["published_warehouse"],
        group_name=EXPORTS.name,
        op_tags=STEP_LAST,
        kinds={"duckdb", "postgres"},
        description=f"Every table and view of the warehouse in PostgreSQL, schema {settings.export_schema}: each year that "
        "changed, of whichever year the run is.",
        check_specs=own_checks(
            EXPORTED,
            {"equals_snapshot": "What was written is there row by row as it is here; the next run writes it again."},
        ),
    )
    def exported_gold(context: dg.AssetExecutionContext, run: Run) -> Iterator[Result]:
        yield from reported(context, run, export_to_postgres(run, settings, chosen_years(context, run)))

    return [exported_gold]
