"""Webhook events from an emulated Strava through the real intake into gold: one call each, in whatever order they arrive."""

from datetime import timedelta

import pytest
import requests

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.lake.bronze.deliveries import load_queue
from strava_pipeline.lake.bronze.expired import Expired
from strava_pipeline.lake.bronze.listing import read_listing
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.event_followup import note_deletions
from strava_pipeline.lake.journal import segments
from strava_pipeline.operations import event_details, events
from strava_pipeline.orchestrate.jobs import EVENTS
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.rig import NOW, Make, Rig
from strava_pipeline_tests.webhooks import THIS_YEAR, by_start, delivered, subscribed
from strava_pipeline_tests.without_dagster import Done

pytestmark = pytest.mark.slow


def follow(rig: Rig) -> Done:
    delivered(rig)
    return rig.do("events", [2025, 2026])


@pytest.fixture
def rig(make_rig: Make) -> Rig:
    made = make_rig(**THIS_YEAR)
    made.begin_with("flow_backfill", [2025, 2026])
    return made


@pytest.mark.dear
def test_a_new_one_and_one_that_is_gone(rig: Rig) -> None:
    gone = by_start(rig)[2]
    with subscribed(rig):
        new = rig.add("2026-03-09T07:00:00Z")
        rig.control("delete", id=gone)
        rig.emulator.state.clock.advance(7200)  # it appears when it is over
        rig.calls()
        done = follow(rig)
    assert rig.calls()["by_endpoint"] == {"/activities/{id}": 1}
    assert (done.merged.inserted, done.merged.updated, done.absent.deleted) == (1, 0, 1)
    assert rig.gold("SELECT id FROM deleted_activities") == [(gone,)]
    assert rig.one(f"SELECT count(*) FROM activities WHERE id = {new}") == 1
    rig.assert_true_to_source()


@pytest.mark.dear
def test_nothing_of_a_purged_one_is_asked_for_or_kept(rig: Rig) -> None:
    key = by_start(rig)[3]
    record_decisions(rig.lake, Expired(at=NOW, by="a test", ids=[key], purged=key))
    with subscribed(rig):
        rig.control("edit", id=key, set={"name": "Once more"})
        rig.calls()
        follow(rig)
    assert rig.calls()["by_endpoint"] == {}
    assert not [*rig.lake.webhooks.rglob("*.gz")]


@pytest.mark.dear
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


@pytest.mark.dear
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


@pytest.mark.dear
def test_one_that_is_said_to_be_gone_and_is_listed_later_is_present(rig: Rig) -> None:
    present = by_start(rig)[3]
    with subscribed(rig):
        rig.control("webhooks/send", event={"aspect_type": "delete", "object_id": present})
        follow(rig)
    assert rig.gold("SELECT id FROM deleted_activities") == [(present,)]
    rig.emulator.state.clock.advance(5)
    assert rig.do("reconcile", [2026]).absent.restored == 1
    rig.assert_true_to_source()


@pytest.mark.dear
def test_an_event_before_its_activity_can_be_fetched(rig: Rig) -> None:
    with subscribed(rig):
        new = rig.add(NOW + timedelta(minutes=1))
        rig.calls()
        events = follow(rig)[EVENTS]
        assert (events.activities_waiting, events.fetches.fetched.gone_ids) == (1, [new])
        follow(rig)
        assert rig.calls()["by_endpoint"] == {"/activities/{id}": 1}, "it is not asked for again at once"
        rig.emulator.state.clock.advance(3 * 3600)
        assert requests.get(f"{rig.emulator.url}/api/v3/nothing", timeout=PATIENCE).headers["Date"]
        rig.do("refresh", [2025, 2026])  # any answer tells the server's time
        rig.calls()
        assert follow(rig)[EVENTS].activities_waiting == 0
    assert rig.calls()["by_endpoint"] == {"/activities/{id}": 1}
    rig.assert_true_to_source()


@pytest.mark.dear
def test_one_that_never_can_be_fetched_is_given_up_and_told(rig: Rig) -> None:
    with subscribed(rig):
        rig.control("webhooks/send", event={"aspect_type": "update", "object_id": 4711})
        rig.calls()
        for _ in range(6):
            done = follow(rig)
            rig.emulator.state.clock.advance(2 * 3600)
            rig.do("refresh", [2025, 2026])
    assert rig.calls()["by_endpoint"]["/activities/{id}"] == 4
    state = load_queue(rig.lake, STRAVA)
    assert state is not None
    assert (state.waiting, state.given_up) == ({}, 1)
    assert done["webhook_events"].activities_waiting == 0


@pytest.mark.dear
def test_what_was_made_and_deleted_costs_no_call_in_whatever_order_it_is_told(rig: Rig) -> None:
    made = {"object_id": 4711, "event_time": int(NOW.timestamp())}
    with subscribed(rig):
        rig.control("webhooks/send", event={"aspect_type": "delete", **made, "event_time": made["event_time"] + 60})
        rig.calls()
        follow(rig)
        rig.control("webhooks/send", event={"aspect_type": "create", **made})
        assert follow(rig)[EVENTS].activities_waiting == 0
    assert rig.calls()["by_endpoint"] == {}


@pytest.mark.dear
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
    assert rig.do("reconcile", [2026]).merged.updated == 0


@pytest.mark.dear
def test_what_was_read_leaves_the_inbox_and_stands_in_bronze(rig: Rig) -> None:
    with subscribed(rig):
        rig.control("edit", id=by_start(rig)[0], set={"name": "Renamed"})
        delivered(rig)
    assert segments(rig.lake.inbox_webhooks)
    rig.do("events", [2026])
    assert segments(rig.lake.inbox_webhooks) == []
    assert len(list(rig.lake.webhooks.glob("*/*.ndjson.gz"))) == 1


@pytest.mark.dear
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


@pytest.mark.dear
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


def test_gone_twice_is_noted_once(rig: Rig) -> None:
    for _ in range(2):
        note_deletions(rig.lake, {1: NOW, 2: NOW + timedelta(days=1)}, 7)
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
    rig.do("rebuild")
    assert (rig.gold(everything), rig.gold(history)) == before


@pytest.mark.dear
def test_a_year_that_was_edited_moves(rig: Rig) -> None:
    moved = by_start(rig)[0]
    item = next(item for item in rig.truth() if item["id"] == moved)
    earlier = {name: item[name].replace("2026", "2025") for name in ("start_date", "start_date_local")}
    with subscribed(rig):
        rig.control("edit", id=moved, set={"name": "Moved", **earlier})
        follow(rig)
    assert rig.one(f"SELECT year FROM activities WHERE id = {moved}") == 2025
    rig.assert_true_to_source()


@pytest.mark.dear
def test_a_kill_between_the_detail_and_its_note_costs_no_second_call(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    edited = by_start(rig)[4]
    with subscribed(rig):
        rig.control("edit", id=edited, set={"name": "Renamed"})
        rig.emulator.state.clock.advance(10)
        rig.calls()
        with monkeypatch.context() as patch:
            patch.setattr(event_details, "note_sighting", _die)
            patch.setattr(events, "save_queue", lambda lake, source, state: None)
            with pytest.raises(KeyboardInterrupt):
                follow(rig)
        follow(rig)
    assert rig.calls()["details"] == {str(edited): 1}
    rig.assert_true_to_source()


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
