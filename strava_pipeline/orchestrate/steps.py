"""The link between Dagster and the steps in operations/: a step's input, and its report as Dagster's events.

Assets are declared by `step`. The steps' work is not here.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg

from strava_pipeline.core.errors import (
    BudgetExhaustedError,
    CheckFailedError,
    LimitReachedError,
    YearsHeldBackError,
)
from strava_pipeline.core.numbers import if_any
from strava_pipeline.core.process import private_files
from strava_pipeline.environment.process_owner import reading_folder
from strava_pipeline.operations.held_years import held_years
from strava_pipeline.operations.pulling import Stopped
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.sources import Sources
from strava_pipeline.operations.step_reports import SUMMARY, Markdown, Scope, StepReport
from strava_pipeline.orchestrate.checks import check_results
from strava_pipeline.orchestrate.dagster_private import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION
from strava_pipeline.orchestrate.dagster_private import logger as plan_log
from strava_pipeline.orchestrate.failures import step_in_our_words
from strava_pipeline.orchestrate.job_records import plain_name
from strava_pipeline.orchestrate.jobs import provider_of
from strava_pipeline.orchestrate.placing import HOME, Asset, Place
from strava_pipeline.orchestrate.runs import years_of_run
from strava_pipeline.orchestrate.tags import HELD_BACK, LIMIT, NO_LIMIT, STOPPED_EARLY, limit_tag

Result = dg.MaterializeResult[Any] | dg.AssetMaterialization | dg.AssetCheckResult


@dataclass(frozen=True, slots=True)
class Asked:
    """The input of a step.

    Args:
        of_run: Dagster's record of the run.
        config: of the step, as in its declaration.
        assets: to make; empty if only checks are made.
        checks: the assets whose checks are made.
        resources: further resources, besides the run.
        tags_before: for an asset and a year, Dagster's tags of its last materialisation, or None.
    """

    run: RunContext
    of_run: dg.DagsterRun
    config: Any
    assets: set[str]
    checks: set[str]
    resources: Any
    tags_before: Callable[[str, int], Mapping[str, str] | None]

    @property
    def job(self) -> str:
        """The name of the run's job."""
        return plain_name(self.of_run.job_name)

    @property
    def sources(self) -> Sources:
        """The services, where the step needs them."""
        found: Sources = self.resources.sources
        return found

    @property
    def years(self) -> list[int]:
        """The run's years, without those that an earlier step holds back.

        Raises YearsHeldBackError if none is left.
        """
        years = years_of_run(self.of_run)
        held = held_years(self.run, but=self.assets)
        left = [year for year in years if year not in held]
        if years and not left:
            raise YearsHeldBackError(held, others=False)
        return left

    @property
    def scope(self) -> Scope:
        """The scope of a step of tables, which can be subsetted: some of its assets, some of their checks."""
        years = (self.years if self.assets else years_of_run(self.of_run)) or self.run.years.all
        return Scope(years, self.assets, self.checks, self.of_run.run_id)


Work = Callable[[Asked], StepReport | Iterable[StepReport]]


def step(
    specs: Sequence[dg.AssetSpec],
    work: Work,
    *,
    checks: Iterable[dg.AssetCheckSpec] = (),
    config: type[dg.Config] | None = None,
    needs: Iterable[str] = (),
    name: str | None = None,
    place: Place = HOME,
    **more: Any,
) -> dg.AssetsDefinition:
    """A step of runs: assets that one operation makes, and their checks.

    Args:
        work: does it and reports it; its failures are in our words.
        config: the run's options for it.
        needs: resources besides the run.
        name: of the step; default: that of its first asset.
        place: where it stands; specs and checks are those of the place already.
        more: as of `dg.multi_asset`.
    """

    def done(context: dg.AssetExecutionContext, config: dg.Config | None = None) -> Iterator[Result]:
        found_resources = {key: getattr(context.resources, place.name(key)) for key in ("run", *needs)}
        run: RunContext = found_resources["run"]
        with step_in_our_words(context.run, run.logs_dir):
            began = time.monotonic()
            with private_files(), reading_folder(place.folder):
                found = work(_asked(context, run, config, SimpleNamespace(**found_resources)))
                reports = [found] if isinstance(found, StepReport) else [*found]
            yield from reported(context, run, *reports, seconds=round(time.monotonic() - began, 3))

    def configured(context: dg.AssetExecutionContext, config: config) -> Iterator[Result]:  # type: ignore[valid-type]
        yield from done(context, config)

    def plain(context: dg.AssetExecutionContext) -> Iterator[Result]:
        yield from done(context)

    body: Any = configured if config else plain
    body.work, body.config = work, config
    body.again = partial(step, work=work, config=config, needs=needs, **more)
    return dg.multi_asset(
        name=name or specs[0].key.to_user_string(),
        specs=specs,
        check_specs=[*checks],
        required_resource_keys={place.name(key) for key in ("run", *needs)},
        **more,
    )(body)


def placed(asset: Asset, place: Place) -> Asset:
    """The asset, or the step with all of its assets, at its place in another Dagster."""
    if isinstance(asset, dg.AssetSpec):
        return place.spec(asset)
    again = cast(Any, asset.op.compute_fn).decorated_fn.again
    checks, policy = [*map(place.check, asset.check_specs)], asset.backfill_policy
    specs = [*map(place.spec, asset.specs)]
    found: dg.AssetsDefinition = again(
        specs, checks=checks, name=place.name(asset.op.name), place=place, backfill_policy=policy
    )
    return found


def _asked(context: dg.AssetExecutionContext, run: RunContext, config: dg.Config | None, resources: Any) -> Asked:
    return Asked(
        run,
        context.run,
        config,
        assets={key.path[-1] for key in context.selected_asset_keys},
        checks={key.asset_key.path[-1] for key in context.selected_asset_check_keys},
        resources=resources,
        tags_before=partial(tags_before, context),
    )


def reported(
    context: dg.AssetExecutionContext, run: RunContext, *reports: StepReport, seconds: float = 0.0
) -> Iterator[Result]:
    """The materialisations of the step's assets, then the results of their checks. `seconds`: how long it took.

    Raises CheckFailedError if a blocking check fails, or any if only checks were asked for; YearsHeldBackError, at the
    run's end, if a check refuses years.
    """
    made = [report for report in reports if report.numbers is not None]
    held = held_years(run) if made else {}
    years = [year for year in years_of_run(context.run) if year not in held]
    if any(report.ends for report in reports) and context.run.job_name == plain_name(context.run.job_name):
        plan_log.setLevel("ERROR")
    for words in dict.fromkeys(filter(None, (report.words for report in made))):
        context.log.info(words)
    for report in made:
        yield from _materialized(context, report, years if held or report.ends else None, seconds)
    blocking = {spec.key for spec in context.assets_def.check_specs if spec.blocking}
    refused: dict[str, str] = {}
    results = (check_results(report, _key(context, report.asset)) for report in reports)
    for key, result in (each for found in results for each in found.items()):
        if key in context.selected_asset_check_keys:
            yield result
            is_error = not result.passed and result.severity is dg.AssetCheckSeverity.ERROR
            if is_error and (key in blocking or not made):
                refused[f"{key.asset_key.path[-1]}.{key.name}"] = result.description or ""
    if refused:
        raise CheckFailedError(refused)
    if held:
        context.instance.add_run_tags(context.run.run_id, {HELD_BACK: ", ".join(map(str, held))})
        if not years or _is_last(context):
            raise YearsHeldBackError(held, others=bool(years))


def _materialized(
    context: dg.AssetExecutionContext, report: StepReport, years: Sequence[int] | None, seconds: float
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetMaterialization]:
    """`years`: those of the run that were made; None: all."""
    key = _key(context, report.asset)
    metadata = {**report.metadata, "seconds": seconds, **if_any(**{SUMMARY: report.words})}
    if report.stopped is not None:
        _tag_as_stopped(context, report.asset, report.stopped)
        metadata[STOPPED_EARLY] = str(report.stopped)
    metadata = shown(metadata)
    if years is None:
        for year, numbers in report.by_year.items():
            context.add_asset_metadata(shown(numbers), asset_key=key, partition_key=str(year))
        yield dg.MaterializeResult(asset_key=key, metadata=metadata)
        return
    for year in years:
        numbers = metadata | shown(report.by_year.get(year, {}))
        tags = tags_before(context, report.asset, year) if report.ends else None
        yield dg.AssetMaterialization(key, partition=str(year), metadata=numbers, tags=tags)
    if years and not report.ends:  # the later steps wait for it; by default it would report every year of the run
        yield dg.MaterializeResult(asset_key=key, metadata={SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True})


def _key(context: dg.AssetExecutionContext, asset: str) -> dg.AssetKey:
    """The key of an asset beside those of the present step."""
    of_checks = {key.asset_key for key in context.selected_asset_check_keys}  # which may be asked for alone
    return dg.AssetKey([*next(iter(context.selected_asset_keys or of_checks)).path[:-1], asset])


def tags_before(context: dg.AssetExecutionContext, asset: str, year: int) -> Mapping[str, str] | None:
    """Dagster's tags of its last materialisation, with which downstream assets are in sync, or None."""
    wanted = dg.AssetRecordsFilter(_key(context, asset), asset_partitions=[str(year)])
    found = context.instance.fetch_materializations(wanted, limit=1).records
    return found[0].asset_materialization.tags if found and found[0].asset_materialization else None


def _is_last(context: dg.AssetExecutionContext) -> bool:
    """Whether no step of the run is below this one: it ends the run as failed, after all possible work."""
    inputs = (each for found in context.job_def.graph.dependencies.values() for each in found.values())
    above = {found.node for each in inputs for found in each.get_node_dependencies()}
    return context.op_execution_context.op_handle.name not in above


def _tag_as_stopped(context: dg.AssetExecutionContext, asset: str, stopped: Stopped | str) -> None:
    """Tag the run with the reason why its work ended early, so that the sensors `resume` find it.

    For Strava's limit, the tag is the window; for another provider's limit, its first asset.
    """
    context.log.warning("Stopped early: %s What was fetched is kept.", stopped)
    window = {LIMIT: stopped.ceiling.window} if isinstance(stopped, BudgetExhaustedError) else {}
    if isinstance(stopped, LimitReachedError):
        run, tag = context.instance.get_run_by_id(context.run.run_id), limit_tag(provider_of(asset))
        first = run.tags.get(tag, NO_LIMIT) if run is not None else NO_LIMIT
        window = {tag: asset if first == NO_LIMIT else first}
    context.instance.add_run_tags(context.run.run_id, {STOPPED_EARLY: str(stopped), **window})


def shown(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Moments and Markdown as Dagster's types; it knows numbers, texts, lists and dictionaries itself."""
    return {name: _value(value) for name, value in metadata.items()}


def _value(value: Any) -> Any:
    if isinstance(value, Markdown):
        return dg.MetadataValue.md(value)
    return dg.MetadataValue.timestamp(value.timestamp()) if isinstance(value, datetime) else value
