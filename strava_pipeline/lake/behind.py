"""What gold has not taken in yet: years listed but not merged, and new activities whose details never came.

A run that ended between two stages, or met a limit, leaves these; the next daily run covers their years too. Reads only.
"""

from contextlib import suppress
from datetime import datetime

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.imported import all_listings
from strava_pipeline.lake.listings import listings
from strava_pipeline.lake.manifests import Window
from strava_pipeline.lake.merge import merged_pages, years_lacking
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sightings import years_unmerged
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.warehouse import DamagedWarehouseError, OtherCatalogueError, is_a_database, reading


def years_behind(lake: Lake, years: YearRange) -> set[int]:
    """The years of which a listing holds pages that were never merged, or new activities without their detail; and those
    of deletions that no run has judged.
    """
    merged: dict[int, dict[str, int]] = {}
    unfetched: set[int] = set()
    if lake.working.exists() and is_a_database(lake.working):
        # one that is to be rebuilt holds nothing yet
        with suppress(OtherCatalogueError, DamagedWarehouseError), reading(lake) as connection:
            merged = merged_pages(connection)
            unfetched |= years_unmerged(connection, lake, years)
            since = first_pull_ended_at(lake)
            if since is not None:
                unfetched |= {
                    row[0]
                    for row in connection.execute(sql("years_unfetched"), {"source": STRAVA, "since": since}).fetchall()
                }
    return unfetched.union(*(years_lacking(merged, listing, years) for listing in all_listings(lake)))


def first_pull_ended_at(lake: Lake) -> datetime | None:
    """When (UTC) the first listing that reached the present was complete. What was first seen later is new."""
    whole = (listing.manifest for listing in listings(lake) if listing.manifest.complete)
    return min((manifest.fetched_at for manifest in whole if _is_a_pull(manifest.window)), default=None)


def _is_a_pull(window: Window) -> bool:
    """It reaches from the watermark, or from the beginning, to the present: the newest year alone is no pull."""
    return window.is_open_ended and window.mode != "year"
