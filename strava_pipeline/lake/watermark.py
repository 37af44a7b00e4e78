"""How far the listings in bronze reach, laid end to end: from where the next pull has to ask. Reads manifests only."""

from datetime import UTC, datetime

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.lake.listings import listings
from strava_pipeline.lake.paths import Lake


def watermark(lake: Lake, source: str = STRAVA, account: str | None = None) -> datetime | None:
    """Up to which start (UTC) the lake is complete, without a gap since the athlete's first activity.

    The complete listings are laid end to end: the newest year alone says nothing of what came before it. Where one
    that reaches the present ends the row, its newest start is the watermark, but never a moment later than the listing
    itself: an activity that claims to start in the future moves nothing. None: everything is to be listed.
    """
    reach: datetime | None = None
    mark: datetime | None = None
    of_account = (each.manifest for each in listings(lake, source) if each.manifest.account == account)
    whole = (manifest for manifest in of_account if manifest.complete)
    for manifest in sorted(whole, key=lambda manifest: (manifest.window.after is not None, manifest.window.after or 0)):
        window = manifest.window
        if window.after is not None and (reach is None or window.after > reach.timestamp()):
            break
        if window.before is None:
            end = min(manifest.newest or window.watermark or manifest.started_at, manifest.started_at)
            mark = end if mark is None else max(mark, end)
        else:
            end = min(datetime.fromtimestamp(window.before - 1, UTC), manifest.started_at)
        reach = end if reach is None else max(reach, end)
    return mark


def listed_since(lake: Lake) -> datetime | None:
    """From which start (UTC) the newest pull from a watermark listed; None: the newest pull listed everything."""
    for listing in listings(lake, newest_first=True):
        window = listing.manifest.window
        if window.is_open_ended and window.mode != "year":
            return None if window.after is None else datetime.fromtimestamp(window.after, UTC)
    return None
