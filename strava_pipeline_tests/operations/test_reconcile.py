"""A reconciliation against an emulated Strava: deletions, edits and late uploads reach gold, at no needless call."""

from datetime import timedelta

import pytest

from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline_tests.rig import NOW, Make, log_in
from strava_pipeline_tests.webhooks import by_start

pytestmark = pytest.mark.dear

THIS_YEAR = {"years": (2026, 2026), "settings": {"first_year": 2025}}


def test_what_comes_back_unchanged_is_present_again(make_rig: Make) -> None:
    rig = make_rig(activities=10, **THIS_YEAR)
    rig.begin_with("flow_backfill")
    gone = next(item for item in rig.truth() if item["id"] == by_start(rig)[4])
    rig.control("delete", id=gone["id"])
    assert rig.do("reconcile", [2026]).absent.deleted == 1
    rig.control("add", activity=gone)
    assert rig.do("reconcile", [2026]).absent.restored == 1
    rig.assert_true_to_source()


def test_a_daily_run_marks_what_was_deleted_in_its_window_without_a_call_more(make_rig: Make) -> None:
    rig = make_rig(activities=20, **THIS_YEAR)
    rig.begin_with("flow_backfill")
    recent = rig.add(NOW - timedelta(days=3))
    rig.do("flow", [2026])
    rig.control("delete", id=recent)
    rig.calls()
    rig.emulator.state.clock.advance(2)  # a listing proves nothing of its first second
    assert rig.do("flow", [2026]).absent.deleted == 1
    assert rig.calls()["by_endpoint"] == {"/athlete/activities": 2}
    rig.assert_true_to_source()


def test_all_years_are_compared_in_one_listing(make_rig: Make) -> None:
    rig = make_rig(activities=40)
    rig.begin_with("flow_backfill")
    known = by_start(rig)
    for gone in (known[1], known[20], known[38]):
        rig.control("delete", id=gone)
    rig.calls()
    assert rig.do("reconcile", bronze_activities={"mode": "all"}).absent.deleted == 3
    assert rig.calls()["by_endpoint"] == {"/athlete/activities": 2}
    rig.assert_true_to_source()


def test_at_the_border_of_two_pages_a_deletion_is_looked_at_again(make_rig: Make) -> None:
    rig = make_rig(activities=12, **THIS_YEAR)
    rig.begin_with("flow_backfill")
    gone = by_start(rig)[5]
    rig.control("delete", id=gone)
    rig.calls()
    done = rig.do("reconcile", [2026], bronze_activities={"per_page": 5})
    assert rig.calls()["by_endpoint"] == {"/athlete/activities": 5}, "three pages, the empty one, and the border"
    assert done.absent.deleted == 1
    rig.assert_true_to_source()
    rig.do("reconcile", [2026], bronze_activities={"per_page": 5})
    assert rig.calls()["by_endpoint"] == {"/athlete/activities": 4}, "the deletion was found before"


def test_what_a_deletion_moved_past_the_next_page_is_neither_lost_nor_marked(make_rig: Make) -> None:
    rig = make_rig(activities=12, latency=0.0, **THIS_YEAR)
    rig.begin_with("flow_backfill")
    known = by_start(rig)
    landed = rig.emulator.state.journal.record_api_call

    def delete_after_the_first_page(now: object, method: str, path: str, query: str, status: int) -> None:
        landed(now, method, path, query, status)  # type: ignore[arg-type]
        if path == "/athlete/activities" and "page=1" in query.split("&") and "per_page=5" in query and known[2]:
            rig.emulator.state.store.remove(known[2])
            known[2] = 0

    rig.emulator.state.journal.record_api_call = delete_after_the_first_page  # type: ignore[method-assign]
    done = rig.do("reconcile", [2026], bronze_activities={"per_page": 5})
    rig.emulator.state.journal.record_api_call = landed  # type: ignore[method-assign]
    assert done.absent.deleted == 0, "the deleted one was still listed; the one that moved was asked for"
    rig.emulator.state.clock.advance(2)  # a listing proves nothing of its first second
    assert rig.do("reconcile", [2026], bronze_activities={"per_page": 5}).absent.deleted == 1
    rig.assert_true_to_source()


def test_a_login_that_may_not_see_private_activities_deletes_none(make_rig: Make) -> None:
    rig = make_rig(activities=10, **THIS_YEAR)
    rig.begin_with("flow_backfill")
    rig.control("edit", id=by_start(rig)[3], set={"visibility": "only_me", "private": True})
    log_in(rig, scope="read,activity:read")
    assert rig.do("reconcile", [2026]).absent.deleted == 0
    assert [listing.manifest.sees_private for listing in listings(rig.lake)] == [True, False]
    log_in(rig)
    rig.do("reconcile", [2026])
    rig.assert_true_to_source()


def test_a_reconciliation_fetches_details_of_what_changed_and_not_those_never_fetched(make_rig: Make) -> None:
    rig = make_rig(activities=10, **THIS_YEAR)
    rig.begin_with("refresh")
    edited = by_start(rig)[2]
    rig.do("enrich", bronze_activity_details={"ids": [edited]})
    rig.control("edit", id=edited, set={"name": "Renamed"})
    late = rig.add(NOW - timedelta(days=40))
    rig.calls()
    rig.do("reconcile", [2026])
    assert rig.calls()["details"] == {str(edited): 1, str(late): 1}


def test_a_year_that_is_compared_before_the_first_pull_makes_nothing_new(make_rig: Make) -> None:
    rig = make_rig(activities=20, years=(2024, 2026), settings={"first_year": 2024})
    rig.do("refresh", [2026], bronze_activities={"mode": "year"})
    rig.calls()
    rig.do("flow")
    assert len(rig.calls()["details"]) < 10, "the details of the recent window, not those of all years"


def test_a_listing_that_a_lesser_login_goes_on_with_deletes_nothing(make_rig: Make) -> None:
    rig = make_rig(activities=12, **THIS_YEAR)
    rig.begin_with("flow_backfill")
    rig.control("edit", id=by_start(rig)[8], set={"visibility": "only_me", "private": True})
    rig.do("reconcile", [2026], bronze_activities={"per_page": 5, "max_calls": 1})
    log_in(rig, scope="read,activity:read")
    done = rig.do("reconcile", [2026], bronze_activities={"per_page": 5})
    assert done.listing.listing_resumed
    assert done.absent.deleted == 0
