"""Limits: waited for or stopped at, never run into, and nothing fetched before them is lost."""

from collections.abc import Callable

from strava_pipeline.emulator.limits import Limits
from strava_pipeline_tests.rig import Rig

Make = Callable[..., Rig]
FAST = {"clock_speed": 3000.0, "first_year": 2026}


def test_a_full_quarter_of_an_hour_is_waited_for_and_no_call_is_refused(make_rig: Make) -> None:
    rig = make_rig(activities=45, years=(2026, 2026), speed=3000.0, settings=FAST, limits=Limits(20, 2000, 10, 1000))
    outcome = rig.run("flow_backfill")
    calls = rig.calls()
    assert (outcome.stopped_early, calls["refused"], calls["total"]) == (None, 0, 47)
    rig.assert_true_to_source()


def test_a_full_day_stops_the_run_early_and_the_next_day_goes_on_where_it_stopped(make_rig: Make) -> None:
    rig = make_rig(activities=45, years=(2026, 2026), settings={"first_year": 2026}, limits=Limits(900, 2000, 900, 30))
    outcome = rig.run("flow_backfill")
    assert "2026-03-11 00:00:00 UTC" in str(outcome.stopped_early)
    assert rig.one("SELECT count(*) FROM activities") == 45, "what was fetched is merged and published"
    assert rig.one("SELECT count(*) FROM activity_details") == 28
    run = rig.remembered.get_run_by_id(outcome.run_id)
    assert run is not None
    assert run.is_success
    assert "stopped_early" in run.tags
    report = outcome.metadata["bronze_activity_details"]
    assert (report["details_missing"], report["calls_left"]) == (17, 0)
    assert rig.run("enrich_all").stopped_early, "the same day there is nothing left"
    assert (calls := rig.calls())["refused"] == 0
    assert calls["total"] == 30
    rig.control("clock", set="2026-03-11T00:00:05Z")
    later = rig.run("flow_backfill")  # this machine's clock hasn't moved: the server is asked what day it is
    assert later.stopped_early is None
    calls = rig.calls()
    assert calls["refused"] == 0
    assert calls["by_endpoint"]["/activities/{id}"] == 17
    rig.assert_true_to_source()


def test_newest_details_come_first(make_rig: Make) -> None:
    rig = make_rig(activities=40)
    rig.run("flow_backfill", bronze_activities={"max_calls": 12}, bronze_activity_details={"max_calls": 12})
    held = {row[0] for row in rig.gold("SELECT activity_id FROM activity_details")}
    newest = sorted(rig.truth(), key=lambda item: item["start_date"], reverse=True)[:10]
    assert held == {item["id"] for item in newest}


def test_a_cap_and_cushions_leave_calls_unused(make_rig: Make) -> None:
    rig = make_rig(activities=40, limits=Limits(900, 2000, 900, 30))
    capped = rig.run("flow_backfill", bronze_activities={"max_calls": 5}, bronze_activity_details={"max_calls": 5})
    assert "--max-calls" in str(capped.stopped_early)
    assert rig.calls()["total"] == 5
    rig.run("enrich_all", bronze_activity_details={"cushion_daily": 10})
    assert rig.calls()["total"] == 15, "30 a day, 5 used, 10 left to others"


def test_a_listing_that_met_a_limit_is_merged_as_far_as_it_came_and_goes_on(make_rig: Make) -> None:
    rig = make_rig(activities=50)
    rig.run("run_all", bronze_activities={"per_page": 10, "max_calls": 3})
    rig.run("compact")
    assert rig.one("SELECT count(*) FROM activities") == 30
    rig.calls()
    rig.run("flow_backfill", bronze_activities={"per_page": 10})
    assert rig.calls()["by_endpoint"]["/athlete/activities"] <= 4
    rig.assert_true_to_source()
