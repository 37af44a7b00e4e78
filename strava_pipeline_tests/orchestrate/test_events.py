"""Webhook events from an emulated Strava through the real intake into gold: one call each, whatever order they come in."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import requests

from strava_pipeline.core.errors import NeedsLoginError
from strava_pipeline.ingest.strava.revocation import revoked_at
from strava_pipeline.lake import events
from strava_pipeline.lake.journal import segments
from strava_pipeline.lake.listing import read_listing
from strava_pipeline.lake.sightings import note_gone
from strava_pipeline.operations import events as following
from strava_pipeline.orchestrate.execute import RunOutcome
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.rig import NOW, Rig, log_in
from strava_pipeline_tests.webhooks import delivered, subscribed

pytestmark = pytest.mark.slow

Make = Callable[..., Rig]
THIS_YEAR = {"years": (2026, 2026), "activities": 12, "settings": {"first_year": 2025}}


def follow(rig: Rig) -> RunOutcome:
    delivered(rig)
    return rig.run("events", [2025, 2026])


@pytest.fixture
def rig(make_rig: Make) -> Rig:
    made = make_rig(**THIS_YEAR)
    made.begin_with("flow_backfill", [2025, 2026])
    return made


def by_start(rig: Rig) -> list[int]:
    return [item["id"] for item in sorted(rig.truth(), key=lambda item: str(item["start_date"]))]


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
    changed = rig.gold(
        f"SELECT version, changed_fields FROM activity_history WHERE activity_id = {edited} ORDER BY version"
    )
    assert changed[1:] == [(2, ["name"])]
    assert rig.one("SELECT count(*) FROM activity_history") == versions + 1
    rig.calls()
    told = rig.run("reconcile", [2026]).metadata
    assert rig.calls()["by_endpoint"] == {"/athlete/activities": 2}, "a listing sees what the detail had told"
    assert told["activities"]["updated"] == 0
    assert rig.one("SELECT count(*) FROM activity_history") == versions + 1, "and no other version"


def test_a_new_one_and_one_that_is_gone(rig: Rig) -> None:
    gone = by_start(rig)[2]
    with subscribed(rig):
        new = rig.control(
            "add", generate={"start_date": "2026-03-09T07:00:00Z", "sport_type": "Run", "timezone": "Europe/London"}
        )
        rig.control("delete", id=gone)
        rig.emulator.state.clock.advance(7200)  # it appears when it is over
        rig.calls()
        told = follow(rig).metadata
    assert rig.calls()["by_endpoint"] == {"/activities/{id}": 1}
    assert {name: told["activities"][name] for name in ("inserted", "updated", "deleted")} == {
        "inserted": 1, "updated": 0, "deleted": 1,
    }  # fmt: skip
    assert rig.gold("SELECT id FROM deleted_activities") == [(gone,)]
    assert rig.one(f"SELECT count(*) FROM activities WHERE id = {new['id']}") == 1
    rig.assert_true_to_source()


def test_a_burst_costs_one_call_however_often_and_in_which_order_it_comes(rig: Rig) -> None:
    one, other = by_start(rig)[4:6]
    with subscribed(rig):
        rig.control("webhooks", shuffle=6, duplicate=0.5)
        rig.calls()
        for number in range(10):
            rig.control("edit", id=one, set={"name": f"Title {number}"})
            rig.control("edit", id=other, set={"name": f"Other {number}"})
            rig.emulator.state.clock.advance(1)
        rig.control("webhooks", shuffle=0)
        rig.emulator.state.clock.advance(2)
        follow(rig)
        assert rig.calls()["by_endpoint"] == {"/activities/{id}": 2}
        rig.assert_true_to_source()
        log = requests.get(f"{rig.emulator.url}/_emulator/webhooks", timeout=PATIENCE).json()["deliveries"]
        for each in log:
            rig.control("webhooks/send", event=each["event"])
        follow(rig)
    assert rig.calls()["by_endpoint"] == {}, "what came again was answered already"


def test_what_is_deleted_after_an_edit_costs_no_call(rig: Rig) -> None:
    gone = by_start(rig)[3]
    with subscribed(rig):
        rig.control("webhooks", hold=True)
        rig.control("edit", id=gone, set={"name": "Last words"})
        rig.emulator.state.clock.advance(2)
        rig.control("delete", id=gone)
        rig.control("webhooks", shuffle=2, hold=False)
        rig.calls()
        follow(rig)
        assert rig.calls()["by_endpoint"] == {}
        assert rig.gold("SELECT id FROM deleted_activities") == [(gone,)]
        rig.control("webhooks", shuffle=0)
        early = {"aspect_type": "update", "object_id": gone, "event_time": int(NOW.timestamp())}
        rig.control("webhooks/send", event=early)
        follow(rig)
    assert rig.calls()["by_endpoint"] == {}, "an edit of before that comes late neither"


def test_one_that_is_said_to_be_gone_and_is_listed_later_is_present(rig: Rig) -> None:
    present = by_start(rig)[3]
    with subscribed(rig):
        rig.control("webhooks/send", event={"aspect_type": "delete", "object_id": present})
        follow(rig)
    assert rig.gold("SELECT id FROM deleted_activities") == [(present,)]
    rig.emulator.state.clock.advance(5)
    assert rig.run("reconcile", [2026]).metadata["activities"]["restored"] == 1
    rig.assert_true_to_source()


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
    rig.run_unpartitioned("rebuild")
    assert rig.gold("SELECT id, deleted_at FROM activities_all ORDER BY id") == before
    rig.emulator.state.clock.advance(5)
    assert rig.run("reconcile", [2026]).metadata["activities"]["deletions_not_marked"] == 0
    rig.assert_true_to_source()


def test_an_event_before_its_activity_can_be_fetched(rig: Rig) -> None:
    start = (NOW + timedelta(minutes=1)).isoformat()
    with subscribed(rig):
        new = rig.control("add", generate={"start_date": start, "sport_type": "Run", "timezone": "Europe/London"})["id"]
        rig.calls()
        told = follow(rig).metadata["webhook_events"]
        assert (told["activities_waiting"], told["not_found_ids"]) == (1, [str(new)])
        follow(rig)
        assert rig.calls()["by_endpoint"] == {"/activities/{id}": 1}, "it is not asked for again at once"
        rig.emulator.state.clock.advance(3 * 3600)
        assert requests.get(f"{rig.emulator.url}/api/v3/nothing", timeout=PATIENCE).headers["Date"]
        rig.do("refresh", [2025, 2026])  # any answer tells the server's time
        rig.calls()
        assert follow(rig).metadata["webhook_events"]["activities_waiting"] == 0
    assert rig.calls()["by_endpoint"] == {"/activities/{id}": 1}
    rig.assert_true_to_source()


def test_one_that_never_can_be_fetched_is_given_up_and_told(rig: Rig) -> None:
    with subscribed(rig):
        rig.control("webhooks/send", event={"aspect_type": "update", "object_id": 4711})
        rig.calls()
        for _ in range(6):
            outcome = follow(rig)
            rig.emulator.state.clock.advance(2 * 3600)
            rig.do("refresh", [2025, 2026])
    assert rig.calls()["by_endpoint"]["/activities/{id}"] == 4
    state = events.load(rig.lake)
    assert state is not None
    assert (state.waiting, state.given_up) == ({}, 1)
    assert outcome.metadata["webhook_events"]["activities_waiting"] == 0


def test_what_was_made_and_deleted_costs_no_call_in_whatever_order_it_is_told(rig: Rig) -> None:
    made = {"object_id": 4711, "event_time": int(NOW.timestamp())}
    with subscribed(rig):
        rig.control("webhooks/send", event={"aspect_type": "delete", **made, "event_time": made["event_time"] + 60})
        rig.calls()
        follow(rig)
        rig.control("webhooks/send", event={"aspect_type": "create", **made})
        assert follow(rig).metadata["webhook_events"]["activities_waiting"] == 0
    assert rig.calls()["by_endpoint"] == {}


def test_an_activity_with_a_device_comes_as_a_listing_would_show_it(rig: Rig) -> None:
    """The newest one has none: it was typed in."""
    start = "2026-03-10T11:{:02}:00Z"
    rig.control("add", activity={"start_date": start.format(50), "manual": True, "sport_type": "Yoga"})
    for item in rig.truth():
        rig.control("edit", id=item["id"], set={"guid": f"g{item['id']}"} if not item["manual"] else {"commute": False})
    rig.do("reconcile", [2026])
    listed = rig.one("SELECT count(guid) FROM activities")
    assert listed > 0
    with subscribed(rig):
        new = {"start_date": start.format(10), "sport_type": "Ride", "guid": "new", "description": "with words"}
        key = rig.control("add", activity=new)["id"]
        follow(rig)
    assert rig.gold(f"SELECT guid FROM activities WHERE id = {key}") == [("new",)]
    assert rig.run("reconcile", [2026]).metadata["activities"]["updated"] == 0


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


def test_what_was_read_leaves_the_inbox_and_stands_in_bronze(rig: Rig) -> None:
    with subscribed(rig):
        rig.control("edit", id=by_start(rig)[0], set={"name": "Renamed"})
        delivered(rig)
    assert segments(rig.lake.inbox_webhooks)
    rig.do("events", [2026])
    assert segments(rig.lake.inbox_webhooks) == []
    assert len(list(rig.lake.webhooks.glob("*/*.ndjson.gz"))) == 1


def test_a_lost_state_does_not_ask_again_for_what_was_given_up_long_ago(rig: Rig) -> None:
    with subscribed(rig):
        rig.control("webhooks/send", event={"aspect_type": "update", "object_id": 4711})
        for _ in range(5):
            follow(rig)
            rig.emulator.state.clock.advance(86_400)
            rig.do("refresh", [2025, 2026])
        (rig.lake.state / "webhooks.json").unlink()
        rig.calls()
        follow(rig)
    assert rig.calls()["by_endpoint"] == {}


def test_a_lost_state_is_made_anew_and_asks_for_nothing_twice(rig: Rig) -> None:
    one, other = by_start(rig)[4:6]
    with subscribed(rig):
        rig.control("edit", id=one, set={"name": "First"})
        rig.emulator.state.clock.advance(60)
        follow(rig)
        (rig.lake.state / "webhooks.json").unlink()
        rig.control("edit", id=other, set={"name": "Second"})
        rig.calls()
        follow(rig)
    assert rig.calls()["details"] == {str(other): 1}
    rig.assert_true_to_source()


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


def test_gone_twice_is_noted_once(rig: Rig) -> None:
    for _ in range(2):
        note_gone(rig.lake, {1: NOW, 2: NOW + timedelta(days=1)}, 7)
    manifests = [read_listing(folder).manifest for folder in sorted(rig.lake.listings.glob("*-event"))]
    assert [[one.activity_id for one in manifest.gone] for manifest in manifests] == [[1], [2]]


def test_rebuild_finds_the_same(rig: Rig) -> None:
    first, second, third = by_start(rig)[4:7]
    with subscribed(rig):
        rig.control("edit", id=first, set={"name": "Renamed", "start_date_local": "2025-12-30T08:00:00Z"})
        rig.control("delete", id=second)
        rig.control("edit", id=third, set={"private": True})
        follow(rig)
    everything = "SELECT * FROM activities_all ORDER BY id"
    history = "SELECT * FROM activity_history ORDER BY activity_id, version"
    before = rig.gold(everything), rig.gold(history)
    rig.run_unpartitioned("rebuild")
    assert (rig.gold(everything), rig.gold(history)) == before


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


def test_a_year_that_was_edited_moves(rig: Rig) -> None:
    moved = by_start(rig)[0]
    item = next(item for item in rig.truth() if item["id"] == moved)
    earlier = {name: item[name].replace("2026", "2025") for name in ("start_date", "start_date_local")}
    with subscribed(rig):
        rig.control("edit", id=moved, set={"name": "Moved", **earlier})
        follow(rig)
    assert rig.one(f"SELECT year FROM activities WHERE id = {moved}") == 2025
    rig.assert_true_to_source()


def test_a_kill_between_the_detail_and_its_note_costs_no_second_call(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    edited = by_start(rig)[4]
    with subscribed(rig):
        rig.control("edit", id=edited, set={"name": "Renamed"})
        rig.emulator.state.clock.advance(10)
        rig.calls()
        with monkeypatch.context() as patch:
            patch.setattr(following, "note_sighting", _die)
            patch.setattr(following, "save", lambda lake, state: None)
            with pytest.raises(KeyboardInterrupt):
                follow(rig)
        follow(rig)
    assert rig.calls()["details"] == {str(edited): 1}
    rig.assert_true_to_source()


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
