"""The published snapshot: what queries, notebooks and dashboards open. Publishing is lake/publish.py's."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import DETAIL_TABLES, MATCH_TABLES, QUARANTINE
from strava_pipeline.lake.publish import Published
from strava_pipeline.operations.merging import publish_run
from strava_pipeline.operations.table_rules import CHECKED, Finding
from strava_pipeline.orchestrate.jobs import IMPORTS_RECEIVED
from strava_pipeline.orchestrate.lineage import from_tables
from strava_pipeline.orchestrate.metadata import OWNER, described_tables, if_any, timed
from strava_pipeline.orchestrate.run_resources import Run
from strava_pipeline.orchestrate.verdicts import check_result, valid_spec

ASSET = "published_warehouse"


def published_assets(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetsDefinition]:
    @dg.asset(
        partitions_def=partitions,
        deps=["activities", "activity_history", *MATCH_TABLES, *DETAIL_TABLES, QUARANTINE.name, IMPORTS_RECEIVED],
        group_name="published",
        kinds={"duckdb"},
        owners=[OWNER],
        description="data/warehouse/strava.duckdb: the warehouse as readers open it, replaced atomically, never locked.",
        metadata=described_tables() | from_tables(CHECKED),
        check_specs=[
            valid_spec(
                ASSET,
                refuses={"holds_gold": "every table of the snapshot has as many rows as in the working warehouse"},
                warns={"views_applied": "every file of the user's own views/ is in the snapshot"},
            )
        ],
    )
    def published_warehouse(context: dg.AssetExecutionContext, run: Run) -> Iterator[dg.MaterializeResult[Any]]:
        with timed() as seconds:
            found = publish_run(run)
        yield dg.MaterializeResult(
            metadata={
                "replaced": found.replaced,
                "bytes": run.lake.snapshot.stat().st_size,
                "seconds": seconds.value,
                **if_any(views_left_out=found.left_out),
                **{f"rows/{name}": count for name, count in found.rows.items()},
            },
            check_results=[check_result(ASSET, [_holds_gold(found), _views_applied(found)])],
        )

    return [published_warehouse]


def _holds_gold(found: Published) -> Finding:
    """A warehouse that is half rebuilt leaves nothing to compare."""
    unequal = found.unequal or {}
    counts = {f"rows_in_gold/{name}": gold for name, (gold, _) in unequal.items()}
    counts |= {f"rows_published/{name}": read for name, (_, read) in unequal.items()}
    return Finding(
        "holds_gold",
        not unequal,
        {"compared": found.unequal is not None, **counts},
        "Delete the snapshot and run `strava-pipeline compact`: it is made anew.",
    )


def _views_applied(found: Published) -> Finding:
    return Finding(
        "views_applied",
        not found.left_out,
        if_any(views_left_out=found.left_out),
        "The files that are left out, each with the reason, are in `strava-pipeline status`.",
        refuses=False,
    )
