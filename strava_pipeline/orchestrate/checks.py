"""Checks within the step that makes their tables: the same step, and the same look at the warehouse.

A blocking check that fails with ERROR ends its step, and so what stands below it. Steps of tables can be subsetted, so
that each check can be evaluated by itself too: then nothing is merged. They read the working warehouse: what is wrong is
never published. What a result means is verdicts.py's.

Asset checks in Dagster: https://docs.dagster.io/guides/test/asset-checks
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from strava_pipeline.lake.agreement import Agreement
from strava_pipeline.lake.locks import others_at_work
from strava_pipeline.lake.warehouse import Connection
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.table_rules import (
    CHECKED,
    VALID,
    Finding,
    agreement_finding,
    note_right,
    table_findings,
)
from strava_pipeline.orchestrate.runs import years_of_run
from strava_pipeline.orchestrate.verdicts import check_result, is_blocking

Result = dg.MaterializeResult[Any] | dg.AssetCheckResult


def years_of_step(context: dg.AssetExecutionContext, run: RunContext) -> list[int]:
    """The run's years; all, where a check is evaluated by itself."""
    return years_of_run(context.run) or run.years.all


def wanted_assets(context: dg.AssetExecutionContext) -> set[str]:
    """The assets that this step is to make; none where checks alone are evaluated."""
    return {key.to_user_string() for key in context.selected_asset_keys}


def wanted_checks(context: dg.AssetExecutionContext) -> set[str]:
    """The assets whose check this step is to make."""
    return {key.asset_key.to_user_string() for key in context.selected_asset_check_keys if key.name == VALID}


def agreement(
    run: RunContext,
    context: dg.AssetExecutionContext,
    rule: str,
    names: tuple[str, str],
    years: Sequence[int],
    look: Callable[[], Agreement],
) -> Finding:
    """Whether a layer holds what the one above it does. Another run at work, before or after, may be about to bring it."""
    before = others_at_work(run.lake, context.run.run_id)
    found = look()
    others = before or others_at_work(run.lake, context.run.run_id)
    return agreement_finding(rule, found, names, years, others=others)


def table_results(
    run: RunContext, connection: Connection, assets: Iterable[str], more: Mapping[str, Sequence[Finding]]
) -> list[dg.AssetCheckResult]:
    """The checks of the tables of `assets`: the catalogue's rules and `more`. Those found right are noted for publishing."""
    tables = {asset: CHECKED[asset] for asset in assets}
    found = table_findings(connection, run.lake, [*tables.values()])
    results = [check_result(asset, [*found[table], *more.get(asset, ())]) for asset, table in tables.items()]
    wrong = {result.asset_key.to_user_string() for result in results if result.asset_key and is_blocking(result)}
    note_right(connection, run.run_id, [table for asset, table in tables.items() if asset not in wrong])
    return results
