"""The assets of every source, by its record: its listing; by capability details, streams, files, events, athlete and gear.

Each lands answers as received; no client is imported before a run uses it. The work is operations/fetching_steps.py's,
providers.py's and events.py's.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from typing import Any

import dagster as dg

from strava_pipeline.core.activities import STREAM_KEYS
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.tables import ACTIVITY_MEMBERS, ATHLETE, DETAIL_TABLES, GEAR
from strava_pipeline.ingest.providers_file import ProviderChoice, gives_days
from strava_pipeline.operations.days import RULE, pull_days
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
from strava_pipeline.operations.step_reports import PUBLISHED, StepReport
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
from strava_pipeline.orchestrate.job_records import plain_name
from strava_pipeline.orchestrate.jobs import (
    DETAILS,
    EVENTS,
    JOBS,
    LISTING,
    STREAMS,
    provider_days,
    provider_files,
    provider_listing,
    resolved,
)
from strava_pipeline.orchestrate.metadata import described_source, json_fields, table_spec
from strava_pipeline.orchestrate.runs import assets_of, config_of
from strava_pipeline.orchestrate.steps import Asked, step
from strava_pipeline.orchestrate.tags import STEP_FIRST

_calling_step = partial(step, needs=["sources"])  # a step with the clients of services
MAKES_CALLS = {"strava_pipeline/calls": "yes"}  # tag of the assets that spend Strava's limits
_answers = partial(dg.AssetSpec, kinds={"json", "file"})  # an asset of answers as received
_counted_answers = partial(_answers, tags=MAKES_CALLS)
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
    """The assets of each source, by its record. `senders`: the sources whose events come; `limits`: how much of a file
    is read.
    """
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
    if gives_days(source, choice):
        yield _days(partitions, source)


def _counted_listing(partitions: dg.PartitionsDefinition[Any], source: str) -> dg.AssetsDefinition:
    def work(asked: Asked) -> list[StepReport]:
        run, of_run = asked.run, asked.of_run
        options = resolved(asked.config, asked.job, LISTING)
        options = options.model_copy(update={"month": options.month or month_asked(of_run)})
        details, years, strava = _details_of(of_run), asked.years, asked.sources.budgeted(source)
        listed = list_activities(run, strava, options, years, is_last=details is None)
        listed = replace(listed, findings=[*listed.findings, shape_finding(run.lake, source)])
        if details is not None and options.mode == "incremental" and _may_end(asked, years):
            return end_if_quiet(run, strava, listed, details, years)
        return [listed]

    listing = _counted_answers(
        LISTING,
        partitions_def=partitions,
        group_name="bronze",
        description="Every page of the athlete's activity listing as Strava sent it, gzip-compressed, never changed. "
        "A long listing that was interrupted resumes where it stopped.",
        metadata=described_source("activities_all"),
        skippable=True,  # a daily run without anything to do ends here: Dagster skips the steps below
    )
    return _calling_step([listing], work, checks=own_checks(LISTING, LISTED), config=ListingConfig)


def _may_end(asked: Asked, years: Sequence[int]) -> bool:
    """Whether it is a whole daily run whose later steps do only work that is due, and Dagster's records have an earlier one."""
    run = asked.of_run
    is_whole = not run.asset_selection and config_of(run).keys() <= {LISTING, DETAILS}
    return asked.job == "flow" and is_whole and all(asked.tags_before(PUBLISHED, year) for year in years)


def _details_of(run: dg.DagsterRun) -> DetailsConfig | None:
    """The run's config for fetching details, or None if it won't fetch any."""
    job = plain_name(run.job_name)
    fetches = DETAILS in JOBS[job].assets if job in JOBS else True
    if run.asset_selection:  # chosen in the UI
        fetches = DETAILS in assets_of(run)
    if not fetches:
        return None
    return resolved(DetailsConfig(**config_of(run).get(DETAILS, {})), job, DETAILS)


def _details(partitions: dg.PartitionsDefinition[Any], source: str) -> dg.AssetsDefinition:
    def work(asked: Asked) -> StepReport:
        options = resolved(asked.config, asked.job, DETAILS)
        return fetch_details(asked.run, asked.sources.budgeted(source), options, asked.years)

    details = _counted_answers(
        DETAILS,
        partitions_def=partitions,
        deps=["activities"],
        group_name="details",
        description="Each activity's detail with all its efforts as Strava sent it. Fetched once, and again when the "
        "activity was edited; newest first; each is saved before the next call.",
        metadata=described_source(*DETAIL_TABLES),
    )
    checks = own_checks(DETAILS, {"details_complete": "No detail in scope is missing."})
    return _calling_step([details], work, checks=checks, config=DetailsConfig)


def _streams(partitions: dg.PartitionsDefinition[Any], source: str) -> dg.AssetsDefinition:
    streams = _counted_answers(
        STREAMS,
        partitions_def=partitions,
        deps=["activities"],
        group_name="tracks",
        description="Each activity's streams as Strava sent them: times, positions, heart rates … Fetched once, with "
        "spare calls, newest first; not for manual activities, and not where an activity file holds the track.",
        metadata=json_fields(f"{key}.data[]" for key in STREAM_KEYS),
    )
    return _calling_step(
        [streams],
        lambda asked: fetch_streams(asked.run, asked.sources.budgeted(source), asked.config, asked.years),
        checks=own_checks(STREAMS, {"streams_complete": "No streams of these years are missing."}),
        config=StreamsConfig,
        op_tags=STEP_FIRST,  # before the tracks of the same run, which read it by way of `streams_received`
    )


def _events(partitions: dg.PartitionsDefinition[Any], source: str) -> dg.AssetsDefinition:
    events = _counted_answers(
        EVENTS,
        partitions_def=partitions,
        group_name="bronze",
        description="Webhook events as Strava sent them, and the detail of each changed activity: one call, however many "
        "events there were. Deleted activities are marked. A run of any year processes all events that came.",
        metadata=json_fields(_EVENT),
    )
    rules = {
        "access_granted": "The athlete did not take this application's access away.",
        "events_settled": "Every event was followed.",
    }
    return _calling_step(
        [events],
        lambda asked: follow_events(asked.run, asked.sources.source(source), asked.config, asked.years, asset=EVENTS),
        checks=own_checks(EVENTS, rules),
        config=EventsConfig,
        op_tags=STEP_FIRST,  # before the shards of the same run, which read it by way of `events_received`
    )


def _profile(source: str) -> list[dg.AssetsDefinition]:
    spec = partial(table_spec, kinds={"duckdb", "json"}, tags=MAKES_CALLS)

    def gear(asked: Asked) -> StepReport:
        new_gear_only = asked.config.new_gear_only
        return fetch_gear(asked.run, asked.sources.budgeted(source), asked.config, new_gear_only=new_gear_only)

    return [
        _calling_step(
            [spec(ATHLETE, description="The athlete who logged in.")],
            lambda asked: fetch_athlete(asked.run, asked.sources.budgeted(source), asked.config),
            checks=table_checks("athlete", "athlete"),
            config=CallLimits,
        ),
        _calling_step(
            [spec(GEAR, description="Every bike and pair of shoes that an activity refers to.", deps=["activities"])],
            gear,
            checks=table_checks("gear", "gear"),
            config=GearConfig,
        ),
    ]


def _listing(partitions: dg.PartitionsDefinition[Any], name: str) -> dg.AssetsDefinition:
    title, key = spec_of(name).title, provider_listing(name)

    def work(asked: Asked) -> StepReport:
        run, years, source, config = asked.run, asked.years, asked.sources.source(name), asked.config
        if config.mode == "events":
            report = follow_events(run, source, EventsOptions(), years, asset=key)
        else:
            report = list_provider_activities(run, source, config.options(asked.of_run), years, asset=key)
        return replace(report, findings=[*report.findings, shape_finding(run.lake, name)])

    listing = _answers(
        key,
        partitions_def=partitions,
        group_name="bronze",
        description=f"Every page of the activity listing of {title} as received, gzip-compressed, never changed; its gear, "
        "too, once a week or when an activity names unknown gear. A long listing that was interrupted resumes where it stopped.",
    )
    return _calling_step(
        [listing],
        work,
        checks=own_checks(key, LISTED),
        config=ProviderListingConfig,
        op_tags=STEP_FIRST,  # before the shards of the same run, which read it by way of `providers_received`
    )


def _days(partitions: dg.PartitionsDefinition[Any], name: str) -> dg.AssetsDefinition:
    key = provider_days(name)
    answers = _answers(
        key,
        partitions_def=partitions,
        group_name="days",
        description=f"What {spec_of(name).title} has of days and nights, as received: sleep, heart rate, weight, steps. Once "
        "whole; then the last week again with each run, and everything again each month.",
    )
    return _calling_step(
        [answers],
        lambda asked: pull_days(
            asked.run, asked.sources.source(name), asked.config.options(asked.of_run), asked.years, asset=key
        ),
        checks=own_checks(key, {RULE: "Everything that was due was asked for, and answered."}),
        config=ProviderListingConfig,
        op_tags=STEP_FIRST,
    )


def _files(
    partitions: dg.PartitionsDefinition[Any], name: str, choice: ProviderChoice, limits: ImportLimits
) -> dg.AssetsDefinition:
    title, key = spec_of(name).title, provider_files(name)
    off = "" if choice.auto_files else " Switched off by auto_files in providers.toml: nothing is asked for."
    files = dg.AssetSpec(
        key,
        partitions_def=partitions,
        deps=["activities", ACTIVITY_MEMBERS.name],
        group_name="provider_files",  # not bronze: which files lack is known after the matching
        kinds={"file"},
        description=f"The files of activities at {title} that no source has a track of, byte for byte as received, each once, "
        f"newest first; what is read of them, and their rows of the table files.{off}",
    )
    return _calling_step(
        [files],
        lambda asked: bring_provider_files(
            asked.run, asked.sources.source(name), asked.years, choice.auto_files, limits
        ),
        checks=own_checks(key, {"files_complete": "No file of these years is missing."}),
        op_tags=STEP_FIRST,  # before the tracks of the same run, which read it by way of `provider_files_received`
    )
