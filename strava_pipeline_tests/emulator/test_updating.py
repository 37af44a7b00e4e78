"""PUT on an activity: what an application may edit, with which scope, and how it counts."""

from typing import Any

import pytest
import requests

from strava_pipeline.emulator.strava.application import Limits
from strava_pipeline_tests.emulator.client import EVERYTHING, Client
from strava_pipeline_tests.emulator.conftest import Start
from strava_pipeline_tests.emulator.test_limits import usage
from strava_pipeline_tests.emulator.test_stravalib import quiet as quiet
from strava_pipeline_tests.emulator.test_stravalib import stravalib_on

WRITES = EVERYTHING + ",activity:write"


@pytest.fixture
def client(start: Start) -> Client:
    return start(WRITES)


def put(client: Client, identity: int | str, **body: Any) -> requests.Response:
    return client.http.put(f"{client.url}/api/v3/activities/{identity}", timeout=20, **body)


@pytest.mark.parametrize("kind", ["json", "data"])
def test_an_edit_by_the_api_answers_the_detail_and_reaches_the_list(client: Client, kind: str) -> None:
    identity = client.ids()[2]
    before = client.get(f"/activities/{identity}").json()
    sent = {"name": "Über den Berg", "sport_type": "TrailRun", "description": "steil", "commute": True}
    body = sent if kind == "json" else sent | {"commute": "true"}
    answer = put(client, identity, **{kind: body})
    assert answer.status_code == 200
    assert answer.json() == before | sent | {"type": "Run"}
    assert client.get(f"/activities/{identity}").json() == answer.json()
    assert client.get("/athlete/activities").json()[2]["name"] == "Über den Berg"


def test_gear_is_changed_and_cleared(client: Client) -> None:
    ride = next(each for each in client.truth()["activities"] if str(each["gear_id"]).startswith("b"))
    other = next(gear for gear in client.truth()["gear"] if gear["id"] != ride["gear_id"])
    assert put(client, ride["id"], json={"gear_id": other["id"]}).json()["gear"]["name"] == other["name"]
    cleared = put(client, ride["id"], json={"gear_id": "none"}).json()
    assert cleared["gear_id"] is None
    assert "gear" not in cleared


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"name": 5}, "name"),
        ({"commute": 1}, "commute"),
        ({"commute": "perhaps"}, "commute"),
        ({"gear_id": "b999"}, "gear_id"),
        ({"gear_id": ""}, "gear_id"),
        ({"sport_type": ""}, "sport_type"),
        ([], ""),
    ],
)
def test_a_value_of_the_wrong_kind_changes_nothing(client: Client, sent: object, field: str) -> None:
    identity = client.ids()[0]
    before = client.truth()
    body = {**sent, "description": "also"} if isinstance(sent, dict) else sent
    answer = put(client, identity, json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"resource": "Activity", "field": field, "code": "invalid"}]
    assert client.truth() == before


@pytest.mark.parametrize("body", [{"json": {"private": True, "distance": 1, "name": None}}, {"data": b"{}"}, {}])
def test_what_strava_does_not_take_is_ignored(client: Client, body: dict[str, Any]) -> None:
    before = client.truth()
    assert put(client, client.ids()[0], **body).status_code == 200
    assert client.truth() == before


def test_a_body_that_is_no_json_is_refused(client: Client) -> None:
    assert put(client, client.ids()[0], data=b"name", headers={"Content-Type": "application/json"}).status_code == 400


@pytest.mark.parametrize("identity", [1, "abc"])
def test_what_there_is_not_can_not_be_edited(client: Client, identity: int | str) -> None:
    assert put(client, identity, json={"name": "x"}).status_code == 404


def test_editing_needs_its_scope_and_hidden_activities_need_theirs_too(start: Start) -> None:
    client = start(activities=400)
    hidden = next(each["id"] for each in client.truth()["activities"] if each["visibility"] == "only_me")
    shown = client.ids()[0]
    refused = put(client, shown, json={"name": "x"})
    assert (refused.status_code, refused.headers.get("X-RateLimit-Usage")) == (401, None)
    assert refused.json()["errors"] == [
        {"resource": "AccessToken", "field": "activity:write_permission", "code": "missing"}
    ]
    client.login("read,activity:write")
    assert put(client, shown, json={"name": "x"}).json()["name"] == "x"
    assert put(client, hidden, json={"name": "x"}).status_code == 404


def test_an_edit_counts_overall_but_not_as_a_reading_call(start: Start) -> None:
    client = start(WRITES, limits=Limits(3, 99, 1, 99))
    identity = client.ids(per_page=1)[0]
    assert usage(put(client, identity, json={"name": "a"})) == ("3,99", "2,2", "1,99", "1,1")
    client.control("/faults", path="/activities", kind="status", status=401)
    assert put(client, identity, json={"name": "b"}).status_code == 401
    assert usage(put(client, identity, json={"name": "c"})) == ("3,99", "3,3", "1,99", "1,1")
    assert put(client, identity, json={"name": "d"}).status_code == 429
    calls = client.calls()
    assert calls["by_endpoint"] == {"/athlete/activities": 1, "PUT /activities/{id}": 2}
    assert calls["details"] == {}


def test_a_reading_call_is_refused_where_an_edit_still_is_not(start: Start) -> None:
    client = start(WRITES, limits=Limits(9, 99, 1, 99))
    identity = client.ids(per_page=1)[0]
    assert client.get("/athlete").status_code == 429
    assert put(client, identity, json={"name": "a"}).status_code == 200


def test_stravalib_edits_an_activity(client: Client) -> None:
    identity = client.ids()[1]
    edited = stravalib_on(client).update_activity(identity, name="By stravalib", sport_type="Walk", commute=True)
    assert (edited.name, edited.sport_type, edited.commute) == ("By stravalib", "Walk", True)
