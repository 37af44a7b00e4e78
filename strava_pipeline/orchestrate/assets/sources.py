"""The assets of every source, as its record says: its listing; by capability details, streams, files, events, athlete and gear.

Each lands what it got as received; no client is imported before a run uses it. The work is operations/fetching_steps.py's,
providers.py's and events.py's.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import dagster as dg

from strava_pipeline.core.activities import STREAM_KEYS
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.tables import ACTIVITY_MEMBERS, DETAIL_TABLES
from strava_pipeline.ingest.providers_file import ProviderChoice
from strava_pipeline.operations.events import follow_events
from strava_pipeline.operations.fetching_steps import (
    fetch_athlete,
    fetch_details,
    fetch_gear,
    fetch_streams,
    list_activities,
)
from strava_pipeline.operations.options import EventsOptions
from strava_pipeline.operations.providers import bring_provider_files, list_provider_activities
from strava_pipeline.operations.quiet import end_if_quiet
from strava_pipeline.operations.shapes import SHAPE, shape_finding
from strava_pipeline.orchestrate.assets.gold import PUBLISHED
from strava_pipeline.orchestrate.checks import own_checks, table_checks
from strava_pipeline.orchestrate.config import (
    CallLimits,
    DetailsConfig,
    EventsConfig,
    GearConfig,
    ListingConfig,
    ProviderListingConfig,
    StreamsConfig,
    month_asked,
)
from strava_pipeline.orchestrate.jobs import (
    DETAILS,
    EVENTS,
    JOBS,
    LISTING,
    STREAMS,
    provider_files,
    provider_listing,
    resolved,
)
from strava_pipeline.orchestrate.metadata import described, described_source
from strava_pipeline.orchestrate.resources import Run, RunSources
from strava_pipeline.orchestrate.steps import Result, asset, chosen_years, reported, tags_before
from strava_pipeline.orchestrate.tags import STEP_FIRST

MAKES_CALLS = {"strava_pipeline/calls": "yes"}  # tag of the assets that spend Strava's limits
_EVENT = ("object_type", "object_id", "aspect_type", "updates", "owner_id", "subscription_id", "event_time")


LISTED = {
    "listing_complete": "The listing reached its end, and every row of it can be read.",
    SHAPE: "What the service ever listed has the fields and types that are expected, and every sport and piece of gear is known. "
    "Fields that nothing reads are named, and are no fault.",
}


def source_assets(
    partitions: dg.PartitionsDefinition[Any],
    sources: Mapping[str, ProviderChoice],
    senders: Set[str],
    limits: ImportLimits,
) -> list[dg.AssetsDefinition]:
    """The assets of each source, as its record says. `senders`: whose events come; `limits`: how much of a file is read."""
    return [
        asset
        for name, choice in sources.items()
        for asset in _assets_of(partitions, name, choice, limits, sends=name in senders)
    ]


def _assets_of(
    partitions: dg.PartitionsDefinition[Any], source: str, choice: ProviderChoice, limits: ImportLimits, *, sends: bool
) -> Iterator[dg.AssetsDefinition]:
    capabilities = spec_of(source).capabilities
    if "budget" in capabilities:
        yield _counted_listing(partitions, source)
        yield from _profile(source)
    else:
        yield _listing(partitions, source)
    if "details" in capabilities:
        yield _details(partitions, source)
        if sends:
            yield _events(partitions, source)
    if "streams" in capabilities:
        yield _streams(partitions, source)
    if "files" in capabilities:
        yield _files(partitions, source, choice, limits)


def _counted_listing(partitions: dg.PartitionsDefinition[Any], source: str) -> dg.AssetsDefinition:

    @asset(
        partitions_def=partitions,
        group_name="bronze",
        kinds={"json", "file"},
        tags=MAKES_CALLS,
        description="Every page of the athlete's activity listing as Strava sent it, gzip-compressed, never changed. "
        "A long listing that was interrupted resumes where it stopped.",
        metadata=described_source("activities_all"),
        check_specs=own_checks(LISTING, LISTED),
        output_required=False,  # a daily run without anything to do ends here: Dagster skips the steps below
    )
    def bronze_activities(
        context: dg.AssetExecutionContext, config: ListingConfig, run: Run, sources: RunSources
    ) -> Iterator[Result]:
        options = resolved(config, context.run.job_name, LISTING)
        options = options.model_copy(update={"month": options.month or month_asked(context.run)})
        details, years, strava = _details_of(context.run), chosen_years(context, run), sources.budgeted(source)
        report = list_activities(run, strava, options, years, is_last=details is None)
        reports = [replace(report, findings=[shape_finding(run.lake, source)])]
        if details is not None and options.mode == "incremental" and _may_end(context, years):
            reports = end_if_quiet(run, strava, reports[0], details, years)
        yield from reported(context, run, *reports)

    return bronze_activities


def _ops_of(run: dg.DagsterRun) -> dict[str, Any]:
    return dict(run.run_config).get("ops") or {}  # type: ignore[return-value]


def _may_end(context: dg.AssetExecutionContext, years: Sequence[int]) -> bool:
    """Whether it is a whole daily run whose steps below do only what is due, and Dagster's records have an earlier one."""
    run = context.run
    is_whole = not run.asset_selection and _ops_of(run).keys() <= {LISTING, DETAILS}
    return run.job_name == "flow" and is_whole and all(tags_before(context, PUBLISHED, year) for year in years)


def _details_of(run: dg.DagsterRun) -> DetailsConfig | None:
    """How the run will fetch details; None: it won't."""
    fetches = DETAILS in JOBS[run.job_name].assets if run.job_name in JOBS else True
    if run.asset_selection:  # chosen in the UI
        fetches = dg.AssetKey(DETAILS) in run.asset_selection
    if not fetches:
        return None
    return resolved(DetailsConfig(**_ops_of(run).get(DETAILS, {}).get("config", {})), run.job_name, DETAILS)


def _details(partitions: dg.PartitionsDefinition[Any], source: str) -> dg.AssetsDefinition:
    @asset(
        partitions_def=partitions,
        deps=["activities"],
        group_name="details",
        kinds={"json", "file"},
        tags=MAKES_CALLS,
        description="Each activity's detail with all its efforts as Strava sent it. Fetched once, and again when the "
        "activity was edited; newest first; each is saved before the next call.",
        metadata=described_source(*DETAIL_TABLES),
        check_specs=own_checks(DETAILS, {"details_complete": "No detail in scope is missing."}),
    )
    def bronze_activity_details(
        context: dg.AssetExecutionContext, config: DetailsConfig, run: Run, sources: RunSources
    ) -> Iterator[Result]:
        options = resolved(config, context.run.job_name, DETAILS)
        yield from reported(
            context, run, fetch_details(run, sources.budgeted(source), options, chosen_years(context, run))
        )

    return bronze_activity_details


def _streams(partitions: dg.PartitionsDefinition[Any], source: str) -> dg.AssetsDefinition:
    @asset(
        name=STREAMS,
        partitions_def=partitions,
        deps=["activities"],
        group_name="tracks",
        kinds={"json", "file"},
        tags=MAKES_CALLS,
        op_tags=STEP_FIRST,  # before the tracks of the same run, which read it by way of `streams_received`
        description="Each activity's streams as Strava sent them: times, positions, heart rates … Fetched once, with "
        "spare calls, newest first; not for manual activities, and not where an activity file holds the track.",
        metadata=_json_fields(f"{key}.data[]" for key in STREAM_KEYS),
        check_specs=own_checks(STREAMS, {"streams_complete": "No streams of these years are missing."}),
    )
    def bronze_activity_streams(
        context: dg.AssetExecutionContext, config: StreamsConfig, run: Run, sources: RunSources
    ) -> Iterator[Result]:
        yield from reported(
            context, run, fetch_streams(run, sources.budgeted(source), config, chosen_years(context, run))
        )

    return bronze_activity_streams


def _events(partitions: dg.PartitionsDefinition[Any], source: str) -> dg.AssetsDefinition:
    @asset(
        name=EVENTS,
        partitions_def=partitions,
        group_name="bronze",
        kinds={"json", "file"},
        tags=MAKES_CALLS,
        description="Webhook events as Strava sent them, and the detail of each changed activity: one call, however many "
        "events there were. Deleted activities are marked. A run of any year processes all events that came.",
        op_tags=STEP_FIRST,  # before the shards of the same run, which read it by way of `events_received`
        metadata=_json_fields(_EVENT),
        check_specs=own_checks(
            EVENTS,
            {
                "access_granted": "The athlete did not take this application's access away.",
                "events_settled": "Every event was followed.",
            },
        ),
    )
    def webhook_events(
        context: dg.AssetExecutionContext, config: EventsConfig, run: Run, sources: RunSources
    ) -> Iterator[Result]:
        report = follow_events(run, sources.source(source), config, chosen_years(context, run), asset=EVENTS)
        yield from reported(context, run, report)

    return webhook_events


def _json_fields(names: Iterator[str] | tuple[str, ...]) -> dict[str, Any]:
    columns = [dg.TableColumn(name, type="JSON") for name in names]
    return {"dagster/column_schema": dg.TableSchema(columns)}


def _profile(source: str) -> list[dg.AssetsDefinition]:
    @asset(
        group_name="profile",
        kinds={"duckdb", "json"},
        tags=MAKES_CALLS,
        description="The athlete who logged in.",
        metadata=described("athlete"),
        check_specs=table_checks("athlete", "athlete"),
    )
    def athlete(
        context: dg.AssetExecutionContext, config: CallLimits, run: Run, sources: RunSources
    ) -> Iterator[Result]:
        yield from reported(context, run, fetch_athlete(run, sources.budgeted(source), config))

    @asset(
        deps=["activities"],
        group_name="profile",
        kinds={"duckdb", "json"},
        tags=MAKES_CALLS,
        description="Every bike and pair of shoes that an activity refers to.",
        metadata=described("gear"),
        check_specs=table_checks("gear", "gear"),
    )
    def gear(context: dg.AssetExecutionContext, config: GearConfig, run: Run, sources: RunSources) -> Iterator[Result]:
        yield from reported(
            context, run, fetch_gear(run, sources.budgeted(source), config, new_gear_only=config.new_gear_only)
        )

    return [athlete, gear]


def _listing(partitions: dg.PartitionsDefinition[Any], name: str) -> dg.AssetsDefinition:
    title, key = spec_of(name).title, provider_listing(name)

    @asset(
        name=key,
        partitions_def=partitions,
        group_name="bronze",
        kinds={"json", "file"},
        description=f"Every page of the activity listing of {title} as received, gzip-compressed, never changed; its gear, "
        "too, once a week or when an activity names unknown gear. A long listing that was interrupted resumes where it stopped.",
        op_tags=STEP_FIRST,  # before the shards of the same run, which read it by way of `providers_received`
        check_specs=own_checks(key, LISTED),
    )
    def listing(
        context: dg.AssetExecutionContext, config: ProviderListingConfig, run: Run, sources: RunSources
    ) -> Iterator[Result]:
        years = chosen_years(context, run)
        source = sources.source(name)
        if config.mode == "events":
            report = follow_events(run, source, EventsOptions(), years, asset=key)
        else:
            report = list_provider_activities(run, source, config.options(context.run), years, asset=key)
        yield from reported(context, run, replace(report, findings=[shape_finding(run.lake, name)]))

    return listing


def _files(
    partitions: dg.PartitionsDefinition[Any], name: str, choice: ProviderChoice, limits: ImportLimits
) -> dg.AssetsDefinition:
    title, key = spec_of(name).title, provider_files(name)
    off = "" if choice.auto_files else " Switched off by auto_files in providers.toml: nothing is asked for."

    @asset(
        name=key,
        partitions_def=partitions,
        deps=["activities", ACTIVITY_MEMBERS.name],
        group_name="provider_files",  # not bronze: which files lack is known after the matching
        kinds={"file"},
        description=f"The files of activities at {title} that no source has a track of, byte for byte as received, each once, "
        f"newest first; what is read of them, and their rows of the table files.{off}",
        op_tags=STEP_FIRST,  # before the tracks of the same run, which read it by way of `provider_files_received`
        check_specs=own_checks(key, {"files_complete": "No file of these years is missing."}),
    )
    def files(context: dg.AssetExecutionContext, run: Run, sources: RunSources) -> Iterator[Result]:
        years, source = chosen_years(context, run), sources.source(name)
        yield from reported(context, run, bring_provider_files(run, source, years, choice.auto_files, limits))

    return files
