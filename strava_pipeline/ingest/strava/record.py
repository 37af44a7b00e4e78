"""Strava's record. Its list needs no reading: its names and shapes are those of the catalogue."""

from strava_pipeline.core.activities import split_page
from strava_pipeline.core.errors import APPLICATION_PAGE
from strava_pipeline.core.providers import ProviderSpec, ReadPage
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.ingest.strava.refusals import REFUSALS
from strava_pipeline.ingest.strava.webhooks import WEBHOOKS

SPEC = ProviderSpec(
    name=STRAVA,
    title="Strava",
    link="https://www.strava.com/activities/{source_id}",
    precedence=1,
    priority=3,
    read_page=lambda items: ReadPage(*split_page(items)),
    oldest_first=True,
    capabilities=frozenset(
        {"windows", "details", "streams", "webhooks", "subscription", "budget", "uploads", "hides_starts"}
    ),
    quiet_day_calls=2,  # a page, and the empty one that ends the listing
    edits=frozenset({"name", "gear"}),
    webhooks=WEBHOOKS,
    refusals=REFUSALS,
    for_whom="its API, which needs a subscription",
    login_steps=(
        f"Create an API application at {APPLICATION_PAGE}, with `localhost` as its Authorization Callback Domain. "
        "It has an id and a secret."
    ),
    commands={"login": "auth", "pull": "reconcile"},
    unnamed=True,
    is_numbering=True,
)
