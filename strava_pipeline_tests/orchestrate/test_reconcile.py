"""The job `reconcile` against an emulated Strava: deletions, edits and late uploads reach gold; what is unlikely waits."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from strava_pipeline.lake.listings import listings
from strava_pipeline.operations.years import year_range
from strava_pipeline.orchestrate.build import build_defs
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline_tests.rig import NOW, Rig, log_in

pytestmark = pytest.mark.slow

Make = Callable[..., Rig]
THIS_YEAR = {"years": (2026, 2026), "settings": {"first_year": 2025}}


def by_start(rig: Rig) -> list[int]:
    return [item["id"] for item in sorted(rig.truth(), key=lambda item: str(item["start_date"]))]


def add(rig: Rig, ago: timedelta) -> int:
    start = (NOW - ago).isoformat()
    return int(
        rig.control("add", generate={"start_date": start, "sport_type": "Run", "timezone": "Europe/London"})["id"]
    )


def test_a_year_follows_its_source_in_one_run(make_rig: Make) -> None:
    rig = make_rig(activities=30, **THIS_YEAR)
    rig.begin_with("flow_backfill")
    gone, edited, liked = by_start(rig)[3], by_start(rig)[5], by_start(rig)[6]
    rig.control("delete", id=gone)
    rig.control("edit", id=edited, set={"name": "Renamed long after"})
    rig.control("edit", id=liked, set={"kudos_count": 99})
    late = add(rig, timedelta(days=60))
    rig.calls()
    metadata = rig.run("reconcile", [2026]).metadata["activities"]
    assert {name: metadata[name] for name in ("inserted", "updated", "deleted", "restored")} == {
        "inserted": 1, "updated": 2, "deleted": 1, "restored": 0,
    }  # fmt: skip
    assert rig.calls()["by_endpoint"] == {"/athlete/activities": 2, "/activities/{id}": 2}, (
        "the late one and the edited one"
    )
    assert rig.gold("SELECT id FROM deleted_activities") == [(gone,)]
    assert rig.one(f"SELECT count(*) FROM activity_details WHERE activity_id = {gone}") == 1, "nothing is ever removed"
    assert rig.one(f"SELECT count(*) FROM activities WHERE id = {late}") == 1
    rig.assert_true_to_source()


def test_what_comes_back_unchanged_is_present_again(make_rig: Make) -> None:
    rig = make_rig(activities=10, **THIS_YEAR)
    rig.begin_with("flow_backfill")
    gone = next(item for item in rig.truth() if item["id"] == by_start(rig)[4])
    rig.control("delete", id=gone["id"])
    assert rig.run("reconcile", [2026]).metadata["activities"]["deleted"] == 1
    rig.control("add", activity=gone)
    assert rig.run("reconcile", [2026]).metadata["activities"]["restored"] == 1
    rig.assert_true_to_source()


def test_a_daily_run_marks_what_was_deleted_in_its_window_without_a_call_more(make_rig: Make) -> None:
    rig = make_rig(activities=20, **THIS_YEAR)
    rig.begin_with("flow_backfill")
    recent = add(rig, timedelta(days=3))
    rig.do("flow", [2026])
    rig.control("delete", id=recent)
    rig.calls()
    assert rig.run("flow", [2026]).metadata["activities"]["deleted"] == 1
    assert rig.calls()["by_endpoint"] == {"/athlete/activities": 2}
    rig.assert_true_to_source()


def test_all_years_are_compared_in_one_listing(make_rig: Make) -> None:
    rig = make_rig(activities=40)
    rig.begin_with("flow_backfill")
    known = by_start(rig)
    for gone in (known[1], known[20], known[38]):
        rig.control("delete", id=gone)
    rig.calls()
    report = rig.run("reconcile", bronze_activities={"mode": "all"})
    assert report.metadata["activities"]["deleted"] == 3
    assert rig.calls()["by_endpoint"] == {"/athlete/activities": 2}
    rig.assert_true_to_source()


def test_at_the_border_of_two_pages_a_deletion_is_looked_at_again(make_rig: Make) -> None:
    rig = make_rig(activities=12, **THIS_YEAR)
    rig.begin_with("flow_backfill")
    gone = by_start(rig)[5]
    rig.control("delete", id=gone)
    rig.calls()
    report = rig.run("reconcile", [2026], bronze_activities={"per_page": 5})
    assert rig.calls()["by_endpoint"] == {"/athlete/activities": 5}, "three pages, the empty one, and the border"
    assert report.metadata["activities"]["deleted"] == 1
    rig.assert_true_to_source()
    rig.do("reconcile", [2026], bronze_activities={"per_page": 5})
    assert rig.calls()["by_endpoint"] == {"/athlete/activities": 4}, "it is known by now"


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
    report = rig.run("reconcile", [2026], bronze_activities={"per_page": 5})
    rig.emulator.state.journal.record_api_call = landed  # type: ignore[method-assign]
    assert report.metadata["activities"]["deleted"] == 0, (
        "the deleted one was still listed; the one that moved was asked for"
    )
    assert rig.run("reconcile", [2026], bronze_activities={"per_page": 5}).metadata["activities"]["deleted"] == 1
    rig.assert_true_to_source()


def test_a_listing_that_shrank_a_year_marks_nothing_until_a_person_says_so(make_rig: Make) -> None:
    rig = make_rig(activities=20, **THIS_YEAR)
    rig.begin_with("flow_backfill")
    for gone in by_start(rig)[2:9]:
        rig.control("delete", id=gone)
    rig.control("edit", id=by_start(rig)[0], set={"name": "Edited meanwhile"})
    report = rig.run("reconcile", [2026])
    assert (
        report.metadata["activities"]["deleted"],
        report.metadata["activities"]["deletions_not_marked_by_year"],
    ) == (
        0,
        {"2026": "7 of 20"},
    )
    assert rig.failed_checks(report.run_id) == ["not_shrunk"]
    assert rig.one("SELECT count(*) FROM activities") == 20
    assert rig.one("SELECT count(*) FROM activities WHERE name = 'Edited meanwhile'") == 1, (
        "what it does say is taken in"
    )
    report = rig.run("reconcile", [2026], activities={"allow_shrink": True})
    assert report.metadata["activities"]["deleted"] == 7
    assert rig.failed_checks(report.run_id) == []
    rig.assert_true_to_source()


def test_a_login_that_may_not_see_private_activities_deletes_none(make_rig: Make) -> None:
    rig = make_rig(activities=10, **THIS_YEAR)
    rig.begin_with("flow_backfill")
    rig.control("edit", id=by_start(rig)[3], set={"visibility": "only_me", "private": True})
    log_in(rig, scope="read,activity:read")
    report = rig.run("reconcile", [2026])
    assert report.metadata["activities"]["deleted"] == 0
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
    late = add(rig, timedelta(days=40))
    rig.calls()
    rig.do("reconcile", [2026])
    assert rig.calls()["details"] == {str(edited): 1, str(late): 1}


def ticked(rig: Rig, schedule: str, when: datetime) -> tuple[list[dg.RunRequest], str | None]:
    """What a tick of that moment, evaluated now, asks for, or else why it does not."""
    defs = build_defs(rig.settings)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance, repository_def=defs.get_repository_def(), scheduled_execution_time=when
        )
        told = defs.resolve_schedule_def(schedule).evaluate_tick(context)
    return list(told.run_requests or []), told.skip_message


@pytest.mark.parametrize(("name", "mode"), [("weekly_reconcile", "year"), ("monthly_reconcile", "all")])
def test_the_schedules_compare_recent_years_weekly_and_everything_monthly(rig: Rig, name: str, mode: str) -> None:
    requests, _ = ticked(rig, name, NOW)
    years = year_range(rig.settings.first_year).all
    assert [request.partition_key for request in requests] == (["2026", "2025"] if mode == "year" else [None])
    assert all(request.run_config["ops"]["bronze_activities"]["config"]["mode"] == mode for request in requests)
    if mode == "all":
        assert requests[0].tags.items() >= range_tags(years).items()


def test_a_week_that_is_made_up_for_after_new_year_is_compared_by_the_years_it_had(rig: Rig) -> None:
    requests, _ = ticked(rig, "weekly_reconcile", datetime(2024, 12, 29, 4, tzinfo=ZoneInfo("Europe/London")))
    assert [request.partition_key for request in requests] == ["2024", "2023"]


def test_on_the_first_of_a_month_nothing_is_compared_twice(rig: Rig) -> None:
    requests, skipped = ticked(rig, "weekly_reconcile", datetime(2026, 11, 1, 4, tzinfo=ZoneInfo("Europe/London")))
    assert not requests
    assert skipped


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
    report = rig.run("reconcile", [2026], bronze_activities={"per_page": 5})
    assert report.metadata["bronze_activities"]["listing_resumed"]
    assert report.metadata["activities"]["deleted"] == 0
