"""Details and what they nest, merged into gold in one step, and which of them fail. SQL and parsing are the lake's."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import ACTIVITY_DETAILS, DETAIL_TABLES, QUARANTINE, TABLES
from strava_pipeline.lake.agreement import details_with_bronze
from strava_pipeline.lake.counts import rows_by_year
from strava_pipeline.lake.warehouse import Connection
from strava_pipeline.operations.merging import details_merged, update_kudos, update_quarantine
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.table_rules import Finding
from strava_pipeline.orchestrate.checks import (
    Result,
    agreement,
    table_results,
    wanted_assets,
    wanted_checks,
    years_of_step,
)
from strava_pipeline.orchestrate.jobs import DETAILS, IMPORTS_RECEIVED
from strava_pipeline.orchestrate.lineage import from_bronze
from strava_pipeline.orchestrate.metadata import OWNER, described, table_description, tell_rows, timed, unknown_fields
from strava_pipeline.orchestrate.run_resources import Run
from strava_pipeline.orchestrate.tags import STEP_LAST
from strava_pipeline.orchestrate.verdicts import table_spec

_AGREES = {"holds_bronze": "every detail on disk of the run's years is here"}


def detail_assets(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetsDefinition]:
    @dg.multi_asset(
        specs=[
            *(
                _spec(name, partitions, ["bronze_activity_details", IMPORTS_RECEIVED], from_bronze(name, DETAILS))
                for name in DETAIL_TABLES
            ),
            _spec(QUARANTINE.name, partitions, ["bronze_activity_details"], {}),
        ],
        check_specs=[
            *(
                table_spec(name, name, refuses=_AGREES if name == ACTIVITY_DETAILS.name else {})
                for name in DETAIL_TABLES
            ),
            table_spec(QUARANTINE.name, QUARANTINE.name),
        ],
        can_subset=True,
        op_tags=STEP_LAST,  # after the activities and files of its run, which are no parents of it by year
    )
    def detail_tables(context: dg.AssetExecutionContext, run: Run) -> Iterator[Result]:
        years, wanted = years_of_step(context, run), wanted_assets(context)
        tables = [name for name in DETAIL_TABLES if name in wanted]
        reported: dict[str, dict[str, Any]] = {}
        with timed() as seconds, details_merged(run, years if tables else []) as (connection, report):
            if tables:
                raised = update_kudos(run, connection, years)
                reported = {name: {"rows_merged": report.rows[name]} for name in tables}
                reported.get(ACTIVITY_DETAILS.name, {}).update(
                    {"kudos_updated": raised, **unknown_fields(report.unknown)}
                )
            if QUARANTINE.name in wanted:
                reported[QUARANTINE.name] = {"rows_changed": update_quarantine(run, connection, years)}
            rows = {name: rows_by_year(connection, name) for name in reported}
            checks = _checks(context, run, connection, years)
        for name, metadata in reported.items():
            tell_rows(context, rows[name], name)
            yield dg.MaterializeResult(asset_key=name, metadata=metadata | {"seconds": seconds.value})
        yield from checks

    return [detail_tables]


def _spec(
    name: str, partitions: dg.PartitionsDefinition[Any], deps: Sequence[str], lineage: dict[str, Any]
) -> dg.AssetSpec:
    return dg.AssetSpec(
        name,
        deps=deps,
        partitions_def=partitions,
        group_name="details",
        kinds={"duckdb"},
        owners=[OWNER],
        description=table_description(TABLES[name]),
        metadata=described(name) | lineage,
    )


def _checks(
    context: dg.AssetExecutionContext, run: RunContext, connection: Connection, years: Sequence[int]
) -> list[dg.AssetCheckResult]:
    wanted, more = wanted_checks(context), dict[str, list[Finding]]()
    if ACTIVITY_DETAILS.name in wanted:
        look = partial(details_with_bronze, connection, run.lake, years)
        more[ACTIVITY_DETAILS.name] = [agreement(run, context, "holds_bronze", ("on_disk", "in_gold"), years, look)]
    return table_results(run, connection, wanted, more)
