"""All listings in bronze, in the order in which they began, with the times that are believed; and which one to go on with.

One listing's folder is listing.py's.
"""

import operator
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from strava_pipeline.core.providers import best_first
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.listing import Listing, mended, read_listing
from strava_pipeline.lake.manifests import Manifest, Window
from strava_pipeline.lake.parsed import PARSED
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.times import Times, claims_of_the_future, joined, times_of

REUSE_WITHIN = timedelta(hours=1)  # what a run that died an hour ago was told is still true enough for the same command
RESUME_WITHIN = timedelta(hours=24)  # an older half is a picture of another day: a new listing is truer


def resume(
    lake: Lake, window: Window, *, at: datetime, years: YearRange, source: str = STRAVA, account: str | None = None
) -> Listing | None:
    """The listing to go on with, rather than to ask again what is on disk.

    That is the newest of the same window if it broke off less than a day ago; or, complete, if the run that made it
    died less than an hour ago. Its watermark has then moved, so a pull from the watermark goes by the mode alone.
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
            continue  # what it lacks is not behind its last page
        if same and not manifest.complete:
            return listing
        if same or (manifest.window.mode == window.mode and window.mode in ("incremental", "lite")):
            fresh = manifest.complete and not manifest.settled and at - manifest.started_at <= REUSE_WITHIN
            reaches = same or (manifest.window.after or 0) <= (window.after or 0)  # `days` may be more this time
            return listing if fresh and reaches else None
    return None


def listings(lake: Lake, source: str = STRAVA, *, newest_first: bool = False) -> Iterator[Listing]:
    """Every listing of a provider in the order in which they began, with the times that are believed.

    A folder that holds neither a manifest nor a page is none.
    """
    found = list(_on_disk(lake, source))
    times = _times(lake, found, source)
    for listing in found:
        listing.manifest = times.manifests.get(listing.name, listing.manifest)
    yield from sorted(found, key=_position, reverse=newest_first)


def listings_of_all(lake: Lake) -> Iterator[Listing]:
    """Every listing of every provider, one provider after the other."""
    for source in lake.listed_sources:
        yield from listings(lake, source)


def folder_of(lake: Lake, name: str) -> Path:
    """The folder of the listing of that name, whichever provider's it is."""
    places = [lake.listings_of(source) / name for source in lake.listed_sources]
    return next((place for place in places if place.is_dir()), places[0])


def sources_of(lake: Lake) -> list[str]:
    """All sources of the lake in the order in which their rows count, the best first."""
    return best_first(lake.listed_sources)


def settle_listings_of(lake: Lake, run_id: str) -> None:
    """The run has used its listings to the end. Another run's, which may have died before that, are left alone."""
    for listing in listings_of_all(lake):
        if listing.manifest.run_id == run_id:
            listing.settle()


def listing_times(lake: Lake) -> Times:
    """When the pages of Strava's listings are believed to have come."""
    return _times(lake, list(_on_disk(lake)))


def times_of_all(lake: Lake) -> Times:
    """When the pages of every provider's listings are believed to have come: each server is judged by its own answers."""
    sources = lake.listed_sources
    if len(sources) == 1:
        return listing_times(lake)
    found = {source: list(_on_disk(lake, source)) for source in sources}
    return joined(
        (_times(lake, of_source, source), [listing.manifest for listing in of_source])
        for source, of_source in found.items()
    )


def answer_times(lake: Lake) -> Times:
    """When what landed beside the listings is believed to have come."""
    if not lake.listings.is_dir():
        return Times()
    folder = lake.listings.stat()
    # Others as soon as a listing begins, or this process adds to one.
    looks = (lake.clock is not None, PARSED.saved, folder.st_mtime_ns, folder.st_nlink)
    known = _ANSWER_TIMES.get(lake.listings)
    if known is None or known[0] != looks:
        known = _ANSWER_TIMES[lake.listings] = (looks, listing_times(lake))
    return known[1]


def from_the_future(lake: Lake) -> list[tuple[str, datetime, datetime]]:
    """(listing, the time that it says, that which is believed) of listings that say to be later than they can be."""
    found = list(_on_disk(lake))
    return list(claims_of_the_future({listing.name: listing.manifest for listing in found}, _times(lake, found)))


_ANSWER_TIMES: dict[Path, tuple[tuple[bool, int, int, int], Times]] = {}
_TIMES: dict[Path, tuple[bool, list[Manifest], Times]] = {}


def _times(lake: Lake, found: Sequence[Listing], source: str = STRAVA) -> Times:
    """Worked out once for as long as the manifests are the same."""
    manifests, has_clock = [listing.manifest for listing in found], lake.clock is not None
    place = lake.listings_of(source)
    known = _TIMES.get(place)
    if known is None or known[0] != has_clock or not _same(known[1], manifests):
        times = times_of({listing.name: listing.manifest for listing in found}, lake.local_time())
        known = _TIMES[place] = (has_clock, manifests, times)
    return known[2]


def _same(some: list[Manifest], others: list[Manifest]) -> bool:
    return len(some) == len(others) and all(map(operator.is_, some, others))


def _position(listing: Listing) -> tuple[int, datetime, str]:
    manifest = listing.manifest
    return (manifest.landed or 0, manifest.started_at, listing.name)


def _on_disk(lake: Lake, source: str = STRAVA) -> Iterator[Listing]:
    top = lake.listings_of(source)
    for folder in sorted(top.iterdir()) if top.is_dir() else ():
        try:
            yield read_listing(folder, lake)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValidationError):
            if listing := mended(folder, lake):
                yield listing
