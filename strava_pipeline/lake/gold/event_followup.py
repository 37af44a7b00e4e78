"""Following webhook events: the details that are due, a listing per day for details and deletions, replays.

A change at Strava that was read back is handled in the same way. Shards, deletions and rebuild read such a listing like
any other. A detail is kept once, in its own place; the day's manifest refers to it. Writers of these listings hold the
lock of the source's deliveries.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from strava_pipeline.core.activities import SOMETIMES_LISTED, local_years, summary_of_detail
from strava_pipeline.core.deliveries import Queued
from strava_pipeline.core.json_values import parse_json
from strava_pipeline.core.providers import ReadPage
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.answers import AnswerFiles, answer_files, land_detail, landing_of
from strava_pipeline.lake.bronze.expired import expired_ids
from strava_pipeline.lake.bronze.listing import Listing, begin_listing, read_listing
from strava_pipeline.lake.bronze.listings import answer_times, listings
from strava_pipeline.lake.bronze.manifests import Deletion, Window, page_entry
from strava_pipeline.lake.gold.deletions import event_listings, judged_deletions
from strava_pipeline.lake.gold.merge import merged_pages, unmerged_years
from strava_pipeline.lake.gold.publish import snapshot, snapshot_file
from strava_pipeline.lake.gold.quarantine import drop_in_force, drops
from strava_pipeline.lake.gold.warehouse import Connection, reading
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

SHOWN_AFTER = timedelta(seconds=5)  # a detail received so soon after an event may not show the change
_WINDOW = Window(mode="event", after=None, before=None)
_MOVING = {"fetched_at"}  # new with each answer


@dataclass(frozen=True, slots=True)
class ListedFields:
    """The fields of an activity that listings show and lack: see core/activities.py."""

    without: tuple[str, ...] = SOMETIMES_LISTED
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DueActivity:
    """An activity to fetch. `year`: its partition in gold, else the newest; `listed`: the fields that listings show."""

    activity_id: int
    year: int
    at: datetime
    listed: ListedFields
    is_poisoned: bool  # it failed before: one attempt is enough


@dataclass(slots=True)
class SortedQueue:
    """The queue, sorted: to be fetched; answered by a detail on disk; needing no answer."""

    due: list[DueActivity] = field(default_factory=list)
    answered: dict[DueActivity, AnswerFiles] = field(default_factory=dict)
    finished: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Fact:
    year: int
    deleted_at: datetime | None
    listed: ListedFields


def sort_queue(lake: Lake, waiting: Mapping[int, Queued], years: YearRange, now: datetime) -> SortedQueue:
    """Sort the activities of the queue that may be fetched now, newest event first."""
    found = SortedQueue()
    asked = {key: one for key, one in waiting.items() if one.may_be_fetched(now)}
    if not asked:
        return found
    facts, of_new = _facts(lake, asked, years)
    dropped, files, expired = drops(lake), details_on_disk(lake, asked), expired_ids(lake)
    for key, one in sorted(asked.items(), key=lambda item: (item[1].at, item[0]), reverse=True):
        fact, answer = facts.get(key, of_new), files.get(key)
        due = DueActivity(key, fact.year, one.at, fact.listed, one.tries > 0)
        good_at = answer.good_at if answer else None
        if (
            key in expired
            or drop_in_force(dropped.get(key), good_at)
            or (fact.deleted_at is not None and fact.deleted_at >= one.at)
        ):
            found.finished.add(key)
        elif answer is not None and is_answered(due, answer):
            found.answered[due] = answer
        else:
            found.due.append(due)
    return found


def is_answered(due: DueActivity, files: AnswerFiles) -> bool:
    """Whether a detail came after the event."""
    return files.good_at is not None and files.good_at >= due.at + SHOWN_AFTER


def details_on_disk(lake: Lake, ids: Mapping[int, object]) -> dict[int, AnswerFiles]:
    return answer_files(answer_times(lake), sorted(lake.details.glob("year=*")), ids.keys())


def _facts(lake: Lake, ids: Mapping[int, object], years: YearRange) -> tuple[dict[int, _Fact], _Fact]:
    """The facts by activity, and those of an activity unknown to gold."""
    with reading(lake) as connection:
        rows = connection.execute(sql("facts_of_events"), {"source": STRAVA, "ids": list(ids)}).fetchall()
    facts: dict[int, _Fact] = {}
    of_new = _Fact(years.newest, None, ListedFields())
    for key, year, deleted_at, *absent, extra in rows:
        without = tuple(name for name, is_absent in zip(SOMETIMES_LISTED, absent, strict=True) if is_absent)
        listed = ListedFields(without, tuple(sorted(extra or ())))
        if key is None:
            of_new = _Fact(years.newest, None, listed)
        else:
            facts[key] = _Fact(year, deleted_at and deleted_at.replace(tzinfo=UTC), listed)
    return facts, of_new


def note_sighting(
    lake: Lake,
    detail: Path,
    at: datetime,
    activity: Json,
    *,
    listed: ListedFields,
    years: YearRange,
    athlete_id: int | None,
) -> bool:
    """Enter a detail on disk into the day's listing as a summary; False if it is already there."""
    listing = _of_day(lake, at, athlete_id)
    file = os.path.relpath(detail, listing.folder)
    if any(page.file == file for page in listing.manifest.pages):
        return False
    summary = [summary_of_detail(activity, without=listed.without, also=listed.also)]
    number = landing_of(detail)[1]
    entry = page_entry(file, ReadPage(summary), detail.stat().st_size, {"id": activity["id"]}, at, years, landed=number)
    listing.add_detail(entry.model_copy(update={"without": [*listed.without], "also": [*listed.also]}))
    return True


def keep_read_back(lake: Lake, body: bytes, at: datetime, years: YearRange, athlete_id: int | None) -> None:
    """Store a detail that came (at `at`, UTC) after a change at Strava, in the same way as after an event."""
    activity = parse_json(body)
    key = activity["id"]
    facts, of_new = _facts(lake, {key: None}, years)
    path = land_detail(lake, years.clamp(local_years([activity])[0]), key, body, at)
    listed = facts.get(key, of_new).listed
    note_sighting(lake, path, at, activity, listed=listed, years=years, athlete_id=athlete_id)


def note_deletions(lake: Lake, gone: Mapping[int, datetime], athlete_id: int | None) -> None:
    """Enter the activities that events report as deleted, each with its time (UTC), into the days' listings, once."""
    by_day: dict[str, list[Deletion]] = {}
    for activity_id, at in gone.items():
        by_day.setdefault(_day(at), []).append(Deletion(activity_id=activity_id, at=at))
    for reported in by_day.values():
        listing = _of_day(lake, min(one.at for one in reported), athlete_id)
        known = {(one.activity_id, one.at) for one in listing.manifest.gone}
        if new := [one for one in reported if (one.activity_id, one.at) not in known]:
            listing.add_deletions(new)


def years_unmerged(connection: Connection, lake: Lake, within: YearRange) -> set[int]:
    """The partitions for which gold has not merged all of these listings, deletions included."""
    merged = merged_pages(connection)
    found, gone = set(), set()
    judged = judged_deletions(connection)
    for listing in event_listings(listings(lake)):
        found |= unmerged_years(merged, listing, within)
        gone |= {one.activity_id for one in listing.manifest.gone} - judged.get(listing.name, set())
    known = connection.execute(sql("years_of_events"), {"source": STRAVA, "ids": list(gone)}).fetchall()
    return found | {within.clamp(year) for _, year in known}


def digest_of_events(lake: Lake) -> str:
    """A hash that changes as soon as an event's detail or deletion is entered."""
    days = sorted(lake.listings.glob(f"*-{_WINDOW.mode}/manifest.json")) if lake.listings.is_dir() else []
    looks = [(path.parent.name, path.stat().st_mtime_ns) for path in days]
    return hashlib.blake2b(repr(looks).encode(), digest_size=8).hexdigest()


def _of_day(lake: Lake, at: datetime, athlete_id: int | None) -> Listing:
    """The day's listing; a new one if none can be read."""
    for folder in sorted(lake.listings.glob(f"{_day(at)}T*-{_WINDOW.mode}")):
        with suppress(FileNotFoundError, ValidationError):
            return read_listing(folder, lake)
    return begin_listing(lake, _WINDOW, athlete_id=athlete_id, at=at)


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%d}"


@dataclass(frozen=True, slots=True)
class Change:
    """An activity whose detail changed with an answer, and the columns that differ."""

    activity_id: int
    fields: list[str]


@dataclass(frozen=True, slots=True)
class PublishedDetails:
    """Published details by activity (no columns if it has none), and which activities are deleted."""

    details: dict[int, dict[str, Any]]
    deleted: frozenset[int]

    def changes_to(self, later: "PublishedDetails") -> list[Change]:
        """The differences to a later state of the same activities."""
        found = []
        for key, before in self.details.items():
            after = later.details.get(key, {})
            fields = [name for name in after if name not in _MOVING and after[name] != before.get(name)]
            if fields:
                found.append(Change(key, sorted(fields)))
        return found

    def followed_in(self, later: "PublishedDetails") -> list[int]:
        """The activities that got a new answer in between."""
        return [
            key
            for key, before in self.details.items()
            if later.details.get(key, {}).get("fetched_at") != before.get("fetched_at")
        ]


def published_ids(lake: Lake, years: Sequence[int]) -> list[int]:
    """The ids of published activities of the API in `years`, not deleted, newest first. Raises PipelineError if nothing
    is published.
    """
    snapshot_file(lake)
    with snapshot(lake) as connection:
        return [
            key for (key,) in connection.execute(sql("replayed"), {"source": STRAVA, "years": list(years)}).fetchall()
        ]


def published_details(lake: Lake, ids: Sequence[int]) -> PublishedDetails:
    """The details of these activities as published now."""
    with snapshot(lake) as connection:
        rows = connection.execute(sql("replayed_details"), {"source": STRAVA, "ids": list(ids)}).fetchall()
    details = {key: json.loads(row) if row else {} for key, row, _ in rows}
    return PublishedDetails(details, frozenset(key for key, _, is_deleted in rows if is_deleted))
