"""Details and what they nest, merged into gold, and which of them fail. SQL and parsing are the lake's."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import DETAIL_TABLES, FILES, QUARANTINE, TABLES
from strava_pipeline.lake.counts import rows_by_year
from strava_pipeline.lake.merge_details import merge_details, sync_kudos
from strava_pipeline.lake.merge_imported import merge_imported_details
from strava_pipeline.lake.quarantine import sync_quarantine
from strava_pipeline.lake.warehouse import reading, writing
from strava_pipeline.orchestrate.jobs import DETAILS
from strava_pipeline.orchestrate.lineage import from_bronze
from strava_pipeline.orchestrate.metadata import OWNER, described, table_description, tell_rows, timed, unknown_fields
from strava_pipeline.orchestrate.partitions import years_of
from strava_pipeline.orchestrate.resources import Pipeline


def detail_assets(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetsDefinition]:
    @dg.multi_asset(
        specs=[
            dg.AssetSpec(
                name,
                deps=["bronze_activity_details", FILES.name],
                partitions_def=partitions,
                group_name="details",
                kinds={"duckdb"},
                owners=[OWNER],
                description=table_description(TABLES[name]),
                metadata=described(name) | from_bronze(name, DETAILS),
            )
            for name in DETAIL_TABLES
        ]
    )
    def detail_tables(
        context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        years = years_of(context.partition_keys)
        with timed() as seconds:
            report = merge_details(pipeline.lake, years)
            files = merge_imported_details(pipeline.lake)
            report.rows += files.rows
            report.unknown += files.unknown
            with writing(pipeline.lake) as connection:
                raised = sync_kudos(connection, pipeline.lake, years)
        with reading(pipeline.lake) as connection:
            rows = {name: rows_by_year(connection, name) for name in DETAIL_TABLES}
        for name in DETAIL_TABLES:
            tell_rows(context, rows[name], name)
            yield dg.MaterializeResult(
                asset_key=name,
                metadata={"rows_merged": report.rows[name], "seconds": seconds.value}
                | ({"kudos_raised": raised, **unknown_fields(report.unknown)} if name == DETAIL_TABLES[0] else {}),
            )

    @dg.asset(
        partitions_def=partitions,
        deps=["bronze_activity_details"],
        group_name="details",
        kinds={"duckdb"},
        owners=[OWNER],
        description=table_description(QUARANTINE),
        metadata=described(QUARANTINE.name),
    )
    def quarantine(
        context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> dg.MaterializeResult[Any]:
        years = years_of(context.partition_keys)
        with timed() as seconds, writing(pipeline.lake) as connection:
            changed = sync_quarantine(connection, pipeline.lake, years)
            rows = rows_by_year(connection, QUARANTINE.name)
        tell_rows(context, rows)
        return dg.MaterializeResult(metadata={"rows_changed": changed, "seconds": seconds.value})

    return [detail_tables, quarantine]
