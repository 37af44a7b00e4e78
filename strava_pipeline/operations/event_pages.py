"""Following the events of a source without details: an answer lands as a page of a listing, which proves nothing about others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from strava_pipeline.core.deliveries import covers_event
from strava_pipeline.core.errors import WithheldError
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.ingest.calls import fetch_each
from strava_pipeline.ingest.provider import Page
from strava_pipeline.lake.bronze.deliveries import fetched_since
from strava_pipeline.lake.bronze.landing import require_writable
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.manifests import Deletion, Window
from strava_pipeline.operations.event_answers import Answers
from strava_pipeline.operations.options import EventsOptions
from strava_pipeline.operations.progress import progressing


@dataclass(slots=True)
class _Due:
    """An activity to ask for."""

    source_id: str
    activity_id: int
    is_poisoned: bool  # it failed before: one attempt is enough


@dataclass(slots=True)
class PageAnswers(Answers):
    """Stores each answer as a page. A reported deletion counts if the service no longer has the activity."""

    _listing: Listing | None = None
    _due: dict[int, _Due] = field(default_factory=dict)
    _page: Page | None = None
    _withheld: set[int] = field(default_factory=set)

    def note_gone(self, gone: Mapping[str, datetime]) -> None:
        assert not gone, "a deletion is asked for"

    def fetch(self, options: EventsOptions) -> None:
        self._due = {due.activity_id: due for due in self._unanswered(self.run.now())}
        if not self._due:
            return
        require_writable(self.run.lake, self.run.lake.listings_of(self.source.spec.name))
        fetched = self.report.fetches.fetched
        try:
            with progressing(self.run.progress, "Fetching what changed", len(self._due)) as advance:
                fetch_each(
                    self,
                    self._call,
                    iter(self._due.values()),
                    land=self._land,
                    land_failure=self._fail,
                    report=fetched,
                    tick=lambda: advance(1),
                )
        finally:
            if self._listing is not None:
                self._listing.mark_ended()

    def _unanswered(self, now: datetime) -> Iterator[_Due]:
        """The activities to ask for, the newest event first. Answers that a dead run received need no second call."""
        name, waiting = self.source.spec.name, self.queue.waiting
        if not any(one.may_be_fetched(now) for one in waiting.values()):
            return
        asked = sorted(waiting.items(), key=lambda item: (item[1].at, item[0]), reverse=True)
        since = min(one.at for one in waiting.values())
        answered = fetched_since(self.run.lake, name, self.source.account_name, since)
        for key, one in asked:
            activity_id = hashed_id(name, key)
            at = answered.get(activity_id)
            if at is not None and covers_event(one.at, at):
                self.settle(key)
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
        self.report.activities_withheld += len(read.withheld)
        self.settle(due.source_id)

    def _fail(self, due: _Due, body: bytes, status: int | None, at: datetime) -> None:
        """An activity that is reported deleted and missing is gone. Anything else is asked for again after a pause, a
        few times.
        """
        if due.activity_id in self._withheld:
            self.report.activities_withheld += 1
            self.settle(due.source_id)
        elif status == 404 and self.queue.waiting[due.source_id].is_deletion:
            self._listed(at).add_deletions([Deletion(activity_id=due.activity_id, at=at)])
            self.settle(due.source_id)
        else:
            self.give_up(due.source_id, at)

    def _listed(self, at: datetime) -> Listing:
        """The run's listing; it begins with the first answer."""
        if self._listing is None:
            self._listing = self.source.begin_listing(Window(mode="feed", after=None, before=None), at)
        return self._listing
