"""Pull a provider beside Strava: its listing, its gear, and the files of activities that no source has a track of.

What follows a listing, shards and merging and matching, is the same for every source (merging.py).
"""

from strava_pipeline.lake.landed import require_writable
from strava_pipeline.lake.profile_files import land_provider_gear
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.provider_source import ProviderSource
from strava_pipeline.operations.pulling import PullReport, pull_listing
from strava_pipeline.operations.run_context import RunContext


def pull_provider(
    run: RunContext, source: ProviderSource, options: ListingOptions, year: int | None = None
) -> PullReport:
    """List what is new at a provider, or `year`; a limit ends the listing early, and the next one goes on there."""
    return pull_listing(run, source, options, year)


def pull_provider_gear(run: RunContext, source: ProviderSource) -> int:
    """Fetch all gear of the account, each answer on disk before the next call; how many answers came."""
    if "gear" not in source.spec.capabilities:
        return 0
    name = source.spec.name
    require_writable(run.lake, run.lake.gear_of(name))
    client, count = source.client, 0
    for _ in client.landed(
        client.list_gear(), lambda answer: land_provider_gear(run.lake, name, answer.body, answer.fetched_at)
    ):
        count += 1
    return count
