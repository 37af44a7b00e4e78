"""When each page of the listings in bronze is believed to have come, and each answer beside them. No files are read here.

Pages carry the numbers by which they landed (landed.py), and core/landings.py says what follows from these. Pages of before
there were numbers go by their own time, but for those that claim to be of a time when there were numbers already: such a page
came with its listing, and a listing of which nothing else is known proves nothing.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from strava_pipeline.core.landings import DAY, SHORTLY, Landing, believed_times
from strava_pipeline.lake.landed import time_of
from strava_pipeline.lake.manifests import Manifest, PageEntry

CLOCKS_DIFFER = timedelta(minutes=1)  # by which two processes may believe the same server's clock to differ
GAP = timedelta(days=30)  # hardly anybody runs nothing for longer
UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)

Place = tuple[str, int]  # a listing's name and the number of the page in it, from 0


@dataclass(frozen=True, slots=True)
class Times:
    """`manifests`: those of listings, by name, whose times are not what they say; `replaced`: these times, what they say first.

    `pages`: when every page came, where any time was replaced: what holds another one was made of times no longer believed.
    `numbers` and `moments`: of the pages that have one, ascending. `limit`: what has no number and claims to be later, claims
    to be of the future.
    """

    manifests: Mapping[str, Manifest] = field(default_factory=dict)
    replaced: Mapping[datetime, datetime] = field(default_factory=dict)
    pages: frozenset[datetime] = frozenset()
    numbers: Sequence[int] = ()
    moments: Sequence[datetime] = ()
    limit: datetime | None = None

    def of_answer(self, at: datetime, number: int | None) -> datetime:
        """When an answer is believed to have come that says `at`: between the pages that landed before and after it.

        Rather too early than too late: what was edited since would never be asked for again.
        """
        if number is None:
            return UNKNOWN if self.limit is not None and at > self.limit else at
        later, earlier = bisect_right(self.numbers, number), bisect_left(self.numbers, number) - 1
        before = self.moments[earlier] if earlier >= 0 else None
        # Where times were wrong, moments lie close together.
        tolerance = timedelta(0) if self.manifests else CLOCKS_DIFFER
        if later < len(self.moments) and at > self.moments[later] + tolerance:
            return self.moments[later] - SHORTLY if before is None else before + SHORTLY
        if before is not None and at < before - tolerance:
            return before + SHORTLY
        return at

    def digest(self, listing: str) -> str | None:
        """What differs as soon as other times of the listing are believed; None: those that it says."""
        manifest = self.manifests.get(listing)
        if manifest is None:
            return None
        moments = [manifest.started_at, *(page.fetched_at for page in manifest.pages)]
        return hashlib.blake2b(repr(moments).encode(), digest_size=8).hexdigest()


def times_of(manifests: Mapping[str, Manifest], local: datetime | None) -> Times:
    """Of every listing's manifest, by name; `local`: this machine's time (UTC), where it is known."""
    numbered: dict[int, tuple[Landing, list[Place]]] = {}
    older: list[tuple[PageEntry, Place]] = []
    for name, manifest in manifests.items():
        for place, page in enumerate(manifest.pages):
            if page.landed is not None:
                begins = place == 0 and manifest.window.mode != "event"
                local_at = page.local_at or time_of(page.landed)
                landing = Landing(page.landed, page.fetched_at, local_at, begins)
                numbered.setdefault(page.landed, (landing, []))[1].append((name, place))
            elif not page.lost:
                older.append((page, (name, place)))
    landings = [numbered[number][0] for number in sorted(numbered)]
    limit = _limit(landings, [page for page, _ in older], local)
    undated = {place for page, place in older if limit is not None and page.fetched_at > limit}
    before = max((page.fetched_at for page, place in older if place not in undated), default=None)
    moments = believed_times(landings, before)
    changed = {
        place: at
        for landing, at in zip(landings, moments, strict=True)
        if landing.at != at
        for place in numbered[landing.number][1]
    }
    corrected = {
        name: _corrected(manifests[name], name, changed, undated, limit)
        for name in sorted({name for name, _ in (*changed, *undated)})
    }
    now = (corrected.get(name, manifest) for name, manifest in manifests.items()) if corrected else ()
    return Times(
        pages=frozenset(page.fetched_at for manifest in now for page in manifest.pages),
        manifests=corrected,
        replaced={said: at for name, now in corrected.items() for said, at in _replaced(manifests[name], now)},
        numbers=[landing.number for landing in landings],
        moments=moments,
        limit=limit,
    )


def joined(parts: Iterable[tuple[Times, Sequence[Manifest]]]) -> Times:
    """The times of listings of several providers, each with all its manifests as they stand on disk."""
    found = list(parts)
    corrected = {name: manifest for times, _ in found for name, manifest in times.manifests.items()}
    said = (
        page.fetched_at
        for times, manifests in found
        if not times.manifests
        for each in manifests
        for page in each.pages
    )
    return Times(
        manifests=corrected,
        replaced={at: now for times, _ in found for at, now in times.replaced.items()},
        pages=frozenset(said).union(*(times.pages for times, _ in found)) if corrected else frozenset(),
    )


def claims_of_the_future(manifests: Mapping[str, Manifest], times: Times) -> Iterator[tuple[str, datetime, datetime]]:
    """(listing, what it says, what is believed) of those that say to be more than a day later than they can be."""
    for name, now in times.manifests.items():
        ahead = [(said, at) for said, at in _replaced(manifests[name], now) if said > at + DAY]
        if ahead:
            yield (name, *max(ahead))


def _limit(landings: Sequence[Landing], older: Sequence[PageEntry], local: datetime | None) -> datetime | None:
    """Beyond which a time without a number is of the future.

    None where that would rest on this machine's clock alone, and that seems to be the one that is wrong: most times lie
    beyond, or those that do go on where the others end.
    """
    if landings:
        first = believed_times(landings)[0]
        limit = max(first, landings[0].local_at) + DAY
        if landings[0].is_confirmed:
            return limit
    elif local is not None:
        limit = local + DAY
    else:
        return None
    beyond = [page.fetched_at for page in older if page.fetched_at > limit]
    newest = max((page.fetched_at for page in older if page.fetched_at <= limit), default=None)
    goes_on = bool(beyond) and newest is not None and min(beyond) - newest < GAP
    return None if goes_on or len(beyond) * 2 > len(older) else limit


def _corrected(
    manifest: Manifest, name: str, changed: Mapping[Place, datetime], undated: set[Place], limit: datetime | None
) -> Manifest:
    pages, is_dated = [*manifest.pages], True
    sane = [page.fetched_at for place, page in enumerate(pages) if (name, place) not in undated and not page.lost]
    for place, page in enumerate(pages):
        at = changed.get((name, place))
        if (name, place) in undated:
            earlier = [one.fetched_at for one in pages[:place] if limit is not None and one.fetched_at <= limit]
            at = earlier[-1] if earlier else sane[0] if sane else None
            if at is None:
                is_dated = False
                newest = page.newest or page.oldest
                at = newest if newest is not None and limit is not None and newest <= limit else UNKNOWN
        if at is not None:
            pages[place] = page.model_copy(update={"fetched_at": at})
    started = manifest.started_at
    if manifest.window.mode != "event" and pages and started == manifest.pages[0].fetched_at:
        started = pages[0].fetched_at
    return manifest.model_copy(update={"pages": pages, "started_at": started, "is_dated": is_dated})


def _replaced(said: Manifest, now: Manifest) -> Iterator[tuple[datetime, datetime]]:
    if said.started_at != now.started_at:
        yield said.started_at, now.started_at
    for one, other in zip(said.pages, now.pages, strict=True):
        if one.fetched_at != other.fetched_at:
            yield one.fetched_at, other.fetched_at
