"""What the listings, and webhook events, prove to be absent at the source. Reads manifests only, no rows and no pages.

An activity is gone when a complete listing of a window that its start lies in began after it was last seen. Between two
pages a listing proves nothing: something deleted there at that moment moves what follows one place forward, past the page
that is asked for next. Such a gap is looked at once more (`gaps`), or waits for the next listing. Around a row that can't be
read it proves nothing either: the row may be any activity that belongs there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from strava_pipeline.lake.listing import Listing
from strava_pipeline.lake.manifests import Manifest, PageEntry

_NEVER, _ALWAYS = -(2**62), 2**62  # seconds: no bound
Span = tuple[int | None, int | None]  # exclusive epoch seconds, as Strava takes them: (after, before)


@dataclass(frozen=True, slots=True)
class Proof:
    """Whatever starts within `after` and `before` (exclusive epoch seconds) and was last seen before `began_at` is gone.

    `activity_id`: that one only. `listing`: what is judged together.
    """

    listing: str
    athlete_id: int | None
    account: str | None
    began_at: datetime
    found_at: datetime
    after: int | None = None
    before: int | None = None
    activity_id: int | None = None


def proofs(listings: Iterable[Listing]) -> Iterator[Proof]:
    """What each complete listing proves, and what events said, in the order of their beginnings."""
    for listing in listings:
        manifest = listing.manifest
        for gone in manifest.gone:
            later = gone.at.replace(microsecond=0) + timedelta(seconds=1)  # an event's time is known to the second
            yield Proof(
                listing.name, manifest.athlete_id, manifest.account, later, gone.at, activity_id=gone.activity_id
            )
        began = manifest.started_at.replace(microsecond=0)  # a page's time may be known to the second only
        for after, before in proven(manifest):
            yield Proof(listing.name, manifest.athlete_id, manifest.account, began, manifest.fetched_at, after, before)


def proven(manifest: Manifest) -> Iterator[Span]:
    """The window of a listing without its gaps; nothing of one that is not whole, may not see everything, or has no date."""
    if not (manifest.complete and manifest.sees_private and manifest.is_dated):
        return
    after, before = manifest.window.after, manifest.window.before
    unproven = [*gaps(manifest), *_unreadable(manifest)]
    for gap_after, gap_before in sorted(unproven, key=lambda span: (span[0] is not None, span[0])):
        if gap_after is not None:
            yield after, gap_after + 1
        if gap_before is None:
            return
        after = max(gap_before - 1, gap_before - 1 if after is None else after)
    yield after, before


def gaps(manifest: Manifest) -> list[Span]:
    """Where a complete listing proves nothing: around the border of two pages, and behind a last page that was full."""
    walk, asked = manifest.walk, manifest.window
    if any(page.oldest is None or page.newest is None for page in walk):
        return [(asked.after, asked.before)]
    ascending = manifest.is_ascending
    found = [_between(page, following, ascending=ascending) for page, following in pairwise(walk)]
    if walk and _is_full(walk[-1]):
        after, before = _around(walk[-1], ascending=ascending)
        found.append((after, asked.before) if ascending else (asked.after, before))
    again = {(_asked(page, "after"), _asked(page, "before")) for page in manifest.looked_at_again if _is_whole(page)}
    return [span for span in found if span not in again]


def lies_in(start: float, span: Span) -> bool:
    """Whether an epoch second lies in an exclusive span."""
    after, before = span
    return (after is None or start > after) and (before is None or start < before)


def bounds(spans: Iterable[Span]) -> dict[str, list[int]]:
    """The spans as two columns of numbers, for statements: `after` and `before`."""
    columns: dict[str, list[int]] = {"after": [], "before": []}
    for after, before in spans:
        columns["after"].append(_NEVER if after is None else after)
        columns["before"].append(_ALWAYS if before is None else before)
    return columns


def _between(page: PageEntry, following: PageEntry, *, ascending: bool) -> Span:
    ends = [*_around(page, ascending=ascending), *_around(following, ascending=not ascending)]
    return min(ends), max(ends)


def _around(page: PageEntry, *, ascending: bool) -> tuple[int, int]:
    """A span that holds the second of the page's last start (ascending) or first."""
    edge = page.newest if ascending else page.oldest
    assert edge is not None
    second = int(edge.timestamp())
    return second - 1, second + 1


def _unreadable(manifest: Manifest) -> Iterator[Span]:
    """Where a row that can't be read may belong: from the end of the page before its own to the beginning of the next."""
    ascending = manifest.is_ascending
    walk = manifest.walk if ascending else manifest.walk[::-1]
    for place, page in enumerate(walk):
        if page.unreadable:
            before = walk[place - 1].newest if place else None
            after = walk[place + 1].oldest if place + 1 < len(walk) else None
            yield (
                manifest.window.after if before is None else int(before.timestamp()) - 1,
                manifest.window.before if after is None else int(after.timestamp()) + 1,
            )


def _is_whole(page: PageEntry) -> bool:
    return not _is_full(page) and not page.unreadable


def _is_full(page: PageEntry) -> bool:
    size = _asked(page, "per_page")
    return size is None or page.rows >= size


def _asked(page: PageEntry, name: str) -> int | None:
    value = (page.request or {}).get(name)
    return value if isinstance(value, int) else None
