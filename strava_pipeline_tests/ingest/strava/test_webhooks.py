"""ingest.strava.webhooks: which bodies are events, and what each asks for."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from strava_pipeline.core.deliveries import Hint, NoDeliveryError
from strava_pipeline.ingest.strava.webhooks import Aspect, ObjectType, read_delivery, read_event

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
    assert event.at.isoformat() == "2018-01-16T18:07:20+00:00"
    assert (event.updates, event.revokes) == ({"title": "Messy"}, False)


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
    with pytest.raises(NoDeliveryError, match=fault) as raised:
        read_event(given)
    assert "134815" not in str(raised.value)


def test_an_event_is_a_hint_and_other_news_of_the_athlete_are_none() -> None:
    at = datetime(2018, 1, 16, 18, 7, 20, tzinfo=UTC)
    edited = Hint("134815", "1360128428", at, subscription=120475)
    assert [*read_delivery(body())] == [edited]
    assert [*read_delivery(body(aspect_type="delete"))] == [
        Hint("134815", "1360128428", at, is_deletion=True, subscription=120475)
    ]
    athlete = {"object_type": "athlete", "object_id": 134815}
    assert [*read_delivery(body(**athlete, updates={"authorized": "false"}))] == [
        Hint("134815", at=at, revokes=True, subscription=120475)
    ]
    assert [*read_delivery(body(**athlete, updates={"premium": "true"}))] == []
