"""Shards: what was listed or imported, typed, as Parquet by local year. The work is lake/shards.py's."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import dagster as dg

from strava_pipeline.lake.agreement import shards_with_bronze
from strava_pipeline.operations.merging import make_shards
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.orchestrate.checks import Result, agreement, wanted_assets, wanted_checks, years_of_step
from strava_pipeline.orchestrate.jobs import EVENTS_RECEIVED, IMPORTS_RECEIVED, LISTING, STEP_JOBS
from strava_pipeline.orchestrate.lineage import from_bronze
from strava_pipeline.orchestrate.metadata import OWNER, described, timed, unknown_fields
from strava_pipeline.orchestrate.run_resources import Run
from strava_pipeline.orchestrate.verdicts import check_result, valid_spec

SHARDS = "activity_shards"


def shard_assets(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetsDefinition]:
    @dg.multi_asset(
        name=SHARDS,
        specs=[
            dg.AssetSpec(
                SHARDS,
                partitions_def=partitions,
                deps=["bronze_activities", IMPORTS_RECEIVED, EVENTS_RECEIVED],
                group_name="shards",
                kinds={"parquet", "polars"},
                owners=[OWNER],
                description="The listed and the imported activities, typed, as Parquet files by local year. Fields without a "
                "column are kept in `extra`.",
                metadata=described("activities_all") | from_bronze("activities_all", LISTING),
            )
        ],
        check_specs=[
            valid_spec(
                SHARDS,
                refuses={"holds_bronze": "every page of the listings in bronze is in the shards of its years"},
            )
        ],
        can_subset=True,
    )
    def activity_shards(context: dg.AssetExecutionContext, run: Run) -> Iterator[Result]:
        years = years_of_step(context, run)
        if wanted_assets(context):
            yield _write(context, run, years)
        if wanted_checks(context):
            names = ("pages_in_bronze", "pages_in_shards")
            look = partial(shards_with_bronze, run.lake, years, run.years)
            yield check_result(SHARDS, [agreement(run, context, "holds_bronze", names, years, look)])

    return [activity_shards]


def _write(context: dg.AssetExecutionContext, run: RunContext, years: Sequence[int]) -> dg.MaterializeResult[Any]:
    with timed() as seconds:
        report = make_shards(run, years, is_last=context.run.job_name in STEP_JOBS)
    for year, rows in report.rows.items():
        context.add_asset_metadata({"dagster/row_count": rows}, partition_key=str(year))
    return dg.MaterializeResult(
        asset_key=SHARDS,
        metadata={
            "rows": report.rows.total(),
            "files": report.files,
            "bytes": report.bytes,
            "seconds": seconds.value,
            **unknown_fields(report.unknown),
        },
    )
