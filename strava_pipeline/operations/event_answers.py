"""What waits of a source's webhook events, and what became of it: a base for how the answers about single activities are kept."""

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
    """What became of the events.

    Args:
        fetches: the calls for single activities, and what came of them by year.
        activities_followed, activities_given_up: activities that were answered, and that are left to the next listing.
        rows: activities that came as rows; `activities_withheld`: those that the service has and does not show.
        activities_waiting: activities that wait; `feed_waits`: so does the question to the feed.
        revoked: the athlete took the access away.
        down: why nothing more could be asked, though no limit stopped it.
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
        """How many events were of others, by reason."""
        return self.news.refused

    @property
    def stopped(self) -> Limit | str | None:
        """What ended the work early."""
        return self.fetches.fetched.stopped or self.down or None


@dataclass(slots=True)
class Answers(SourceCalls):
    """One run's work on what waits. `queue` is true at any moment; who made this saves it."""

    queue: Queue = field(default_factory=Queue)
    report: EventsReport = field(default_factory=lambda: EventsReport(News()))

    @abstractmethod
    def note_gone(self, gone: Mapping[str, datetime]) -> None:
        """Keep which activities are believed to be gone, each since when (UTC)."""

    @abstractmethod
    def fetch(self, options: EventsOptions) -> None:
        """A call for each activity that may be asked for now and was not answered since its event."""

    def settle(self, key: str, answered_at: datetime | None = None) -> None:
        """Nothing more is to be asked about the activity; `answered_at`: when it was answered (UTC)."""
        one = self.queue.waiting.pop(key)
        if answered_at is not None and covers_event(one.at, answered_at):
            self.queue.followed[key] = one.at
        self.report.activities_followed += 1

    def give_up(self, key: str, at: datetime) -> None:
        """The activity could not be fetched: it is asked for again after a pause, a few times."""
        self.report.activities_given_up += self.queue.is_given_up(key, at)

    def stop(self, error: Limit | TransientError) -> None:
        """A limit, or an outage, ends the work; what waits is put off after an outage."""
        if isinstance(error, BudgetExhaustedError | CallCapReachedError | LimitReachedError):
            self.report.fetches.fetched.stopped = error
            return
        self.report.down = str(error)
        now = self.run.now()
        self.queue.rest([key for key, one in self.queue.waiting.items() if one.may_be_fetched(now)], now + OUTAGE_PAUSE)
