"""What happens after recording: edits by control orders and by the API, deletions, additions, late uploads; and the clock
that decides what exists.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline_tests.emulator.client import EVERYTHING, Client
from strava_pipeline_tests.emulator.conftest import NOW, Start
from strava_pipeline_tests.emulator.test_limits import usage
from strava_pipeline_tests.emulator.test_stravalib import quiet as quiet


@pytest.fixture
def client(start: Start) -> Client:
    return start()


def row_of(client: Client, identity: int) -> dict[str, Any]:
    rows = client.get("/athlete/activities", per_page=200).json()
    found: dict[str, Any] = next(row for row in rows if row["id"] == identity)
    return found


def refused(client: Client, path: str, order: object) -> str:
    answer = requests.post(f"{client.url}/_emulator{path}", json=order, timeout=20)
    assert answer.status_code == 400
    message: str = answer.json()["message"]
    return message


def test_an_edit_reaches_detail_list_and_truth_and_leaves_the_rest(client: Client) -> None:
    identity = client.ids()[3]
    before = client.get(f"/activities/{identity}", include_all_efforts="true").json()
    changes = {"name": "Renamed ✏️", "kudos_count": 99, "description": "new", "commute": True}
    assert client.control("/edit", id=identity, set=changes)["name"] == "Renamed ✏️"
    assert client.get(f"/activities/{identity}", include_all_efforts="true").json() == before | changes
    row = row_of(client, identity)
    assert (row["name"], row["kudos_count"], row["commute"]) == ("Renamed ✏️", 99, True)
    assert "description" not in row
    truth = {each["id"]: each for each in client.truth()["activities"]}
    assert truth[identity] == before | changes


def test_another_gear_brings_its_summary_along(client: Client) -> None:
    truth = client.truth()
    ride = next(each for each in truth["activities"] if each["gear_id"] and each["gear_id"].startswith("b"))
    other = next(gear for gear in truth["gear"] if gear["id"] not in (ride["gear_id"], None))
    edited = client.control("/edit", id=ride["id"], set={"gear_id": other["id"]})
    assert edited["gear"]["name"] == other["name"]
    assert "gear" not in client.control("/edit", id=ride["id"], set={"gear_id": None})


def test_an_edited_privacy_hides_from_those_who_may_not_see(client: Client) -> None:
    identity = client.ids()[0]
    client.control("/edit", id=identity, set={"visibility": "only_me", "private": True})
    assert identity in client.ids()
    client.login("read,activity:read")
    assert identity not in client.ids()


def test_an_edited_start_moves_it_in_the_list(client: Client) -> None:
    oldest = client.ids(after=0)[0]
    client.control("/edit", id=oldest, set={"start_date": "2026-05-31T23:00:00Z"})
    assert client.ids()[0] == oldest


def test_an_edit_keeps_the_recording(client: Client) -> None:
    recorded = next(each["id"] for each in client.truth()["activities"] if each["start_latlng"])
    path = f"/activities/{recorded}/streams"
    before = client.get(path, keys="latlng").json()
    client.control("/edit", id=recorded, set={"name": "x"})
    assert client.get(path, keys="latlng").json() == before


def test_a_deleted_activity_is_gone_everywhere(client: Client) -> None:
    identity = client.ids()[5]
    assert client.control("/delete", id=identity) == {"id": identity}
    assert identity not in client.every_id()
    assert client.get(f"/activities/{identity}").status_code == 404
    assert identity not in [each["id"] for each in client.truth()["activities"]]
    for path, order in (("/delete", {"id": identity}), ("/edit", {"id": identity, "set": {"name": "x"}})):
        assert str(identity) in refused(client, path, order)


def test_a_late_upload_has_a_new_id_and_an_old_date(client: Client) -> None:
    ids = client.every_id()
    added = client.control("/add", generate={"start_date": "2024-02-29T10:00:00Z", "sport_type": "Run"})["id"]
    assert added > max(ids)
    detail = client.get(f"/activities/{added}", include_all_efforts="true").json()
    assert (detail["start_date"], detail["sport_type"], detail["type"]) == ("2024-02-29T10:00:00Z", "Run", "Run")
    assert detail["splits_metric"]
    assert added not in client.ids(after=int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()))
    day = datetime(2024, 2, 29, tzinfo=UTC).timestamp()
    assert client.ids(after=int(day), before=int(day) + 86_400) == [added]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (
            {"start_date": "2025-07-01T20:00:00Z", "timezone": "(GMT-05:00) America/New_York"},
            ("2025-07-01T16:00:00Z", "(GMT-05:00) America/New_York", -14400.0, "Ride", "Ride"),
        ),
        (
            {"start_date": "2025-01-01T11:30:00+00:00", "timezone": "Pacific/Kiritimati", "sport_type": "TrailRun"},
            ("2025-01-02T01:30:00Z", "(GMT+14:00) Pacific/Kiritimati", 50400.0, "Run", "TrailRun"),
        ),
        (
            {"start_date": "2025-01-01T11:30:00Z", "sport_type": "GravelRide"},
            ("2025-01-01T12:30:00Z", "(GMT+01:00) Europe/Berlin", 3600.0, "Ride", "GravelRide"),
        ),
        (
            {"start_date": "2025-01-01T11:30:00Z", "timezone": "Asia/Kathmandu", "sport_type": "Quidditch"},
            ("2025-01-01T17:15:00Z", "(GMT+05:45) Asia/Kathmandu", 20700.0, "Workout", "Quidditch"),
        ),
    ],
)
def test_a_generated_addition_is_as_ordered(client: Client, order: dict[str, str], expected: tuple[Any, ...]) -> None:
    row = row_of(client, client.control("/add", generate=order)["id"])
    fields = ("start_date_local", "timezone", "utc_offset", "type", "sport_type")
    assert tuple(row[field] for field in fields) == expected


def test_a_given_addition_is_served_unchanged_with_defaults_for_other_fields(client: Client) -> None:
    given = {"id": 2**60, "name": "By hand", "distance": 5, "start_date": "2025-06-01T08:00:00Z", "utc_offset": 7200.0}
    assert client.control("/add", activity=given)["id"] == 2**60
    row = row_of(client, 2**60)
    assert given.items() <= row.items()
    assert row["start_date_local"] == "2025-06-01T10:00:00Z"
    assert row["athlete"]["id"] == client.get("/athlete").json()["id"]
    assert client.get(f"/activities/{2**60}").json() == row | {"resource_state": 3}


def test_a_given_detail_is_a_detail(client: Client) -> None:
    client.control("/add", activity={"id": 7, "description": "long", "splits_metric": []})
    assert "description" not in row_of(client, 7)
    assert client.get("/activities/7").json()["description"] == "long"


def test_an_activity_under_way_does_not_exist_yet(client: Client) -> None:
    ahead = client.control("/add", generate={"start_date": "2026-06-01T13:00:00Z", "sport_type": "Walk"})["id"]
    assert ahead not in client.ids()
    assert client.get(f"/activities/{ahead}").status_code == 404
    client.control("/clock", set="2026-06-01T13:00:01Z")
    assert ahead not in client.ids()
    client.control("/clock", advance=4 * 3600)
    assert client.ids()[0] == ahead
    assert client.truth()["activities"][-1]["id"] == ahead


def test_every_answer_has_the_emulators_time_and_no_other(client: Client) -> None:
    def dates() -> set[datetime]:
        answers = [
            client.get("/athlete"),
            client.get("/activities/1"),
            requests.get(f"{client.url}/api/v3/athlete", timeout=20),
            client.authorize(),
            requests.get(f"{client.url}/_emulator/calls", timeout=20),
            requests.get(f"{client.url}/_emulator/truth", timeout=20),
            requests.get(f"{client.url}/nowhere", timeout=20),
        ]
        assert all(len(answer.raw.headers.getlist("date")) == 1 for answer in answers)
        return {parsedate_to_datetime(answer.headers["Date"]) for answer in answers}

    assert dates() == {NOW}
    assert client.control("/clock", advance=90) == {"now": "2026-06-01T12:09:00Z"}
    assert dates() == {datetime(2026, 6, 1, 12, 9, tzinfo=UTC)}


WRITES = EVERYTHING + ",activity:write"


@pytest.fixture
def writer(start: Start) -> Client:
    return start(WRITES)


def put(writer: Client, identity: int | str, **body: Any) -> requests.Response:
    return writer.http.put(f"{writer.url}/api/v3/activities/{identity}", timeout=20, **body)


def test_an_edit_by_the_api_answers_the_detail_and_reaches_the_list(writer: Client) -> None:
    identity = writer.ids()[2]
    before = writer.get(f"/activities/{identity}").json()
    sent = {"name": "Über den Berg", "sport_type": "TrailRun", "description": "steil", "commute": True}
    answer = put(writer, identity, json=sent)
    assert answer.status_code == 200
    assert answer.json() == before | sent | {"type": "Run"}
    assert writer.get(f"/activities/{identity}").json() == answer.json()
    assert writer.get("/athlete/activities").json()[2]["name"] == "Über den Berg"


def test_gear_is_changed_and_cleared(writer: Client) -> None:
    ride = next(each for each in writer.truth()["activities"] if str(each["gear_id"]).startswith("b"))
    other = next(gear for gear in writer.truth()["gear"] if gear["id"] != ride["gear_id"])
    assert put(writer, ride["id"], json={"gear_id": other["id"]}).json()["gear"]["name"] == other["name"]
    cleared = put(writer, ride["id"], json={"gear_id": "none"}).json()
    assert cleared["gear_id"] is None
    assert "gear" not in cleared


def test_editing_needs_its_scope_and_hidden_activities_need_theirs_too(start: Start) -> None:
    writer = start(activities=100)
    hidden = next(each["id"] for each in writer.truth()["activities"] if each["visibility"] == "only_me")
    shown = writer.ids()[0]
    refused = put(writer, shown, json={"name": "x"})
    assert (refused.status_code, refused.headers.get("X-RateLimit-Usage")) == (401, None)
    assert refused.json()["errors"] == [
        {"resource": "AccessToken", "field": "activity:write_permission", "code": "missing"}
    ]
    writer.login("read,activity:write")
    assert put(writer, shown, json={"name": "x"}).json()["name"] == "x"
    assert put(writer, hidden, json={"name": "x"}).status_code == 404


def test_an_edit_counts_overall_but_not_as_a_reading_call(start: Start) -> None:
    writer = start(WRITES, limits=Limits(3, 99, 1, 99))
    identity = writer.ids(per_page=1)[0]
    assert usage(put(writer, identity, json={"name": "a"})) == ("3,99", "2,2", "1,99", "1,1")
    writer.control("/faults", path="/activities", kind="status", status=401)
    assert put(writer, identity, json={"name": "b"}).status_code == 401
    assert usage(put(writer, identity, json={"name": "c"})) == ("3,99", "3,3", "1,99", "1,1")
    assert put(writer, identity, json={"name": "d"}).status_code == 429
    calls = writer.calls()
    assert calls["by_endpoint"] == {"/athlete/activities": 1, "PUT /activities/{id}": 2}
    assert calls["details"] == {}


def test_a_reading_call_is_refused_where_an_edit_still_is_not(start: Start) -> None:
    writer = start(WRITES, limits=Limits(9, 99, 1, 99))
    identity = writer.ids(per_page=1)[0]
    assert writer.get("/athlete").status_code == 429
    assert put(writer, identity, json={"name": "a"}).status_code == 200
