"""Gold: activities and their history, merged by key into the working warehouse. SQL and parsing are the lake's."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import TABLES
from strava_pipeline.lake.counts import rows_by_year
from strava_pipeline.lake.history import merge_history
from strava_pipeline.lake.merge import merge_activities
from strava_pipeline.lake.merge_profile import merge_profile
from strava_pipeline.lake.tombstones import AbsenceReport, Confirmation, Shrink, confirmation, mark_absent
from strava_pipeline.lake.warehouse import writing
from strava_pipeline.orchestrate.config import MergeConfig
from strava_pipeline.orchestrate.jobs import resolved
from strava_pipeline.orchestrate.lineage import from_changes, from_layer_above
from strava_pipeline.orchestrate.metadata import OWNER, described, table_description, tell_rows, timed
from strava_pipeline.orchestrate.partitions import years_of
from strava_pipeline.orchestrate.resources import Pipeline


def gold_assets(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetsDefinition]:
    @dg.asset(
        partitions_def=partitions,
        deps=["activity_shards"],
        group_name="gold",
        kinds={"duckdb"},
        owners=[OWNER],
        description="One row per activity, its newest version, and whether it is gone from the source (table "
        "activities_all; views activities: those present, deleted_activities: the others).",
        metadata=described("activities_all") | from_layer_above("activities_all", "activity_shards"),
        check_specs=[
            dg.AssetCheckSpec(
                "not_shrunk",
                asset="activities",
                description="No listing lacks so much of a year that it is more likely wrong than the athlete's doing.",
            )
        ],
    )
    def activities(
        context: dg.AssetExecutionContext, config: MergeConfig, pipeline: dg.ResourceParam[Pipeline]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        years = years_of(context.partition_keys)
        config = resolved(config, context.run.job_name, "activities")
        by = f"run {context.run.run_id}"

        def confirm(shrink: Shrink) -> Confirmation | None:
            """A person means what this run's own listing lacks."""
            its_own = pipeline.listing is not None and shrink.listing == pipeline.listing.name
            return confirmation(shrink, pipeline.now(), by) if config.allow_shrink and its_own else None

        with timed() as seconds, writing(pipeline.lake) as connection:
            report = merge_activities(connection, pipeline.lake, years, force=bool(config.force))
            absence = mark_absent(connection, pipeline.lake, years, pipeline.years, confirm=confirm)
            merge_profile(connection, pipeline.lake)  # what the login landed; costs no call
            rows = rows_by_year(connection, "activities_all")
        tell_rows(context, rows)
        yield dg.MaterializeResult(
            metadata={
                "inserted": report.inserted,
                "updated": report.updated,
                "deleted": absence.deleted,
                "restored": absence.restored,
                "held_back": dg.MetadataValue.json(_held_back(absence)),
                "rows": sum(rows.get(year, 0) for year in years),
                "seconds": seconds.value,
            },
            check_results=[_not_shrunk(absence)],
        )

    @dg.asset(
        partitions_def=partitions,
        deps=["activities"],
        group_name="gold",
        kinds={"duckdb"},
        owners=[OWNER],
        description=table_description(TABLES["activity_history"]),
        metadata=described("activity_history") | from_changes("activity_history", "activity_shards"),
    )
    def activity_history(
        context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> dg.MaterializeResult[Any]:
        years = years_of(context.partition_keys)
        with timed() as seconds, writing(pipeline.lake) as connection:
            merge_history(connection, pipeline.lake, years)
            rows = rows_by_year(connection, "activity_history")
        tell_rows(context, rows)
        return dg.MaterializeResult(metadata={"seconds": seconds.value})

    return [activities, activity_history]


def _held_back(report: AbsenceReport) -> dict[str, str]:
    """Of which year how much is missing in a listing that nothing was marked by."""
    return {str(shrink.year): f"{shrink.missing} of {shrink.present}" for shrink in report.held}


def _not_shrunk(report: AbsenceReport) -> dg.AssetCheckResult:
    held = _held_back(report)
    years = " ".join(held)
    return dg.AssetCheckResult(
        check_name="not_shrunk",
        passed=not held,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"Nothing was marked as deleted in {years}: the listing lacks too much to be believed. Look at Strava; "
        f"if that is meant: strava-pipeline reconcile --years {years} --allow-shrink"
        if held
        else None,
        metadata={"missing": dg.MetadataValue.json(held)},
    )
