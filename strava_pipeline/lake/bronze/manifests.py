"""A listing's manifest.json: the window asked for, an entry for each page, and a cache of parsed manifests.

Runs read every manifest many times, so each file is parsed once until it changes. Pages are not read here.
"""

import threading
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field, model_validator

from strava_pipeline.core.activities import local_years, start_instants
from strava_pipeline.core.providers import ReadPage, spec_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import YearRange

Mode = Literal["year", "month", "incremental", "lite", "all", "import", "event", "feed"]

_REMEMBERED = 16_384  # manifests, some kilobytes each: ten years of daily runs, with a listing of events for each day


class Window(BaseModel, frozen=True):
    """The window of a listing: exclusive epoch seconds on `start_date`, as Strava takes them. None: no bound.

    `cursor`: in the mode feed, since when the service was asked for changes, in its own words.
    """

    mode: Mode
    after: int | None
    before: int | None
    watermark: datetime | None = None
    cursor: str | None = None

    @property
    def names_single_activities(self) -> bool:
        """Whether it contains a service's reports about single activities, so that absence proves nothing."""
        return self.mode in ("event", "feed")

    @property
    def says_nothing_of_others(self) -> bool:
        """Whether it contains single activities without a feed, such as one that was read back after a change."""
        return self.names_single_activities and self.cursor is None

    @property
    def is_open_ended(self) -> bool:
        """Whether the window reaches to the present; a complete listing of it moves the watermark."""
        return self.before is None and not self.names_single_activities

    def same_as(self, other: "Window") -> bool:
        return (self.mode, self.after, self.before) == (other.mode, other.after, other.before)


class UnreadableRow(BaseModel, frozen=True, from_attributes=True):
    """An item of a page that is not an activity: its row from 1, the reason, and a digest of its content (core/activities.py)."""

    row: int
    reason: str
    digest: str
    start: datetime | None = None


class WithheldRow(BaseModel, frozen=True, from_attributes=True):
    """An activity that the provider has but does not show (core/providers): its id where it came from, and its local start."""

    source_id: str
    local: datetime | None = None


class PageEntry(BaseModel):
    """A page on disk. `oldest` and `newest` are the first and last start (UTC) in it, None for an empty page.

    `local_years` are the years of its activities (0: no date), `years` their partitions when the page came: today's
    newest partition is not next year's. `landed` is the page's number (landing.py), `local_at` the time of this
    machine's clock; None if from before numbering.
    """

    file: str
    request: dict[str, Any] | None = None
    rows: int
    bytes: int = 0
    fetched_at: datetime
    landed: int | None = None
    local_at: datetime | None = None
    local_years: list[int]
    years: list[int] = []
    oldest: datetime | None = None
    newest: datetime | None = None
    lost: bool = False  # its file is missing or damaged
    expired: int = (
        0  # activities that were in it and left (expired.py): they are not among `rows`, their starts still count
    )
    foreign: int = 0  # items of another service, which are not among `rows`
    withheld: list[WithheldRow] = []  # among `foreign`: items about which the provider shows only that it has them
    unreadable: list[UnreadableRow] = []  # among `rows`
    without: list[str] = []  # in a detail: fields that listings don't show
    also: list[str] = []  # in a detail: fields without a column that listings do show

    @property
    def is_empty(self) -> bool:
        """Whether it is empty, which ends a listing."""
        return not (self.rows or self.expired or self.foreign or self.lost)

    @model_validator(mode="before")
    @classmethod
    def _of_an_older_version(cls, content: Any) -> Any:
        """A manifest without `local_years` still names the partitions, so its listing is not skipped."""
        if isinstance(content, dict) and "local_years" not in content and "years" in content:
            return {**content, "local_years": content["years"]}
        return content


class Deletion(BaseModel):
    """An activity that a service reported as deleted, and when."""

    activity_id: int
    at: AwareDatetime


class Manifest(BaseModel):
    """The content of manifest.json. `gone`: deletions that a service reported. `landed`, `local_at`: when the listing began."""

    source: str = STRAVA
    athlete_id: int | None = None
    account: str | None = None  # the source's account whose login asked; Strava's is the athlete
    window: Window
    started_at: datetime
    landed: int | None = None
    local_at: datetime | None = None
    is_dated: bool = Field(default=True, exclude=True)  # whether any believable time of the listing is known
    host: str | None = None  # of the API that answered
    run_id: str | None = None  # the run that uses it; None: no run does, so the next one continues it
    as_of: datetime | None = None  # of its oldest page, where that is older than the run that uses it
    sees_private: bool = True  # whether the login was allowed to list what only the athlete may see
    walked: int | None = None  # how many pages there were when the provider reported the end, without an empty page
    settled: bool = False  # a run that used it came to its end
    brought_nothing: bool = False  # that run found all of it in gold, and merged nothing
    pages: list[PageEntry] = []
    gone: list[Deletion] = []

    @property
    def complete(self) -> bool:
        """Whether the listing reached its end (Strava's end with an empty page) and lost no page."""
        return not self.has_lost and self._end is not None

    @property
    def is_ascending(self) -> bool:
        """Whether its pages begin with the oldest activity."""
        return self.window.after is not None and spec_of(self.source).oldest_first

    @property
    def walk(self) -> list[PageEntry]:
        """The pages with rows, from one end of the window to the other; pages after the end are repetitions."""
        return [page for page in self.pages[: self._end] if page.rows or page.expired or page.lost]

    @property
    def repeated_pages(self) -> list[PageEntry]:
        """The pages after the end: gaps that were asked for again."""
        if self._end is None:
            return []
        return self.pages[self._end + (self.walked is None) :]  # without the empty page that ended it

    @property
    def _end(self) -> int | None:
        """The number of pages through the window, or None if the listing has not reached its end."""
        empty = next((place for place, page in enumerate(self.pages) if page.is_empty), None)
        return empty if self.walked is None else self.walked

    @property
    def has_lost(self) -> bool:
        return any(page.lost for page in self.pages)

    @property
    def whole_pages(self) -> int:
        return sum(not page.lost for page in self.pages)

    def pages_for(self, year: int, within: YearRange) -> int:
        """The number of pages that a partition has to merge: all of a listing; for a day's events, those of the
        partition's year.
        """
        if self.window.mode != "event":
            return self.whole_pages
        return sum(not page.lost and year in {within.clamp(local) for local in page.local_years} for page in self.pages)

    @property
    def rows(self) -> int:
        return sum(page.rows for page in self.pages)

    @property
    def unreadable(self) -> int:
        """The number of its rows that are not activities."""
        return sum(len(page.unreadable) for page in self.pages)

    @property
    def withheld(self) -> dict[str, datetime | None]:
        """The local starts of the activities that the provider withheld, by id."""
        return {row.source_id: row.local for page in self.pages for row in page.withheld}

    @property
    def years(self) -> list[int]:
        """The partitions of its activities when they came."""
        return sorted({year for page in self.pages for year in page.years})

    def years_within(self, years: YearRange) -> set[int]:
        """The partitions of its activities now."""
        return {years.clamp(year) for page in self.pages if not page.lost for year in page.local_years}

    @property
    def fetched_at(self) -> datetime:
        return self.pages[-1].fetched_at if self.pages else self.started_at

    @property
    def newest(self) -> datetime | None:
        return max((page.newest for page in self.pages if page.newest), default=None)

    @property
    def oldest(self) -> datetime | None:
        return min((page.oldest for page in self.pages if page.oldest), default=None)


def page_entry(
    file: str,
    read: ReadPage,
    size: int,
    request: dict[str, Any] | None,
    at: datetime,
    years: YearRange,
    *,
    landed: int | None = None,
    local_at: datetime | None = None,
    expired: Collection[int] = (),
) -> PageEntry:
    """The manifest's entry for a page. `read`: its content; `expired`: the ids of activities that are not kept."""
    starts, kept = start_instants(read.activities), [each for each in read.activities if each["id"] not in expired]
    years_in_page = local_years(kept)
    return PageEntry(
        file=file,
        request=request,
        rows=len(kept) + len(read.unreadable),
        expired=len(read.activities) - len(kept),
        foreign=read.foreign,
        bytes=size,
        fetched_at=at,
        landed=landed,
        local_at=local_at,
        local_years=years_in_page,
        years=sorted({years.clamp(year) for year in years_in_page}),
        oldest=min(starts, default=None),
        newest=max(starts, default=None),
        withheld=[WithheldRow.model_validate(row) for row in read.withheld],
        unreadable=[UnreadableRow.model_validate(row) for row in read.unreadable],
    )


def lost_page(file: str, at: datetime) -> PageEntry:
    """The entry of a page of which only the number is left."""
    return PageEntry(file=file, rows=0, fetched_at=at, local_years=[], lost=True)


class _ManifestCache:
    """The manifests that were read last, always as their files hold them now."""

    def __init__(self) -> None:
        self._manifests: dict[Path, tuple[tuple[int, ...], Manifest]] = {}  # by file; the one added last comes last
        self._lock = threading.Lock()
        self.saved = (
            0  # how many manifests this process has written: what was worked out before the last one is outdated
        )

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


MANIFESTS = _ManifestCache()
