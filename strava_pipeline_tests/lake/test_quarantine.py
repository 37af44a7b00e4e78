"""lake.gold.quarantine: who is quarantined, by the evidence on disk and a person's decisions; the table of it; unreadable rows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from strava_pipeline.core.activities import split_page
from strava_pipeline.core.providers import ReadPage
from strava_pipeline.lake.bronze.answers import EARLY, land_detail
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.coverage import years_behind
from strava_pipeline.lake.gold.fetch_selection import Scope, select_details
from strava_pipeline.lake.gold.notes import revision
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.gold.quarantine import (
    FailingActivity,
    QuarantineDecision,
    drops,
    failing_now,
    sync_quarantine,
    unreadable_rows,
)
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline_tests.lake.bronze import (
    ALL,
    DAY,
    HOUR,
    NOW,
    SECOND,
    YEARS,
    Watched,
    activity,
    land_failed_detail,
    listed,
    merge,
    rows,
    started,
)

LATER = NOW + 400 * DAY


@pytest.fixture(scope="module")
def stock(module_lake: Lake) -> Lake:
    """Gold with five activities of 2025, none with a detail."""
    listed(module_lake, [activity(number) for number in (1, 2, 3, 4, 5)])
    merge(module_lake)
    return module_lake


def fail(lake: Lake, activity_id: int, *at: datetime, status: int | None = 500, year: int = 2025) -> None:
    for each in at:
        land_failed_detail(lake, year, activity_id, b"<html>", status, each)


def answer(lake: Lake, activity_id: int, at: datetime, year: int = 2025) -> None:
    land_detail(lake, year, activity_id, b'{"id": %d}' % activity_id, at)


def decided(lake: Lake, activity_id: int, *, dropped: bool, at: datetime) -> None:
    record_decisions(lake, QuarantineDecision(at=at, by="a test", activity_id=activity_id, dropped=dropped))


def sync(lake: Lake, years: Sequence[int] = ALL) -> int:
    with writing(lake) as connection:
        return sync_quarantine(connection, lake, years)


def hours(*numbers: int) -> list[datetime]:
    return [NOW + number * HOUR for number in numbers]


def held(lake: Lake) -> list[FailingActivity]:
    return [each for each, _ in failing_now(lake) if each.files.is_quarantined]


def listing(lake: Lake) -> dict[int, tuple[Any, ...]]:
    sync(lake)
    names = ("failures", "first_failed_at", "last_failed_at", "status", "retry_at", "dropped_at")
    return {row["activity_id"]: tuple(row[name] for name in names) for row in rows(lake, "quarantine")}


def due(lake: Lake, now: datetime = LATER, scope: Scope = Scope()) -> list[int]:
    return sorted(each.activity_id for each in select_details(lake, ALL, scope, now).due)


def test_three_failures_in_a_row_quarantine_whatever_their_kind_and_fewer_do_not(stocked: Lake) -> None:
    fail(stocked, 1, *hours(0, 30))
    fail(stocked, 2, *hours(0, 30, 60))
    fail(stocked, 3, *hours(0, 30, 60, 90), status=404)
    fail(stocked, 4, *hours(0, 30))
    fail(stocked, 4, *hours(60), status=None)
    first, pause = NOW, 4 * DAY - EARLY
    assert listing(stocked) == {
        2: (3, first, NOW + 60 * HOUR, 500, NOW + 60 * HOUR + pause, None),
        3: (4, first, NOW + 90 * HOUR, 404, NOW + 90 * HOUR + 8 * DAY - EARLY, None),
        4: (3, first, NOW + 60 * HOUR, None, NOW + 60 * HOUR + pause, None),
    }
    assert {(row["athlete_id"], row["source"]) for row in rows(stocked, "quarantine")} == {(7, "strava")}


def test_a_good_answer_ends_it_and_failures_before_it_never_count_again(stocked: Lake) -> None:
    fail(stocked, 1, *hours(0, 30, 60))
    assert set(listing(stocked)) == {1}
    answer(stocked, 1, NOW + 61 * HOUR)
    assert listing(stocked) == {}
    fail(stocked, 1, *hours(62, 63))
    assert listing(stocked) == {}
    fail(stocked, 1, *hours(64))
    assert listing(stocked)[1][:2] == (3, NOW + 62 * HOUR)


def test_a_good_answer_that_was_damaged_since_ends_it_too(stocked: Lake) -> None:
    fail(stocked, 1, *hours(0, 30, 60))
    answer(stocked, 1, NOW + 61 * HOUR)
    (good,) = stocked.details.rglob("*.json.gz")
    good.rename(good.with_name(f"{good.name}.damaged"))
    assert listing(stocked) == {}
    assert 1 in due(stocked, NOW + 62 * HOUR), "nothing stands against fetching it again"


def test_the_table_is_written_only_where_something_changed(stocked: Lake) -> None:
    fail(stocked, 1, *hours(0, 30, 60))
    assert [sync(stocked), sync(stocked)] == [1, 0]
    with writing(stocked) as connection:
        before = revision(connection)
    assert sync(stocked, [2025]) == sync(stocked, [2024]) == 0
    with writing(stocked) as connection:
        assert revision(connection) == before
    fail(stocked, 1, *hours(99))
    assert sync(stocked, [2024]) == 1, "what the table holds is looked at whatever the years"


def test_failures_count_together_where_an_edit_moved_the_activity_to_another_year(stocked: Lake) -> None:
    fail(stocked, 1, *hours(0, 30), year=2025)
    fail(stocked, 1, *hours(60), year=2026)
    assert sync(stocked, [2026]) == 1
    assert listing(stocked)[1][0] == 3
    answer(stocked, 1, NOW + 61 * HOUR, year=2025)
    assert listing(stocked) == {}


def test_what_is_no_activity_of_the_warehouse_and_no_evidence_is_passed_over(stocked: Lake) -> None:
    fail(stocked, 99, *hours(0, 30, 60))
    (stocked.details_of(2025) / "notes").mkdir(parents=True)
    (stocked.details_of(2025) / "7").write_text("a file that is called like an activity")
    for number in range(3):
        path = stocked.details_of(2025) / "1" / f"copy {number}.failed-500.gz"
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    assert listing(stocked) == {}


def test_a_dropped_one_is_wanted_by_nobody_not_even_after_an_edit_until_it_is_taken_back(stocked: Lake) -> None:
    fail(stocked, 1, *hours(0, 30, 60))
    decided(stocked, 1, dropped=True, at=NOW + 70 * HOUR)
    assert listing(stocked)[1][-2:] == (None, NOW + 70 * HOUR)
    every = (Scope(), Scope(ids=frozenset({1, 2}), refresh_before=LATER), Scope(since=NOW - 900 * DAY))
    assert [1 in due(stocked, scope=scope) for scope in every] == [False] * 3
    listed(stocked, [activity(1, name="Edited")], at=NOW + 5 * DAY)
    merge(stocked)
    found = select_details(stocked, ALL, Scope(), LATER)
    assert 1 not in {each.activity_id for each in (*found.due, *found.refresh, *found.resting)}
    decided(stocked, 1, dropped=False, at=NOW + 80 * HOUR)
    assert listing(stocked)[1][-1] is None
    assert [1 in due(stocked, scope=scope) for scope in every] == [True] * 3


def test_a_good_answer_that_came_after_a_drop_lifts_it(stocked: Lake) -> None:
    fail(stocked, 1, *hours(0, 30, 60))
    decided(stocked, 1, dropped=True, at=NOW + 70 * HOUR)
    answer(stocked, 1, NOW + 71 * HOUR)
    fail(stocked, 1, *hours(72, 73, 74))
    assert listing(stocked)[1][-1] is None
    listed(stocked, [activity(1, name="Edited")], at=NOW + 5 * DAY)
    merge(stocked)
    assert 1 in due(stocked)


def test_a_patient_choice_leaves_named_ones_alone_that_rest(stocked: Lake) -> None:
    fail(stocked, 1, *hours(0, 30, 60))
    named = Scope(ids=frozenset({1}), refresh_before=LATER)
    patient = Scope(ids=frozenset({1}), refresh_before=LATER, patient=True)
    end = NOW + 60 * HOUR + 4 * DAY - EARLY
    assert [due(stocked, at, scope) for scope in (named, patient) for at in (end - HOUR, end)] == [[1], [1], [], [1]]


@pytest.mark.dear
def test_what_was_deleted_at_the_source_is_no_longer_shown(stocked: Lake) -> None:
    fail(stocked, 1, *hours(0, 30, 60))
    assert [activity for _, activity in failing_now(stocked)] == [None], "nothing is published yet"
    publish(stocked)
    assert [(each.activity_id, shown and shown.name) for each, shown in failing_now(stocked)] == [(1, "Run 1")]
    with writing(stocked) as connection:
        connection.execute("UPDATE activities_all SET deleted_at = now() WHERE id = 1")
        connection.execute("UPDATE lake_meta SET value = '99' WHERE key = 'revision'")
    publish(stocked)
    assert held(stocked) == []


@pytest.mark.dear
def test_after_a_rebuild_the_table_is_what_it_was_dropped_ones_included(stocked: Lake) -> None:
    fail(stocked, 1, *hours(0, 30, 60))
    fail(stocked, 2, *hours(0, 30, 60, 99), status=404)
    decided(stocked, 2, dropped=True, at=NOW + 100 * HOUR)
    sync(stocked)
    before = rows(stocked, "quarantine")
    assert len(before) == 2
    publish(stocked)
    rebuild(stocked, YEARS, Watched())
    assert rows(stocked, "quarantine") == before
    assert set(drops(stocked)) == {2}


@pytest.mark.dear
def test_a_rebuild_is_not_refused_because_an_answer_came_that_ends_a_quarantine(stocked: Lake) -> None:
    fail(stocked, 1, *hours(0, 30, 60))
    sync(stocked)
    publish(stocked)
    answer(stocked, 1, NOW + 70 * HOUR)
    rebuild(stocked, YEARS, Watched())
    assert rows(stocked, "quarantine") == []
    assert len(rows(stocked, "activity_details")) == 1


def test_a_daily_run_covers_the_year_of_a_new_activity_without_a_detail_unless_that_was_dropped(stocked: Lake) -> None:
    listed(stocked, [activity(6)], at=NOW + DAY)
    merge(stocked)
    fail(stocked, 6, *hours(30, 60, 99))
    assert years_behind(stocked, YEARS) == {2025}
    decided(stocked, 6, dropped=True, at=NOW + 100 * HOUR)
    sync(stocked)
    assert years_behind(stocked, YEARS) == set()


START = NOW - timedelta(days=3)
GOOD = activity(1, f"{NOW - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}")
BAD = {"id": "99", "start_date": f"{START:%Y-%m-%dT%H:%M:%SZ}"}


def listed_page(lake: Lake, day: int, items: list[Any], after: datetime | None) -> None:
    """A complete listing of a day; `after` None: of everything."""
    at = NOW + day * DAY
    listing = started(lake, at=at, mode="incremental" if after else "all", after=after)
    activities, unreadable = split_page(items)
    listing.land(ReadPage(activities, unreadable), b"[]", {"per_page": 200, "page": 1}, at, YEARS)
    listing.land(ReadPage([]), b"[]", {"per_page": 200, "page": 2}, at + SECOND, YEARS)


def test_one_row_is_told_once_whatever_its_kudos_and_goes_when_its_time_is_listed_without_it(lake: Lake) -> None:
    for day in range(4):
        listed_page(lake, day, [GOOD, {**BAD, "kudos_count": day}], NOW + day * DAY - timedelta(days=7))
        (row,) = unreadable_rows(lake)
        assert (row.row, row.first_seen_at, row.last_seen_at) == (2, NOW, NOW + day * DAY)
    listed_page(lake, 4, [GOOD], NOW - DAY)
    assert len(unreadable_rows(lake)) == 1, "this listing began behind its start"
    listed_page(lake, 5, [GOOD], START - timedelta(days=1))
    assert unreadable_rows(lake) == []


def test_one_without_a_start_goes_when_all_its_page_is_listed_again_without_it(lake: Lake) -> None:
    listed_page(lake, 0, [GOOD, None], NOW - timedelta(days=7))
    listed_page(lake, 1, [GOOD], NOW)
    assert len(unreadable_rows(lake)) == 1
    listed_page(lake, 2, [GOOD], None)
    assert unreadable_rows(lake) == []
