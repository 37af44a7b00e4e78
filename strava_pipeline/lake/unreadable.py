"""Rows of listings that are no activities, for `status` and `quarantine list`. From manifests; the bytes are in the pages."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from strava_pipeline.lake.listings import listings
from strava_pipeline.lake.manifests import Manifest, PageEntry, UnreadableRow
from strava_pipeline.lake.paths import Lake


@dataclass(frozen=True, slots=True)
class UnreadableInPage:
    """One that Strava still lists: its place (from 1) in the page that had it last, why it can't be read, and since when."""

    page: Path
    row: int
    reason: str
    first_seen_at: datetime
    last_seen_at: datetime


def unreadable_rows(lake: Lake) -> list[UnreadableInPage]:
    """Every unreadable row, once, that no complete listing of the same window lacked since."""
    standing: dict[str, tuple[UnreadableInPage, UnreadableRow, PageEntry]] = {}
    for listing in listings(lake):
        manifest = listing.manifest
        here = {row.digest for page in manifest.pages for row in page.unreadable}
        gone = [key for key, (_, row, page) in standing.items() if key not in here and _covers(manifest, row, page)]
        for key in gone:
            del standing[key]
        for page in manifest.pages:
            for row in page.unreadable:
                seen = UnreadableInPage(
                    listing.folder / page.file, row.row, row.reason, page.fetched_at, page.fetched_at
                )
                if row.digest in standing:
                    seen = replace(seen, first_seen_at=standing[row.digest][0].first_seen_at)
                standing[row.digest] = seen, row, page
    return [seen for seen, _, _ in standing.values()]


def _covers(manifest: Manifest, row: UnreadableRow, page: PageEntry) -> bool:
    """Whether a listing would have had that row: by its start, else wherever in its page it belongs."""
    if not manifest.complete or manifest.window.mode == "event":
        return False
    after, before = manifest.window.after, manifest.window.before
    oldest, newest = row.start or page.oldest, row.start or page.newest
    if oldest is None or newest is None:
        return after is None and before is None
    return (after is None or after < oldest.timestamp()) and (before is None or newest.timestamp() < before)
