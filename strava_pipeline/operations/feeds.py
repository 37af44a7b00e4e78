"""Following a provider's feed: the changes since the last time, each changed activity once, and deletions.

The answer of the feed lands as the first page of a listing, the changed activities as its other pages. The cursor moves
when all of them are on disk, so a run that dies in between repeats the request and loses nothing. A listing of
everything is made instead if no cursor is known, if very much changed, or if an activity can't be fetched by itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from strava_pipeline.core.errors import (
    ForbiddenError,
    GoneError,
    LimitReachedError,
    PipelineError,
    RefusedError,
    TransientError,
)
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.ingest.provider import Changes, Page
from strava_pipeline.lake.bronze.landing import require_writable
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.bronze.manifests import Deletion, Manifest, Window
from strava_pipeline.lake.providers import feed_cursor, keep_cursor
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.pulling import PagesReceived, PullReport, landed_pages, pull_listing
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.source import Source

OVERLAP = timedelta(minutes=1)  # longer than a call takes: a listing's beginning is known by its first answer
MOST_CHANGED = 300  # activities that are asked for by themselves: some minutes of calls. A listing brings more at once


def pull_activities(run: RunContext, source: Source, config: ListingOptions, years: Sequence[int]) -> PullReport:
    """List what the options ask for; by the provider's feed, if it has one, unless whole years are to be compared."""
    if "feed" not in source.spec.capabilities:
        return pull_listing(run, source, config, years)
    with run.exclusive(f"listing-feed-{source.spec.name}"):
        by_feed = config.mode in ("incremental", "lite", "month")
        cursor = feed_cursor(run.lake, source.spec.name, source.account_name) if by_feed else None
        if cursor is None:
            return _pull_all(run, source, config, years)
        following = _Following(run, source, cursor)
        calls = source.client.calls
        is_followed = following.follow()
        if is_followed:
            return following.report(source.client.calls - calls)
        return _pull_all(run, source, config, years, following)


def _pull_all(
    run: RunContext,
    source: Source,
    config: ListingOptions,
    years: Sequence[int],
    looked: "_Following | None" = None,
    since: datetime | None = None,
) -> PullReport:
    """List everything; afterwards the feed continues after the changes that it reported, or at the listing's beginning.

    `looked`: the look at the feed that this replaces. `since`: no complete listing is used that began before. One with
    pages that are older than the run lacks the changes since: the feed is asked for them.
    """
    changes = None if looked is None else looked.changes
    since = since if changes is None else changes.page.fetched_at
    report = pull_listing(run, source, config, years, since=since)
    manifest = report.manifest
    if not manifest.complete or report.stopped is not None:
        return report
    name, account = source.spec.name, source.account_name
    began = (manifest.started_at - OVERLAP).astimezone(UTC).replace(microsecond=0).isoformat()
    if changes is not None and manifest.started_at >= changes.page.fetched_at:
        keep_cursor(run.lake, name, account, changes.cursor)
    elif looked is not None or feed_cursor(run.lake, name, account) is None:
        keep_cursor(run.lake, name, account, began)
    if report.as_of is None:
        return report
    following, calls = _Following(run, source, began), source.client.calls
    if following.follow():
        return following.report(source.client.calls - calls) + report
    return _pull_all(run, source, config, years, following, since=run.now())


@dataclass(slots=True)
class _Following:
    """One look at the feed."""

    run: RunContext
    source: Source
    cursor: str
    changes: Changes | None = None
    listing: Listing | None = None
    stopped: LimitReachedError | None = None
    failed: PipelineError | None = None
    received: PagesReceived = field(default_factory=PagesReceived)
    is_too_much: bool = False
    _gone: list[str] = field(default_factory=list)

    def follow(self) -> bool:
        """Land the changes, and move the cursor. False if everything has to be listed instead."""
        run, client = self.run, self.source.client
        require_writable(run.lake, run.lake.listings_of(self.source.spec.name))
        run.progress.begin("Listing what changed", None)
        try:
            for page in client.landed(self._pages(), self._land):
                run.progress.advance(len(page.read.activities))
        except LimitReachedError as limit:
            self.stopped = limit
            return True
        finally:
            run.progress.end()
        if self.failed is not None or self.is_too_much or self.changes is None or self.listing is None:
            why = str(self.failed or "So much changed that a list brings it sooner").rstrip(".")
            run.progress.say(f"{why}. Everything is listed.")
            return False
        self._enter_deletions(self._gone)
        self.listing.mark_ended()
        keep_cursor(run.lake, self.source.spec.name, self.source.account_name, self.changes.cursor)
        return True

    def report(self, calls: int) -> PullReport:
        """The report. `calls`: how many it took."""
        window = self._window()
        manifest = self.listing.manifest if self.listing else Manifest(window=window, started_at=self.run.now())
        return self.received.report(manifest, calls, resumed=False, stopped=self.stopped)

    def _pages(self) -> Iterator[Page]:
        feed = self.source.feed
        try:
            self.changes = feed.changes(self.cursor, self.source.account_name)
        except ForbiddenError:
            raise
        except (RefusedError, GoneError) as error:  # the cursor is too old, or not understood
            self.failed = error
            return
        yield self.changes.page
        self._enter_deletions(self.changes.deleted)
        wanted = self._wanted(self.changes)
        if self.is_too_much:
            return
        for source_id in wanted:
            try:
                page = feed.get_activity(source_id)
            except (GoneError, ForbiddenError):
                self._gone.append(source_id)
                continue
            except (TransientError, RefusedError) as error:  # one activity must not keep the feed from going on
                self.failed = error
                return
            if not (page.read.activities or page.read.unreadable):
                self._gone.append(source_id)
            yield page

    def _wanted(self, changes: Changes) -> list[str]:
        """The activities to ask for: those whose version bronze lacks. Records whether they are too many."""
        landed = self._landed(changes)
        wanted = [
            source_id
            for source_id, at in changes.changed.items()
            if at is None or source_id not in landed or landed[source_id] < at
        ]
        self.is_too_much = len(wanted) > MOST_CHANGED
        return wanted

    def _landed(self, changes: Changes) -> dict[str, datetime]:
        """The version of each activity that has come since the first of the changes, by its time.

        The listing that the cursor began with overlaps, and a dead run may have landed some.
        """
        since = min((at for at in changes.changed.values() if at is not None), default=None)
        found: dict[str, datetime] = {}
        if since is None:
            return found
        for listing in listings(self.run.lake, self.source.spec.name):
            manifest = listing.manifest
            if manifest.account == self.source.account_name and manifest.fetched_at >= since - OVERLAP:
                for page, (_, content) in zip(manifest.pages, landed_pages(listing), strict=False):
                    for source_id, at in self.source.feed.versions(content).items():
                        if at <= page.fetched_at + OVERLAP:  # a time of the future would hide every later change
                            found[source_id] = max(at, found.get(source_id, at))
        return found

    def _window(self) -> Window:
        return Window(mode="feed", after=None, before=None, cursor=self.cursor)

    def _land(self, page: Page) -> None:
        run, source = self.run, self.source
        if self.listing is None:
            self.listing = source.begin_listing(self._window(), page.fetched_at)
        self.listing.land(page.read, page.body, {"since": self.cursor}, page.fetched_at, run.years)
        self.received.add(page)

    def _enter_deletions(self, source_ids: Sequence[str]) -> None:
        """Record deletions as of the feed's answer; a later sighting restores an activity."""
        assert self.listing is not None, "the feed's answer was landed in it"
        assert self.changes is not None, "the feed answered"
        name, at = self.source.spec.name, self.changes.page.fetched_at
        if source_ids:
            self.listing.add_deletions([Deletion(activity_id=hashed_id(name, each), at=at) for each in source_ids])
