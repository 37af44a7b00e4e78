"""Which change raises which event: those that Strava names, and no others."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from strava_pipeline.ingest.strava.emulator.app import Emulator
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline_tests.emulator.client import EVERYTHING, Client
from strava_pipeline_tests.emulator.conftest import NOW, config
from strava_pipeline_tests.subscriber import Subscriber, subscriber

APPLICATION = {"client_id": "12345", "client_secret": "emulator-secret"}
WITHOUT_PRIVATE = "read,activity:read"
ONLY_ME, EVERYONE = {"visibility": "only_me", "private": True}, {"visibility": "everyone", "private": False}


class Stage:
    """An emulator with a login and a subscription, and what its callback got."""

    def __init__(self, emulator: Emulator, hook: Subscriber) -> None:
        self.emulator, self.hook = emulator, hook
        self.client = Client(emulator.url, EVERYTHING + ",activity:write")
        fields = {**APPLICATION, "callback_url": hook.url, "verify_token": "t"}
        created = requests.post(f"{emulator.url}/api/v3/push_subscriptions", data=fields, timeout=20)
        self.subscription: int = created.json()["id"]
        self.athlete: int = emulator.state.athlete["id"]
        truth = self.client.truth()["activities"]
        self.ride = next(each for each in truth if each["sport_type"] == "Ride" and each["visibility"] == "everyone")

    def got(self) -> list[dict[str, Any]]:
        """What came since the last look."""
        assert self.emulator.state.deliveries.idle(20)
        found = list(self.hook.events)
        self.hook.events.clear()
        return found

    def edit(self, **changes: Any) -> None:
        self.client.control("/edit", id=self.ride["id"], set=changes)

    def updates(self) -> list[tuple[str, dict[str, Any]]]:
        return [(event["aspect_type"], event["updates"]) for event in self.got()]


@pytest.fixture
def stage() -> Iterator[Stage]:
    settings: EmulatorConfig = config()
    with Emulator(settings) as emulator, subscriber() as hook:
        yield Stage(emulator, hook)


def test_an_event_names_its_object_owner_change_and_time(stage: Stage) -> None:
    stage.client.control("/clock", advance=100)
    stage.edit(name="Anders")
    assert stage.got() == [
        {
            "object_type": "activity",
            "object_id": stage.ride["id"],
            "aspect_type": "update",
            "updates": {"title": "Anders"},
            "owner_id": stage.athlete,
            "subscription_id": stage.subscription,
            "event_time": int(NOW.timestamp()) + 100,
        }
    ]


@pytest.mark.parametrize(
    ("changes", "updates"),
    [
        ({"name": "x"}, {"title": "x"}),
        ({"sport_type": "GravelRide"}, {"type": "GravelRide"}),
        ({"sport_type": "Walk", "type": "Walk"}, {"type": "Walk"}),
        ({"type": "Walk"}, {"type": "Walk"}),
        (ONLY_ME, {"private": "true"}),
        ({"name": "x", "sport_type": "EBikeRide", **ONLY_ME}, {"title": "x", "type": "EBikeRide", "private": "true"}),
    ],
)
def test_title_type_and_privacy_raise_an_update(stage: Stage, changes: dict[str, Any], updates: dict[str, Any]) -> None:
    stage.edit(**changes)
    assert stage.updates() == [("update", updates)]


@pytest.mark.parametrize(
    "changes",
    [
        {"kudos_count": 5},
        {"description": "x"},
        {"gear_id": None},
        {"commute": True},
        {"distance": 5.0},
        {"visibility": "followers_only"},
    ],
)
def test_other_edits_raise_none(stage: Stage, changes: dict[str, Any]) -> None:
    stage.edit(**changes, name=stage.ride["name"])
    assert stage.got() == []


def test_an_edit_by_the_api_raises_its_event(stage: Stage) -> None:
    url = f"{stage.client.url}/api/v3/activities/{stage.ride['id']}"
    stage.client.http.put(url, json={"name": "x", "commute": True}, timeout=20)
    stage.client.http.put(url, json={"commute": False}, timeout=20)
    assert stage.updates() == [("update", {"title": "x"})]


def test_a_new_activity_raises_an_event_before_it_can_be_fetched(stage: Stage) -> None:
    late = stage.client.control("/add", generate={"start_date": "2024-05-04T10:00:00Z"})["id"]
    ahead = stage.client.control("/add", generate={"start_date": "2026-06-01T13:00:00Z"})["id"]
    given = stage.client.control("/add", activity={"id": 2**60})["id"]
    assert [(event["aspect_type"], event["object_id"]) for event in stage.got()] == [
        ("create", late),
        ("create", ahead),
        ("create", given),
    ]
    assert stage.client.get(f"/activities/{ahead}").status_code == 404


def test_a_deletion_raises_an_event(stage: Stage) -> None:
    stage.client.control("/delete", id=stage.ride["id"])
    assert [(event["aspect_type"], event["object_id"]) for event in stage.got()] == [("delete", stage.ride["id"])]


@pytest.mark.parametrize("way", ["control", "revoke"])
def test_a_withdrawal_raises_an_event_and_later_changes_none(stage: Stage, way: str) -> None:
    client = stage.client
    if way == "control":
        client.control("/revoke")
    else:
        token = {"token": client.tokens["refresh_token"]}
        requests.post(f"{client.url}/oauth/revoke", auth=("12345", "emulator-secret"), data=token, timeout=20)
    [event] = stage.got()
    assert (event["object_type"], event["object_id"], event["owner_id"]) == ("athlete", stage.athlete, stage.athlete)
    assert (event["aspect_type"], event["updates"]) == ("update", {"authorized": "false"})
    stage.edit(name="x")
    assert stage.got() == []


def test_a_hidden_activity_is_deleted_and_created_for_a_login_that_may_not_see_it(stage: Stage) -> None:
    stage.client.control("/revoke")
    stage.client.login(WITHOUT_PRIVATE)
    stage.got()
    stage.edit(**ONLY_ME)
    stage.edit(name="unseen")
    stage.edit(**EVERYONE)
    hidden = stage.client.control("/add", activity={"id": 5, **ONLY_ME})["id"]
    stage.client.control("/delete", id=hidden)
    assert stage.updates() == [("delete", {}), ("create", {})]
