"""What is pulled of a provider beside its listing: gear. Listings are pulling.py's, whichever provider they are of."""

from strava_pipeline.lake.landed import require_writable
from strava_pipeline.lake.profile_files import land_provider_gear
from strava_pipeline.operations.provider_source import ProviderSource
from strava_pipeline.operations.run_context import RunContext


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
