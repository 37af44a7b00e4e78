"""All listings of a provider together: their order and times, how far they reach, and which deletions they prove.

Only manifests are read, no pages. A single listing's folder is listing.py's; which listing to resume is resuming.py's.
An activity is gone if a complete listing of a window that contains its start began after it was last seen. Between two
pages a listing proves nothing: a deletion at that moment moves the following activities one place forward, past the
page that is asked for next. Such a gap is asked for again (`gaps`), or waits for the next listing. Nor does a listing
prove anything around an unreadable row, which may be any activity that belongs there.
"""

import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.providers import best_first, naming_order, spec_of
from strava_pipeline.core.sources import SOURCES, STRAVA
from strava_pipeline.environment.setting_values import is_private_host, is_this_machine
from strava_pipeline.lake.bronze.landing import Times, correct_times, future_claims, join_times
from strava_pipeline.lake.bronze.listing import Listing, read_listing, restore_manifest
from strava_pipeline.lake.bronze.manifests import MANIFESTS, Manifest, PageEntry
from strava_pipeline.lake.paths import Lake

RESUME_WITHIN = timedelta(hours=24)  # an older half shows another day; a new listing is more accurate
_ANSWER_TIMES: dict[Path, tuple[tuple[bool, int, int, int], Times]] = {}
_TIMES: dict[Path, tuple[bool, list[Manifest], Times]] = {}
_ZONES = (-14, 12)  # hours from a local time to UTC, at most: UTC+14 and UTC-12
_NEVER, _ALWAYS = -(2**62), 2**62  # seconds: no bound
Span = tuple[int | None, int | None]  # exclusive epoch seconds, as Strava takes them: (after, before)


def listings(lake: Lake, source: str = STRAVA, *, newest_first: bool = False) -> Iterator[Listing]:
    """Every listing of a provider with its believed times, in the order in which the listings began.

    A folder without a manifest and without pages is skipped.
    """
    found = list(_on_disk(lake, source))
    times = _times(lake, found, source)
    for listing in found:
        listing.manifest = times.manifests.get(listing.name, listing.manifest)
    yield from sorted(found, key=_position, reverse=newest_first)


def provider_listings(lake: Lake) -> Iterator[Listing]:
    """Every listing of every provider, one provider after the other."""
    for source in lake.listed_sources:
        yield from listings(lake, source)


def listing_folder(lake: Lake, name: str) -> Path:
    """The folder of the listing with that name, of any provider."""
    places = [lake.listings_of(source) / name for source in lake.listed_sources]
    return next((place for place in places if place.is_dir()), places[0])


def ranked_sources(lake: Lake) -> list[str]:
    """All sources of the lake, the best first: in the order in which their rows represent an activity."""
    return best_first(lake.listed_sources)


def naming_sources(lake: Lake) -> list[str]:
    """All sources of the lake in the order in which their names and gear count, if they have any."""
    return naming_order(lake.listed_sources, lake.priorities)


def mark_listings_used(lake: Lake, run_id: str, *, brought_nothing: bool = False) -> None:
    """Mark the listings of a run that used them completely. Listings of other runs, which may have died before that,
    stay as they are.
    """
    for listing in provider_listings(lake):
        if listing.manifest.run_id == run_id:
            listing.mark_used(brought_nothing=brought_nothing)


def all_listing_times(lake: Lake) -> Times:
    """The believed times of every provider's listings: each server is judged by its own answers."""
    sources = lake.listed_sources
    if len(sources) == 1:
        return _times(lake, list(_on_disk(lake)))
    found = {source: list(_on_disk(lake, source)) for source in sources}
    return join_times(
        (_times(lake, of_source, source), [listing.manifest for listing in of_source])
        for source, of_source in found.items()
    )


def answer_times(lake: Lake, source: str = STRAVA) -> Times:
    """The believed times for a provider's answers other than listings."""
    place = lake.listings_of(source)
    if not place.is_dir():
        return Times()
    folder = place.stat()
    # This changes as soon as a listing begins, or this process adds to one.
    state = (lake.clock is not None, MANIFESTS.saved, folder.st_mtime_ns, folder.st_nlink)
    known = _ANSWER_TIMES.get(place)
    if known is None or known[0] != state:
        known = _ANSWER_TIMES[place] = (state, _times(lake, list(_on_disk(lake, source)), source))
    return known[1]


def future_listings(lake: Lake) -> Iterator[tuple[str, datetime, datetime]]:
    """(listing, its own time, the believed time) of listings whose time is impossibly late."""
    for source in lake.listed_sources:
        found = list(_on_disk(lake, source))
        yield from future_claims({each.name: each.manifest for each in found}, _times(lake, found, source))


def _times(lake: Lake, found: Sequence[Listing], source: str = STRAVA) -> Times:
    """Computed once per set of manifests."""
    manifests, has_clock = [listing.manifest for listing in found], lake.clock is not None
    place = lake.listings_of(source)
    known = _TIMES.get(place)
    if known is None or known[0] != has_clock or not _same(known[1], manifests):
        times = correct_times({listing.name: listing.manifest for listing in found}, lake.local_time())
        known = _TIMES[place] = (has_clock, manifests, times)
    return known[2]


def _same(manifests: list[Manifest], others: list[Manifest]) -> bool:
    return len(manifests) == len(others) and all(map(operator.is_, manifests, others))


def _position(listing: Listing) -> tuple[int, datetime, str]:
    manifest = listing.manifest
    return (manifest.landed or 0, manifest.started_at, listing.name)


def _on_disk(lake: Lake, source: str = STRAVA) -> Iterator[Listing]:
    top = lake.listings_of(source)
    for folder in sorted(top.iterdir()) if top.is_dir() else ():
        try:
            yield read_listing(folder, lake)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValidationError):
            if listing := restore_manifest(folder, lake):
                yield listing


def watermark(lake: Lake, source: str = STRAVA, account: str | None = None) -> datetime | None:
    """The start (UTC) up to which the lake is complete, without a gap since the athlete's first activity.

    The complete listings are laid end to end, because the newest year alone proves nothing about earlier years. If one
    that reaches the present ends the row, its newest start is the watermark, but never a moment later than the listing
    itself: an activity that claims to start in the future moves nothing. None: everything is to be listed.
    """
    reach: datetime | None = None
    mark: datetime | None = None
    of_account = (each.manifest for each in listings(lake, source) if each.manifest.account == account)
    whole = (manifest for manifest in of_account if manifest.complete and not manifest.window.names_single_activities)
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


def last_pull(lake: Lake, source: str = STRAVA) -> Manifest | None:
    """The newest listing, complete or not; listings of single activities without a feed don't count.

    Its `as_of` is that of the oldest pages that its run used, of any listing.
    """
    every = [listing.manifest for listing in listings(lake, source, newest_first=True)]
    newest = next((manifest for manifest in every if not manifest.window.says_nothing_of_others), None)
    if newest is None:
        return None
    of_run = [each.as_of for each in every if each.run_id == newest.run_id and each.as_of is not None]
    recent = (at for at in of_run if newest.started_at - at <= RESUME_WITHIN)
    return newest.model_copy(update={"as_of": min(recent, default=None)})


def newest_watermark(lake: Lake, source: str) -> datetime | None:
    """The watermark of the account with the newest listing of `source`, or None if everything is to be listed."""
    newest = next(listings(lake, source, newest_first=True), None)
    return None if newest is None else watermark(lake, source, newest.manifest.account)


def withheld_ids(lake: Lake, source: str) -> set[str]:
    """The ids of the activities that a provider has but does not show, according to the account of its newest listing.

    A complete listing of a time replaces the earlier list for that time; an activity without a local start stays.
    """
    every = [listing.manifest for listing in listings(lake, source)]
    found: dict[str, datetime | None] = {}
    for manifest in (each for each in every if each.account == every[-1].account):
        if manifest.complete and not manifest.window.names_single_activities:
            span = (manifest.window.after, manifest.window.before)
            found = {key: local for key, local in found.items() if local is None or not _surely_within(local, span)}
        found |= manifest.withheld
    return {*found}


def _surely_within(local: datetime, span: Span) -> bool:
    """Whether a start by a clock of unknown zone lies in a span in every possible zone."""
    at = local.replace(tzinfo=UTC).timestamp()
    return all(is_within(at + hours * 3600, span) for hours in _ZONES)


def listed_since(lake: Lake) -> datetime | None:
    """The start (UTC) from which the newest pull from a watermark listed, or None if the newest pull listed everything."""
    for listing in listings(lake, newest_first=True):
        window = listing.manifest.window
        if window.is_open_ended and window.mode != "year":
            return None if window.after is None else datetime.fromtimestamp(window.after, UTC)
    return None


@dataclass(frozen=True, slots=True)
class Proof:
    """Any activity that starts between `after` and `before` (exclusive epoch seconds) and was last seen before
    `began_at` is gone.

    `activity_id`: only that activity is. Proofs of the same `listing` are judged together.
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
    """The proofs of each complete listing, and the deletions that events reported, in the order of the listings."""
    for listing in listings:
        manifest = listing.manifest
        for gone in manifest.gone:
            later = gone.at.replace(microsecond=0) + timedelta(seconds=1)  # an event's time is known to the second
            yield Proof(
                listing.name, manifest.athlete_id, manifest.account, later, gone.at, activity_id=gone.activity_id
            )
        began = manifest.started_at.replace(microsecond=0)  # a page's time may be known to the second only
        for after, before in proven_spans(manifest):
            yield Proof(listing.name, manifest.athlete_id, manifest.account, began, manifest.fetched_at, after, before)


def proven_spans(manifest: Manifest) -> Iterator[Span]:
    """The window of a listing without its gaps; empty if it is incomplete, sees only a part, or has no believable time."""
    if not (manifest.complete and manifest.sees_private and manifest.is_dated):
        return
    if manifest.window.names_single_activities:
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
    """The spans where a complete listing proves nothing: around the border of two pages, and after a full last page.

    A list in another order than by start has no such gaps: its client re-reads anything that moved meanwhile.
    """
    if not is_by_start(manifest.source):
        return []
    walk, asked = manifest.walk, manifest.window
    if any(page.oldest is None or page.newest is None for page in walk):
        return [(asked.after, asked.before)]
    ascending = manifest.is_ascending
    found = [_between(page, following, ascending=ascending) for page, following in pairwise(walk)]
    if walk and _is_full(walk[-1]) and manifest.walked is None:
        after, before = _around(walk[-1], ascending=ascending)
        found.append((after, asked.before) if ascending else (asked.after, before))
    again = {(_asked(page, "after"), _asked(page, "before")) for page in manifest.repeated_pages if _is_whole(page)}
    return [span for span in found if span not in again]


def is_by_start(source: str) -> bool:
    """Whether a source lists in the order of starts, as sources that list by time range do."""
    return source in SOURCES or "windows" in spec_of(source).capabilities


def is_within(start: float, span: Span) -> bool:
    """Whether an epoch second lies in an exclusive span."""
    after, before = span
    return (after is None or start > after) and (before is None or start < before)


def span_columns(spans: Iterable[Span]) -> dict[str, list[int]]:
    """The spans as two columns of numbers for a statement: `after` and `before`."""
    columns: dict[str, list[int]] = {"after": [], "before": []}
    for after, before in spans:
        columns["after"].append(_NEVER if after is None else after)
        columns["before"].append(_ALWAYS if before is None else before)
    return columns


def _between(page: PageEntry, following: PageEntry, *, ascending: bool) -> Span:
    ends = [*_around(page, ascending=ascending), *_around(following, ascending=not ascending)]
    return min(ends), max(ends)


def _around(page: PageEntry, *, ascending: bool) -> tuple[int, int]:
    """A span around the second of the page's last start (ascending) or first start."""
    edge = page.newest if ascending else page.oldest
    assert edge is not None
    second = int(edge.timestamp())
    return second - 1, second + 1


def _unreadable(manifest: Manifest) -> Iterator[Span]:
    """The spans where an unreadable row may belong: from the end of the page before its own to the beginning of the next."""
    if not is_by_start(manifest.source):
        yield from [(manifest.window.after, manifest.window.before)] * bool(manifest.unreadable)
        return
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
    return size is None or page.rows + page.expired + page.foreign >= size


def _asked(page: PageEntry, name: str) -> int | None:
    value = (page.request or {}).get(name)
    return value if isinstance(value, int) else None


def refuse_emulator(lake: Lake, api_url: str) -> None:
    """Raise MisuseError if `api_url` is local (this machine or its network) but the newest listing is from a public server."""
    host = urlsplit(api_url).hostname or ""
    if not _is_near(host):
        return
    hosts = (listing.manifest.host for listing in listings(lake, newest_first=True))
    before = next((known for known in hosts if known is not None), host)
    if not _is_near(before):
        raise MisuseError(
            f"{lake.data_dir} holds what {before} answered, but the settings point at {host}; nothing was asked. "
            "Activities that are made up must not stand among real ones: set STRAVA_DATA_DIR to another folder, or "
            "STRAVA_BASE_URL and STRAVA_API_URL to the server that this one is of."
        )


def _is_near(host: str) -> bool:
    return is_this_machine(host) or is_private_host(host)
