"""A listing's manifest.json: the window that was asked for, a line for each page, and a cache of the manifests that were read.

Runs read every manifest many times, so each file is parsed once for as long as it stays the same. Pages are not read here.
"""

import threading
from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from strava_pipeline.core.activities import UnreadableItem, local_years, start_instants
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import YearRange

Mode = Literal["year", "incremental", "lite", "all", "import", "event"]

_REMEMBERED = 16_384  # manifests, some kilobytes each: ten years of daily runs, with a listing of events for each day


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
        return self.before is None and self.mode != "event"

    def same_as(self, other: "Window") -> bool:
        return (self.mode, self.after, self.before) == (other.mode, other.after, other.before)


class UnreadableRow(BaseModel):
    """An item of a page that is no activity: its place from 1, why, and what identifies its content (see core/activities.py)."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    row: int
    reason: str
    digest: str
    start: datetime | None = None


class PageEntry(BaseModel):
    """A page on disk. `oldest` and `newest` are the starts (UTC) of what it holds; None where it is empty.

    `local_years` are the years that its activities say (0: no date), `years` the partitions that these belonged to
    when it came: the newest partition of today is not that of next year. `landed` orders it among all that came (see
    landed.py), `local_at` is when it came by this machine's clock; None: it came before there were numbers.
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
    unreadable: list[UnreadableRow] = []  # among `rows`
    without: list[str] = []  # of a detail: fields that listings don't show
    also: list[str] = []  # of a detail: fields without a column that listings do show

    @model_validator(mode="before")
    @classmethod
    def _of_an_older_version(cls, said: Any) -> Any:
        """A manifest without `local_years` still tells the partitions: its listing must not be passed over."""
        if isinstance(said, dict) and "local_years" not in said and "years" in said:
            return {**said, "local_years": said["years"]}
        return said


class Gone(BaseModel):
    """An activity that Strava said to be deleted, and when."""

    activity_id: int
    at: AwareDatetime


class Manifest(BaseModel):
    """What stands in manifest.json. `gone`: of a day's events. `landed`, `local_at`: as of a page, when it began."""

    source: str = STRAVA
    athlete_id: int | None = None
    account: str | None = None  # whose login at the source asked; Strava's is the athlete
    window: Window
    started_at: datetime
    landed: int | None = None
    local_at: datetime | None = None
    is_dated: bool = Field(default=True, exclude=True)  # whether anything true is known of when it came
    host: str | None = None  # of the API that answered
    run_id: str | None = None  # of the run that asked last
    sees_private: bool = True  # whether the login was allowed to list what only the athlete may see
    ended: bool = False  # the provider said that there is nothing more, without an empty page
    settled: bool = False  # a run that used it came to its end
    pages: list[PageEntry] = []
    gone: list[Gone] = []

    @property
    def complete(self) -> bool:
        """Only an empty page ends a listing of Strava's; one that has lost a page is not whole any more."""
        return not self.has_lost and (self.ended or any(page.rows == 0 for page in self.pages))

    @property
    def is_ascending(self) -> bool:
        """Whether its pages begin with the oldest activity."""
        return self.window.after is not None and spec_of(self.source).oldest_first

    @property
    def walk(self) -> list[PageEntry]:
        """The pages with rows from one end of the window to the other; what follows the empty page was asked for again."""
        return list(takewhile(lambda page: page.rows or page.lost, self.pages))

    @property
    def looked_at_again(self) -> list[PageEntry]:
        """The pages behind the empty one."""
        return self.pages[len(self.walk) + 1 :]

    @property
    def has_lost(self) -> bool:
        return any(page.lost for page in self.pages)

    @property
    def whole_pages(self) -> int:
        return sum(not page.lost for page in self.pages)

    def pages_for(self, year: int, within: YearRange) -> int:
        """How many whole pages a partition has to take in. A listing is one thing, a day's events are many."""
        if self.window.mode != "event":
            return self.whole_pages
        return sum(not page.lost and year in {within.clamp(local) for local in page.local_years} for page in self.pages)

    @property
    def rows(self) -> int:
        return sum(page.rows for page in self.pages)

    @property
    def unreadable(self) -> int:
        """How many of its rows are no activities."""
        return sum(len(page.unreadable) for page in self.pages)

    @property
    def years(self) -> list[int]:
        """The partitions that its activities belonged to when they came."""
        return sorted({year for page in self.pages for year in page.years})

    def years_within(self, years: YearRange) -> set[int]:
        """The partitions that its activities belong to."""
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


def entry_of(
    file: str,
    activities: Sequence[Json],
    size: int,
    request: dict[str, Any] | None,
    at: datetime,
    years: YearRange,
    unreadable: Sequence[UnreadableItem] = (),
    *,
    landed: int | None = None,
    local_at: datetime | None = None,
) -> PageEntry:
    """The line of a page of these activities and unreadable rows."""
    seen, said = start_instants(activities), local_years(activities)
    return PageEntry(
        file=file,
        request=request,
        rows=len(activities) + len(unreadable),
        bytes=size,
        fetched_at=at,
        landed=landed,
        local_at=local_at,
        local_years=said,
        years=sorted({years.clamp(year) for year in said}),
        oldest=min(seen, default=None),
        newest=max(seen, default=None),
        unreadable=[UnreadableRow.model_validate(row) for row in unreadable],
    )


def lost_page(file: str, at: datetime) -> PageEntry:
    """The line of a page of which nothing is left but its place."""
    return PageEntry(file=file, rows=0, fetched_at=at, local_years=[], lost=True)


class _Parsed:
    """The manifests that were read last: of each file what stands in it now, and never what stood there before."""

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


PARSED = _Parsed()
