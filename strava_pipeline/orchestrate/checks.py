"""Which asset has which checks, and the steps that run them: one step and one look at the warehouse per asset.

They read the working warehouse, so that what is wrong is never published. What a result means is verdicts.py's; the
assets that publish by themselves (profile, the snapshot) and those that fetch carry theirs.
"""

from collections.abc import Callable, Iterator, Sequence

import dagster as dg

from strava_pipeline.core.tables import DETAIL_TABLES, QUARANTINE
from strava_pipeline.lake.agreement import (
    Agreement,
    details_with_bronze,
    gold_with_shards,
    history_with_gold,
    shards_with_bronze,
)
from strava_pipeline.lake.locks import others_at_work
from strava_pipeline.lake.warehouse import reading, revision
from strava_pipeline.orchestrate.resources import Pipeline
from strava_pipeline.orchestrate.runs import years_of_run
from strava_pipeline.orchestrate.verdicts import CHECKED, agreement_result, is_blocking, table_results, table_specs


def catalogue_checks() -> list[dg.AssetChecksDefinition]:
    """The checks of shards, of gold and of the details' tables."""
    details = (*DETAIL_TABLES, QUARANTINE.name)
    return [
        _shards(),
        _tables("check_activities", ["activities"], "holds_shards", ("in_shards", "in_gold"), gold_with_shards),
        _tables("check_history", ["activity_history"], "holds_gold", ("in_gold", "in_history"), history_with_gold),
        _tables("check_details", details, "holds_bronze", ("on_disk", "in_gold"), details_with_bronze),
    ]


def _shards() -> dg.AssetChecksDefinition:
    asset = "activity_shards"
    what = "Every page of the listings in bronze is in the shards of its years."

    @dg.multi_asset_check(
        name="check_shards", specs=[dg.AssetCheckSpec("holds_bronze", asset=asset, description=what, blocking=True)]
    )
    def check(
        context: dg.AssetCheckExecutionContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> Iterator[dg.AssetCheckResult]:
        years = years_of_run(context.run) or pipeline.years.all

        def look() -> Agreement:
            return shards_with_bronze(pipeline.lake, years, pipeline.years)

        found, others = _seen(pipeline, context.run.run_id, look)
        yield agreement_result(
            asset, "holds_bronze", found, ("pages_in_bronze", "pages_in_shards"), years, others=others
        )

    return check


def _tables(
    name: str,
    assets: Sequence[str],
    agreement: str,
    counts: tuple[str, str],
    look: Callable[..., Agreement],
) -> dg.AssetChecksDefinition:
    """The step `name`: all checks of the tables of `assets`, and whether the first holds what the layer above it does."""
    asset, tables = assets[0], {one: CHECKED[one] for one in assets}
    what = "What the layer above holds of the run's years is here."

    @dg.multi_asset_check(
        name=name,
        specs=[
            *(spec for one, table in tables.items() for spec in table_specs(one, table)),
            dg.AssetCheckSpec(agreement, asset=asset, description=what, blocking=True),
        ],
        can_subset=True,
    )
    def check(
        context: dg.AssetCheckExecutionContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> Iterator[dg.AssetCheckResult]:
        years, wanted = (years_of_run(context.run) or pipeline.years.all), context.selected_asset_check_keys
        with reading(pipeline.lake) as connection:
            found, others = _seen(pipeline, context.run.run_id, lambda: look(connection, pipeline.lake, years))
            at = revision(connection)
            results = {
                dg.AssetCheckKey(dg.AssetKey(one), str(result.check_name)): result
                for one, table in tables.items()
                for result in table_results(connection, pipeline.lake, one, table)
            }
        results[dg.AssetCheckKey(dg.AssetKey(asset), agreement)] = agreement_result(
            asset, agreement, found, counts, years, others=others
        )
        wrong = {key.asset_key.to_user_string() for key, result in results.items() if is_blocking(result)}
        pipeline.checked |= {table: at for one, table in tables.items() if one not in wrong}
        yield from (result for key, result in results.items() if key in wanted)

    return check


def _seen(pipeline: Pipeline, run_id: str, look: Callable[[], Agreement]) -> tuple[Agreement, bool]:
    """What is found, and whether another run was at work before or after: then what is missing may be on its way."""
    before = others_at_work(pipeline.lake, run_id)
    found = look()
    return found, before or others_at_work(pipeline.lake, run_id)
