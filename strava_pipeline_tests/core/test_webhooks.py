"""core.webhooks: which bodies are events, and what many of them ask for."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strava_pipeline.core.activities import summary_of_detail
from strava_pipeline.core.webhooks import (
    MAX_LEAD,
    MEMORY,
    RETRY_PAUSES,
    Aspect,
    NoEventError,
    ObjectType,
    QueuedActivity,
    WebhookEvent,
    covers_event,
    read_event,
    remember_followed,
    summarise_events,
    update_queue,
)

EVENT: dict[str, Any] = {
    "object_type": "activity",
    "object_id": 1360128428,
    "aspect_type": "update",
    "updates": {"title": "Messy"},
    "owner_id": 134815,
    "subscription_id": 120475,
    "event_time": 1516126040,
}


def body(**more: Any) -> bytes:
    return json.dumps({**EVENT, **more}).encode()


def test_an_event_says_what_happened_to_what() -> None:
    event = read_event(body())
    assert (event.object_type, event.aspect_type, event.object_id) == (ObjectType.ACTIVITY, Aspect.UPDATE, 1360128428)
    assert (event.at.isoformat(), event.updates, event.revokes) == (
        "2018-01-16T18:07:20+00:00",
        {"title": "Messy"},
        False,
    )


@pytest.mark.parametrize("updates", [None, {}, "left out"])
def test_a_creation_may_come_without_updates(updates: object) -> None:
    fields = {name: value for name, value in EVENT.items() if name != "updates"}
    fields |= {} if updates == "left out" else {"updates": updates}
    assert read_event(json.dumps(fields).encode()).updates == {}


def test_unknown_fields_are_no_fault() -> None:
    assert read_event(body(club_id=5, object_id=2**63 - 1)).object_id == 2**63 - 1


@pytest.mark.parametrize(("said", "revokes"), [("false", True), (False, True), ("true", False), (None, False)])
def test_an_athlete_who_takes_the_access_away(said: object, revokes: bool) -> None:
    assert read_event(body(object_type="athlete", updates={"authorized": said})).revokes is revokes
    assert not read_event(body(updates={"authorized": said})).revokes, "an activity revokes nothing"


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[1]", "no JSON object"),
        (b"{}", "aspect_type, event_time, object_id, object_type, owner_id, subscription_id"),
        (body(object_type="club"), "object_type"),
        (body(aspect_type="poke"), "aspect_type"),
        (body(object_id=-5), "object_id"),
        (body(object_id=2**63), "object_id"),
        (body(object_id="x"), "object_id"),
        (body(object_id=1.5), "object_id"),
        (body(event_time=1e300), "event_time"),
        (body(updates=[1]), "updates"),
        (body(owner_id=None), "owner_id"),
    ],
)
def test_a_body_that_is_no_event_names_its_faulty_fields(given: bytes, fault: str) -> None:
    with pytest.raises(NoEventError, match=fault) as raised:
        read_event(given)
    assert "134815" not in str(raised.value)


NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def event(object_id: int, aspect: str = "update", ago: float = 0, **more: Any) -> WebhookEvent:
    told = {
        "object_type": "activity",
        "object_id": object_id,
        "aspect_type": aspect,
        "owner_id": 7,
        "subscription_id": 1,
        "event_time": int(NOW.timestamp() - ago),
    }
    return WebhookEvent.model_validate(told | more)


EVENTS = st.lists(
    st.builds(event, st.integers(1, 4), st.sampled_from(["create", "update", "delete"]), st.integers(0, 5)), max_size=12
)


@given(EVENTS, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_matters(events: list[WebhookEvent], chance: Any) -> None:
    again = [*events, *events]
    chance.shuffle(again)
    assert summarise_events(again, NOW) == summarise_events(events, NOW)


@given(EVENTS, st.integers(0, 12))
def test_it_does_not_matter_either_which_came_before_a_look_and_which_after(
    events: list[WebhookEvent], cut: int
) -> None:
    at_once = update_queue({}, summarise_events(events, NOW), {})
    first = update_queue({}, summarise_events(events[:cut], NOW), {})
    then = update_queue(first, summarise_events(events[cut:], NOW), {})
    gone = summarise_events(events, NOW).gone
    assert {key: one for key, one in then.items() if key not in gone} == at_once


def test_the_newest_counts_and_of_one_second_the_deletion() -> None:
    news = summarise_events(
        [event(1, ago=9), event(1, "delete", ago=5), event(2, "delete", ago=5), event(2, ago=1)], NOW
    )
    assert (set(news.gone), set(news.changed)) == ({1}, {2})
    tied = summarise_events([event(3), event(3, "delete")], NOW)
    assert (set(tied.gone), set(tied.changed)) == ({3}, set())


def test_what_claims_to_be_of_the_future_is_of_now() -> None:
    ahead = summarise_events([event(1, "delete", ago=-86_400), event(2, ago=-2)], NOW)
    assert ahead.gone == {1: NOW}
    assert ahead.changed == {2: NOW + timedelta(seconds=2)}
    assert timedelta(seconds=2) < MAX_LEAD


def test_a_revocation_is_told_and_other_news_of_the_athlete_are_not() -> None:
    athlete = {"object_type": "athlete"}
    assert summarise_events(
        [event(7, ago=3, updates={"authorized": "false"}, **athlete)], NOW
    ).revoked_at == NOW - timedelta(seconds=3)
    quiet = summarise_events([event(7, updates={"premium": "true"}, **athlete)], NOW)
    assert (quiet.revoked_at, quiet.changed) == (None, {})


def test_what_fails_rests_longer_each_time_and_is_given_up() -> None:
    one: QueuedActivity | None = QueuedActivity(at=NOW)
    for pause in RETRY_PAUSES:
        assert one is not None
        assert one.may_be_fetched(NOW)
        one = one.failed(NOW)
        assert one is not None
        assert (one.may_be_fetched(NOW + pause - timedelta(seconds=1)), one.may_be_fetched(NOW + pause)) == (
            False,
            True,
        )
        one = one.model_copy(update={"not_before": None})
    assert one is not None
    assert one.failed(NOW) is None


def test_a_newer_event_begins_anew_and_an_older_one_changes_nothing() -> None:
    tried = QueuedActivity(at=NOW - timedelta(seconds=60), tries=2, not_before=NOW + timedelta(hours=1))
    assert update_queue({1: tried}, summarise_events([event(1)], NOW), {}) == {1: QueuedActivity(at=NOW)}
    assert update_queue({1: tried}, summarise_events([event(1, ago=60)], NOW), {}) == {1: tried}
    assert update_queue({1: tried}, summarise_events([event(1, "delete", ago=61)], NOW), {}) == {1: tried}
    assert update_queue({1: tried}, summarise_events([event(1, "delete", ago=60)], NOW), {}) == {}


def test_what_was_followed_is_nothing_new_but_the_next_second_is() -> None:
    followed = {1: NOW}
    assert update_queue({}, summarise_events([event(1)], NOW), followed) == {}
    assert update_queue({}, summarise_events([event(1, ago=-1)], NOW), followed).keys() == {1}
    assert not covers_event(NOW, NOW + timedelta(seconds=0.9))
    assert covers_event(NOW, NOW + timedelta(seconds=1))
    assert remember_followed(followed, {}, NOW + MEMORY) == {}
    assert remember_followed(followed, {1: NOW - timedelta(1), 2: NOW}, NOW + MEMORY - timedelta(seconds=1)) == {
        1: NOW,
        2: NOW,
    }


def test_a_detail_tells_what_a_listing_would() -> None:
    listed: dict[str, Any] = {
        "id": 2**53 + 1,
        "resource_state": 2,
        "athlete": {"id": 7, "resource_state": 1},
        "name": "Ride",
        "map": {"id": "a1", "summary_polyline": "abc", "resource_state": 2},
        "of_next_year": 1,
    }
    detail = listed | {
        "resource_state": 3,
        "athlete": {"id": 7, "resource_state": 1, "firstname": "Emilia"},
        "map": listed["map"] | {"polyline": "abcdef"},
        "description": "words",
        "laps": [],
        "segment_efforts": [],
        "device_name": "Watch",
    }
    assert (
        summary_of_detail(detail | {"of_details_only_next_year": 1}, without=["device_name"], also=["of_next_year"])
        == listed
    )
    assert summary_of_detail(detail)["device_name"] == "Watch"
