"""The shape of answers: what of a key is written, and what differs from the known shape."""

import json
from typing import Any

import pytest

from strava_pipeline.ingest.registry import PROVIDERS
from strava_pipeline.ingest.shapes import KnownShape, Shape, safe_key

RUBBISH = [
    *("Alex", "berlin", "alex_heartrate", "grace_may", "abc123def", "Kim"),
    *("anna", "Anna Müller", "anna@example.com", "anna_smith", "AnnaSmith", "Max Power", "../../etc", "", "?", "日本"),
    *("2025-01-01", "2025_01_01", "20250101", "123456789", "47.3769,8.5417", "-0.12", "1e5", "٣"),
    *(
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "eyJhbGciOiJIUzI1NiJ9",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "hunter2",
    ),
    *(
        "4f5119d6-a65d-47b9-bb23-5904f9ff927b",
        "4f5119d6a65d47b9bb235904f9ff927b",
        "correcthorsebatterystaple",
        "b1234567",
    ),
]


@pytest.mark.parametrize("source", ["strava", *sorted(PROVIDERS)])
def test_a_key_that_is_a_value_is_not_written(source: str) -> None:
    shown = {key: safe_key(source, key) for key in RUBBISH if safe_key(source, key) not in ("?", "#")}
    assert shown.items() <= {"b1234567": "b#", "alex_heartrate": "?heartrate"}.items()


def test_a_field_is_written_by_the_words_that_are_known() -> None:
    keys = {
        "averageHR": "averageHR",
        "startTimeGMT": "startTimeGMT",
        "hrTimeInZone_1": "hrTimeInZone_#",
        "maxRespirationRate": "maxRespirationRate",
        "annaPower": "?Power",
        "hr_of_anna": "?",
    }
    assert {key: safe_key("garmin", key) for key in keys} == keys


def test_nothing_of_values_is_in_a_shape_whatever_nests() -> None:
    deep: Any = "secret value"
    for key in RUBBISH * 2:
        deep = {key: [deep, 47.3769, key]}
    shape = Shape("garmin")
    shape.add([{"activityName": deep, **dict.fromkeys(RUBBISH, deep)}])
    text = json.dumps(shape.paths)
    assert [key for key in (*RUBBISH, "secret", "47") if len(key) > 2 and key in text] == []
    assert max(map(len, shape.paths)) < 100, "no deeper than answers are"


KNOWN = KnownShape(
    {
        "": ["list"],
        "[]": ["object"],
        "[].id": ["number"],
        "[].at": ["null", "text"],
        "[].of": ["object"],
        "[].of.id": ["text"],
        "[].?": ["number"],
    },
    ["[].id", "[].of.id"],
)


@pytest.mark.parametrize(
    ("answer", "never_came", "other_types", "unknown"),
    [
        ([{"id": 1, "at": "now", "of": {"id": "a"}}, {"id": 1.5, "at": None}], [], {}, []),
        ([], [], {}, []),
        ([{"id": None, "of": {}}], ["[].id", "[].of.id"], {}, []),
        ([{"at": "now"}], ["[].id"], {}, []),
        (
            [{"id": "1", "at": 5}, {"id": 1, "of": [1]}],
            [],
            {"[].id": ["text"], "[].at": ["number"], "[].of": ["list"]},
            ["[].of[]"],
        ),
        ([{"id": 1, "splits": [{"pace": 1}], "distance": 5, "Anna": "x"}], [], {}, ["[].splits"]),
        ({"id": 1}, [], {"": ["object"]}, []),
    ],
)
def test_differences_are_named(answer: Any, never_came: list[str], other_types: Any, unknown: list[str]) -> None:
    seen = Shape("strava")
    seen.add(answer)
    found = KNOWN.differences(seen)
    assert (found.never_came, found.other_types, found.unknown) == (never_came, other_types, unknown)


def test_of_a_source_of_which_nothing_is_known_nothing_differs() -> None:
    seen = Shape("strava")
    seen.add([{"splits": 1}])
    found = KnownShape({}).differences(seen)
    assert (found.never_came, found.other_types, found.unknown) == ([], {}, [])
