"""lake.wanted and lake.detail_files: which details a run asks for, and when a failed one is asked for again."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from strava_pipeline.lake.bronze.answers import EARLY, detail_files, land_detail
from strava_pipeline.lake.gold.fetch_selection import REFRESH_REST, Candidate, Scope, select_details, unfetched_details
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.imports.merge import merge_details
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import (
    ALL,
    DAY,
    HOUR,
    NOW,
    SECOND,
    activity,
    detailed,
    land,
    land_failed_detail,
    listed,
    merge,
    started,
)

LATER = NOW + 10 * DAY


@pytest.fixture(scope="module")
def stock(module_lake: Lake) -> Lake:
    """Gold with five activities of 2025 and 2026, listed at NOW, without details."""
    listed(
        module_lake,
        [
            activity(1, "2025-12-31T23:30:00Z", start_date_local="2026-01-01T00:30:00Z"),
            activity(2, "2025-05-05T06:00:00Z"),
            activity(3, "2026-05-30T06:00:00Z"),
            activity(4, "2026-05-31T06:00:00Z"),
            {**activity(5), "start_date": None, "start_date_local": "2025-02-01T00:00:01Z"},
        ],
    )
    merge(module_lake)
    return module_lake


def ids(candidates: Sequence[Candidate]) -> list[int]:
    return [candidate.activity_id for candidate in candidates]


def due(lake: Lake, scope: Scope = Scope(), years: Sequence[int] = ALL, now: datetime = NOW) -> list[int]:
    return ids(select_details(lake, years, scope, now).due)


def fetched(lake: Lake, *activity_ids: int, at: datetime, year: int = 2026) -> None:
    detailed(lake, *(activity(each) for each in activity_ids), year=year, at=at, numbered=at >= NOW)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (Scope(), [4, 3, 1, 2, 5]),
        (Scope(since=NOW - 21 * DAY), [4, 3]),
        (Scope(since=NOW - 2 * DAY), [4]),
        (Scope(first_on=date(2026, 1, 1)), [4, 3, 1]),
        (Scope(last_on=date(2025, 12, 31)), [2, 5]),
        (Scope(first_on=date(2025, 2, 1), last_on=date(2025, 2, 1)), [5]),
        (Scope(ids=frozenset({2, 99}), refresh_before=NOW), [2]),
        (Scope(ids=frozenset(), refresh_before=NOW), []),
    ],
    ids=repr,
)
def test_missing_details_are_due_newest_first_in_the_scope(stocked: Lake, scope: Scope, expected: list[int]) -> None:
    assert due(stocked, scope) == expected


def test_only_the_sports_asked_for_are_looked_at_and_the_deprecated_type_stands_in(stocked: Lake) -> None:
    with writing(stocked) as connection:
        connection.execute("UPDATE activities_all SET sport_type = 'Hike', type = 'Ride' WHERE id IN (2, 3)")
        connection.execute("UPDATE activities_all SET sport_type = NULL, type = 'Hike' WHERE id = 4")
        connection.execute("UPDATE activities_all SET sport_type = NULL, type = NULL WHERE id = 5")
    assert due(stocked, Scope(sports=frozenset({"Hike"}))) == [4, 3, 2]
    assert due(stocked, Scope(sports=frozenset({"Hike", "Swim"}), last_on=date(2025, 12, 31))) == [2]
    assert due(stocked, Scope(sports=frozenset({"Swim"}))) == []


def test_only_the_years_asked_for_are_looked_at(stocked: Lake) -> None:
    assert due(stocked, years=[2025]) == [2, 5]
    assert due(stocked, years=[2026]) == [4, 3, 1]
    assert due(stocked, years=[]) == []


def test_what_is_on_disk_is_not_asked_for_again_although_gold_has_not_seen_it(stocked: Lake) -> None:
    fetched(stocked, 4, at=NOW + SECOND)
    assert due(stocked) == [3, 1, 2, 5]
    merge_details(stocked, [2026])
    assert due(stocked) == [3, 1, 2, 5]


def test_what_another_run_fetched_or_failed_to_fetch_since_it_was_chosen_is_wanted_no_more(stocked: Lake) -> None:
    fetched(stocked, 2, at=NOW - DAY, year=2025)
    chosen = select_details(stocked, ALL, Scope(), NOW).due
    assert ids(unfetched_details(stocked, chosen)) == ids(chosen) == [4, 3, 1, 2, 5]
    fetched(stocked, 4, at=NOW + SECOND)
    fetched(stocked, 2, at=NOW + SECOND, year=2025)
    land_failed_detail(stocked, 2026, 1, b"oops", 500, NOW + SECOND)
    assert ids(unfetched_details(stocked, chosen)) == [3, 5]


def test_what_is_in_gold_is_not_asked_for_again_although_its_year_was_edited_since(stocked: Lake) -> None:
    fetched(stocked, 4, at=NOW + SECOND, year=2025)
    merge_details(stocked, [2025])
    assert 4 not in due(stocked)


def test_deleted_activities_are_never_asked_for(stocked: Lake) -> None:
    with writing(stocked) as connection:
        connection.execute("UPDATE activities_all SET deleted_at = $now WHERE id = 4", {"now": NOW})
    assert due(stocked) == [3, 1, 2, 5]
    assert due(stocked, Scope(ids=frozenset({4}), refresh_before=NOW)) == []


@pytest.mark.parametrize(
    ("edit", "again"),
    [({"name": "Edited"}, True), ({"kudos_count": 9}, False), ({"sport_type": "Ride"}, True), ({}, False)],
)
def test_an_edited_activity_is_due_again_one_with_kudos_is_not(lake: Lake, edit: dict[str, Any], again: bool) -> None:
    listed(lake, [activity(1)])
    merge(lake)
    fetched(lake, 1, at=NOW + HOUR, year=2025)
    assert due(lake) == []
    listed(lake, [activity(1, **edit)], at=NOW + DAY)
    merge(lake)
    assert due(lake) == ([1] if again else [])
    fetched(lake, 1, at=NOW + DAY + HOUR, year=2025)
    assert due(lake) == []


WINDOW = Scope(since=NOW - 21 * DAY, refresh_before=LATER - REFRESH_REST, refresh_calls=50)


def test_with_calls_to_spare_the_window_is_looked_at_again_least_recently_fetched_first(stocked: Lake) -> None:
    fetched(stocked, 1, 3, at=NOW + 2 * HOUR)
    fetched(stocked, 4, at=NOW + 3 * HOUR)
    found = select_details(stocked, ALL, WINDOW, LATER)
    assert (ids(found.due), ids(found.refresh)) == ([], [3, 4])
    assert ids(select_details(stocked, ALL, Scope(), LATER).refresh) == []


@pytest.mark.parametrize(("age", "again"), [(REFRESH_REST - SECOND, []), (REFRESH_REST + SECOND, [4])])
def test_what_was_fetched_in_the_last_20_hours_is_left_alone(stocked: Lake, age: timedelta, again: list[int]) -> None:
    fetched(stocked, 3, at=LATER - SECOND)
    fetched(stocked, 4, at=LATER - age)
    assert ids(select_details(stocked, ALL, WINDOW, LATER).refresh) == again


@pytest.mark.parametrize(("calls", "expected"), [(None, 12), (50, 12), (12, 12), (5, 5), (1, 1), (0, 0)])
def test_no_more_are_looked_at_again_than_a_day_allows(lake: Lake, calls: int | None, expected: int) -> None:
    listed(lake, [activity(number, "2026-05-30T06:00:00Z") for number in range(12)])
    merge(lake)
    fetched(lake, *range(12), at=NOW + HOUR)
    scope = Scope(since=NOW - 21 * DAY, refresh_before=LATER, refresh_calls=calls)
    assert len(select_details(lake, ALL, scope, LATER).refresh) == expected


def test_what_was_looked_at_again_today_is_part_of_the_day_s_allowance(lake: Lake) -> None:
    listed(lake, [activity(number, "2026-05-30T06:00:00Z") for number in range(12)])
    merge(lake)
    fetched(lake, *range(12), at=NOW + HOUR)
    scope = Scope(since=NOW - 21 * DAY, refresh_before=LATER - REFRESH_REST, refresh_calls=5)
    assert len(select_details(lake, ALL, scope, LATER).refresh) == 5
    fetched(lake, 0, 1, 2, at=LATER)
    assert len(select_details(lake, ALL, scope, LATER + HOUR).refresh) == 2
    fetched(lake, 3, 4, at=LATER + HOUR)
    assert select_details(lake, ALL, scope, LATER + 2 * HOUR).refresh == []


def test_named_activities_are_fetched_again_whatever_is_there(stocked: Lake) -> None:
    fetched(stocked, 4, at=NOW + HOUR)
    land_failed_detail(stocked, 2026, 3, b"", 500, NOW + HOUR)
    scope = Scope(ids=frozenset({3, 4}), refresh_before=NOW + 2 * HOUR)
    assert due(stocked, scope, now=NOW + 2 * HOUR) == [4, 3]


def test_a_failed_one_rests_and_is_asked_for_again_after_its_pause(stocked: Lake) -> None:
    land_failed_detail(stocked, 2026, 4, b"<html>", 500, NOW)
    resting = select_details(stocked, ALL, Scope(), NOW + DAY - EARLY - SECOND)
    assert (ids(resting.due), ids(resting.resting)) == ([3, 1, 2, 5], [4])
    rested = select_details(stocked, ALL, Scope(), NOW + DAY - EARLY)
    assert (ids(rested.due), ids(rested.resting)) == ([4, 3, 1, 2, 5], [])


@pytest.mark.parametrize(("failures", "days"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (7, 30), (40, 30)])
def test_the_pause_grows_with_every_failure_up_to_a_month(lake: Lake, failures: int, days: int) -> None:
    for number in range(failures):
        land_failed_detail(lake, 2026, 4, b"", 500, NOW + number * HOUR)
    files = detail_files(lake, 2026)[4]
    assert (files.failures, files.status, files.good) == (failures, 500, None)
    assert files.retry_at == NOW + (failures - 1) * HOUR + days * DAY - EARLY


def test_a_good_answer_ends_the_pause_and_the_next_failure_starts_anew(lake: Lake) -> None:
    for number in range(3):
        land_failed_detail(lake, 2026, 4, b"", 500, NOW + number * HOUR)
    land_detail(lake, 2026, 4, b'{"id": 4}', NOW + 3 * HOUR)
    files = detail_files(lake, 2026)[4]
    assert (files.retry_at, files.failures, files.good_at, files.status) == (None, 0, NOW + 3 * HOUR, None)
    land_failed_detail(lake, 2026, 4, b"gone", None, NOW + 4 * HOUR)
    files = detail_files(lake, 2026)[4]
    assert (files.retry_at, files.failures, files.status, files.fetches) == (NOW + 4 * HOUR + DAY - EARLY, 1, None, 1)


def test_what_is_no_answer_is_passed_over(lake: Lake) -> None:
    assert detail_files(lake, 2026) == {}
    path = land_detail(lake, 2026, -5, b'{"id": -5}', NOW)
    (path.parent / f".{path.name}.12.tmp").write_bytes(b"half")
    (path.parent / "notes.txt").write_text("mine")
    (path.parent / "copy of.json.gz").write_text("mine")
    (path.parent / "20260601T120000000000Z.failed-.gz").write_text("mine")
    (path.parent.parent / ".DS_Store").write_text("x")
    (path.parent.parent / "old").mkdir()
    (path.parent.parent / "7").write_text("a file that is called like an activity")
    assert {found: (files.good, files.fetches) for found, files in detail_files(lake, 2026).items()} == {-5: (path, 1)}


def test_an_edited_one_is_due_however_long_ago_it_started(stocked: Lake) -> None:
    fetched(stocked, 2, at=NOW + HOUR, year=2025)
    land(started(stocked, at=NOW + DAY), [activity(2, "2025-05-05T06:00:00Z", name="Edited")], at=NOW + DAY)
    merge(stocked)
    assert due(stocked, Scope(since=NOW - 2 * DAY)) == [4, 2]
