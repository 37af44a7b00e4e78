"""The number that every answer gets when it lands in bronze, and its believed arrival time.

The number orders versions; a server's clock does not. It is the microseconds since 1970 of this machine's clock, or one
more than the highest number so far if that clock stands still or goes back. It always rises, and the numbers of two
folders merged by hand can still be compared. The times are computed by core/landings.py. A page from before numbering
keeps its own time, unless that time is impossible; a listing about which nothing else is known proves nothing.
"""

import hashlib
import os
import re
import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from strava_pipeline.core.landings import DAY, SHORTLY, Landing, believed_times
from strava_pipeline.environment.file_locks import open_or_create, wait_for_lock
from strava_pipeline.lake.bronze.manifests import Manifest, PageEntry
from strava_pipeline.lake.files import from_stamp, nearest, packed, stamp, write_whole
from strava_pipeline.lake.paths import Lake

_COUNTER = "landed"  # the file in data/state that holds the highest number
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_IN_NAME = re.compile(r"\d{8}T\d{12}Z\.(\d{1,18})\.")
_IN_MANIFEST = re.compile(rb'"landed": ?(\d{1,18})\b')
CLOCKS_DIFFER = timedelta(minutes=1)  # by which two processes may believe the same server's clock to differ
GAP = timedelta(days=30)  # hardly anybody runs nothing for longer
UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)
Place = tuple[str, int]  # a listing's name and the number of the page in it, from 0


def require_writable(lake: Lake, folder: Path) -> None:
    """Check, before a call is made, that its answer can be written into `folder`, which need not exist yet.

    Leaves no files behind. Raises OSError, which names the folder or file that can't be written.
    """
    for path in (folder, lake.state / _COUNTER):
        place = nearest(path)
        if not os.access(place, os.W_OK | os.X_OK if place.is_dir() else os.W_OK):
            _write_nothing(place)


def _write_nothing(place: Path) -> None:
    """Open `place` for writing, which fails with the system's own reason: not permitted, or a read-only disk."""
    try:
        with tempfile.TemporaryFile(dir=place) if place.is_dir() else place.open("r+b"):
            pass
    except OSError as error:
        error.filename = str(place)
        raise


def next_number(lake: Lake, at: datetime) -> int:
    """A number higher than all before. `at`: the time (aware) to use if the lake has no clock of this machine."""
    local = lake.local_time() or at
    file = open_or_create(lake.state / _COUNTER)
    try:
        wait_for_lock(file)
        content = os.pread(file, 32, 0).strip()
        highest = int(content) if content.isdigit() else max(_numbers_in_bronze(lake), default=0)
        number = max(highest + 1, (local - _EPOCH) // _MICROSECOND)
        os.pwrite(file, b"%020d\n" % number, 0)
    finally:
        os.close(file)
    return number


def highest_number(lake: Lake) -> bytes:
    """The highest number so far, as its file has it; empty if no number was given yet."""
    try:
        return (lake.state / _COUNTER).read_bytes()
    except FileNotFoundError:
        return b""


def time_of(number: int) -> datetime:
    """The time (UTC) of the clock that gave the number, if the clock only went forward."""
    return _EPOCH + number * _MICROSECOND


def land_file(lake: Lake, folder: Path, end: str, body: bytes, at: datetime) -> Path:
    """Write an answer to disk, packed, under the next number; its name ends in `end`."""
    number = next_number(lake, at)
    path = folder / f"{file_stem(at, number)}{end}"
    write_whole(path, packed(body, at, number))
    return path


def file_stem(at: datetime, number: int) -> str:
    """The beginning of an answer's file name: when it came by the server's clock (UTC), and its number."""
    return f"{stamp(at)}.{number}"


def parse_file_stem(beginning: str) -> tuple[datetime, int | None]:
    """The time and number in a name made by `file_stem`; None if from before numbering. Raises ValueError for other names."""
    moment, _, number = beginning.partition(".")
    return from_stamp(moment), int(number) if number else None


def landing_order(name: tuple[datetime, int | None]) -> tuple[int, datetime]:
    """Sort key of what `parse_file_stem` returns: by number; names without one come first, by time."""
    at, number = name
    return (number or 0, at)


def _numbers_in_bronze(lake: Lake) -> Iterator[int]:
    """Every number given so far."""
    for folder, _, names in os.walk(lake.bronze):
        for name in names:
            if found := _IN_NAME.match(name):
                yield int(found[1])
            elif name == "manifest.json":
                yield from map(int, _IN_MANIFEST.findall(Path(folder, name).read_bytes()))


@dataclass(frozen=True, slots=True)
class Times:
    """The believed times of all pages of a provider's listings.

    `manifests`: by listing's name, those with corrected times; `replaced`: believed times by the times they replace.
    `pages`: the times of all pages, if any was replaced; rows with another time were made from one no longer believed.
    `numbers` and `moments`: of the numbered pages, ascending. `limit`: a later time without a number is of the future.
    """

    manifests: Mapping[str, Manifest] = field(default_factory=dict)
    replaced: Mapping[datetime, datetime] = field(default_factory=dict)
    pages: frozenset[datetime] = frozenset()
    numbers: Sequence[int] = ()
    moments: Sequence[datetime] = ()
    limit: datetime | None = None

    def of_answer(self, at: datetime, number: int | None) -> datetime:
        """The believed arrival time of an answer with the server's time `at`: between the pages before and after its number.

        Prefers too early to too late: an edit in between would otherwise never be fetched.
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
        """A hash that changes when other times of the listing are believed; None if the manifest's own times are believed."""
        manifest = self.manifests.get(listing)
        if manifest is None:
            return None
        moments = [manifest.started_at, *(page.fetched_at for page in manifest.pages)]
        return hashlib.blake2b(repr(moments).encode(), digest_size=8).hexdigest()


def correct_times(manifests: Mapping[str, Manifest], local: datetime | None) -> Times:
    """The believed times of these manifests (by listing's name); `local`: this machine's time (UTC), or None if unknown."""
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
        replaced={old: at for name, now in corrected.items() for old, at in _replaced(manifests[name], now)},
        numbers=[landing.number for landing in landings],
        moments=moments,
        limit=limit,
    )


def join_times(parts: Iterable[tuple[Times, Sequence[Manifest]]]) -> Times:
    """The times of several providers together; each comes with all its manifests as they are on disk."""
    found = list(parts)
    corrected = {name: manifest for times, _ in found for name, manifest in times.manifests.items()}
    unchanged = (
        page.fetched_at
        for times, manifests in found
        if not times.manifests
        for each in manifests
        for page in each.pages
    )
    return Times(
        manifests=corrected,
        replaced={at: now for times, _ in found for at, now in times.replaced.items()},
        pages=frozenset(unchanged).union(*(times.pages for times, _ in found)) if corrected else frozenset(),
    )


def future_claims(manifests: Mapping[str, Manifest], times: Times) -> Iterator[tuple[str, datetime, datetime]]:
    """(listing, its own time, the believed time) of listings whose time is more than a day later than it can be."""
    for name, now in times.manifests.items():
        ahead = [(old, at) for old, at in _replaced(manifests[name], now) if old > at + DAY]
        if ahead:
            yield (name, *max(ahead))


def _limit(landings: Sequence[Landing], older: Sequence[PageEntry], local: datetime | None) -> datetime | None:
    """The time after which a time without a number lies in the future.

    None if only this machine's clock could judge and seems to be wrong itself: most times lie beyond it, or those that
    do continue where the others end.
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


def _replaced(old: Manifest, now: Manifest) -> Iterator[tuple[datetime, datetime]]:
    if old.started_at != now.started_at:
        yield old.started_at, now.started_at
    for one, other in zip(old.pages, now.pages, strict=True):
        if one.fetched_at != other.fetched_at:
            yield one.fetched_at, other.fetched_at
