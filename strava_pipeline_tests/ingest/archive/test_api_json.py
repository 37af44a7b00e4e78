"""Strava's own objects, however another tool laid them down, come back as they are and are told apart by their fields."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.files.objects import running_page_summary
from strava_pipeline.ingest.archive.api_json import ApiObject, ObjectKind, read_objects
from strava_pipeline.ingest.archive.container import open_container
from strava_pipeline.ingest.archive.entry import Fault, Problem
from strava_pipeline_tests.ingest.archive.made import unpacked, zipped

SUMMARY = {"id": 2**60 + 1, "name": "A", "type": "Ride", "start_date": "2020-07-14T22:36:55Z", "resource_state": 2}
DETAIL = {**SUMMARY, "resource_state": 3, "segment_efforts": []}
PAGE = {
    "run_id": 17,
    "name": "A",
    "distance": 1535.8,
    "moving_time": "0:09:53",
    "type": "Run",
    "start_date": "2023-09-24 23:48:24+00:00",
    "start_date_local": "2023-09-25 07:48:24",
    "location_country": "somewhere",
    "summary_polyline": "ayc{E",
    "average_heartrate": None,
    "average_speed": 2.59,
    "streak": 1,
}


def found(path: Path) -> tuple[list[tuple[ObjectKind, Any]], list[Problem]]:
    objects, told = [], []
    with open_container(path) as container:
        for each in read_objects(container.entries):
            if isinstance(each, Fault):
                told.append(each.problem)
            else:
                objects.append((each.kind, each.body))
    return objects, told


def raw(value: Any) -> bytes:
    return json.dumps(value).encode()


LAID_DOWN = {
    "an array": ("activities.json", raw([SUMMARY, DETAIL])),
    "an array, gzipped": ("page-0001.json.gz", gzip.compress(raw([SUMMARY, DETAIL]))),
    "an array in an object": ("a.json", raw({"athlete": {"id": 7}, "count": 2, "activities": [SUMMARY, DETAIL]})),
    "arrays in lines": ("a.jsonl", raw({"activities": [SUMMARY]}) + b"\n" + raw({"activities": [DETAIL]})),
    "lines": ("activities.jsonl", raw(SUMMARY) + b"\n\n" + raw(DETAIL) + b"\n"),
    "lines called JSON": ("activities.json", raw(SUMMARY) + b"\r\n" + raw(DETAIL)),
    "lines, gzipped": ("a.ndjson.gz", gzip.compress(raw(SUMMARY) + b"\n" + raw(DETAIL))),
    "gzip without saying so": ("activities.json", gzip.compress(raw([SUMMARY, DETAIL]))),
    "a byte order mark": ("activities.json", b"\xef\xbb\xbf" + raw([SUMMARY, DETAIL])),
}


@pytest.mark.parametrize("how", LAID_DOWN)
def test_objects_are_found_however_they_were_laid_down(tmp_path: Path, how: str) -> None:
    name, body = LAID_DOWN[how]
    expected = [(ObjectKind.SUMMARY, SUMMARY), (ObjectKind.DETAIL, DETAIL)]
    assert found(unpacked(tmp_path / "folder", {name: body})) == (expected, [])
    (tmp_path / "all.zip").write_bytes(zipped({name: body, "readme.txt": b"{}"}))
    assert found(tmp_path / "all.zip") == (expected, [])


def test_a_bronze_folder_of_pages_and_details_is_read_in_order(tmp_path: Path) -> None:
    folder = unpacked(
        tmp_path,
        {
            "bronze/activities/2020.json": raw([SUMMARY, {**SUMMARY, "id": 2}]),
            "bronze/activity_details/1.json": raw(DETAIL),
            "bronze/activity_details/2.json": raw({**DETAIL, "id": 2}),
        },
    )
    objects, told = found(folder)
    assert [(kind, body["id"]) for kind, body in objects] == [
        (ObjectKind.SUMMARY, SUMMARY["id"]),
        (ObjectKind.SUMMARY, 2),
        (ObjectKind.DETAIL, DETAIL["id"]),
        (ObjectKind.DETAIL, 2),
    ]
    assert told == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (SUMMARY, ObjectKind.SUMMARY),
        (DETAIL, ObjectKind.DETAIL),
        ({**SUMMARY, "resource_state": 2, "laps": []}, ObjectKind.DETAIL),
        (PAGE, ObjectKind.RUNNING_PAGE),
        ({"id": 1, "firstname": "A", "lastname": "B"}, ObjectKind.ATHLETE),
        ({"id": "b1", "brand_name": "", "model_name": "", "distance": 1}, ObjectKind.GEAR),
        ({"time": {"data": [0], "series_type": "distance"}}, ObjectKind.STREAMS),
        ({"id": 1, "start_date": "2020-07-14T22:36:55Z", "lap_index": 1}, ObjectKind.OTHER),
        ({"message": "Rate Limit Exceeded", "errors": []}, ObjectKind.OTHER),
        ({"activities": 2}, ObjectKind.OTHER),
        ({**SUMMARY, "activities": []}, ObjectKind.SUMMARY),
        ({}, ObjectKind.OTHER),
    ],
)
def test_what_an_object_is_its_fields_tell(tmp_path: Path, body: dict[str, Any], kind: ObjectKind) -> None:
    assert found(unpacked(tmp_path, {"x.json": raw(body)})) == ([(kind, body)], [])


BROKEN = {
    "no JSON": (b"<html>", [], [Problem.DAMAGED]),
    "nothing": (b"", [], [Problem.DAMAGED]),
    "an object broken off": (raw({"activities": [SUMMARY]})[:-5], [], [Problem.DAMAGED]),
    "no objects in an object": (raw({"activities": [1, None]}), [], [Problem.DAMAGED]),
    "broken off": (raw([SUMMARY])[:-5], [], [Problem.DAMAGED]),
    "a line broken off": (raw(SUMMARY) + b"\n" + raw(DETAIL)[:-5], [SUMMARY], [Problem.DAMAGED]),
    "numbers among objects": (raw([1, SUMMARY, "x"]), [SUMMARY], [Problem.DAMAGED]),
    "a damaged gzip": (b"\x1f\x8b\x08\x00" + bytes(20), [], [Problem.DAMAGED]),
    "a gzip broken off": (gzip.compress(raw([SUMMARY]))[:-12], [], [Problem.CUT_OFF]),
    "a bomb": (gzip.compress(bytes(101 * 1024**2)), [], [Problem.TOO_LARGE]),
    "a tower": (b"[" * 100_000, [], [Problem.DAMAGED]),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_can_not_be_read_is_told_and_the_next_file_is_read(tmp_path: Path, what: str) -> None:
    body, objects, told = BROKEN[what]
    folder = unpacked(tmp_path, {"a.json": body, "b.json": raw(DETAIL)})
    assert found(folder) == ([*((ObjectKind.SUMMARY, each) for each in objects), (ObjectKind.DETAIL, DETAIL)], told)


def test_an_object_does_not_show_itself_in_a_log() -> None:
    assert "2020" not in repr(ApiObject(ObjectKind.SUMMARY, SUMMARY, "x.json"))


def test_running_page_s_names_become_strava_s() -> None:
    assert running_page_summary(PAGE) == {
        "id": 17,
        "name": "A",
        "distance": 1535.8,
        "moving_time": 593,
        "type": "Run",
        "sport_type": "Run",
        "start_date": "2023-09-24T23:48:24Z",
        "start_date_local": "2023-09-25T07:48:24Z",
        "location_country": "somewhere",
        "map": {"summary_polyline": "ayc{E"},
        "average_speed": 2.59,
        "streak": 1,
    }


@pytest.mark.parametrize(
    ("word", "sport"),
    [
        ("cycling", "Ride"),
        ("mountain biking", "MountainBikeRide"),
        ("TrailRun", "TrailRun"),
        ("diving", None),
        (5, None),
    ],
)
def test_running_page_s_sport_is_strava_s_or_stays_in_type(word: object, sport: str | None) -> None:
    told = running_page_summary({**PAGE, "type": word})
    assert (told["type"], told.get("sport_type")) == (word, sport)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0:09:53", 593),
        ("1 day, 2:03:04", 93784),
        ("2 days, 0:00:01.500000", 172801),
        ("1970-01-01 01:00:00.000000", 3600),
        ("1970-01-02 01:00:00", 90000),
        (593, 593),
        ("soon", "soon"),
        (None, None),
    ],
)
def test_running_page_s_durations_are_seconds(text: Any, seconds: Any) -> None:
    assert running_page_summary({**PAGE, "moving_time": text}).get("moving_time") == seconds
