"""The assets of the enabled providers beside Strava, the same for each. No provider's client is imported before a run uses it.

The work is operations/providers.py's, and provider_events.py's where webhooks ask for it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.tables import ACTIVITY_MEMBERS
from strava_pipeline.ingest.providers_file import ProviderChoice
from strava_pipeline.operations.provider_events import follow_provider_events
from strava_pipeline.operations.providers import bring_provider_files, list_provider_activities
from strava_pipeline.orchestrate.config import ProviderListingConfig
from strava_pipeline.orchestrate.jobs import gives_files, provider_files, provider_listing
from strava_pipeline.orchestrate.metadata import OWNER
from strava_pipeline.orchestrate.resources import Providers, Run
from strava_pipeline.orchestrate.steps import Result, chosen_years, reported
from strava_pipeline.orchestrate.tags import STEP_FIRST


def provider_assets(
    partitions: dg.PartitionsDefinition[Any], providers: Mapping[str, ProviderChoice], limits: ImportLimits
) -> list[dg.AssetsDefinition]:
    """The assets of each provider. `limits`: how much of a file is read."""
    return [
        *(_listing(partitions, name) for name in providers),
        *(_files(partitions, name, choice, limits) for name, choice in providers.items() if gives_files(name)),
    ]


def _listing(partitions: dg.PartitionsDefinition[Any], provider: str) -> dg.AssetsDefinition:
    title, asset = spec_of(provider).title, provider_listing(provider)

    @dg.asset(
        name=asset,
        partitions_def=partitions,
        group_name="bronze",
        kinds={"json", "file"},
        owners=[OWNER],
        description=f"Every page of the activity listing of {title} as received, gzip-compressed, never changed; its gear, "
        "too, once a week or when an activity names unknown gear. An interrupted listing resumes where it stopped.",
        op_tags=STEP_FIRST,  # before the shards of the same run, which read it by way of `providers_received`
        check_specs=[
            dg.AssetCheckSpec(
                "listing_complete",
                asset=asset,
                description="The listing reached its end, and every row of it can be read.",
            )
        ],
    )
    def listing(
        context: dg.AssetExecutionContext, config: ProviderListingConfig, run: Run, providers: Providers
    ) -> Iterator[Result]:
        years = chosen_years(context, run)
        source = providers.source(provider)
        if config.mode == "events":
            report = follow_provider_events(run, source, asset=asset)
        else:
            report = list_provider_activities(run, source, config.options(context.run), years, asset=asset)
        yield from reported(context, run, report)

    return listing


def _files(
    partitions: dg.PartitionsDefinition[Any], provider: str, choice: ProviderChoice, limits: ImportLimits
) -> dg.AssetsDefinition:
    title, asset = spec_of(provider).title, provider_files(provider)
    off = "" if choice.auto_files else " Switched off by auto_files in providers.toml: nothing is asked for."

    @dg.asset(
        name=asset,
        partitions_def=partitions,
        deps=["activities", ACTIVITY_MEMBERS.name],
        group_name="provider_files",  # not bronze: which files lack is known after the matching
        kinds={"file"},
        owners=[OWNER],
        description=f"The files of activities at {title} that no source has a track of, byte for byte as received, each once, "
        f"newest first; what is read of them, and their rows of the table files.{off}",
        op_tags=STEP_FIRST,  # before the tracks of the same run, which read it by way of `provider_files_received`
        check_specs=[
            dg.AssetCheckSpec("files_complete", asset=asset, description="No file of these years is missing.")
        ],
    )
    def files(context: dg.AssetExecutionContext, run: Run, providers: Providers) -> Iterator[Result]:
        years, source = chosen_years(context, run), providers.source(provider)
        yield from reported(context, run, bring_provider_files(run, source, years, choice.auto_files, limits))

    return files
