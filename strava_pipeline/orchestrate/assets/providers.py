"""The assets of the enabled providers beside Strava, the same for each. No provider's client is imported before a run uses it.

The work is operations/providers.py's.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg

from strava_pipeline.core.providers import spec_of
from strava_pipeline.operations.providers import list_provider_activities
from strava_pipeline.orchestrate.config import ProviderListingConfig
from strava_pipeline.orchestrate.jobs import provider_listing
from strava_pipeline.orchestrate.metadata import OWNER
from strava_pipeline.orchestrate.partitions import years_of
from strava_pipeline.orchestrate.resources import Providers, Run
from strava_pipeline.orchestrate.steps import Result, reported
from strava_pipeline.orchestrate.tags import STEP_FIRST


def provider_assets(partitions: dg.PartitionsDefinition[Any], providers: Iterable[str]) -> list[dg.AssetsDefinition]:
    """The assets of each provider."""
    return [_listing(partitions, name) for name in providers]


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
        years = years_of(context.partition_keys)
        source = providers.source(provider)
        yield from reported(context, list_provider_activities(run, source, config.options(), years, asset=asset))

    return listing
