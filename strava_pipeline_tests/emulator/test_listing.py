"""Reading through the API: listings and their pages, details and streams."""

from typing import Any

import pytest

from strava_pipeline.ingest.strava.emulator.activities import Listing, Pager
from strava_pipeline_tests.emulator.client import Client
from strava_pipeline_tests.emulator.conftest import Start

START = 1_700_000_000  # 2023-11-14T22:13:20Z


def stamps(client: Client, **query: Any) -> list[str]:
    return [activity["start_date"] for activity in client.get("/athlete/activities", **query).json()]


@pytest.fixture
def three(start: Start) -> Client:
    """Three activities, an hour apart: ids 11, 12, 13."""
    client = start(activities=0)
    for number, clock in enumerate(("22:13:20", "23:13:20", "23:59:59"), start=11):
        client.control("/add", activity={"id": number, "start_date": f"2023-11-14T{clock}Z"})
    return client


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, [13, 12, 11]),
        ({"after": START - 1}, [11, 12, 13]),
        ({"after": START}, [12, 13]),
        ({"after": 0}, [11, 12, 13]),
        ({"before": START + 3600}, [11]),
        ({"before": START + 3601}, [12, 11]),
        ({"after": START, "before": START + 3601}, [12]),
        ({"after": START + 3600, "before": START}, []),
        ({"after": START + 99_999}, []),
        ({"per_page": 2}, [13, 12]),
        ({"per_page": 2, "page": 2}, [11]),
        ({"per_page": 2, "page": 3}, []),
        ({"per_page": 2, "page": 2, "after": 0}, [13]),
    ],
)
def test_windows_are_exclusive_and_after_turns_the_order(three: Client, query: dict[str, int], ids: list[int]) -> None:
    assert three.ids(**query) == ids


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ({"per_page": 201}, "per page", "limit exceeded"),
        ({"per_page": 0}, "per page", "invalid"),
        ({"page": 0}, "page", "invalid"),
        ({"page": "two"}, "page", "invalid"),
        ({"after": "yesterday"}, "after", "invalid"),
    ],
)
def test_what_no_page_can_be_is_refused(three: Client, query: dict[str, Any], field: str, code: str) -> None:
    answer = three.get("/athlete/activities", **query)
    assert answer.status_code == 400
    assert answer.json() == {
        "message": "Bad Request",
        "errors": [{"resource": "Application", "field": field, "code": code}],
    }


def test_a_page_has_thirty_rows_by_default_and_two_hundred_at_most(default_athlete: Client) -> None:
    assert len(default_athlete.ids()) == 30
    assert len(default_athlete.ids(per_page=200)) == 200


@pytest.mark.dear
def test_a_listing_brings_everything_once_newest_first(default_athlete: Client, default_truth: dict[str, Any]) -> None:
    found = default_athlete.every_id()
    expected = sorted(default_truth["activities"], key=lambda each: (each["start_date"], each["id"]), reverse=True)
    assert found == [each["id"] for each in expected]
    assert default_athlete.every_id(after=0) == found[::-1]


@pytest.mark.slow
def test_a_list_row_is_the_detail_without_what_only_details_have(
    default_athlete: Client, default_truth: dict[str, Any]
) -> None:
    details = {each["id"]: each for each in default_truth["activities"]}
    extra: set[str] = set()
    for page in range(1, 5):
        for row in default_athlete.get("/athlete/activities", per_page=200, page=page).json():
            detail = details[row["id"]]
            extra |= set(detail) - set(row)
            assert row["resource_state"] == row["map"]["resource_state"] == 2
            assert "polyline" not in row["map"]
            differing = {key for key in row if row[key] != detail[key]}
            assert differing == {"resource_state", "map"}
    assert extra == {
        "available_zones",
        "best_efforts",
        "calories",
        "description",
        "device_name",
        "embed_token",
        "gear",
        "hide_from_home",
        "laps",
        "perceived_exertion",
        "photos",
        "prefer_perceived_exertion",
        "segment_efforts",
        "splits_metric",
        "splits_standard",
        "stats_visibility",
    }


@pytest.mark.parametrize("per_page", [1, 2, 7, 30, 200])
def test_short_pages_lose_no_row_and_only_the_end_is_empty(start: Start, per_page: int) -> None:
    client = start(activities=70, short_pages=True)
    pages = client.pages(per_page=per_page)
    assert sorted(identity for page in pages for identity in page) == sorted(client.every_id())
    assert sum(len(page) for page in pages) == 70
    assert per_page in (1, 200) or any(len(page) < per_page for page in pages[:-1])


def test_a_page_may_have_a_single_row_although_more_follow() -> None:
    pager = Pager(seed=1, always_short=True)
    listing = Listing(None, None, 50)
    sizes = [len(pager.cut(range(1000), listing, page)) for page in range(1, 9)]
    assert sizes[3] == sizes[7] == 1
    assert 0 < sizes[0] < 50


def test_without_all_efforts_only_the_first_few_open_ones_are_shown(
    default_athlete: Client, default_truth: dict[str, Any]
) -> None:
    detail = next(
        each
        for each in default_truth["activities"]
        if len(each["segment_efforts"]) > 5 and any(effort["hidden"] for effort in each["segment_efforts"][:3])
    )
    path = f"/activities/{detail['id']}"
    full = default_athlete.get(path, include_all_efforts="true").json()
    short = default_athlete.get(path).json()
    assert full == detail
    shown = [effort for effort in detail["segment_efforts"] if not effort["hidden"]][:3]
    assert short == detail | {"segment_efforts": shown}
    assert default_athlete.get(path, include_all_efforts="false").json() == short


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/activities/1", "Activity"),
        ("/activities/99999999999999999999", "Activity"),
        ("/activities/x", "Activity"),
        ("/gear/b1", "Gear"),
        ("/nowhere", "Resource"),
    ],
)
def test_a_missing_object_is_a_404_in_stravas_shape(default_athlete: Client, path: str, resource: str) -> None:
    answer = default_athlete.get(path)
    assert answer.status_code == 404
    assert answer.json() == {
        "message": "Resource Not Found",
        "errors": [{"resource": resource, "field": "id", "code": "invalid"}],
    }


def test_streams_have_one_length_manual_ones_have_none(default_athlete: Client, default_truth: dict[str, Any]) -> None:
    activities = default_truth["activities"]
    manual = next(each["id"] for each in activities if each["manual"])
    outdoors = next(each for each in activities if each["start_latlng"] and each["has_heartrate"])
    assert default_athlete.get(f"/activities/{manual}/streams", keys="time").status_code == 404
    path = f"/activities/{outdoors['id']}/streams"
    keyed = default_athlete.get(path, keys="time,distance,latlng,heartrate", key_by_type="true").json()
    assert set(keyed) == {"time", "distance", "latlng", "heartrate"}
    assert len({len(stream["data"]) for stream in keyed.values()}) == 1
    assert keyed["latlng"]["data"][0] == outdoors["start_latlng"]
    assert keyed["distance"]["data"][-1] == outdoors["distance"]
    assert keyed["time"]["data"][-1] == outdoors["elapsed_time"]
    listed = default_athlete.get(path, keys="time").json()
    assert {stream["type"] for stream in listed} == {"time", "distance"}
    assert {(stream["series_type"], stream["resolution"]) for stream in listed} == {("distance", "high")}
    assert {stream["original_size"] for stream in listed} == {len(keyed["time"]["data"])}


def test_streams_go_with_the_summary(default_athlete: Client, default_truth: dict[str, Any]) -> None:
    keys = "time,latlng,distance,altitude,velocity_smooth,heartrate,cadence,watts,temp,moving,grade_smooth"
    recorded = [each for each in default_truth["activities"] if not each["manual"]][::40]
    for each in recorded:
        found = default_athlete.get(f"/activities/{each['id']}/streams", keys=keys, key_by_type="true").json()
        assert {"time", "distance", "velocity_smooth", "moving"} <= set(found)
        assert len({len(stream["data"]) for stream in found.values()}) == 1
        assert ("heartrate" in found) == each["has_heartrate"]
        assert ("watts" in found) == bool(each.get("device_watts"))
        assert ("cadence" in found) == ("average_cadence" in each)
        assert ("temp" in found) == ("average_temp" in each)
        assert ("grade_smooth" in found) == ("altitude" in found) == ("latlng" in found) == bool(each["start_latlng"])
        assert found["moving"]["data"][0] is False
        assert max(found["velocity_smooth"]["data"]) < 40, "no faster than a motorway"
