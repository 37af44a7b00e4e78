"""The job `reconcile` and its schedules: what they report, and what a listing that shrank a year waits for.

What a reconciliation does to the data is tested without Dagster, in operations/test_reconcile.py.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from strava_pipeline.operations.years import year_range
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline_tests.operations.test_reconcile import THIS_YEAR
from strava_pipeline_tests.rig import NOW, Make, Rig, definitions
from strava_pipeline_tests.webhooks import by_start

pytestmark = pytest.mark.slow


@pytest.mark.dear
def test_a_year_follows_its_source_in_one_run(make_rig: Make) -> None:
    rig = make_rig(activities=30, **THIS_YEAR)
    rig.begin_with("flow_backfill")
    gone, edited, liked = by_start(rig)[3], by_start(rig)[5], by_start(rig)[6]
    rig.control("delete", id=gone)
    rig.control("edit", id=edited, set={"name": "Renamed long after"})
    rig.control("edit", id=liked, set={"kudos_count": 99})
    late = rig.add(NOW - timedelta(days=60))
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


@pytest.mark.dear
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
    ) == (0, {"2026": "7 of 20"})
    assert report.metadata["activities"]["deletions_not_marked_by_source"] == {"strava": 7}
    assert rig.failed_checks(report.run_id) == ["not_shrunk"]
    assert rig.one("SELECT count(*) FROM activities") == 20
    assert rig.one("SELECT count(*) FROM activities WHERE name = 'Edited meanwhile'") == 1, "what it does say counts"
    report = rig.run("reconcile", [2026], activities={"allow_shrink": True})
    assert report.metadata["activities"]["deleted"] == 7
    assert rig.failed_checks(report.run_id) == []
    rig.assert_true_to_source()


def ticked(rig: Rig, schedule: str, when: datetime) -> tuple[list[dg.RunRequest], str | None]:
    """What a tick of that moment, evaluated now, asks for, or else why it does not."""
    defs = definitions(rig.settings)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance, when, repository_def=defs.get_repository_def())
        told = defs.resolve_schedule_def(schedule).evaluate_tick(context)
    return list(told.run_requests or []), told.skip_message


@pytest.mark.parametrize(("name", "mode"), [("weekly_reconcile", "year"), ("monthly_reconcile", "all")])
def test_the_schedules_compare_recent_years_weekly_and_everything_monthly(rig: Rig, name: str, mode: str) -> None:
    requests, _ = ticked(rig, name, NOW)
    years = year_range(rig.settings.first_year).all
    (request,) = requests
    assert all(request.run_config["ops"]["bronze_activities"]["config"]["mode"] == mode for request in requests)
    assert request.tags.items() >= range_tags([2025, 2026] if mode == "year" else years).items(), "in one listing"


def test_a_week_that_is_made_up_for_after_new_year_is_compared_by_the_years_it_had(rig: Rig) -> None:
    requests, _ = ticked(rig, "weekly_reconcile", datetime(2024, 12, 29, 4, tzinfo=ZoneInfo("Europe/London")))
    assert [request.tags.items() >= range_tags([2023, 2024]).items() for request in requests] == [True]


def test_on_the_first_of_a_month_nothing_is_compared_twice(rig: Rig) -> None:
    requests, skipped = ticked(rig, "weekly_reconcile", datetime(2026, 11, 1, 4, tzinfo=ZoneInfo("Europe/London")))
    assert not requests
    assert skipped
