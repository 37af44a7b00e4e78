"""Follow webhook events: from the inbox to bronze, one call for each activity that changed; and which years that concerns.

The functions about years only look: the caller may be a sensor, twice a minute.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from strava_pipeline.core.activities import local_years
from strava_pipeline.core.errors import TransientError
from strava_pipeline.core.json_values import parse_json
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.webhooks import EventSummary, WebhookEvent, covers_event, summarise_events
from strava_pipeline.core.years import YearRange
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.lake.bronze.answers import AnswerFiles, land_detail, landing_of, newest_answer, set_aside_newest
from strava_pipeline.lake.bronze.deliveries import OUTAGE_PAUSE, save_queue
from strava_pipeline.lake.bronze.events import (
    EventsState,
    Refuse,
    clear_inbox,
    has_unread_events,
    load_state,
    move_to_bronze,
    peek_events,
)
from strava_pipeline.lake.gold.event_followup import (
    LOCK,
    DueActivity,
    details_on_disk,
    is_answered,
    note_deletions,
    note_sighting,
    sort_queue,
    years_unmerged,
)
from strava_pipeline.lake.gold.publish import is_published, snapshot
from strava_pipeline.lake.gold.publish_pause import waiting_years
from strava_pipeline.lake.gold.warehouse import (
    is_outdated,
    read_if_usable,
)
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.operations.fetching import Errand, YearsReport, eta_of, fetch_by_year
from strava_pipeline.operations.options import EventsOptions
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.strava_source import StravaSource, budget_of
from strava_pipeline.settings import Settings

LOOKED_AT = 5000  # events; the run takes in all of them
ANOTHERS = "another athlete's activity"


@dataclass(slots=True)
class EventsReport:
    """What became of the events. `down`: Strava did not answer; `left`: activities that wait for their detail."""

    news: EventSummary
    refused: Counter[str]
    fetches: YearsReport = field(default_factory=YearsReport)
    followed: int = 0
    given_up: int = 0
    left: int = 0
    revoked: bool = False
    down: str | None = None


def fetch_event_details(run: RunContext, source: StravaSource, config: EventsOptions) -> EventsReport:
    """Take in what came and fetch what it asks for, as far as the limits of now allow; nothing is waited for."""
    lake = run.lake
    with run.exclusive(LOCK):
        owner = source.owner()
        state, news, refused = move_to_bronze(lake, load_state(lake), _refusing(source, owner), run.now())
        note_deletions(lake, news.gone, owner)
        save_queue(lake, STRAVA, state)
        work = _Work(run, source, clear_inbox(lake, state), owner, EventsReport(news, refused))
        try:
            if not work.is_revoked():
                work.fetch(config)
        finally:
            save_queue(lake, STRAVA, work.state)
        work.report.left = len(work.state.waiting)
        return work.report


def _refusing(source: StravaSource, owner: int | None) -> Refuse:
    """Why an event is not followed. What is not known is not refused: then the secret of the intake's path has to do."""
    subscription = source.subscription()

    def refuse(event: WebhookEvent) -> str | None:
        if owner is not None and event.owner_id != owner:
            return "another owner"
        return None if subscription.may_be(event.subscription_id) else "another subscription"

    return refuse


class _Work:
    """One run's work on what waits. `state` is true at any moment; who made this saves it."""

    def __init__(
        self, run: RunContext, source: StravaSource, state: EventsState, owner: int | None, report: EventsReport
    ) -> None:
        self.run, self.source, self.state, self.owner, self.report = run, source, state, owner, report
        self._due: dict[int, DueActivity] = {}

    def is_revoked(self) -> bool:
        """Whether the athlete took the access away. Anybody may send such an event: the login itself is asked."""
        claimed_at = self.state.claimed_at
        if claimed_at is not None and self.source.examine_revocation(claimed_at):
            self.state.claimed_at = None
        self.report.revoked = self.source.is_revoked
        return self.report.revoked

    def fetch(self, config: EventsOptions) -> None:
        """A call for each activity that may be asked for now and was not answered since its event."""
        run, source, fetches = self.run, self.source, self.report.fetches
        found = sort_queue(run.lake, self.state.waiting, run.years, run.now())
        for due, files in found.answered.items():
            self._sight(due, files)
        for key in found.finished:
            self._settle(key)
        if not found.due:
            return
        self._due = {due.activity_id: due for due in found.due}
        client = source.lister(config)
        calls, total = client.calls, len(found.due)
        errand = Errand(
            "details", lambda _: client.get_detail, self._unanswered, Lake.details_of, self._land, self._fail
        )
        try:
            with (
                client.pacing.without_waiting(),
                source.pace.calling(),
                progressing(run.progress, "Fetching what changed", total, eta_of(source, total)),
            ):
                fetch_by_year(run, source, errand, found.due, fetches)
        except TransientError as error:
            self.report.down = str(error)
            self.state.rest(self._due, run.now() + OUTAGE_PAUSE)
        fetches.calls = client.calls - calls

    def _unanswered(self, lake: Lake, chosen: Sequence[DueActivity]) -> list[DueActivity]:
        """Those that no other run was faster with."""
        files = details_on_disk(lake, {due.activity_id: due for due in chosen})
        left = []
        for due in chosen:
            answer = files.get(due.activity_id)
            if answer is not None and is_answered(due, answer):
                self._sight(due, answer)
            else:
                left.append(due)
        return left

    def _land(self, lake: Lake, _: int, activity_id: int, body: bytes, at: datetime) -> None:
        activity, due = parse_json(body), self._due[activity_id]
        athlete = activity.get("athlete")
        of = athlete.get("id") if isinstance(athlete, dict) else None
        if self.owner is not None and of not in (None, self.owner):
            self.report.refused[ANOTHERS] += 1
            self.state.refused[ANOTHERS] = self.state.refused.get(ANOTHERS, 0) + 1
            del self.state.waiting[activity_id]
            return
        years = self.run.years
        path = land_detail(lake, years.clamp(local_years([activity])[0]), activity_id, body, at)
        self._note(due, path, activity)

    def _fail(self, _: Lake, __: int, activity_id: int, body: bytes, status: int | None, at: datetime) -> None:
        self.report.given_up += self.state.is_given_up(activity_id, at)

    def _sight(self, due: DueActivity, files: AnswerFiles) -> None:
        """A detail that is on disk already tells of the summary, too. One that is damaged is fetched again next time."""
        activity = newest_answer(files)
        if activity is None or files.good is None:
            set_aside_newest(files)
        else:
            self._note(due, files.good, activity)

    def _note(self, due: DueActivity, detail: Path, activity: Json) -> None:
        at, _ = landing_of(detail)
        if covers_event(due.at, at):
            self.state.followed[due.activity_id] = due.at
        note_sighting(
            self.run.lake,
            detail,
            at,
            activity,
            listed=due.listed,
            years=self.run.years,
            athlete_id=self.owner,
        )
        self._settle(due.activity_id)

    def _settle(self, activity_id: int) -> None:
        del self.state.waiting[activity_id]
        self.report.followed += 1


def years_of_events(settings: Settings, state: EventsState, years: YearRange, clock: ServerClock) -> set[int]:
    """The partitions that a run now is likely to touch; none: there is nothing new that can be followed."""
    lake = Lake(settings.data_dir)
    news = summarise_events(peek_events(lake, state, LOOKED_AT), clock.now())
    waiting = {key for key, one in state.waiting.items() if one.may_be_fetched(clock.now())}
    if waiting and not has_unread_events(lake, state) and not _may_call(settings, clock):
        waiting = set()
    ids = waiting | news.changed.keys() | news.gone.keys()
    known: dict[int, int] = {}
    if ids and lake.snapshot.exists():
        with snapshot(lake) as connection:
            if not is_outdated(connection):
                known = dict(
                    connection.execute(sql("years_of_events"), {"source": STRAVA, "ids": list(ids)}).fetchall()
                )
    found = {years.clamp(year) for year in known.values()}
    if ids - known.keys() or (has_unread_events(lake, state) and not ids):
        found.add(years.newest)
    return found


def years_behind_events(lake: Lake, years: YearRange, *, may_wait: bool = False) -> set[int]:
    """The partitions where gold, or what is published, lacks something that was fetched or that an event said: a run died, or had
    another year. `may_wait`: what somebody publishes after a pause lacks nothing.
    """
    found = read_if_usable(lake, lambda connection: years_unmerged(connection, lake, years))
    if found is None:
        return set()  # whatever runs next makes the warehouse again
    waiting = waiting_years(lake)
    if waiting:
        return found if may_wait else found | waiting
    return found if found or is_published(lake) else {years.newest}


def _may_call(settings: Settings, clock: ServerClock) -> bool:
    """Whether a limit leaves a call to what is not the daily run."""
    return budget_of(settings, EventsOptions(), clock).remaining().governing.left > 0
