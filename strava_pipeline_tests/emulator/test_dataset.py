"""A dataset is served as it is: values, kinds of numbers, absent fields, and what can't be served."""

import gzip
import json
from pathlib import Path

import pytest

from strava_pipeline_tests.emulator.conftest import Start

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples" / "strava"
BIG = 9_007_199_254_740_993  # 2^53 + 1: the first integer that a float can't hold

SUMMARY = """{"resource_state":2,"athlete":{"id":77,"resource_state":1},"name":"Zürich 🚵 \\u0000 \\ud83d","distance":1000,
  "moving_time":300,"id":9007199254740993,"start_date":"2019-12-31T23:30:00Z","average_speed":3.0,"max_speed":1e2,
  "upload_id":18446744073709551615,"x_unknown":{"deep":[1,1.0,null,"é"]},"start_latlng":[],"gear_id":"b1",
  "map":{"id":"a1","summary_polyline":"abc","resource_state":2}}"""
DETAIL = """{"resource_state":3,"athlete":{"id":77},"id":12,"start_date":"2021-05-01T08:00:00Z","distance":20.5,
  "description":null,"calories":1.10,"splits_metric":[{"split":1}],"gear":{"id":"g2","name":"Shoe","distance":3},
  "gear_id":"g2","segment_efforts":[{"id":4611686018427387905,"hidden":true}],"photos":{"count":0},
  "map":{"id":"a12","polyline":"long","summary_polyline":"short","resource_state":3}}"""
MODERN = '{"resource_state":2,"id":15,"start_date":"2022-05-01T08:00:00Z","device_name":"Watch","hide_from_home":false}'
BARE = '{"id":13,"start_date":"2021-05-01T08:00:00Z","calories":5}'
FOREIGN = '{"id":14,"start_date":"2038-01-19T03:14:08Z","athlete":{"id":5},"type":"Ride"}'


def write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["dataset.json", "dataset.json.gz"])
def test_everything_is_served_as_it_is(start: Start, tmp_path: Path, name: str) -> None:
    client = start(dataset=write(tmp_path / name, f"[{SUMMARY},{DETAIL},{MODERN},{BARE},{FOREIGN}]"))
    rows = {row["id"]: row for row in client.get("/athlete/activities").json()}
    assert list(rows) == [14, 15, 13, 12, BIG]
    assert repr(rows[BIG]) == repr(json.loads(SUMMARY))
    assert repr(client.get(f"/activities/{BIG}").json()) == repr(json.loads(SUMMARY) | {"resource_state": 3})
    assert repr(client.get("/activities/12?include_all_efforts=true").json()) == repr(json.loads(DETAIL))
    assert rows[12] == {
        "resource_state": 2,
        "athlete": {"id": 77},
        "id": 12,
        "start_date": "2021-05-01T08:00:00Z",
        "distance": 20.5,
        "gear_id": "g2",
        "map": {"id": "a12", "summary_polyline": "short", "resource_state": 2},
    }
    assert rows[15] == json.loads(MODERN)
    assert rows[13] == {"id": 13, "start_date": "2021-05-01T08:00:00Z"}
    assert client.get("/activities/13").json() == json.loads(BARE)
    assert rows[14] == client.get("/activities/14").json() == json.loads(FOREIGN)
    assert [each["id"] for each in client.truth()["activities"]] == [12, 13, 14, 15, BIG]


@pytest.mark.samples
@pytest.mark.parametrize("name", ["summary/summary_2021_30.json", "summary/summary_2025_98.json"])
def test_real_lists_come_out_as_they_were_recorded(start: Start, name: str) -> None:
    path = SAMPLES / name
    client = start(dataset=path)
    rows = client.get("/athlete/activities", per_page=200).json()
    expected = json.loads(path.read_bytes())
    assert {row["id"]: repr(row) for row in rows} == {row["id"]: repr(row) for row in expected}


@pytest.mark.samples
@pytest.mark.parametrize("path", sorted((SAMPLES / "detailed").glob("*.json")), ids=lambda path: path.stem)
def test_real_details_come_out_as_they_were_recorded(start: Start, path: Path) -> None:
    expected = json.loads(path.read_bytes())
    answer = start(dataset=path).get(f"/activities/{expected['id']}", include_all_efforts="true").json()
    assert repr(answer) == repr(expected)


def test_athlete_and_gear_come_from_the_activities(start: Start, tmp_path: Path) -> None:
    client = start(dataset=write(tmp_path / "d.json", f"[{SUMMARY},{DETAIL},{FOREIGN}]"))
    athlete = client.get("/athlete").json()
    assert athlete["id"] == 77
    assert [bike["id"] for bike in athlete["bikes"]] == ["b1"]
    assert client.get("/gear/g2").json() == {"id": "g2", "name": "Shoe", "distance": 3, "resource_state": 3}
    assert client.get("/gear/b1").json()["distance"] == 1000
    assert client.truth()["gear"] == [client.get(f"/gear/{gear}").json() for gear in ("b1", "g2")]


def test_a_dataset_can_be_edited_and_added_to(start: Start, tmp_path: Path) -> None:
    client = start(dataset=write(tmp_path / "d.json", SUMMARY))
    client.control("/edit", id=BIG, set={"name": "new"})
    assert client.get(f"/activities/{BIG}").json()["name"] == "new"
    added = client.control("/add", generate={"start_date": "2020-01-01T00:00:00Z", "sport_type": "Ride"})["id"]
    assert added == BIG + 1
    assert client.ids() == [added, BIG]
    assert client.get(f"/activities/{added}").json()["athlete"]["id"] == 77


def test_an_empty_dataset_is_an_athlete_without_activities(start: Start, tmp_path: Path) -> None:
    client = start(dataset=write(tmp_path / "d.json", "[]"))
    assert client.ids() == []
    assert client.get("/athlete").status_code == 200
