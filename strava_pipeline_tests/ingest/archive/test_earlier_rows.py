"""What earlier archives said of an activity, whatever order they came in."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import permutations

import pytest

from strava_pipeline.core.files.archive_csv import ArchiveRow
from strava_pipeline.ingest.archive.earlier_rows import EarlierRows


def at(day: int) -> datetime:
    return datetime(2026, 1, day, tzinfo=UTC)


def rows(**told: str) -> list[ArchiveRow]:
    return [ArchiveRow(2, 1, summary=told), ArchiveRow(3, 1, summary={"name": "the second of one id"})]


ARCHIVES = {1: rows(name="first", description="a"), 2: rows(name="second", note="b"), 3: rows(name="third")}


@pytest.mark.parametrize("came", list(permutations(ARCHIVES)))
def test_of_each_field_the_newest_archive_that_says_something_counts(came: Iterable[int]) -> None:
    before = EarlierRows()
    for day in came:
        before.add(at(day), lambda day=day: ARCHIVES[day])  # type: ignore[misc]
    assert [dict(before.before(at(day))[1].summary) for day in (2, 3, 4)] == [
        {"name": "first", "description": "a"},
        {"name": "second", "description": "a", "note": "b"},
        {"name": "third", "description": "a", "note": "b"},
    ]
    assert before.before(at(1)) == {}


def test_where_nothing_came_before_there_is_nothing() -> None:
    assert EarlierRows().before(at(1)) == {}
