"""Gold: activities and their history, merged by key into the working warehouse in one step. SQL and parsing are the lake's."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import TABLES
from strava_pipeline.lake.agreement import gold_with_shards, history_with_gold
from strava_pipeline.lake.counts import rows_by_year
from strava_pipeline.lake.tombstones import Shrink, held_back
from strava_pipeline.lake.warehouse import Connection, reading
from strava_pipeline.operations.merging import merge_listed, merge_versions
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
from strava_pipeline.orchestrate.config import MergeConfig
from strava_pipeline.orchestrate.jobs import resolved
from strava_pipeline.orchestrate.lineage import from_changes, from_layer_above
from strava_pipeline.orchestrate.metadata import (
    OWNER,
    described,
    if_any,
    nothing_there,
    table_description,
    tell_rows,
    timed,
)
from strava_pipeline.orchestrate.run_resources import Run
from strava_pipeline.orchestrate.verdicts import table_spec

ACTIVITIES, HISTORY = "activities", "activity_history"


def gold_assets(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetsDefinition]:
    @dg.multi_asset(
        name=ACTIVITIES,
        specs=[
            dg.AssetSpec(
                ACTIVITIES,
                partitions_def=partitions,
                deps=["activity_shards"],
                group_name="gold",
                kinds={"duckdb"},
                owners=[OWNER],
                description="One row per activity, its newest version, and whether it is gone from the source (table "
                "activities_all; views activities: those present, deleted_activities: the others).",
                metadata=described("activities_all") | from_layer_above("activities_all", "activity_shards"),
            ),
            dg.AssetSpec(
                HISTORY,
                partitions_def=partitions,
                deps=[ACTIVITIES],
                group_name="gold",
                kinds={"duckdb"},
                owners=[OWNER],
                description=table_description(TABLES[HISTORY]),
                metadata=described(HISTORY) | from_changes(HISTORY, "activity_shards"),
            ),
        ],
        check_specs=[
            table_spec(
                ACTIVITIES,
                "activities_all",
                refuses={"holds_shards": "what the shards of the run's years hold is here"},
                warns={"not_shrunk": "no listing lacks so much of a year that the listing itself is probably wrong"},
            ),
            table_spec(
                HISTORY, HISTORY, refuses={"holds_gold": "every activity of the run's years has a version here"}
            ),
        ],
        can_subset=True,
    )
    def gold(context: dg.AssetExecutionContext, config: MergeConfig, run: Run) -> Iterator[Result]:
        years, wanted = years_of_step(context, run), wanted_assets(context)
        with reading(run.lake) as connection:
            reported: dict[str, dict[str, Any]] = {}
            held: list[Shrink] | None = None
            if ACTIVITIES in wanted:
                reported[ACTIVITIES], held = _merge(context, config, run, years)
            if HISTORY in wanted:
                reported[HISTORY] = _merge_history(run, years)
            rows = {asset: rows_by_year(connection, _TABLES[asset]) for asset in reported}
            checks = _checks(context, run, connection, years, held)
        if ACTIVITIES in reported:
            reported[ACTIVITIES] |= {
                "rows": sum(rows[ACTIVITIES].get(year, 0) for year in years),
                **nothing_there(context, years, rows[ACTIVITIES]),
            }
        for asset, metadata in reported.items():
            tell_rows(context, rows[asset], asset)
            yield dg.MaterializeResult(asset_key=asset, metadata=metadata)
        yield from checks

    return [gold]


_TABLES = {ACTIVITIES: "activities_all", HISTORY: HISTORY}


def _merge(
    context: dg.AssetExecutionContext, config: MergeConfig, run: RunContext, years: Sequence[int]
) -> tuple[dict[str, Any], list[Shrink]]:
    """The activities of `years` into gold: what is reported of it, and what was held back."""
    config = resolved(config, context.run.job_name, ACTIVITIES)
    with timed() as seconds:
        report, absence = merge_listed(run, years, force=bool(config.force), allow_shrink=config.allow_shrink)
    return {
        "inserted": report.inserted,
        "updated": report.updated,
        "deleted": absence.deleted,
        "restored": absence.restored,
        **_not_marked(absence.held),
        "seconds": seconds.value,
    }, absence.held


def _merge_history(run: RunContext, years: Sequence[int]) -> dict[str, Any]:
    with timed() as seconds:
        merge_versions(run, years)
    return {"seconds": seconds.value}


def _checks(
    context: dg.AssetExecutionContext,
    run: RunContext,
    connection: Connection,
    years: Sequence[int],
    held: list[Shrink] | None,
) -> list[dg.AssetCheckResult]:
    """`held`: what the merge held back; None: it was not made in this step."""
    lake, wanted, more = run.lake, wanted_checks(context), dict[str, list[Finding]]()
    if ACTIVITIES in wanted:
        look = partial(gold_with_shards, connection, lake, years)
        more[ACTIVITIES] = [
            agreement(run, context, "holds_shards", ("in_shards", "in_gold"), years, look),
            _not_shrunk(held_back(connection, lake, years, run.years) if held is None else held),
        ]
    if HISTORY in wanted:
        look = partial(history_with_gold, connection, lake, years)
        more[HISTORY] = [agreement(run, context, "holds_gold", ("in_gold", "in_history"), years, look)]
    return table_results(run, connection, more, more)


def _not_marked(held: Sequence[Shrink]) -> dict[str, Any]:
    """How many activities listings lack that were not marked as deleted, and of which year how many."""
    by_year = {shrink.year: shrink for shrink in held}
    return {
        "deletions_not_marked": sum(shrink.missing for shrink in by_year.values()),
        **if_any(
            deletions_not_marked_by_year={str(year): f"{one.missing} of {one.present}" for year, one in by_year.items()}
        ),
    }


def _not_shrunk(shrinks: Sequence[Shrink]) -> Finding:
    years = " ".join(dict.fromkeys(str(shrink.year) for shrink in shrinks))
    return Finding(
        "not_shrunk",
        not shrinks,
        _not_marked(shrinks),
        f"Nothing was marked as deleted in {years}: the listing lacks too much to be believed. Look at Strava; "
        f"if that is meant: strava-pipeline reconcile --years {years} --allow-shrink",
        refuses=False,
    )
