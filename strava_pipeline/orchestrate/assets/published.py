"""The published snapshot: what queries, notebooks and dashboards open. Publishing is lake/publish.py's."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import dagster as dg
from dagster_duckdb import DuckDBResource

from strava_pipeline.core.tables import DETAIL_TABLES, FILES, MATCH_TABLES, QUARANTINE
from strava_pipeline.lake.agreement import snapshot_with_gold
from strava_pipeline.lake.counts import row_counts
from strava_pipeline.lake.publish import publish
from strava_pipeline.lake.views import left_out
from strava_pipeline.orchestrate.lineage import from_tables
from strava_pipeline.orchestrate.metadata import OWNER, described_tables, timed
from strava_pipeline.orchestrate.resources import Pipeline
from strava_pipeline.orchestrate.verdicts import CHECKED, refuse_faults


def published_assets(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetsDefinition]:
    @dg.asset(
        partitions_def=partitions,
        deps=["activities", "activity_history", *MATCH_TABLES, *DETAIL_TABLES, QUARANTINE.name, FILES.name],
        group_name="published",
        kinds={"duckdb"},
        owners=[OWNER],
        description="data/warehouse/strava.duckdb: the warehouse as readers open it, replaced atomically, never locked.",
        metadata=described_tables() | from_tables(CHECKED),
        check_specs=[
            dg.AssetCheckSpec(
                "views_applied",
                asset="published_warehouse",
                description="Every file of the user's own views/ is in the snapshot.",
            ),
            dg.AssetCheckSpec(
                "holds_gold",
                asset="published_warehouse",
                description="Every table of the snapshot has as many rows as in the working warehouse.",
                blocking=True,
            ),
        ],
    )
    def published_warehouse(
        context: dg.AssetExecutionContext,
        pipeline: dg.ResourceParam[Pipeline],
        snapshot: DuckDBResource,
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with timed() as seconds:
            replaced = publish(
                pipeline.lake, refuse=partial(refuse_faults, lake=pipeline.lake, checked=pipeline.checked)
            )
            pipeline.settle()
        with snapshot.get_connection() as connection:
            counts, without = row_counts(connection), left_out(connection)
        yield dg.MaterializeResult(
            metadata={
                "replaced": replaced,
                "bytes": pipeline.lake.snapshot.stat().st_size,
                "seconds": seconds.value,
                "views_left_out": dg.MetadataValue.json(without),
                **{f"rows/{name}": count for name, count in counts.items()},
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="views_applied",
                    passed=not without,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"left_out": dg.MetadataValue.json(without)},
                ),
                _holds_gold(pipeline),
            ],
        )

    return [published_warehouse]


def _holds_gold(pipeline: Pipeline) -> dg.AssetCheckResult:
    """Another run that wrote since leaves nothing to compare; it publishes and compares itself."""
    unequal = snapshot_with_gold(pipeline.lake)
    counts = {f"{name}/in_gold": gold for name, (gold, _) in (unequal or {}).items()}
    counts |= {f"{name}/published": read for name, (_, read) in (unequal or {}).items()}
    return dg.AssetCheckResult(
        check_name="holds_gold",
        passed=not unequal,
        description="Delete the snapshot and run `strava-pipeline compact`: it is made anew." if unequal else None,
        metadata={"compared": unequal is not None, **counts},
    )
