"""Follow the webhook deliveries of a provider: one sync of its feed, or one call for each activity that changed.

Nothing in a delivery is believed: the service itself is asked. An answer lands as a page of a listing that holds what was
reported of single activities, so it proves nothing about others. What a limit or an outage left waits in the queue.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from strava_pipeline.core.deliveries import HintSummary, QueuedHint, WebhookSpec
from strava_pipeline.core.errors import (
    LimitReachedError,
    NeedsLoginError,
    TransientError,
    WithheldError,
)
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.core.webhooks import covers_event
from strava_pipeline.ingest.calls import FetchReport, fetch_each
from strava_pipeline.ingest.provider import Page
from strava_pipeline.lake.bronze.deliveries import (
    OUTAGE_PAUSE,
    DeliveriesState,
    fetched_since,
    lock_of,
    save_queue,
    take_in,
)
from strava_pipeline.lake.bronze.landing import require_writable
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.manifests import Deletion, Window
from strava_pipeline.operations.feeds import pull_activities
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.provider_access import limit_in_force, outcome_kept
from strava_pipeline.operations.provider_source import ProviderCalls, ProviderSource
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import ROWS, StepReport, if_any, timed
from strava_pipeline.operations.table_rules import Finding

OPERATION = "webhooks"  # by which its outcome is kept


@dataclass(slots=True)
class DeliveriesReport:
    """What became of the deliveries.

    Args:
        followed, given_up: activities that were answered, and that are left to the next listing.
        rows: activities that came; `bytes` of their answers.
        left: activities that wait; `feed_waits`: so does the question to the feed.
        revoked: the athlete took the access away.
        down: why nothing more could be asked, though no limit stopped it.
    """

    news: HintSummary
    refused: Counter[str]
    fetched: FetchReport = field(default_factory=FetchReport)
    calls: int = 0
    rows: int = 0
    bytes: int = 0
    followed: int = 0
    given_up: int = 0
    withheld: int = 0
    left: int = 0
    feed_waits: bool = False
    revoked: bool = False
    down: str = ""

    @property
    def stopped(self) -> LimitReachedError | str | None:
        """What ended the work early."""
        limit = self.fetched.stopped
        return limit if isinstance(limit, LimitReachedError) else self.down or None


def follow_provider_events(run: RunContext, source: ProviderSource, *, asset: str) -> StepReport:
    """Follow everything that the provider's deliveries ask for and that may be asked for now. `asset`: what it is reported of."""
    if limit := limit_in_force(run, source.spec.name):
        unasked = Finding("listing_complete", False, advice=str(limit), refuses=False)
        return StepReport(asset, {"calls": 0, "result": str(limit)}, complete=unasked, stopped=limit)
    with timed() as seconds, outcome_kept(run, source.spec.name, OPERATION, source.keep_allowance) as ending:
        report = follow_deliveries(run, source)
        ending.stopped = report.fetched.stopped
        ending.problem = report.down or (_advice(source, report) if report.revoked else "")
    waits = report.left + report.feed_waits
    return StepReport(
        asset,
        {
            ROWS: report.rows,
            "activities_changed": len(report.news.activities),
            "activities_followed": report.followed,
            "activities_waiting": report.left,
            "activities_given_up": report.given_up,
            "activities_withheld": report.withheld,
            "events_refused": report.refused.total(),
            **if_any(events_refused_by_reason=dict(report.refused)),
            "calls": report.calls,
            "bytes": report.bytes,
            "seconds": seconds.value,
        },
        complete=Finding(
            "listing_complete",
            not (waits or report.given_up or report.revoked),
            {"activities_waiting": report.left, "activities_given_up": report.given_up},
            _advice(source, report),
            refuses=False,
        ),
        stopped=report.stopped,
    )


def _advice(source: ProviderSource, report: DeliveriesReport) -> str:
    if report.revoked:
        return (
            f"The athlete took the access to {source.spec.title} away, and no call is made any more. A new access: "
            f"{source.spec.command('login')}. To delete what is here: strava-pipeline purge."
        )
    if report.stopped:
        return str(report.stopped)
    given_up = f"{report.given_up} activities could not be fetched and are left to the next listing of their year."
    return given_up if report.given_up else "Some wait for the next run."


def follow_deliveries(run: RunContext, source: ProviderSource) -> DeliveriesReport:
    """Take in what came and ask for what it hints at, as far as the limits of now allow.

    Raises NeedsLoginError where the service refuses the login for another reason than the athlete's; what came stays queued.
    """
    name, webhooks = source.spec.name, _webhooks(source)
    with run.exclusive(lock_of(name)):
        calls = source.client.calls  # without a login, nothing is taken in
        require_writable(run.lake, run.lake.webhooks_of(name))

        def account() -> str | None:
            found = source.account_name
            return None if found == webhooks.any_account else found

        state, news, refused = take_in(run.lake, name, webhooks.read, account, run.now())
        work = _Work(run, source, state, DeliveriesReport(news, refused))
        try:
            work.follow()
        finally:
            save_queue(run.lake, name, work.state)
        work.report.calls = source.client.calls - calls
        work.report.left, work.report.feed_waits = len(work.state.waiting), work.state.feed is not None
        return work.report


def _webhooks(source: ProviderSource) -> WebhookSpec:
    webhooks = source.spec.webhooks
    assert webhooks is not None, "the provider sends deliveries"
    return webhooks


@dataclass(slots=True)
class _Due:
    """An activity to ask for."""

    source_id: str
    activity_id: int
    is_poisoned: bool  # it failed before: one attempt is enough


@dataclass(slots=True)
class _Work(ProviderCalls):
    """One run's work on what waits: the client of `fetch_each`. `state` is true at any moment; who made this saves it."""

    state: DeliveriesState
    report: DeliveriesReport
    _listing: Listing | None = None
    _due: dict[int, _Due] = field(default_factory=dict)
    _page: Page | None = None
    _withheld: set[int] = field(default_factory=set)

    def follow(self) -> None:
        """Ask whether the access stands, where that is in doubt; then the feed, or for each activity."""
        if self.state.claimed_at is not None and self._is_revoked():
            return
        now = self.run.now()
        if self.state.feed is not None and self.state.feed.may_be_fetched(now):
            self._sync(self.state.feed)
        if any(one.may_be_fetched(now) for one in self.state.waiting.values()):
            self._fetch(now)

    def _is_revoked(self) -> bool:
        """Whether the athlete took the access away. An event only claims that: the login itself is tried."""
        claimed_at = self.state.claimed_at
        assert claimed_at is not None
        try:
            self.probe()
        except NeedsLoginError:
            self.source.note_revoked(claimed_at)
            self.report.revoked = True
        except (LimitReachedError, TransientError) as error:
            self._stop(error)
            return True
        self.state.claimed_at = None
        return self.report.revoked

    def _sync(self, asked: QueuedHint) -> None:
        """Pull what the feed says; deliveries that come meanwhile are read by the next run."""
        try:
            pulled = pull_activities(self.run, self.source, ListingOptions(mode="incremental"), ())
        except (LimitReachedError, TransientError) as error:
            self._stop(error)
            self.state.feed = asked.postponed(self.run.now() + OUTAGE_PAUSE)
            return
        self.report.rows += pulled.rows
        self.report.bytes += pulled.bytes
        if isinstance(pulled.stopped, LimitReachedError):
            self.report.fetched.stopped = pulled.stopped
            return
        self.state.feed = None
        self.report.followed += pulled.rows

    def _fetch(self, now: datetime) -> None:
        """A call for each activity that may be asked for now and was not answered since its event."""
        for due in self._unanswered(now):
            self._due[due.activity_id] = due
        if not self._due:
            return
        require_writable(self.run.lake, self.run.lake.listings_of(self.source.spec.name))
        try:
            with progressing(self.run.progress, "Fetching what changed", len(self._due)) as advance:
                fetch_each(
                    self,
                    self._call,
                    iter(self._due.values()),
                    land=self._land,
                    land_failure=self._fail,
                    report=self.report.fetched,
                    tick=lambda: advance(1),
                )
        except TransientError as error:
            self._stop(error)
            self.state.rest((due.source_id for due in self._due.values()), self.run.now() + OUTAGE_PAUSE)
        finally:
            if self._listing is not None:
                self._listing.mark_ended()

    def _unanswered(self, now: datetime) -> Iterator[_Due]:
        """What is to be asked for, the newest event first. What a run that died was answered needs no second call."""
        name, queue = self.source.spec.name, self.state.waiting
        asked = sorted(queue.items(), key=lambda item: (item[1].at, item[0]), reverse=True)
        since = min(one.at for one in queue.values())
        answered = fetched_since(self.run.lake, name, self.source.account_name, since)
        for key, one in asked:
            activity_id = hashed_id(name, key)
            at = answered.get(activity_id)
            if at is not None and covers_event(one.at, at):
                self._settle(key)
            elif one.may_be_fetched(now):
                yield _Due(key, activity_id, one.tries > 0)

    def _call(self, activity_id: int, *, patient: bool) -> Page:
        try:
            self._page = self.source.hooked.get_activity(self._due[activity_id].source_id)
        except WithheldError:
            self._withheld.add(activity_id)
            raise
        return self._page

    def _land(self, due: _Due, body: bytes, at: datetime) -> None:
        assert self._page is not None, "it is what the call brought"
        read = self._page.read
        self._listed(at).land(read, body, {"id": due.source_id}, at, self.run.years)
        self.report.rows += len(read.activities)
        self.report.bytes += len(body)
        self.report.withheld += len(read.withheld)
        self._settle(due.source_id)

    def _fail(self, due: _Due, body: bytes, status: int | None, at: datetime) -> None:
        """What is said to be deleted, and is not there, is gone. Anything else is asked for again after a pause, a few times."""
        waiting = self.state.waiting[due.source_id]
        if due.activity_id in self._withheld:
            self.report.withheld += 1
            self._settle(due.source_id)
        elif status == 404 and waiting.is_deletion:
            self._listed(at).add_deletions([Deletion(activity_id=due.activity_id, at=at)])
            self._settle(due.source_id)
        else:
            self.report.given_up += self.state.is_given_up(due.source_id, at)

    def _listed(self, at: datetime) -> Listing:
        """The run's listing; it begins with the first answer."""
        if self._listing is None:
            self._listing = self.source.begin_listing(Window(mode="feed", after=None, before=None), at)
        return self._listing

    def _settle(self, source_id: str) -> None:
        del self.state.waiting[source_id]
        self.report.followed += 1

    def _stop(self, error: LimitReachedError | TransientError) -> None:
        if isinstance(error, LimitReachedError):
            self.report.fetched.stopped = error
        else:
            self.report.down = str(error)
