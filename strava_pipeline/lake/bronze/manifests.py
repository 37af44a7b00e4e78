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
    """What a listing asks for.

    Args:
        after, before: exclusive epoch seconds on `start_date`, as Strava takes them; None: no bound.
        watermark: up to which start everything was known before.
        cursor: in the mode feed, since when the service was asked for changes, in its own words.
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
    """An item of a page that is not an activity.

    Args:
        row: its place in the page, from 1.
        digest: identifies its content.
    """

    row: int
    reason: str
    digest: str
    start: datetime | None = None


class WithheldRow(BaseModel, frozen=True, from_attributes=True):
    """An activity that the provider has and does not show (core/providers).

    Args:
        source_id: where it came from.
        local: its local start.
    """

    source_id: str
    local: datetime | None = None


class PageEntry(BaseModel):
    """A page on disk.

    Args:
        file: relative to the manifest's folder; of a day's events a detail, from which the activity's row in the list is updated.
        request: the query of this page; after an interruption pages are counted from 1 again, with a smaller window. None: the
            page was found on disk after a crash.
        rows: activities in it, and unreadable ones.
        bytes: before compression; of a day's events the size of the file.
        fetched_at: by the server's clock.
        landed: the page's number, by which pages are ordered; None: it came before there were numbers.
        local_at: when it came, by this machine's clock.
        local_years: the local years of its activities; 0: one without a date.
        years: the partitions that these belonged to when the page came: today's newest partition is not next year's.
        oldest, newest: the first and the last start in it; None where it is empty.
        lost: its file is missing or was set aside as damaged.
        expired: activities of it that expired: its file and `rows` are without them, their starts still count.
        foreign: items of another service, which are not among `rows`.
        withheld: among `foreign`: items of which the provider shows nothing but that it has them.
        unreadable: those of `rows` that are no activities.
        without: fields that a detail has and listings of this athlete have not: they are left out, or every listing would look
            like an edit.
        also: fields of a detail without a column that listings do have.
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
    lost: bool = False
    expired: int = 0
    foreign: int = 0
    withheld: list[WithheldRow] = []
    unreadable: list[UnreadableRow] = []
    without: list[str] = []
    also: list[str] = []

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
    """An activity that a service reported as deleted. A later listing that holds it brings it back.

    Args:
        at: the event's time.
    """

    activity_id: int
    at: AwareDatetime


class Manifest(BaseModel):
    """The content of manifest.json.

    Args:
        account: whose login at the source asked; Strava's is the athlete.
        window: what the listing covers.
        started_at: by the server's clock.
        landed: the listing's number, by which listings are ordered.
        local_at: when it began, by this machine's clock.
        host: of the API that answered: a folder with Strava's data accepts nothing from an emulator.
        run_id: of the Dagster run that uses it; None: nobody's, so the next run continues it: a limit ended it, or a dry run
            made it.
        as_of: when the listing began, if that run did not begin it itself: its pages may be older than the run.
        sees_private: whether the login was allowed to list what only the athlete may see.
        walked: how many pages there were when the provider reported the end, without an empty page.
        settled: a run has used the whole listing, so the next run starts a new one.
        brought_nothing: that run found all of it in gold, and ended: its pages go into the shards with the next merge.
        gone: activities deleted according to events.
    """

    source: str = STRAVA
    athlete_id: int | None = None
    account: str | None = None
    window: Window
    started_at: datetime
    landed: int | None = None
    local_at: datetime | None = None
    is_dated: bool = Field(default=True, exclude=True)  # whether any believable time of the listing is known
    host: str | None = None
    run_id: str | None = None
    as_of: datetime | None = None
    sees_private: bool = True
    walked: int | None = None
    settled: bool = False
    brought_nothing: bool = False
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
