"""Waiting webhook events of a source and their results: a base for storing the answers about single activities."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from strava_pipeline.core.deliveries import News, covers_event
from strava_pipeline.core.errors import BudgetExhaustedError, CallCapReachedError, LimitReachedError, TransientError
from strava_pipeline.core.numbers import Numbers, if_any, sentence
from strava_pipeline.core.text import counted
from strava_pipeline.ingest.calls import Limit
from strava_pipeline.lake.bronze.deliveries import OUTAGE_PAUSE, Queue
from strava_pipeline.operations.fetching import YearsReport
from strava_pipeline.operations.options import EventsOptions
from strava_pipeline.operations.source import SourceCalls


@dataclass(slots=True)
class EventsReport(Numbers):
    """The results of the events.

    Args:
        fetches: the calls for single activities, and their results by year.
        activities_followed, activities_given_up: answered activities, and those left to the next listing.
        rows: activities that came as rows; `activities_withheld`: those that the service has but does not show.
        activities_waiting: activities that wait; `feed_waits`: whether the feed's request waits.
        revoked: the athlete withdrew the access.
        down: why nothing more could be asked, apart from limits.
    """

    news: News = field(repr=False)
    fetches: YearsReport = field(default_factory=YearsReport, repr=False)
    calls: int = 0
    rows: int = field(default=0, repr=False)
    activities_followed: int = 0
    activities_given_up: int = 0
    activities_withheld: int = 0
    activities_waiting: int = 0
    feed_waits: bool = field(default=False, repr=False)
    revoked: bool = field(default=False, repr=False)
    down: str = field(default="", repr=False)

    def shown(self) -> dict[str, Any]:
        fetched = self.fetches.fetched
        return {
            **Numbers.shown(self),
            "activities_changed": len(self.news.activities),
            "activities_deleted": len(self.news.gone),
            "events_refused": self.refused.total(),
            "bytes": fetched.bytes,
            **if_any(
                events_refused_by_reason=dict(self.refused),
                not_found_ids=list(map(str, fetched.gone_ids)),
                failed_ids=list(map(str, fetched.failed_ids)),
            ),
        }

    def __str__(self) -> str:
        return sentence(
            f"Followed webhooks: {counted(self.activities_followed, 'activity')} in {counted(self.calls, 'call')}",
            (self.activities_waiting, f"{self.activities_waiting} wait"),
            *((count, f"{count} refused: {why}") for why, count in sorted(self.refused.items())),
        )

    @property
    def refused(self) -> Counter[str]:
        """How many events were not this athlete's, by reason."""
        return self.news.refused

    @property
    def stopped(self) -> Limit | str | None:
        """The reason why the work ended early."""
        return self.fetches.fetched.stopped or self.down or None


@dataclass(slots=True)
class Answers(SourceCalls):
    """One run's work on the queue. `queue` is always up to date; the caller saves it."""

    queue: Queue = field(default_factory=Queue)
    report: EventsReport = field(default_factory=lambda: EventsReport(News()))

    @abstractmethod
    def note_gone(self, gone: Mapping[str, datetime]) -> None:
        """Store which activities are believed to be deleted, each since when (UTC)."""

    @abstractmethod
    def fetch(self, options: EventsOptions) -> None:
        """Make a call for each activity that may be asked for now and was not answered since its event."""

    def settle(self, key: str, answered_at: datetime | None = None) -> None:
        """Remove the activity from the queue; `answered_at`: when it was answered (UTC)."""
        one = self.queue.waiting.pop(key)
        if answered_at is not None and covers_event(one.at, answered_at):
            self.queue.followed[key] = one.at
        self.report.activities_followed += 1

    def give_up(self, key: str, at: datetime) -> None:
        """Postpone an activity that could not be fetched, a few times."""
        self.report.activities_given_up += self.queue.is_given_up(key, at)

    def stop(self, error: Limit | TransientError) -> None:
        """End the work after a limit or an outage; after an outage the rest is postponed."""
        if isinstance(error, BudgetExhaustedError | CallCapReachedError | LimitReachedError):
            self.report.fetches.fetched.stopped = error
            return
        self.report.down = str(error)
        now = self.run.now()
        self.queue.rest([key for key, one in self.queue.waiting.items() if one.may_be_fetched(now)], now + OUTAGE_PAUSE)
