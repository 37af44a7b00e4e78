"""Between Dagster and the steps in operations/: what a step is asked for, and how its report becomes Dagster's events.

An asset calls one step and hands its report on with `reported`. What the steps do is not here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import wraps
from typing import Any

import dagster as dg

from strava_pipeline.core.errors import (
    BudgetExhaustedError,
    CheckFailedError,
    LimitReachedError,
    YearsHeldBackError,
)
from strava_pipeline.operations.held_years import held_years
from strava_pipeline.operations.pulling import Stopped
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import Markdown, Scope, StepReport
from strava_pipeline.orchestrate.checks import check_results
from strava_pipeline.orchestrate.dagster_private import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION
from strava_pipeline.orchestrate.dagster_private import logger as plan_log
from strava_pipeline.orchestrate.failures import step_in_our_words
from strava_pipeline.orchestrate.jobs import provider_of
from strava_pipeline.orchestrate.runs import years_of_run
from strava_pipeline.orchestrate.step_lines import run_line
from strava_pipeline.orchestrate.tags import HELD_BACK, LIMIT, NO_LIMIT, STOPPED_EARLY, limit_tag

Result = dg.MaterializeResult[Any] | dg.AssetMaterialization | dg.AssetCheckResult
Body = Callable[..., Iterator[Result]]


def asset(**definition: Any) -> Callable[[Body], dg.AssetsDefinition]:
    """`dg.asset` of a body that is given the resource `run`; its failures are in our words."""
    return lambda body: dg.asset(**definition)(_in_our_words(body))


def multi_asset(**definition: Any) -> Callable[[Body], dg.AssetsDefinition]:
    """`dg.multi_asset` of such a body."""
    return lambda body: dg.multi_asset(**definition)(_in_our_words(body))


def _in_our_words(body: Body) -> Body:
    @wraps(body)
    def step(context: dg.AssetExecutionContext, run: RunContext, **given: Any) -> Iterator[Result]:
        with step_in_our_words(context.run, run.logs_dir):
            yield from body(context, run=run, **given)

    return step


def chosen_years(context: dg.AssetExecutionContext, run: RunContext) -> list[int]:
    """The years that the run is for, without those that a step above holds back.

    Raises YearsHeldBackError where none is left.
    """
    years = years_of_run(context.run)
    held = held_years(run, but={key.to_user_string() for key in context.selected_asset_keys})
    left = [year for year in years if year not in held]
    if years and not left:
        raise YearsHeldBackError(held, others=False)
    return left


def scope_of(context: dg.AssetExecutionContext, run: RunContext) -> Scope:
    """What Dagster asks of a step of tables, which can be subsetted: some of its assets, some of their checks."""
    assets = {key.to_user_string() for key in context.selected_asset_keys}
    return Scope(
        years=(chosen_years(context, run) if assets else years_of_run(context.run)) or run.years.all,
        assets=assets,
        checks={key.asset_key.to_user_string() for key in context.selected_asset_check_keys},
        run_id=context.run.run_id,
    )


def reported(context: dg.AssetExecutionContext, run: RunContext, *reports: StepReport) -> Iterator[Result]:
    """The materialisations of the step's assets, then the results of their checks.

    Raises CheckFailedError where a check that blocks fails, or any where checks alone were asked for; YearsHeldBackError, at the
    run's end, where one refuses years.
    """
    made = any(report.metadata is not None for report in reports)
    held = held_years(run) if made else {}
    years = [year for year in years_of_run(context.run) if year not in held]
    if any(report.ends for report in reports):
        plan_log.setLevel("ERROR")
    for report in reports:
        if report.metadata is not None:
            yield from _materialized(context, report, years if held or report.ends else None)
    blocking = {spec.key for spec in context.assets_def.check_specs if spec.blocking}
    refused: dict[str, str] = {}
    for key, result in (each for report in reports for each in check_results(report).items()):
        if key in context.selected_asset_check_keys:
            yield result
            is_error = not result.passed and result.severity is dg.AssetCheckSeverity.ERROR
            if is_error and (key in blocking or not made):
                refused[f"{key.asset_key.to_user_string()}.{key.name}"] = result.description or ""
    if refused:
        raise CheckFailedError(refused)
    if held:
        context.instance.add_run_tags(context.run.run_id, {HELD_BACK: ", ".join(map(str, held))})
        if not years or _is_last(context):
            raise YearsHeldBackError(held, others=bool(years))


def _materialized(
    context: dg.AssetExecutionContext, report: StepReport, years: Sequence[int] | None
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetMaterialization]:
    """`years`: those of the run that were made; None: all."""
    metadata = dict(report.metadata or {})
    if report.stopped is not None:
        _tag_as_stopped(context, report.asset, report.stopped)
        metadata[STOPPED_EARLY] = str(report.stopped)
    found = [run_line(report.asset, metadata), *map(metadata.get, ("result", "skipped"))]
    for sentence in dict.fromkeys(filter(None, found)):
        context.log.info(sentence)
    metadata = shown(metadata)
    if years is None:
        for year, numbers in report.by_year.items():
            context.add_asset_metadata(shown(numbers), asset_key=report.asset, partition_key=str(year))
        yield dg.MaterializeResult(asset_key=report.asset, metadata=metadata)
        return
    for year in years:
        numbers = metadata | shown(report.by_year.get(year, {}))
        tags = tags_before(context, report.asset, year) if report.ends else None
        yield dg.AssetMaterialization(report.asset, partition=str(year), metadata=numbers, tags=tags)
    if years and not report.ends:  # what the steps below wait for; by itself it would report every year of the run
        yield dg.MaterializeResult(
            asset_key=report.asset, metadata={SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True}
        )


def tags_before(context: dg.AssetExecutionContext, asset: str, year: int) -> Mapping[str, str] | None:
    """Dagster's tags of what was made of it last, by which what stands below is in sync with it; None: nothing was."""
    wanted = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[str(year)])
    found = context.instance.fetch_materializations(wanted, limit=1).records
    return found[0].asset_materialization.tags if found and found[0].asset_materialization else None


def _is_last(context: dg.AssetExecutionContext) -> bool:
    """Whether no step of the run is below this one: it ends the run as failed, after all that could be done."""
    inputs = (each for found in context.job_def.graph.dependencies.values() for each in found.values())
    above = {found.node for each in inputs for found in each.get_node_dependencies()}
    return context.op_execution_context.op_handle.name not in above


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
