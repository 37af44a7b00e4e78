"""Fetching and landing a listing: the loop between the client and the lake. The windows are listing_windows.py's.

A limit ends the work early and stands in the report; earlier answers are on disk. Everything else raises.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial, reduce
from itertools import islice
from operator import add
from typing import Any, cast

from strava_pipeline.core.activities import edit_hash
from strava_pipeline.core.errors import (
    BudgetExhaustedError,
    CallCapReachedError,
    LimitReachedError,
)
from strava_pipeline.core.json_values import parse_json
from strava_pipeline.core.numbers import Numbers, sentence
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.rows import Json
from strava_pipeline.core.text import at_minute, counted
from strava_pipeline.ingest.provider import FeedProvider, Lister, Page, WholeReader
from strava_pipeline.lake.bronze.expired import expired_ids
from strava_pipeline.lake.bronze.landing import require_writable
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.listings import Span, is_by_start, listings
from strava_pipeline.lake.bronze.manifests import Manifest, Window
from strava_pipeline.lake.bronze.resuming import is_of_run, resumable_listing
from strava_pipeline.lake.files import DamagedFileError, unpacked_json
from strava_pipeline.lake.gold.deletions import doubtful_spans
from strava_pipeline.lake.gold.publish import snapshot
from strava_pipeline.lake.gold.quality import rows_of_source
from strava_pipeline.lake.gold.warehouse import is_outdated
from strava_pipeline.lake.providers import keep_original, newest_reading
from strava_pipeline.operations.listing_windows import listing_lock, recent_window, window_of
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.source import Account, Source

Stopped = BudgetExhaustedError | CallCapReachedError | LimitReachedError


@dataclass(frozen=True, slots=True)
class PullReport(Numbers):
    """The results of a listing, or of one for each stretch of the years. `listing_resumed`: it continued an earlier one.

    `stopped`: the limit that ended it early; further stretches were then not listed. `gear_ids`: the gear that the
    activities name. `row_hashes`: by a provider's own id, a hash of each row of the listing, if gear takes a call each.
    `as_of`: the time of the oldest page that is older than this run, if it used any.
    """

    manifests: tuple[Manifest, ...] = field(repr=False)
    calls: int
    rows_received: int
    bytes: int
    listing_resumed: bool
    stopped: Stopped | None = field(repr=False)
    gear_ids: frozenset[str] = field(default=frozenset(), repr=False)
    row_hashes: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def manifest(self) -> Manifest:
        """The manifest of the listing made last."""
        return self.manifests[-1]

    @property
    def as_of(self) -> datetime | None:
        return min((each.as_of for each in self.manifests if each.as_of is not None), default=None)

    @property
    def is_complete(self) -> bool:
        """Whether everything asked for was listed completely."""
        return self.stopped is None and all(manifest.complete for manifest in self.manifests)

    def shown(self) -> dict[str, Any]:
        years = sorted({year for manifest in self.manifests for year in manifest.years})
        more = {"listing_mode": self.manifest.window.mode, "years": ", ".join(map(str, years))}
        return Numbers.shown(self) | more | ({"listing_as_of": self.as_of} if self.as_of else {})

    def __str__(self) -> str:
        spec = spec_of(self.manifest.source)
        of_service = "" if spec.unnamed else f" of {spec.title}"
        return sentence(
            f"Listed {counted(self.rows_received, 'row')}{of_service} in {counted(self.calls, 'call')}",
            (self.as_of, f"older pages are as of {at_minute(self.as_of)}"),
        )

    def __add__(self, later: "PullReport") -> "PullReport":
        """Both reports combined."""
        return PullReport(
            (*self.manifests, *later.manifests),
            self.calls + later.calls,
            self.rows_received + later.rows_received,
            self.bytes + later.bytes,
            self.listing_resumed or later.listing_resumed,
            self.stopped or later.stopped,
            self.gear_ids | later.gear_ids,
            {**self.row_hashes, **later.row_hashes},
        )


@dataclass(slots=True)
class PagesReceived:
    """The contents of this run's pages: rows, bytes and the ids of gear; and hashes of the rows of the whole listing."""

    rows: int = 0
    bytes: int = 0
    gear_ids: set[str] = field(default_factory=set)
    row_hashes: dict[str, str] | None = None  # None: nothing asks for them

    def add(self, page: Page) -> None:
        """Add a page of this run."""
        self.rows += len(page.read.activities)
        self.bytes += len(page.body)
        self.gear_ids |= {str(found["gear_id"]) for found in page.read.activities if found.get("gear_id")}
        self._add_hashes(page.read.activities)

    def add_earlier(self, listing: Listing) -> None:
        """Add the rows of a listing that an earlier run began: it may have ended before it asked for their gear."""
        for _, activities in listing.pages() if self.row_hashes is not None else ():
            self._add_hashes(activities)

    def _add_hashes(self, activities: Iterable[Json]) -> None:
        if self.row_hashes is not None:
            self.row_hashes |= {found["source_id"]: edit_hash(found) for found in activities}

    def report(self, manifest: Manifest, calls: int, *, resumed: bool, stopped: Stopped | None) -> PullReport:
        """The results of the listing with this manifest."""
        gear_ids = frozenset(self.gear_ids)
        return PullReport((manifest,), calls, self.rows, self.bytes, resumed, stopped, gear_ids, self.row_hashes or {})


def pull_each(together: Iterable[list[int]], pull: Callable[[list[int]], PullReport]) -> PullReport:
    """The listings of `listed_together` as one report; none is begun after a limit."""
    reports: list[PullReport] = []
    for years in together:
        reports.append(pull(years))
        if reports[-1].stopped is not None:
            break
    return reduce(add, reports)


def pull_listing(
    run: RunContext,
    source: Source,
    config: ListingOptions,
    years: Sequence[int],
    *,
    since: datetime | None = None,
) -> PullReport:
    """List a window, each page on disk before the next call; continues an interrupted listing of it.

    If the source lists by time, the part that may have changed since pages older than the run is then listed again.
    `years`: the window's years, if the mode uses them; without a gap (`listed_together`). A source that shows
    everything at once is read completely, whatever is asked for. `since`: a complete listing that began before that is
    not used again.
    """
    if "whole" in source.spec.capabilities:
        return _read_whole(run, source, config)
    report = _list(run, source, config, window_of(run, source, config, years), years, since)
    if report.as_of is None or report.stopped is not None:
        return report
    recent = recent_window(source, config, report.manifest)
    return report if recent is None else _list(run, source, config, recent, (), None, resumes=False) + report


def _list(
    run: RunContext,
    source: Source,
    config: ListingOptions,
    window: Window,
    years: Sequence[int],
    since: datetime | None,
    *,
    resumes: bool = True,
) -> PullReport:
    client = source.client_for(config)
    per_page = config.per_page or source.per_page
    listing: Listing | None = None

    def land(page: Page) -> None:
        nonlocal listing
        listing = listing or source.begin_listing(window, page.fetched_at, source.account())
        _land(run, listing, asked, page)

    with run.exclusive(listing_lock(source, window, years)):
        earlier = _resumed(run, source, config, window, since) if resumes else None
        asked = _span(source, window, earlier)
        listing, calls = earlier, client.calls
        received = PagesReceived(row_hashes={} if source.spec.gear_of_activity else None)
        stopped: Stopped | None = None
        run.progress.begin(f"Listing activities of {source.spec.title}", _known_rows(run, source, window, years))
        try:
            if earlier is not None:
                received.add_earlier(earlier)
                run.progress.advance(earlier.manifest.rows)
            for page in client.landed(_pages(run, source, client, per_page, asked, earlier), land):
                received.add(page)
                run.progress.advance(len(page.read.activities))
            listing = _ended(run, source, window, listing)
            for page in _pages_again(run, source, client, per_page, listing):
                received.add(page)
        except (BudgetExhaustedError, CallCapReachedError, LimitReachedError) as error:
            stopped = error
            if listing is not None and not listing.manifest.complete:
                listing.claim(None, as_of=listing.manifest.as_of)
        finally:
            run.progress.end()
    manifest = listing.manifest if listing else Manifest(source=source.spec.name, window=window, started_at=run.now())
    calls = client.calls - calls
    return received.report(manifest, calls, resumed=earlier is not None, stopped=stopped)


def _known_rows(run: RunContext, source: Source, window: Window, years: Sequence[int]) -> int | None:
    """The number of rows that a listing of years or of everything had in the published data, for progress, or None if unknown."""
    if window.mode not in ("year", "all") or not run.lake.snapshot.exists():
        return None
    with snapshot(run.lake) as connection:
        if is_outdated(connection):
            return None
        by_year = rows_of_source(connection, source.spec.name)
    if window.mode == "all" and not any(
        each.manifest.complete and each.manifest.window.mode == "all" for each in listings(run.lake, source.spec.name)
    ):
        return None  # what is published are some years
    known = sum(by_year.get(year, 0) for year in years) if window.mode == "year" else sum(by_year.values())
    return known or None


def _resumed(
    run: RunContext, source: Source, config: ListingOptions, window: Window, since: datetime | None
) -> Listing | None:
    """The listing to continue, as this run's, or None to begin a new one."""
    earlier = resumable_listing(
        run.lake,
        window,
        run_id=run.run_id,
        at=run.now(),
        years=run.years,
        source=source.spec.name,
        account=source.account_name,
        # Without a list by year, one of everything serves the runs of all years.
        also_used=not is_by_start(source.spec.name) and config.mode != "all",
        since=since,
    )
    if earlier is None:
        return None
    if not earlier.manifest.complete and not _is_of_the_same_login(source, earlier):
        earlier.mark_limited_view()
    is_older = not is_of_run(earlier.manifest, run.run_id, run.now())
    earlier.claim(run.run_id, as_of=earlier.manifest.started_at if is_older else None)
    return earlier


def _span(source: Source, window: Window, earlier: Listing | None) -> Span:
    """The span still to be asked for."""
    if earlier is None or not is_by_start(source.spec.name):
        return (window.after, window.before)
    return earlier.remaining_window()


def _read_whole(run: RunContext, source: Source, config: ListingOptions) -> PullReport:
    """Read everything that a source shows, and land it as a listing without bounds; does nothing if it is unchanged."""
    reader, name = cast(WholeReader, source.client_for(config)), source.spec.name
    window = Window(mode="all", after=None, before=None)
    with run.exclusive(f"reading-{name}"):
        require_writable(run.lake, run.lake.listings_of(name))
        before = newest_reading(run.lake, name, source.account_name)
        whole = reader.read_whole(before[1] if before else None)
        received = PagesReceived()
        if whole is None and before is not None:
            before[0].claim(run.run_id)  # a person's decision about this run's listing applies to that one
            return received.report(before[0].manifest, 0, resumed=True, stopped=None)
        assert whole is not None, "without a reading before, everything is new"
        expired = expired_ids(run.lake, name)
        purged = source.spec.originals_with(parse_json(whole.body), expired) if expired else ()
        for original in whole.originals:
            if hashlib.sha256(original.body).hexdigest() not in purged:
                keep_original(run.lake, name, original.body, original.suffix, run.now())
        listing = source.begin_listing(window, run.now(), source.account())
        listing.land(whole.read, whole.body, {}, run.now(), run.years)
        listing.mark_ended()
    received.rows, received.bytes = len(whole.read.activities), len(whole.body)
    return received.report(listing.manifest, 0, resumed=False, stopped=None)


def _pages(
    run: RunContext, source: Source, client: Lister, per_page: int, asked: Span, earlier: Listing | None
) -> Iterator[Page]:
    """The pages still to be listed; empty if the earlier listing is complete."""
    if earlier is not None and earlier.manifest.complete:
        return iter(())
    require_writable(run.lake, earlier.folder if earlier else run.lake.listings_of(source.spec.name))
    if not is_by_start(source.spec.name):
        return cast(FeedProvider, client).list_all(per_page, landed_pages(earlier) if earlier else ())
    return client.list_pages(*asked, per_page)


def landed_pages(listing: Listing) -> list[tuple[int, Any]]:
    """Number and content, parsed from JSON, of the pages of a listing; empty if one can't be read."""
    try:
        return [
            ((page.request or {}).get("page", 0), unpacked_json(listing.folder / page.file))
            for page in listing.manifest.pages
        ]
    except (FileNotFoundError, DamagedFileError):
        return []


def _pages_again(
    run: RunContext, source: Source, client: Lister, per_page: int, listing: Listing | None
) -> Iterable[Page]:
    """Ask again for activities that may have slipped past between two pages, and land them: hardly ever anything."""
    if listing is None or not is_by_start(source.spec.name) or not _is_of_the_same_login(source, listing):
        return
    for span in doubtful_spans(run.lake, listing, run.years):
        require_writable(run.lake, listing.folder)
        again = islice(client.list_pages(*span, per_page), 1)
        yield from client.landed(again, partial(_land, run, listing, span))


def _land(run: RunContext, listing: Listing, asked: Span, page: Page) -> None:
    """Store a page, with its request: `asked` is the listing's window, or the rest of it."""
    request = {name: value for name, value in zip(("after", "before"), asked, strict=True) if value is not None}
    request |= {"per_page": page.per_page, "page": page.number}
    listing.land(page.read, page.body, request, page.fetched_at, run.years)


def _ended(run: RunContext, source: Source, window: Window, listing: Listing | None) -> Listing:
    """The listing, marked as ended if no empty page shows it; a new one if the window has no page."""
    listing = listing or source.begin_listing(window, run.now(), source.account())
    if not listing.manifest.complete and not listing.manifest.has_lost:
        listing.mark_ended()
    return listing


def _is_of_the_same_login(source: Source, listing: Listing) -> bool:
    """Whether the present login sees the same as the login of the listing's first page."""
    said = listing.manifest
    return source.account() == Account(said.athlete_id, said.account, said.sees_private)
