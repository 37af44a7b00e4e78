"""Bronze of listings: every page of `GET /athlete/activities` as received, and a manifest that says what was asked.

A listing is a folder; its name is the moment it began. A page is on disk before the next call is made, so a listing
that broke off goes on behind its last page (`resume`): not by page number, because what was added or deleted since
moves the pages, but from the last start that was seen, one second overlapping. No parsing into tables here.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from strava_pipeline.core.activities import YearRange, local_years, starts
from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.rows import Json
from strava_pipeline.lake.files import DamagedFileError, packed, packed_at, stamp, unpacked, unpacked_json, write_whole
from strava_pipeline.lake.paths import Lake

Mode = Literal["year", "incremental", "lite", "all"]
REUSE_WITHIN = timedelta(hours=1)  # what a run that died an hour ago was told is still true enough for the same command
RESUME_WITHIN = timedelta(hours=24)  # an older half is a picture of another day: a new listing is truer


class Window(BaseModel):
    """What a listing asks for: exclusive epoch seconds on `start_date`, as Strava takes them. None: no bound."""

    model_config = ConfigDict(frozen=True)

    mode: Mode
    after: int | None
    before: int | None
    watermark: datetime | None = None

    @property
    def is_open_ended(self) -> bool:
        """It reaches to the present, so that a complete one moves the watermark."""
        return self.before is None

    def same_as(self, other: "Window") -> bool:
        return (self.mode, self.after, self.before) == (other.mode, other.after, other.before)


class PageEntry(BaseModel):
    """A page on disk. `oldest` and `newest` are the starts (UTC) of what it holds; None where it is empty.

    `local_years` are the years that its activities say (0: no date), `years` the partitions that these belonged to
    when it came: the newest partition of today is not that of next year.
    """

    file: str
    request: dict[str, Any] | None
    rows: int
    bytes: int
    fetched_at: datetime
    local_years: list[int]
    years: list[int]
    oldest: datetime | None
    newest: datetime | None


class Manifest(BaseModel):
    """What stands in manifest.json."""

    source: str = "strava"
    athlete_id: int | None
    window: Window
    started_at: datetime
    settled: bool = False  # a run that used it came to its end
    pages: list[PageEntry] = []

    @property
    def complete(self) -> bool:
        """Only an empty page ends a listing."""
        return bool(self.pages) and self.pages[-1].rows == 0

    @property
    def rows(self) -> int:
        return sum(page.rows for page in self.pages)

    @property
    def years(self) -> list[int]:
        """The partitions that its activities belonged to when they came."""
        return sorted({year for page in self.pages for year in page.years})

    def years_within(self, years: YearRange) -> set[int]:
        """The partitions that its activities belong to."""
        return {years.clamp(year) for page in self.pages for year in page.local_years}

    @property
    def fetched_at(self) -> datetime:
        return self.pages[-1].fetched_at if self.pages else self.started_at

    @property
    def newest(self) -> datetime | None:
        return max((page.newest for page in self.pages if page.newest), default=None)

    @property
    def oldest(self) -> datetime | None:
        return min((page.oldest for page in self.pages if page.oldest), default=None)


class Listing:
    """One listing's folder."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest

    @property
    def name(self) -> str:
        return self.folder.name

    def land(
        self, activities: Sequence[Json], body: bytes, request: dict[str, Any], at: datetime, years: YearRange
    ) -> None:
        """Put a page on disk: first the bytes, then its line in the manifest."""
        file = f"page-{len(self.manifest.pages) + 1:04}.json.gz"
        write_whole(self.folder / file, packed(body, at))
        self.manifest.pages.append(_entry(file, activities, len(body), request, at, years))
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
        """Each page that holds rows, with its objects."""
        for page in self.manifest.pages:
            if page.rows:
                yield page, self._objects(page.file)

    def _save(self) -> None:
        write_whole(self.folder / "manifest.json", self.manifest.model_dump_json(indent=1).encode())

    def settle(self) -> None:
        """Note that a run has made use of it to the end, so that the next one asks anew. Half a listing is gone on with."""
        if self.manifest.complete and not self.manifest.settled:
            self.manifest.settled = True
            self._save()

    def adopt_orphans(self, years: YearRange) -> None:
        """Enter pages that a crash left without their line in the manifest."""
        while (path := self.folder / f"page-{len(self.manifest.pages) + 1:04}.json.gz").exists():
            activities, size = self._objects(path.name), len(unpacked(path))
            self.manifest.pages.append(_entry(path.name, activities, size, None, packed_at(path), years))
            self._save()

    def _objects(self, file: str) -> list[Json]:
        try:
            found: list[Json] = unpacked_json(self.folder / file)
        except (FileNotFoundError, DamagedFileError) as error:
            raise PipelineError(
                f"{self.folder / file} is missing or damaged, so this listing is no longer whole. Move its folder out of "
                f"{self.folder.parent} and run again: what only it held is listed anew."
            ) from error
        return found


def begin(lake: Lake, window: Window, *, athlete_id: int | None, at: datetime) -> Listing:
    """Start a listing: a new folder with a manifest of no pages."""
    folder = lake.listings / f"{stamp(at)}-{window.mode}"
    folder.mkdir(parents=True)
    listing = Listing(folder, Manifest(athlete_id=athlete_id, window=window, started_at=at))
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
        if same and not manifest.complete:
            return listing
        if same or (manifest.window.mode == window.mode and window.mode in ("incremental", "lite")):
            fresh = manifest.complete and not manifest.settled and at - manifest.started_at <= REUSE_WITHIN
            return listing if fresh else None
    return None


def listings(lake: Lake, *, newest_first: bool = False) -> Iterator[Listing]:
    """Every listing of the lake in order of its start. A folder without a readable manifest is passed over."""
    if not lake.listings.is_dir():
        return
    for folder in sorted(lake.listings.iterdir(), reverse=newest_first):
        try:
            yield Listing(folder, Manifest.model_validate_json((folder / "manifest.json").read_bytes()))
        except (OSError, ValidationError):
            continue


def watermark(lake: Lake) -> datetime | None:
    """Up to which start (UTC) the lake is complete, without a gap since the athlete's first activity.

    The complete listings are laid end to end: the newest year alone says nothing of what came before it. Where one
    that reaches the present ends the row, its newest start is the watermark, but never a moment later than the listing
    itself: an activity that claims to start in the future moves nothing. None: everything is to be listed.
    """
    reach: datetime | None = None
    mark: datetime | None = None
    whole = (listing.manifest for listing in listings(lake) if listing.manifest.complete)
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


def _entry(
    file: str,
    activities: Sequence[Json],
    size: int,
    request: dict[str, Any] | None,
    at: datetime,
    years: YearRange,
) -> PageEntry:
    seen, said = starts(activities), local_years(activities)
    return PageEntry(
        file=file,
        request=request,
        rows=len(activities),
        bytes=size,
        fetched_at=at,
        local_years=said,
        years=sorted({years.clamp(year) for year in said}),
        oldest=min(seen, default=None),
        newest=max(seen, default=None),
    )
