"""Which details, streams and providers' files to fetch: chosen from gold, the disk, and existing tracks. No fetching.

Missing details and those whose summary was edited since come first, newest first. Then, if a run has calls to spare,
come recent details that have not been fetched for long: edits of descriptions and efforts leave no trace in a listing.
Streams are fetched once; an edit doesn't change the recording, unless it was cut or repaired, which shows in its
distance or times. Files are fetched for activities without a track from any source.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.lake.bronze.answers import AnswerFiles, detail_files, has_no_streams, stream_files
from strava_pipeline.lake.gold.quarantine import drop_in_force, drops, last_decisions
from strava_pipeline.lake.gold.warehouse import Connection, reading
from strava_pipeline.lake.imports.activities import imported_activities
from strava_pipeline.lake.imports.files import is_stored
from strava_pipeline.lake.made.tracks import (
    is_from_file,
    recorded_tracks,
    track_origins,
    tracked_ids,
    tracks_by_activity,
)
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import file_answers, has_no_file, provider_files
from strava_pipeline.lake.sql import sql

REFRESH_REST = timedelta(hours=20)  # a daily run may come early; twice a day is a wasted call


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run is asked to fetch.

    Args:
        since, first_on, last_on: bounds of the start (an instant, and two local dates). However long before `since` it
            started, an activity that was edited since its fetch is due, and so is one without a detail that was first seen
            after `new_since`.
        ids: names activities, which are then fetched again.
        refresh_before: a detail inside `since` that was fetched before this moment is fetched again, at most
            `refresh_calls`
            of them (None: any number); None disables this.
        patient: a named activity that rests after a failure is not fetched, like any other.
        sports: only activities of these; None for all.
    """

    since: datetime | None = None
    new_since: datetime | None = None
    first_on: date | None = None
    last_on: date | None = None
    ids: frozenset[int] | None = None
    refresh_before: datetime | None = None
    refresh_calls: int | None = None
    patient: bool = False
    sports: frozenset[str] | None = None


class _Retried:
    """What the `files` of an activity on disk say about asking for it again."""

    __slots__ = ()
    files: AnswerFiles | None

    @property
    def is_poisoned(self) -> bool:
        """Whether it always fails, so that one attempt is enough."""
        return self.files is not None and self.files.is_quarantined

    def is_resting(self, now: datetime) -> bool:
        """Whether it failed and the pause after that is not over."""
        return self.files is not None and self.files.retry_at is not None and now < self.files.retry_at


@dataclass(frozen=True, slots=True)
class Candidate(_Retried):
    """An activity that isn't deleted, and when its detail was last received (in gold or on disk), if ever."""

    activity_id: int
    year: int
    start_date: datetime | None
    local_on: date | None
    edited_at: datetime
    fetched_at: datetime | None
    files: AnswerFiles | None
    sport: str | None = None
    is_dropped: bool = False  # a person decided that it is not fetched any more

    @property
    def refetched(self) -> bool:
        """Whether the detail was received more than once."""
        return self.files is not None and self.files.fetches > 1

    def with_files(self, files: AnswerFiles | None) -> "Candidate":
        """The same candidate with these files on disk."""
        doubted = files is not None and files.times is not None and self.fetched_at not in files.times
        in_gold = None if doubted else self.fetched_at
        times = [at for at in (in_gold, files.good_at if files else None) if at is not None]
        return replace(self, files=files, fetched_at=max(times, default=None))

    @property
    def is_edited(self) -> bool:
        """Whether it was edited since its detail was fetched."""
        return self.fetched_at is not None and self.fetched_at < self.edited_at

    @property
    def is_lost(self) -> bool:
        """Whether the fetched detail can no longer be read on disk, even if gold has it."""
        return self.files is not None and self.files.lost

    @property
    def is_due(self) -> bool:
        """Whether the detail is missing, older than an edit, or damaged on disk."""
        return self.fetched_at is None or self.is_edited or self.is_lost


@dataclass(frozen=True, slots=True)
class DetailSelection:
    """What to fetch, in order: `due` first, then `refresh`. `resting`: activities that wait for their retry."""

    due: list[Candidate]
    refresh: list[Candidate]
    resting: list[Candidate]


def select_details(lake: Lake, years: Sequence[int], scope: Scope, now: datetime) -> DetailSelection:
    """Choose from the activities of `years` that aren't deleted."""
    due: list[Candidate] = []
    refresh: list[Candidate] = []
    resting: list[Candidate] = []
    spent = 0
    for candidate in detail_candidates(lake, years):
        if candidate.is_dropped or not _inside(candidate, scope):
            continue
        named = scope.ids is not None
        again = (
            scope.refresh_before is not None and (candidate.fetched_at or scope.refresh_before) < scope.refresh_before
        )
        if candidate.is_resting(now) and (scope.patient or not named):
            resting.append(candidate)
        elif candidate.is_due or (named and again):
            due.append(candidate)
        elif again and scope.since is not None:
            refresh.append(candidate)
        elif scope.refresh_calls and candidate.refetched:
            spent += 1  # fetched again since `refresh_before`: part of this day's allowance is used
    refresh.sort(key=lambda candidate: candidate.fetched_at or candidate.edited_at)
    allowance = None if scope.refresh_calls is None else max(scope.refresh_calls - spent, 0)
    return DetailSelection(due, refresh[:allowance], resting)


def unfetched_details(lake: Lake, chosen: Sequence[Candidate]) -> list[Candidate]:
    """Those of `chosen` without new files on disk since they were chosen: another run may have fetched some."""
    return [
        now for before, now in zip(chosen, with_current_files(lake, chosen), strict=True) if now.files == before.files
    ]


def with_current_files(lake: Lake, chosen: Sequence[Candidate]) -> list[Candidate]:
    """The same candidates with the files that are on disk now."""
    on_disk = {year: detail_files(lake, year) for year in {candidate.year for candidate in chosen}}
    return [candidate.with_files(on_disk[candidate.year].get(candidate.activity_id)) for candidate in chosen]


def detail_candidates(lake: Lake, years: Sequence[int]) -> list[Candidate]:
    """Every activity of `years` that isn't deleted, newest first."""
    with reading(lake) as connection:
        rows = connection.execute(sql("wanted_details"), {"source": STRAVA, "years": list(years)}).fetchall()
    on_disk = {year: detail_files(lake, year) for year in {row[1] for row in rows}}
    found = [_candidate(row).with_files(on_disk[row[1]].get(row[0])) for row in rows]
    dropped = drops(lake)
    return [
        replace(each, is_dropped=drop_in_force(dropped.get(each.activity_id), each.fetched_at) is not None)
        if each.activity_id in dropped
        else each
        for each in found
    ]


def _candidate(row: tuple[int, int, datetime | None, date | None, datetime, datetime | None, str | None]) -> Candidate:
    activity_id, year, start_date, local_on, edited_at, fetched_at, sport = row
    return Candidate(
        activity_id=activity_id,
        year=year,
        start_date=start_date and start_date.replace(tzinfo=UTC),
        local_on=local_on,
        edited_at=edited_at.replace(tzinfo=UTC),
        fetched_at=fetched_at and fetched_at.replace(tzinfo=UTC),
        files=None,
        sport=sport,
    )


def _inside(candidate: Candidate, scope: Scope) -> bool:
    if scope.sports is not None and candidate.sport not in scope.sports:
        return False
    if scope.ids is not None:
        return candidate.activity_id in scope.ids
    recent = candidate.start_date is not None and (scope.since is None or candidate.start_date >= scope.since)
    is_new = scope.new_since is not None and candidate.fetched_at is None and candidate.edited_at > scope.new_since
    if scope.since is not None and not (recent or is_new or candidate.is_edited or candidate.is_lost):
        return False
    if scope.first_on is not None and (candidate.local_on is None or candidate.local_on < scope.first_on):
        return False
    return scope.last_on is None or (candidate.local_on is not None and candidate.local_on <= scope.last_on)


@dataclass(frozen=True, slots=True)
class StreamCandidate(_Retried):
    """An activity that may have streams, not deleted, and its files on disk."""

    activity_id: int
    year: int
    recut_at: datetime | None = None  # when a listing first showed another distance or time
    files: AnswerFiles | None = None

    @property
    def is_due(self) -> bool:
        """Whether no answer came yet, the recording was cut or repaired at the source since, or the answer is damaged."""
        if self.files is None:
            return True
        if has_no_streams(self.files):
            return False
        good_at = self.files.good_at
        return good_at is None or self.files.lost or (self.recut_at is not None and good_at < self.recut_at)


@dataclass(frozen=True, slots=True)
class StreamSelection:
    """What to fetch, in order, and the activities that wait for their retry."""

    due: list[StreamCandidate]
    resting: list[StreamCandidate]


def select_streams(lake: Lake, years: Sequence[int], now: datetime, sports: Sequence[str] = ()) -> StreamSelection:
    """Choose the activities of `years` without streams or a file's track, newest first, without dropped ones.

    `sports`: only activities of these; empty for all.
    """
    with reading(lake) as connection:
        values = {"source": STRAVA, "years": list(years), "sports": list(sports) or None}
        rows = connection.execute(sql("streamable"), values).fetchall()
        recorded = tracks_by_activity(connection, recorded_tracks(lake, imported_activities(lake))).keys()
        members = dict(connection.execute("SELECT id, activity_id FROM activity_members").fetchall())
    origins = [origin for year in {row[1] for row in rows} for origin in track_origins(lake, year).items()]
    filed = recorded | {key for key, origin in origins if is_from_file(origin)}
    fetched = {one for one, files in stream_files(lake, members.keys()).items() if files.good_at}
    elsewhere_fetched = {members[one] for one in fetched}  # under another id of the same activity
    elsewhere = {one for one, activity in members.items() if activity in elsewhere_fetched and one not in fetched}
    left_out = filed | drops(lake).keys() | elsewhere
    lacking = due_streams(
        lake,
        [StreamCandidate(key, year, at and at.replace(tzinfo=UTC)) for key, year, at in rows if key not in left_out],
    )
    return StreamSelection(
        due=[each for each in lacking if not each.is_resting(now)],
        resting=[each for each in lacking if each.is_resting(now)],
    )


def due_streams(lake: Lake, chosen: Iterable[StreamCandidate]) -> list[StreamCandidate]:
    """Those of `chosen` that are due by the files on disk now."""
    return [each for each in _as_of_now(lake, chosen) if each.is_due]


def unfetched_streams(lake: Lake, chosen: Sequence[StreamCandidate]) -> list[StreamCandidate]:
    """Those of `chosen` without new files on disk since they were chosen: another run may have fetched some."""
    return [now for before, now in zip(chosen, _as_of_now(lake, chosen), strict=True) if now.files == before.files]


def _as_of_now(lake: Lake, chosen: Iterable[StreamCandidate]) -> list[StreamCandidate]:
    found = {each.activity_id: each for each in chosen}
    on_disk = stream_files(lake, found.keys())
    return [replace(each, files=on_disk.get(key)) for key, each in found.items()]


@dataclass(frozen=True, slots=True)
class WantedFile(_Retried):
    """A provider's activity without a track from any source, not deleted, and its file's answers on disk."""

    activity_id: int
    source_id: str
    year: int
    files: AnswerFiles | None = None
    retried_at: datetime | None = None  # when a person last wanted it to be asked for again

    def is_resting(self, now: datetime) -> bool:
        """Whether the last attempt failed and the pause after it is not over, unless a person ended the pause."""
        if self.files is None or self.files.failed_at is None or self.files.retry_at is None:
            return False
        return now < self.files.retry_at and (self.retried_at is None or self.retried_at < self.files.failed_at)


def wanted_files(lake: Lake, source: str, account: str | None, years: Sequence[int]) -> list[WantedFile]:
    """The activities of `source` and `account` in `years` whose file is to be asked for, newest first.

    No source has a track of them, no file came, the provider did not say that there is none, and no person dropped
    them. A file whose bytes are gone from the disk did not come.
    """
    with reading(lake) as connection:
        return files_wanted_in(connection, lake, source, account, years, tracked_activities(lake))


def files_wanted_in(
    connection: Connection,
    lake: Lake,
    source: str,
    account: str | None,
    years: Sequence[int],
    tracked: Set[int],
) -> list[WantedFile]:
    """As `wanted_files`, for an open warehouse, working or published; `tracked`: from `tracked_activities`."""
    values = {"source": source, "account": account, "years": list(years), "tracked": sorted(tracked)}
    rows = connection.execute(sql("wanted_files"), values).fetchall()
    came = {file.activity_id for file in provider_files(lake, source) if is_stored(lake, file.record.sha256)}
    answers, decided = file_answers(lake, source), last_decisions(lake)
    retried = {activity_id: last.at for activity_id, last in decided.items() if not last.dropped}
    left_out = came | {activity_id for activity_id, last in decided.items() if last.dropped}
    wanted = [
        WantedFile(activity_id, source_id, year, answers.get(activity_id), retried.get(activity_id))
        for activity_id, source_id, year in rows
        if activity_id not in left_out
    ]
    return [activity for activity in wanted if activity.files is None or not has_no_file(activity.files)]


def tracked_activities(lake: Lake) -> set[int]:
    """The ids with a track on disk, or with data on disk for one: streams, imports, providers' files."""
    streamed = {activity_id for activity_id, files in stream_files(lake).items() if files.good_at is not None}
    return tracked_ids(lake) | streamed | recorded_tracks(lake, imported_activities(lake)).keys()
