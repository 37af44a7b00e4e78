"""Shards: what was listed or imported, typed, as Parquet by local year. The work is lake/shards.py's."""

from typing import Any

import dagster as dg

from strava_pipeline.lake.shards import write_shards
from strava_pipeline.orchestrate.jobs import EVENTS, FILE_READINGS, LISTING, STEP_JOBS
from strava_pipeline.orchestrate.lineage import from_bronze
from strava_pipeline.orchestrate.metadata import OWNER, described, timed, unknown_fields
from strava_pipeline.orchestrate.partitions import years_of
from strava_pipeline.orchestrate.resources import Pipeline


def shard_assets(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetsDefinition]:
    @dg.asset(
        partitions_def=partitions,
        deps=["bronze_activities", FILE_READINGS, EVENTS],
        group_name="shards",
        kinds={"parquet", "polars"},
        owners=[OWNER],
        description="The listed and the imported activities, typed, as Parquet files by local year. Fields without a column "
        "are kept in `extra`.",
        metadata=described("activities_all") | from_bronze("activities_all", LISTING),
    )
    def activity_shards(
        context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> dg.MaterializeResult[Any]:
        years = years_of(context.partition_keys)
        with timed() as seconds:
            report = write_shards(pipeline.lake, years, pipeline.years)
            if context.run.job_name in STEP_JOBS:  # it ends here; other runs make use of a listing to the publish
                pipeline.settle()
        for year, rows in report.rows.items():
            context.add_asset_metadata({"dagster/row_count": rows}, partition_key=str(year))
        return dg.MaterializeResult(
            metadata={
                "rows": report.rows.total(),
                "files": report.files,
                "bytes": report.bytes,
                "seconds": seconds.value,
                **unknown_fields(report.unknown),
            }
        )

    return [activity_shards]
