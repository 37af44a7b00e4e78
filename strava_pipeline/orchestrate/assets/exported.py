"""The published warehouse in PostgreSQL, if EXPORT_URL is set. The work is operations/exporting.py's."""

from typing import Any

import dagster as dg

from strava_pipeline.environment.settings import Settings
from strava_pipeline.operations.exporting import EXPORTED, SCHEMA, export_to_postgres
from strava_pipeline.orchestrate.checks import own_checks
from strava_pipeline.orchestrate.jobs import EXPORTS
from strava_pipeline.orchestrate.steps import step
from strava_pipeline.orchestrate.tags import STEP_LAST


def exported_assets(partitions: dg.PartitionsDefinition[Any], settings: Settings) -> dg.AssetsDefinition:
    """The asset, which every job that publishes includes."""
    gold = dg.AssetSpec(
        EXPORTED,
        partitions_def=partitions,
        deps=["published_warehouse"],
        group_name=EXPORTS.name,
        kinds={"duckdb", "postgres"},
        description=f"Every table and view of the warehouse in PostgreSQL, schema {SCHEMA}: each year that "
        "changed, of whichever year the run is.",
    )
    rule = {"equals_snapshot": "What was written is there row by row as it is here; the next run writes it again."}
    return step(
        [gold],
        lambda asked: export_to_postgres(asked.run, settings, asked.years),
        checks=own_checks(EXPORTED, rule),
        op_tags=STEP_LAST,
    )
