"""Gold: activities, details and what they nest, merged by key into the working warehouse. SQL and parsing are the lake's."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import DETAIL_TABLES, TABLES
from strava_pipeline.lake.counts import rows_by_year
from strava_pipeline.lake.merge import merge_activities, merge_details, merge_profile, sync_kudos
from strava_pipeline.lake.warehouse import reading, writing
from strava_pipeline.orchestrate.config import MergeConfig
from strava_pipeline.orchestrate.jobs import DETAILS, resolved
from strava_pipeline.orchestrate.lineage import from_bronze, from_layer_above
from strava_pipeline.orchestrate.metadata import OWNER, described, table_description, timed, unknown_fields
from strava_pipeline.orchestrate.partitions import years_of
from strava_pipeline.orchestrate.resources import Pipeline


def gold_assets(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetsDefinition]:
    @dg.asset(
        partitions_def=partitions,
        deps=["activity_shards"],
        group_name="gold",
        kinds={"duckdb"},
        owners=[OWNER],
        description="One row per activity, its newest version (table activities_all; view activities: those present).",
        metadata=described("activities_all") | from_layer_above("activities_all", "activity_shards"),
    )
    def activities(
        context: dg.AssetExecutionContext, config: MergeConfig, pipeline: dg.ResourceParam[Pipeline]
    ) -> dg.MaterializeResult[Any]:
        years = years_of(context.partition_keys)
        force = bool(resolved(config, context.run.job_name, "activities").force)
        with timed() as seconds, writing(pipeline.lake) as connection:
            report = merge_activities(connection, pipeline.lake, years, force=force)
            merge_profile(connection, pipeline.lake)  # what the login landed; costs no call
            rows = rows_by_year(connection, "activities_all")
        for year in years:
            context.add_asset_metadata({"dagster/row_count": rows.get(year, 0)}, partition_key=str(year))
        return dg.MaterializeResult(
            metadata={
                "inserted": report.inserted,
                "updated": report.updated,
                "rows": sum(rows.get(year, 0) for year in years),
                "seconds": seconds.value,
            }
        )

    @dg.multi_asset(
        specs=[
            dg.AssetSpec(
                name,
                deps=["bronze_activity_details"],
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
            with writing(pipeline.lake) as connection:
                raised = sync_kudos(connection, pipeline.lake, years)
        with reading(pipeline.lake) as connection:
            rows = {name: rows_by_year(connection, name) for name in DETAIL_TABLES}
        for name in DETAIL_TABLES:
            for year in years:
                context.add_asset_metadata(
                    {"dagster/row_count": rows[name].get(year, 0)}, asset_key=name, partition_key=str(year)
                )
            yield dg.MaterializeResult(
                asset_key=name,
                metadata={"rows_merged": report.rows[name], "seconds": seconds.value}
                | ({"kudos_raised": raised, **unknown_fields(report.unknown)} if name == DETAIL_TABLES[0] else {}),
            )

    return [activities, detail_tables]
