"""Bronze of listings: every page of `GET /athlete/activities` as received, and a manifest that says what was asked.

A listing is a folder; its name is the moment it began. A page is on disk before the next call is made, so a listing
that broke off goes on behind its last page (`resume`): not by page number, because what was added or deleted since
moves the pages, but from the last start that was seen, one second overlapping. No parsing into tables here.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import MAXYEAR, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from strava_pipeline.core.activities import NO_YEAR
from strava_pipeline.core.listed import Unreadable, sift
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sightings import listed_part
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.files import (
    DamagedFileError,
    from_stamp,
    packed,
    packed_at,
    stamp,
    sync_folder,
    unpacked,
    unpacked_json,
    write_whole,
)
from strava_pipeline.lake.manifests import Gone, Manifest, PageEntry, Window, entry_of, lost_page
from strava_pipeline.lake.paths import Lake

REUSE_WITHIN = timedelta(hours=1)  # what a run that died an hour ago was told is still true enough for the same command
RESUME_WITHIN = timedelta(hours=24)  # an older half is a picture of another day: a new listing is truer
_REMEMBERED = 4096  # manifests, some kilobytes each: ten years of daily runs

log = logging.getLogger(__name__)


class Listing:
    """One listing's folder. `shared`: others hold the same manifest, so that whoever changes it takes a copy first."""

    def __init__(self, folder: Path, manifest: Manifest, *, shared: bool = False) -> None:
        self.folder = folder
        self.manifest = manifest
        self._shared = shared

    @property
    def name(self) -> str:
        return self.folder.name

    def land(
        self,
        activities: Sequence[Json],
        body: bytes,
        request: dict[str, Any],
        at: datetime,
        years: YearRange,
        unreadable: Sequence[Unreadable] = (),
    ) -> None:
        """Put a page on disk: first the bytes, then its line in the manifest. `unreadable` is in `body` besides."""
        file = _page_file(len(self.manifest.pages) + 1)
        write_whole(self.folder / file, packed(body, at))
        self._editable().pages.append(entry_of(file, activities, len(body), request, at, years, unreadable))
        self._save()

    def refer(self, entry: PageEntry) -> None:
        """Enter a detail, which is on disk elsewhere, as a page of its own."""
        self._editable().pages.append(entry)
        self._save()

    def note_gone(self, gone: Sequence[Gone]) -> None:
        """Enter what was said to be deleted."""
        self._editable().gone += gone
        self._save()

    def rest(self) -> tuple[int | None, int | None]:
        """The window that is still to be listed: (after, before)."""
        window, manifest = self.manifest.window, self.manifest
        if window.after is not None:  # oldest first
            return (
                window.after if manifest.newest is None else int(manifest.newest.timestamp()) - 1,
                window.before,
            )
        return (None, window.before if manifest.oldest is None else int(manifest.oldest.timestamp()) + 1)

    def pages(self) -> Iterator[tuple[PageEntry, list[Json]]]:
        """Each page that holds rows, with its objects. One that can't be read is set aside and noted as lost."""
        for page in self.manifest.pages:
            path = self.folder / page.file
            if page.rows and not page.lost:
                try:
                    content = unpacked_json(path)
                except (FileNotFoundError, DamagedFileError):
                    self._lose(page, path)
                else:
                    yield page, _activities(content, page)

    def _lose(self, page: PageEntry, path: Path) -> None:
        _set_aside(path)

        def note(now: Manifest) -> None:
            lost = {"lost": True}
            now.pages = [entry.model_copy(update=lost) if entry.file == page.file else entry for entry in now.pages]

        note(self._editable())
        self._change(note)
        again = "rebuild` makes it anew" if page.request == {} else "run-all` lists again what it held"
        log.warning("%s is missing or damaged; `strava-pipeline %s.", path, again)

    def _save(self) -> None:
        write_whole(self.folder / "manifest.json", self.manifest.model_dump_json(indent=1).encode())

    def settle(self) -> None:
        """Note that a run has made use of it to the end, so that the next one asks anew. Half a listing is gone on with."""
        if self.manifest.complete and not self.manifest.settled:

            def note(now: Manifest) -> None:
                now.settled = True

            note(self._editable())
            self._change(note)

    def _change(self, note: Callable[[Manifest], None]) -> None:
        """Change the manifest as it is on disk by now: another run, or another part of this one, may have been at it."""
        listing = read_listing(self.folder)
        note(listing._editable())
        listing._save()

    def _editable(self) -> Manifest:
        """The manifest, to be changed. Its entries stay shared: who changes one puts another in its place."""
        if self._shared:
            now = self.manifest
            self.manifest = now.model_copy(update={"pages": [*now.pages], "gone": [*now.gone]})
            self._shared = False
        return self.manifest

    def distrust(self) -> None:
        """Note that a login goes on with it that may not see what the first one saw: its absence proves nothing."""
        self._editable().sees_private = False
        self._save()

    def adopt_orphans(self, years: YearRange) -> None:
        """Enter pages that a crash left without their line in the manifest."""
        if self._adopt(years):
            self._save()

    def _adopt(self, years: YearRange) -> bool:
        known = len(self.manifest.pages)
        orphans = [path for path in sorted(self.folder.glob("page-[0-9]*.json.gz")) if _number(path) > known]
        pages = self._editable().pages if orphans else self.manifest.pages
        for path in orphans:
            try:
                (activities, unreadable), size = sift(unpacked_json(path)), len(unpacked(path))
            except DamagedFileError:
                _set_aside(path)
                continue
            at = packed_at(path)
            pages += [lost_page(_page_file(gap), at) for gap in range(len(pages) + 1, _number(path))]
            pages.append(entry_of(path.name, activities, size, None, at, years, unreadable))
        return len(pages) > known


def _activities(content: Any, page: PageEntry) -> list[Json]:
    """A page's objects; of a detail, what a listing would hold of it."""
    if isinstance(content, dict):
        return [listed_part(content, without=page.without, also=page.also)]
    return sift(content)[0] if page.unreadable else content


def _page_file(number: int) -> str:
    return f"page-{number:04}.json.gz"


def _number(page: Path) -> int:
    return int(page.name.removeprefix("page-").partition(".")[0])


def _set_aside(path: Path) -> None:
    if path.exists():
        path.replace(path.with_name(f"{path.name}.damaged"))


def begin(lake: Lake, window: Window, *, athlete_id: int | None, at: datetime, sees_private: bool = True) -> Listing:
    """Start a listing: a new folder with a manifest of no pages."""
    folder = lake.listings / f"{stamp(at)}-{window.mode}"
    folder.mkdir(parents=True)
    sync_folder(folder.parent)
    listing = Listing(folder, Manifest(athlete_id=athlete_id, window=window, started_at=at, sees_private=sees_private))
    listing._save()
    return listing


def resume(lake: Lake, window: Window, *, at: datetime, years: YearRange) -> Listing | None:
    """The listing to go on with, rather than to ask again what is on disk.

    That is the newest of the same window if it broke off less than a day ago; or, complete, if the run that made it
    died less than an hour ago. Its watermark has then moved, so a pull from the watermark goes by the mode alone.
    """
    for listing in listings(lake, newest_first=True):
        manifest = listing.manifest
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


def listings(lake: Lake, *, newest_first: bool = False) -> Iterator[Listing]:
    """Every listing of the lake in order of its start. A folder that holds neither a manifest nor a page is none."""
    if not lake.listings.is_dir():
        return
    for folder in sorted(lake.listings.iterdir(), reverse=newest_first):
        try:
            yield read_listing(folder)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValidationError):
            if listing := _mended(folder):
                yield listing


def read_listing(folder: Path) -> Listing:
    """The listing of a folder. Its manifest is parsed once for as long as the file is the same: runs read each many times."""
    listing = Listing(folder, _PARSED.manifest(folder / "manifest.json"), shared=True)
    if listing.manifest.has_lost:
        pages = listing._editable().pages
        for place, page in enumerate(pages):
            if page.lost and page.rows and (folder / page.file).exists():  # one without rows: nobody knows what it held
                pages[place] = page.model_copy(update={"lost": False})
    return listing


class _Parsed:
    """The manifests that were read last: of each file what stands in it now, and never what stood there before."""

    def __init__(self) -> None:
        self._manifests: dict[Path, tuple[tuple[int, ...], Manifest]] = {}  # by file; the one added last comes last
        self._lock = threading.Lock()

    def manifest(self, path: Path) -> Manifest:
        found = path.stat()  # a manifest is replaced by another file, never written into
        identity = (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
        known = self._manifests.get(path)
        if known is not None and known[0] == identity:
            return known[1]
        manifest = Manifest.model_validate_json(path.read_bytes())
        with self._lock:
            self._manifests.pop(path, None)
            if len(self._manifests) >= _REMEMBERED:
                del self._manifests[next(iter(self._manifests))]
            self._manifests[path] = (identity, manifest)
        return manifest


_PARSED = _Parsed()


def _mended(folder: Path) -> Listing | None:
    """A listing whose manifest is missing or damaged, from its pages; it claims to have asked for what they hold only."""
    started, _, mode = folder.name.partition("-")
    if not any(folder.glob("page-[0-9]*.json.gz")):
        return None
    try:
        asked = Window(mode=mode, after=None, before=None)
        listing = Listing(
            folder, Manifest(athlete_id=None, window=asked, started_at=from_stamp(started), sees_private=False)
        )
    except ValueError:
        return None  # no folder of ours
    listing._adopt(YearRange(NO_YEAR, MAXYEAR))
    if mode != "all":
        oldest, newest = listing.manifest.oldest, listing.manifest.newest
        if oldest is None or newest is None:
            return None
        before = int(newest.timestamp()) + 1 if mode == "year" else None
        listing.manifest.window = Window(mode=asked.mode, after=int(oldest.timestamp()) - 1, before=before)
    _set_aside(folder / "manifest.json")
    listing._save()
    log.warning("%s was missing or damaged and is made anew from its pages.", folder / "manifest.json")
    return listing
