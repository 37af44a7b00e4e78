"""Which of the activities that wait for their detail are to be asked for now, and which need no call any more. Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from strava_pipeline.core.activities import SOMETIMES_LISTED
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.webhooks import QueuedActivity
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.answer_files import AnswerFiles, answer_files
from strava_pipeline.lake.listings import answer_times
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.quarantine import drops, standing
from strava_pipeline.lake.sightings import Listed
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.warehouse import reading

SHOWN_AFTER = timedelta(seconds=5)  # a detail that came so soon after an event may not show what it tells


@dataclass(frozen=True, slots=True)
class Due:
    """An activity to be asked for. `year`: where gold has it, else the newest; `listed`: what listings show of it."""

    activity_id: int
    year: int
    at: datetime
    listed: Listed
    is_poisoned: bool  # asked for in vain before: one attempt is enough


@dataclass(slots=True)
class Sorted:
    """What waits, sorted: to be asked for; answered since by a detail on disk; needing no answer."""

    due: list[Due] = field(default_factory=list)
    answered: dict[Due, AnswerFiles] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Fact:
    year: int
    deleted_at: datetime | None
    listed: Listed


def sort_waiting(lake: Lake, waiting: Mapping[int, QueuedActivity], years: YearRange, now: datetime) -> Sorted:
    """Of those that may be asked for now, newest event first."""
    found = Sorted()
    asked = {key: one for key, one in waiting.items() if one.may_be_fetched(now)}
    if not asked:
        return found
    facts, of_new = _facts(lake, asked, years)
    dropped, files = drops(lake), on_disk(lake, asked)
    for key, one in sorted(asked.items(), key=lambda item: (item[1].at, item[0]), reverse=True):
        fact, answer = facts.get(key, of_new), files.get(key)
        due = Due(key, fact.year, one.at, fact.listed, one.tries > 0)
        good_at = answer.good_at if answer else None
        if standing(dropped.get(key), good_at) or (fact.deleted_at is not None and fact.deleted_at >= one.at):
            found.settled.add(key)
        elif answer is not None and is_answered(due, answer):
            found.answered[due] = answer
        else:
            found.due.append(due)
    return found


def is_answered(due: Due, files: AnswerFiles) -> bool:
    """Whether a detail came after the event."""
    return files.good_at is not None and files.good_at >= due.at + SHOWN_AFTER


def on_disk(lake: Lake, ids: Mapping[int, object]) -> dict[int, AnswerFiles]:
    return answer_files(answer_times(lake), sorted(lake.details.glob("year=*")), ids.keys())


def _facts(lake: Lake, ids: Mapping[int, object], years: YearRange) -> tuple[dict[int, _Fact], _Fact]:
    """By activity, and of one that gold does not know."""
    with reading(lake) as connection:
        rows = connection.execute(sql("facts_of_events"), {"source": STRAVA, "ids": list(ids)}).fetchall()
    facts: dict[int, _Fact] = {}
    of_new = _Fact(years.newest, None, Listed())
    for key, year, deleted_at, *absent, extra in rows:
        without = tuple(name for name, is_absent in zip(SOMETIMES_LISTED, absent, strict=True) if is_absent)
        listed = Listed(without, tuple(sorted(extra or ())))
        if key is None:
            of_new = _Fact(years.newest, None, listed)
        else:
            facts[key] = _Fact(year, deleted_at and deleted_at.replace(tzinfo=UTC), listed)
    return facts, of_new
