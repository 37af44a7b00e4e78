"""Bronze of listings: every page of `GET /athlete/activities` as received, and a manifest that says what was asked.

A listing is a folder, named by the moment it began. A page is on disk before the next call is made, so an interrupted listing
is resumed behind its last page (listings.py): not by page number, because additions and deletions move the pages, but from the
last start that was seen, one second overlapping. Nothing is parsed into tables here.
"""

import logging
import zlib
from collections.abc import Iterator, Sequence, Set
from contextlib import suppress
from datetime import MAXYEAR, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from strava_pipeline.core.activities import NO_YEAR, split_page, summary_of_detail
from strava_pipeline.core.json_values import json_bytes, parse_json
from strava_pipeline.core.providers import ReadPage, UnreadableRowError, spec_of
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sources import SOURCES, STRAVA
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.expired import expired_ids
from strava_pipeline.lake.bronze.landing import next_number
from strava_pipeline.lake.bronze.manifests import (
    MANIFESTS,
    Deletion,
    Manifest,
    PageEntry,
    Window,
    lost_page,
    page_entry,
)
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
from strava_pipeline.lake.paths import Lake

log = logging.getLogger(__name__)


class Listing:
    """One listing's folder. `shared`: others hold the same manifest, so a change copies it first.

    `manifest` has the believed times (landing.py) instead of those on disk, until it is changed. Pages get numbers if
    `lake` is given; an import's have none.
    """

    def __init__(self, folder: Path, manifest: Manifest, lake: Lake | None = None, *, shared: bool = False) -> None:
        self.folder = folder
        self.manifest = self._on_disk = manifest
        self._lake = lake
        self._shared = shared

    @property
    def name(self) -> str:
        return self.folder.name

    def land(
        self,
        read: ReadPage,
        body: bytes,
        request: dict[str, Any],
        at: datetime,
        years: YearRange,
    ) -> None:
        """Write a page to disk: first the bytes, then its entry in the manifest. `read`: the content of `body`.

        For an expired activity only its start is kept, in the manifest.
        """
        file = _page_file(len(self.manifest.pages) + 1)
        number = next_number(self._lake, at) if self._lake is not None else None
        local_at = self._lake.local_time() if self._lake is not None else None
        expired = expired_ids(self._lake, self.manifest.source) if self._lake is not None else frozenset()
        if expired:
            body = _without(self.manifest.source, body, expired)
        write_whole(self.folder / file, packed(body, at, number))
        entry = page_entry(file, read, len(body), request, at, years, landed=number, local_at=local_at, expired=expired)
        self._editable().pages.append(entry)
        self._save()

    def expire(self, ids: Set[int], until: datetime, years: YearRange) -> None:
        """Remove the activities `ids` from every page, and everything from pages that came before `until`.

        The manifest is read again, because others may have added to it. Times are the believed ones.
        """
        believed = {page.file: page.fetched_at for page in self.manifest.pages}
        now, changed = read_listing(self.folder, self._lake), False
        for place, page in enumerate(now.manifest.pages):
            if (page.rows or page.foreign or page.expired) and not page.lost:
                kept = now._kept(page, ids, years, whole=believed.get(page.file, page.fetched_at) < until)
                if kept is not None:
                    now._editable().pages[place], changed = kept, True
        if changed:
            now._save()

    def _kept(self, page: PageEntry, ids: Set[int], years: YearRange, *, whole: bool) -> PageEntry | None:
        """The entry of a page after expired activities were removed from its file (all activities if `whole`), or None
        if nothing is left.
        """
        path = self.folder / page.file
        if "/" in page.file:  # a detail, which is on disk where details are
            goes = whole or int(path.parent.name) in ids
            return page.model_copy(update={"rows": 0, "expired": 1, "local_years": [], "years": []}) if goes else None
        try:
            body = b"" if whole else unpacked(path)
            kept = b"[]" if whole else _without(self.manifest.source, body, ids)
        except (OSError, EOFError, ValueError, zlib.error):  # damaged, which its readers report
            return None
        if kept == body:
            return None
        write_whole(path, packed(kept, *packed_at(path)))
        read = ReadPage([]) if kept == b"[]" else spec_of(self.manifest.source).read_page(parse_json(kept))
        left = page_entry(page.file, read, 0, None, page.fetched_at, years)
        rows = min(page.rows, left.rows)  # a page that repeats rows of the one before does not count them
        changed = {"rows": rows, "expired": page.expired + page.rows - rows, "bytes": len(kept)}
        return page.model_copy(update={**changed, "local_years": left.local_years, "years": left.years})

    def add_detail(self, entry: PageEntry) -> None:
        """Enter a detail, which is stored elsewhere, as a page."""
        self._editable().pages.append(entry)
        self._save()

    def add_deletions(self, gone: Sequence[Deletion]) -> None:
        """Enter deletions that events or a feed reported."""
        self._editable().gone += gone
        self._save()

    def remaining_window(self) -> tuple[int | None, int | None]:
        """The window still to be listed: (after, before) in exclusive epoch seconds."""
        window, manifest = self.manifest.window, self.manifest
        if manifest.is_ascending:
            return (
                window.after if manifest.newest is None else int(manifest.newest.timestamp()) - 1,
                window.before,
            )
        return (window.after, window.before if manifest.oldest is None else int(manifest.oldest.timestamp()) + 1)

    def pages(self) -> Iterator[tuple[PageEntry, list[Json]]]:
        """Each page with rows, and its objects. An unreadable page is set aside and recorded as lost."""
        for page in self.manifest.pages:
            path = self.folder / page.file
            if page.rows and not page.lost:
                try:
                    content = unpacked_json(path)
                except (FileNotFoundError, DamagedFileError):
                    self._lose(page, path)
                else:
                    yield page, _activities(content, page, self.manifest.source)

    def _lose(self, page: PageEntry, path: Path) -> None:
        _set_aside(path)
        on_disk = read_listing(self.folder)  # another run, or another part of this one, may have changed it
        lost = {"lost": True}
        for manifest in (self._editable(), on_disk._editable()):
            manifest.pages = [
                entry.model_copy(update=lost) if entry.file == page.file else entry for entry in manifest.pages
            ]
        on_disk._save()
        again = "rebuild` restores it" if page.request == {} else "run-all` lists its activities again"
        log.warning("%s is missing or damaged; `strava-pipeline %s.", path, again)

    def _save(self) -> None:
        write_whole(self.folder / "manifest.json", self.manifest.model_dump_json(indent=1).encode())
        MANIFESTS.saved += 1

    def claim(self, run_id: str | None, *, as_of: datetime | None = None) -> None:
        """Note which run uses the listing now, and since when its pages count if they are older than that run.

        `run_id`: None leaves it to the next run.
        """
        if (self.manifest.run_id, self.manifest.as_of) != (run_id, as_of):
            manifest = self._editable()
            manifest.run_id, manifest.as_of = run_id, as_of
            self._save()

    def mark_ended(self) -> None:
        """Note that the provider has nothing more in the window, if no empty page shows it."""
        self._editable().walked = len(self.manifest.pages)
        self._save()

    def mark_used(self, *, brought_nothing: bool = False) -> None:
        """Note that a run has used the whole listing, so that the next run lists again. An incomplete listing is
        resumed instead.
        """
        if self.manifest.complete and not self.manifest.settled:
            on_disk = read_listing(self.folder)  # another run, or another part of this one, may have changed it
            for manifest in (self._editable(), on_disk._editable()):
                manifest.settled, manifest.brought_nothing = True, brought_nothing
            on_disk._save()

    def _editable(self) -> Manifest:
        """The manifest, to be changed. Its entries stay shared: replace an entry instead of changing it."""
        if self._shared or self.manifest is not self._on_disk:
            now = self._on_disk
            self.manifest = self._on_disk = now.model_copy(update={"pages": [*now.pages], "gone": [*now.gone]})
            self._shared = False
        return self.manifest

    def mark_limited_view(self) -> None:
        """Note that the present login may see less than the first one did, so that an absence proves nothing."""
        self._editable().sees_private = False
        self._save()

    def adopt_orphans(self, years: YearRange) -> None:
        """Enter pages that a crash left without an entry in the manifest."""
        if self._adopt(years):
            self._save()

    def _adopt(self, years: YearRange) -> bool:
        known = len(self.manifest.pages)
        orphans = [path for path in sorted(self.folder.glob("page-[0-9]*.json.gz")) if _number(path) > known]
        pages = self._editable().pages if orphans else self.manifest.pages
        for path in orphans:
            try:
                content, size = unpacked_json(path), len(unpacked(path))
                read = spec_of(self.manifest.source).read_page(content)
            except (DamagedFileError, UnreadableRowError):
                _set_aside(path)
                continue
            if content == [] and self._lake is not None and expired_ids(self._lake, self.manifest.source):
                path.unlink()  # perhaps not the end, but a page from which nothing is kept: it is asked for again
                continue
            at, number = packed_at(path)
            pages += [lost_page(_page_file(gap), at) for gap in range(len(pages) + 1, _number(path))]
            pages.append(page_entry(path.name, read, size, None, at, years, landed=number))
        return len(pages) > known


def _activities(content: Any, page: PageEntry, source: str) -> list[Json]:
    """A page's objects; for a detail, the summary that a listing would hold."""
    if source not in SOURCES:
        return spec_of(source).read_page(content).activities
    if isinstance(content, dict):
        return [summary_of_detail(content, without=page.without, also=page.also)]
    return split_page(content)[0] if page.unreadable else content


def _without(source: str, body: bytes, ids: Set[int]) -> bytes:
    """A page of a source without the activities `ids`; the same bytes if it holds none of them."""
    content = parse_json(body)
    left = spec_of(source).without(content, ids)
    return body if left == content else json_bytes(left)


def _page_file(number: int) -> str:
    return f"page-{number:04}.json.gz"


def _number(page: Path) -> int:
    return int(page.name.removeprefix("page-").partition(".")[0])


def _set_aside(path: Path) -> None:
    if path.exists():
        path.replace(path.with_name(f"{path.name}.damaged"))


def begin_listing(
    lake: Lake,
    window: Window,
    *,
    athlete_id: int | None,
    at: datetime,
    source: str = STRAVA,
    account: str | None = None,
    sees_private: bool = True,
    host: str | None = None,
    run_id: str | None = None,
) -> Listing:
    """Start a listing: a new folder with a manifest without pages.

    Args:
        source, account: the provider, and the login that asks there, if it isn't Strava.
        host: of the API that answered.
        run_id: of the run that asks.
    """
    end = f"{window.mode}{spec_of(source).suffix('-')}"
    while (folder := lake.listings_of(source) / f"{stamp(at)}-{end}").exists():
        at += timedelta(microseconds=1)  # a proxy may give the same time twice
    folder.mkdir(parents=True)
    sync_folder(folder.parent)
    manifest = Manifest(
        source=source,
        athlete_id=athlete_id,
        account=account,
        window=window,
        started_at=at,
        landed=next_number(lake, at),
        local_at=lake.local_time(),
        host=host,
        run_id=run_id,
        sees_private=sees_private,
    )
    listing = Listing(folder, manifest, lake)
    listing._save()
    return listing


def source_of_listing(name: str) -> str:
    """The provider of the listing whose folder has that name."""
    _, _, *source = name.split("-", 2)  # as `begin_listing` names them
    return source[0] if source else STRAVA


def read_listing(folder: Path, lake: Lake | None = None) -> Listing:
    """The listing in a folder, as it is on disk."""
    listing = Listing(folder, MANIFESTS.manifest(folder / "manifest.json"), lake, shared=True)
    if listing.manifest.has_lost:
        pages = listing._editable().pages
        for place, page in enumerate(pages):
            # the content of a page without rows is unknown
            if page.lost and page.rows and (folder / page.file).exists():
                pages[place] = page.model_copy(update={"lost": False})
    return listing


def restore_manifest(folder: Path, lake: Lake) -> Listing | None:
    """Rewrite a missing or damaged manifest from the pages; its window is the one they cover. None if impossible."""
    started, _, end = folder.name.partition("-")
    mode, source = end.partition("-")[0], lake.source_of(folder.parent)
    if not any(folder.glob("page-[0-9]*.json.gz")):
        return None
    try:
        asked = Window(mode=mode, after=None, before=None)
        manifest = Manifest(
            source=source,
            athlete_id=None,
            account=_account_beside(folder),
            window=asked,
            started_at=from_stamp(started),
            sees_private=False,
        )
        listing = Listing(folder, manifest, lake)
    except ValueError:
        return None  # not a listing's folder
    if not listing._adopt(YearRange(NO_YEAR, MAXYEAR)):
        return None  # all of them are damaged
    if mode != "all":
        oldest, newest = listing.manifest.oldest, listing.manifest.newest
        if oldest is None or newest is None:
            return None
        before = int(newest.timestamp()) + 1 if mode in ("year", "month") else None
        listing.manifest.window = Window(mode=asked.mode, after=int(oldest.timestamp()) - 1, before=before)
    listing.manifest.landed = listing.manifest.pages[0].landed
    _set_aside(folder / "manifest.json")
    listing._save()
    log.warning("%s was missing or damaged and was restored from its pages.", folder / "manifest.json")
    return listing


def _account_beside(folder: Path) -> str | None:
    """The account of the other listings of the same provider, or None if they have none, or several."""
    accounts = set()
    for path in sorted(folder.parent.glob("*/manifest.json")):
        with suppress(OSError, ValidationError):
            accounts.add(MANIFESTS.manifest(path).account)
    accounts.discard(None)
    return accounts.pop() if len(accounts) == 1 else None
