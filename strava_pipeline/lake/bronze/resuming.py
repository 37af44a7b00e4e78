"""Which listing a run continues, rather than asking again for pages on disk: one rule for every source.

A run's own listing serves it as it is. Another run's listing may be outdated, so it serves only if listing again is
expensive; its user then looks again at anything that can have changed since (docs/adr/0108).
"""

from datetime import datetime, timedelta

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.listings import RESUME_WITHIN, listings
from strava_pipeline.lake.bronze.manifests import Manifest, Window
from strava_pipeline.lake.paths import Lake

REUSE_WITHIN = timedelta(hours=1)  # a run that continues another's work may still use the answers to it
FEW_CALLS = 10  # a listing with fewer calls is made again: some seconds, a hundredth of Strava's day


def resumable_listing(
    lake: Lake,
    window: Window,
    *,
    at: datetime,
    years: YearRange,
    run_id: str | None = None,
    source: str = STRAVA,
    account: str | None = None,
    also_used: bool = False,
    since: datetime | None = None,
) -> Listing | None:
    """The listing to resume, rather than asking again for pages on disk, or None to begin another one.

    That is the newest of the same window, if it was interrupted less than a day ago; or, complete, if it began less
    than an hour ago and no run has used it completely. It is `run_id`'s own, or nobody's (a limit ended it, or a dry
    run made it), or it took more than FEW_CALLS. A complete one has moved the watermark, so a pull from the watermark
    compares the mode alone. `also_used`: a run may have used it. `since`: complete listings that began before that are
    excluded.
    """
    for listing in listings(lake, source, newest_first=True):
        manifest = listing.manifest
        if manifest.account != account:
            continue
        if at - manifest.started_at > RESUME_WITHIN:
            return None
        same = manifest.window.same_as(window)
        if same:
            listing.adopt_orphans(years)
            manifest = listing.manifest
        if manifest.has_lost:
            continue  # missing activities are not after its last page
        serves = manifest.run_id in (None, run_id) or manifest.whole_pages > FEW_CALLS
        if same and not manifest.complete:
            return listing if serves else None
        if same or (manifest.window.mode == window.mode and window.mode in ("incremental", "lite")):
            unused = also_used if manifest.settled else serves
            began = manifest.started_at
            fresh = manifest.complete and unused and at - began <= REUSE_WITHIN and (since is None or began >= since)
            reaches = same or (manifest.window.after or 0) <= (window.after or 0)  # `days` may be more this time
            return listing if fresh and reaches else None
    return None


def is_of_run(manifest: Manifest, run_id: str | None, at: datetime) -> bool:
    """Whether the run began the listing within its present work, so that its pages are not older than the run."""
    return manifest.run_id == run_id and manifest.as_of is None and at - manifest.started_at <= REUSE_WITHIN
