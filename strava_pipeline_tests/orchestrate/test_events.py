"""The job `events` in Dagster: its metadata, its checks and the limits that stop it early.

What it does to the data is tested without Dagster, in operations/test_events.py.
"""

import pytest

from strava_pipeline.core.errors import NeedsLoginError
from strava_pipeline.ingest.strava.access import revoked_at
from strava_pipeline.verbs.run_job import RunOutcome
from strava_pipeline_tests.rig import Make, Rig, log_in
from strava_pipeline_tests.webhooks import THIS_YEAR, by_start, delivered, subscribed

pytestmark = pytest.mark.dear


def follow(rig: Rig) -> RunOutcome:
    delivered(rig)
    return rig.run("events", [2025, 2026])


@pytest.fixture
def rig(make_rig: Make) -> Rig:
    made = make_rig(**THIS_YEAR)
    made.begin_with("flow_backfill", [2025, 2026])
    return made


def test_an_edit_costs_one_call_and_is_everywhere(rig: Rig) -> None:
    edited = by_start(rig)[4]
    versions = rig.one("SELECT count(*) FROM activity_history")
    with subscribed(rig):
        rig.calls()
        rig.control("edit", id=edited, set={"name": "Renamed", "description": "in other words"})
        told = follow(rig).metadata
    assert rig.calls()["by_endpoint"] == {"/activities/{id}": 1}
    assert told["webhook_events"]["activities_changed"] == 1
    assert told["activities"]["updated"] == 1
    rig.assert_true_to_source()
    changed = rig.gold(f"FROM activity_history SELECT version, changed_fields WHERE activity_id = {edited} ORDER BY 1")
    assert changed[1:] == [(2, ["name"])]
    assert rig.one("SELECT count(*) FROM activity_history") == versions + 1
    rig.calls()
    reconciled = rig.do("reconcile", [2026])
    assert rig.calls()["by_endpoint"] == {"/athlete/activities": 2}, "the listing agrees with the detail"
    assert reconciled.merged.updated == 0
    assert rig.one("SELECT count(*) FROM activity_history") == versions + 1, "and no other version"


def test_so_many_deletions_wait_for_a_listing(rig: Rig) -> None:
    keys = by_start(rig)
    with subscribed(rig):
        for key in keys[:5]:
            rig.control("webhooks/send", event={"aspect_type": "delete", "object_id": key})
        follow(rig)
        assert rig.one("SELECT count(*) FROM deleted_activities") == 5
        for key in keys[5:8]:
            rig.control("webhooks/send", event={"aspect_type": "delete", "object_id": key})
        outcome = follow(rig)
    assert rig.one("SELECT count(*) FROM deleted_activities") == 5, "what was marked stays, and no more is"
    assert outcome.metadata["activities"]["deletions_not_marked_by_year"] == {"2026": "3 of 12"}
    assert rig.failed_checks(outcome.run_id) == ["not_shrunk"]
    before = rig.gold("SELECT id, deleted_at FROM activities_all ORDER BY id")
    rig.do("rebuild")
    assert rig.gold("SELECT id, deleted_at FROM activities_all ORDER BY id") == before
    rig.emulator.state.clock.advance(5)
    assert rig.do("reconcile", [2026]).absent.held == []
    rig.assert_true_to_source()


def test_events_of_others_are_refused_and_counted(rig: Rig) -> None:
    known = by_start(rig)[0]
    with subscribed(rig):
        rig.control("webhooks/send", event={"aspect_type": "update", "object_id": known, "owner_id": 99})
        rig.control("webhooks/send", event={"aspect_type": "delete", "object_id": known, "subscription_id": 98})
        rig.calls()
        told = follow(rig).metadata["webhook_events"]
    assert told["events_refused_by_reason"] == {"another owner": 1, "another subscription": 1}
    assert rig.calls()["by_endpoint"] == {}
    assert rig.one("SELECT count(*) FROM deleted_activities") == 0


def test_a_limit_stops_early_and_the_rest_is_fetched_later(make_rig: Make) -> None:
    rig = make_rig(**THIS_YEAR)
    rig.begin_with("flow_backfill", [2025, 2026])
    rig.control("limits", limits="20000,20000/5,1000")
    with subscribed(rig):
        for key in by_start(rig)[:8]:
            rig.control("edit", id=key, set={"name": f"Edited {key}"})
        outcome = follow(rig)
        assert outcome.stopped_early
        assert outcome.metadata["webhook_events"]["activities_waiting"] > 0
        rig.control("limits", limits="off")
        rig.emulator.state.clock.advance(1800)
        rig.do("refresh", [2025, 2026])
        assert follow(rig).metadata["webhook_events"]["activities_waiting"] == 0
    rig.assert_true_to_source()


def test_an_outage_of_strava_rests_and_fails_nothing(rig: Rig) -> None:
    edited = by_start(rig)[4]
    with subscribed(rig):
        rig.control("edit", id=edited, set={"name": "Renamed"})
        rig.fault("/activities", "status", status=503, times=99)
        rig.fault("/athlete", "status", status=503, times=99)
        outcome = follow(rig)
        assert outcome.metadata["webhook_events"]["activities_waiting"] == 1
        rig.clear_faults()
        rig.calls()
        follow(rig)
        assert rig.calls()["by_endpoint"] == {}, "it rests"
    assert outcome.stopped_early


def test_access_taken_away_is_verified_and_stops_everything(rig: Rig) -> None:
    with subscribed(rig):
        rig.control(
            "webhooks/send",
            event={"object_type": "athlete", "aspect_type": "update", "updates": {"authorized": "false"}},
        )
        told = follow(rig)
        assert revoked_at(rig.settings) is None, "anybody may say so: the login is still good"
        assert rig.failed_checks(told.run_id) == []
        rig.control("revoke")
        rig.control("webhooks/send", event={"aspect_type": "update", "object_id": by_start(rig)[0]})
        rig.calls()
        told = follow(rig)
    assert revoked_at(rig.settings) is not None
    assert rig.failed_checks(told.run_id) == ["access_granted", "events_settled"]
    assert rig.calls()["by_endpoint"] == {}
    with pytest.raises(NeedsLoginError, match="strava-pipeline purge"):
        rig.do("flow", [2026])


def test_a_private_activity_that_the_login_may_not_see_stays_as_it_was(rig: Rig) -> None:
    hidden = by_start(rig)[2]
    log_in(rig, scope="read,activity:read")
    with subscribed(rig):
        rig.control("edit", id=hidden, set={"private": True, "visibility": "only_me"})
        told = follow(rig).metadata["webhook_events"]
        assert (told["activities_waiting"], told["not_found_ids"]) == (1, [str(hidden)])
        assert rig.one("SELECT count(*) FROM deleted_activities") == 0
        rig.emulator.state.clock.advance(5)
        rig.control("edit", id=hidden, set={"name": "Seen again", "private": False, "visibility": "everyone"})
        assert follow(rig).metadata["webhook_events"]["activities_waiting"] == 0
    rig.assert_true_to_source()
