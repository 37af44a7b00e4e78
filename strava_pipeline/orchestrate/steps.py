"""Between Dagster and the steps in operations/: what a step is asked for, and how its report becomes Dagster's events.

An asset calls one step and hands its report on with `reported`. What the steps do is not here.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import dagster as dg

from strava_pipeline.core.errors import BudgetExhaustedError, LimitReachedError
from strava_pipeline.operations.pulling import Stopped
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import Markdown, Scope, StepReport
from strava_pipeline.operations.table_rules import VALID
from strava_pipeline.orchestrate.checks import check_result, completeness_result
from strava_pipeline.orchestrate.jobs import provider_of
from strava_pipeline.orchestrate.runs import years_of_run
from strava_pipeline.orchestrate.tags import LIMIT, NO_LIMIT, STOPPED_EARLY, limit_tag

_SENTENCES = {"result", "skipped"}  # why there was nothing to do: for the log, too
Result = dg.MaterializeResult[Any] | dg.AssetCheckResult


def scope_of(context: dg.AssetExecutionContext, run: RunContext) -> Scope:
    """What Dagster asks of a step of tables, which can be subsetted: some of its assets, some of their checks."""
    return Scope(
        years=years_of_run(context.run) or run.years.all,
        assets={key.to_user_string() for key in context.selected_asset_keys},
        checks={key.asset_key.to_user_string() for key in context.selected_asset_check_keys if key.name == VALID},
        run_id=context.run.run_id,
    )


def reported(context: dg.AssetExecutionContext, *reports: StepReport, check: str = VALID) -> Iterator[Result]:
    """The materialisations of the step's assets, then the results of their checks; `check`: the one with rules."""
    for report in reports:
        if report.metadata is not None:
            yield _materialized(context, report)
    for report in reports:
        if report.findings is not None:
            yield check_result(report.asset, report.findings, check=check)
        if report.complete is not None:
            yield completeness_result(report.asset, report.complete)


def _materialized(context: dg.AssetExecutionContext, report: StepReport) -> dg.MaterializeResult[Any]:
    metadata = dict(report.metadata or {})
    if report.stopped is not None:
        _tag_as_stopped(context, report.asset, report.stopped)
    for year, numbers in report.by_year.items():
        context.add_asset_metadata(shown(numbers), asset_key=report.asset, partition_key=str(year))
    for name in _SENTENCES & metadata.keys():
        context.log.info(metadata[name])
    return dg.MaterializeResult(asset_key=report.asset, metadata=shown(metadata))


def _tag_as_stopped(context: dg.AssetExecutionContext, asset: str, stopped: Stopped | str) -> None:
    """Tag the run with what ended its work early, so that the sensors `resume` find it.

    Where a window of Strava's was full, with the window; where another provider's limit was reached, with its first asset.
    """
    context.log.warning("Stopped early: %s What was fetched is kept.", stopped)
    window = {LIMIT: stopped.ceiling.window} if isinstance(stopped, BudgetExhaustedError) else {}
    if isinstance(stopped, LimitReachedError):
        run, tag = context.instance.get_run_by_id(context.run.run_id), limit_tag(provider_of(asset))
        first = run.tags.get(tag, NO_LIMIT) if run is not None else NO_LIMIT
        window = {tag: asset if first == NO_LIMIT else first}
    context.instance.add_run_tags(context.run.run_id, {STOPPED_EARLY: str(stopped), **window})


def shown(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Moments and Markdown as Dagster's; it knows numbers, texts, lists and dictionaries itself."""
    return {name: _value(value) for name, value in metadata.items()}


def _value(value: Any) -> Any:
    if isinstance(value, Markdown):
        return dg.MetadataValue.md(value)
    return dg.MetadataValue.timestamp(value.timestamp()) if isinstance(value, datetime) else value
