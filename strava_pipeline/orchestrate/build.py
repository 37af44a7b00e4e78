"""Builds the whole definitions from settings, so that a test can build them on a temporary folder and an emulator."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import partial
from types import FunctionType
from typing import Any, cast

import dagster as dg

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.systems import parts, unused
from strava_pipeline.core.years import YEARS_A_RUN
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.providers_file import ProviderChoice, enabled_providers
from strava_pipeline.operations.used import sources_set_up, that_send
from strava_pipeline.orchestrate.asset_jobs import Jobs, defined_jobs, rebuild_job
from strava_pipeline.orchestrate.assets.changes import change_assets
from strava_pipeline.orchestrate.assets.gold import gold_assets, insight_assets
from strava_pipeline.orchestrate.assets.imports import import_assets, received_assets
from strava_pipeline.orchestrate.assets.maps import region_asset
from strava_pipeline.orchestrate.assets.sources import source_assets
from strava_pipeline.orchestrate.jobs import sends_webhooks
from strava_pipeline.orchestrate.metadata import LINEAGE, OWNER
from strava_pipeline.orchestrate.partitions import year_partitions
from strava_pipeline.orchestrate.placing import HOME, Asset, Place
from strava_pipeline.orchestrate.resources import (
    ProgressOf,
    run_resource,
    snapshot_resource,
    sources_resource,
)
from strava_pipeline.orchestrate.schedules import schedules, with_freshness
from strava_pipeline.orchestrate.sensors import sensors, sensors_elsewhere
from strava_pipeline.orchestrate.steps import Work, placed


def build_defs(
    settings: Settings,
    *,
    progress_of: ProgressOf | None = None,
    executor: dg.ExecutorDefinition = dg.in_process_executor,
    only_set_up: bool = False,
    first_year: int | None = None,
    place: Place = HOME,
) -> dg.Definitions:
    """All assets, checks, jobs, schedules and sensors. Reads only which providers are enabled; logs in nowhere.

    Raises UnusableProvidersError if providers.toml can't be used.

    Args:
        only_set_up: leave out parts that nobody set up, except intake: files, requests, deliveries.
        first_year: the first partition; default: STRAVA_FIRST_YEAR.
        progress_of: makes a watcher that is informed of progress, besides Dagster's log.
        executor: for runs that name no other, in our own Dagster.
        place: where they stand. In somebody else's Dagster our service's own parts are left out: the rebuild, and what
            takes in deliveries, files and requests, sends alerts or looks after records.
    """
    partitions = year_partitions(first_year or settings.first_year)
    providers = place.chosen(enabled_providers(settings))
    sources = place.chosen(sources_set_up(settings) if only_set_up else {STRAVA: ProviderChoice(), **providers})
    senders = _senders(settings, sources, only_set_up=only_set_up) if place.is_ours else set()
    left_out = unused(settings) if only_set_up else set[str]()
    may_change = not only_set_up or len(sources) > 1 or any(choice.write for choice in providers.values())
    assets: list[Asset] = [
        *_of_sources(partitions, settings, sources, senders),
        *gold_assets(partitions, providers, settings),
        *([change_assets(partitions, settings)] if may_change else []),
        insight_assets(partitions, settings.timezone, settings.insight_sports),
        *_beside(partitions, settings, left_out),
    ]
    keys = {spec.key for spec in _specs(assets)}
    assets = [_finished(keys, asset) for asset in with_freshness(assets, settings, sources)]
    run = run_resource(settings, progress_of, _by_year(assets), place)
    resources = {"run": run, "sources": sources_resource(settings, place), "snapshot": snapshot_resource(settings)}
    names = {key.to_user_string() for key in keys}
    made = defined_jobs(settings, names, senders)
    scheduled = schedules(settings, sources, left_out, running=settings.automation)
    if not place.is_ours:
        there = defined_jobs(settings, names, senders, place)
        return _elsewhere(place, settings, assets, made, there, scheduled, resources)
    found = sensors(settings, senders, providers, made, scheduled, running=settings.automation)
    others: dict[str, Any] = {"jobs": [*made, rebuild_job(settings)], "sensors": _of_jobs(found, made)}
    return dg.Definitions(assets=assets, schedules=scheduled, resources=resources, executor=executor, **others)


def _senders(settings: Settings, sources: Mapping[str, ProviderChoice], *, only_set_up: bool) -> set[str]:
    return that_send(settings) if only_set_up else {*filter(sends_webhooks, sources)}


def _of_sources(
    partitions: dg.PartitionsDefinition[Any],
    settings: Settings,
    sources: Mapping[str, ProviderChoice],
    senders: Set[str],
) -> Iterator[Asset]:
    yield from source_assets(partitions, sources, senders, settings.import_limits)
    yield from import_assets(settings.import_limits)
    yield from received_assets(sources, senders)


def _elsewhere(
    place: Place,
    settings: Settings,
    assets: Sequence[Asset],
    made: Jobs,
    there: Jobs,
    scheduled: Sequence[dg.ScheduleDefinition],
    resources: Mapping[str, Any],
) -> dg.Definitions:
    """The definitions in somebody else's Dagster, without an executor, which is theirs; our jobs have their own.

    `made`, `there`: the jobs by their plain names, and as they are called there.
    """
    jobs = {job.name: job for job in there}
    found = sensors_elsewhere(settings, made, running=settings.automation)
    return dg.Definitions(
        assets=[placed(asset, place) for asset in assets],
        jobs=there,
        schedules=[place.schedule(each) for each in scheduled if place.name(each.job_name) in jobs],
        sensors=[place.sensor(each, jobs) for each in _of_jobs(found, made)],
        resources={place.name(key): each for key, each in resources.items()},
    )


def _of_jobs(found: Iterable[dg.SensorDefinition], jobs: Jobs) -> list[dg.SensorDefinition]:
    names = {job.name for job in jobs}
    return [each for each in found if names.issuperset(target.job_name for target in each.targets)]


def _beside(
    partitions: dg.PartitionsDefinition[Any], settings: Settings, left_out: Set[str]
) -> Iterator[dg.AssetsDefinition | dg.AssetSpec]:
    """The region of the map, exports at the end of a run, if a setting asks for them, and the systems besides the activities.

    Without the setting exports cost nothing. `left_out`: packages of systems.
    """
    yield region_asset(settings)
    if settings.export_url is not None:
        from strava_pipeline.orchestrate.assets.exported import exported_assets

        yield exported_assets(partitions, settings)
    if settings.is_copied:
        from strava_pipeline.orchestrate.assets.copies import copy_assets

        yield copy_assets(settings)
    for system in parts("assets"):
        if system.__package__ not in left_out:
            yield from system.assets(partitions, settings)


def _by_year(assets: Sequence[Asset]) -> frozenset[str]:
    return frozenset(spec.key.to_user_string() for spec in _specs(assets) if spec.partitions_def is not None)


def _specs(assets: Iterable[Asset]) -> Iterator[dg.AssetSpec]:
    for asset in assets:
        yield from asset.specs if isinstance(asset, dg.AssetsDefinition) else [asset]


def _owned(keys: Set[dg.AssetKey], more: dict[str, Any], spec: dg.AssetSpec) -> dg.AssetSpec:
    """The spec with its owner and `more` metadata; only below assets of `keys`, as Dagster would show a stub for any other."""
    metadata = {**spec.metadata, **more}
    if LINEAGE in metadata:
        by_column = metadata[LINEAGE].deps_by_column.items()
        kept = {name: [dep for dep in deps if dep.asset_key in keys] for name, deps in by_column}
        metadata[LINEAGE] = dg.TableColumnLineage(kept)
    deps = [dep for dep in spec.deps if dep.asset_key in keys]
    return spec.replace_attributes(owners=[OWNER], deps=deps, metadata=metadata)


def _finished(keys: Set[dg.AssetKey], asset: Asset) -> Asset:
    """The asset with its owner. One that runs also links to the function that does its work, since Dagster's own function
    shows the wrapper; one by year says how many years a run of a backfill covers: the same number for all, or Dagster divides
    the runs.
    """
    if isinstance(asset, dg.AssetSpec):
        return _owned(keys, {}, asset)
    code = _operation(cast(Any, asset.op.compute_fn).decorated_fn.work).__code__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        place = dg.LocalFileCodeReference(file_path=code.co_filename, line_number=code.co_firstlineno)
        more = {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[place])}
    asset = asset.map_asset_specs(partial(_owned, keys, more))
    if asset.partitions_def is None:
        return asset
    return asset.with_attributes(backfill_policy=dg.BackfillPolicy.multi_run(YEARS_A_RUN))


def _operation(work: Work) -> FunctionType:
    """The first function of operations/, or of a system's, that the work of a step calls."""
    caller = cast(FunctionType, work)
    called = (caller.__globals__.get(name) for name in caller.__code__.co_names)
    return next(each for each in called if isinstance(each, FunctionType) and ".operations" in each.__module__)
