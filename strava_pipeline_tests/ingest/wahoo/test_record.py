"""How Wahoo's workouts read: texts as numbers, starts in zones, plans, and rows that are none."""

from typing import Any

import pytest

from strava_pipeline.core.providers import UnreadableRowError
from strava_pipeline.ingest.wahoo.record import SPEC, read_row, rows
from strava_pipeline_tests.present import there

SUMMARY: dict[str, Any] = {
    "id": 9,
    "name": None,
    "started_at": "2026-04-16T05:28:47.000Z",
    "time_zone": "Europe/Berlin",
    "distance_accum": "32147.8",
    "duration_active_accum": "5399.6",
    "duration_paused_accum": "60.0",
    "duration_total_accum": "5459.6",
    "ascent_accum": "310.0",
    "calories_accum": "612",
    "speed_avg": "5.95",
    "cadence_avg": "81.0",
    "heart_rate_avg": "131.0",
    "power_avg": "177.0",
    "power_bike_np_last": "201.0",
    "power_bike_tss_last": "88.1",
    "work_accum": "955000",
    "manual": False,
    "edited": False,
    "fitness_app_id": 0,
    "file": {"url": "https://cdn.example.invalid/secret.fit", "fitness_app_id": 0},
    "files": [],
    "created_at": "2026-04-16T07:00:00.000Z",
    "updated_at": "2026-04-16T07:00:01.000Z",
}
ROW: dict[str, Any] = {
    "id": 56_421,
    "user_id": 60_462,
    "starts": "2026-04-16T05:28:47.000Z",
    "minutes": 91,
    "name": "Morning",
    "plan_id": None,
    "workout_token": "ELEMNT 1",
    "workout_type_id": 0,
    "created_at": "2026-04-16T05:28:47.000Z",
    "updated_at": "2026-04-16T07:00:01.000Z",
}
AT = {"start_date": "2026-04-16T05:28:47Z"}
LOCAL = {"start_date_local": "2026-04-16T07:28:47Z", "utc_offset": 7200.0, "timezone": "(GMT+01:00) Europe/Berlin"}
NO_CLOCK = {**AT, "start_date_local": None, "utc_offset": None, "timezone": None}


def read(summary: dict[str, Any], **row: Any) -> dict[str, Any]:
    found = there(read_row({**ROW, "workout_summary": {**SUMMARY, **summary}, **row}))
    assert found.source_id == "56421"
    return found.summary


def test_every_number_comes_out_of_its_text() -> None:
    assert read({}) == {
        **AT,
        **LOCAL,
        "name": "Morning",
        "sport_type": "Ride",
        "distance": 32147.8,
        "moving_time": 5400,
        "elapsed_time": 5460,
        "total_elevation_gain": 310.0,
        "average_speed": 5.95,
        "average_cadence": 81.0,
        "average_heartrate": 131.0,
        "has_heartrate": True,
        "average_watts": 177.0,
        "weighted_average_watts": 201.0,
        "kilojoules": 955.0,
        "manual": False,
        "minutes": 91,
        "workout_type_id": 0,
        "duration_paused_accum": "60.0",
        "calories_accum": "612",
        "power_bike_tss_last": "88.1",
        "edited": False,
        "fitness_app_id": 0,
        "summary_id": 9,
        "summary_created_at": "2026-04-16T07:00:00.000Z",
        "summary_updated_at": "2026-04-16T07:00:01.000Z",
        "created_at": "2026-04-16T05:28:47.000Z",
        "updated_at": "2026-04-16T07:00:01.000Z",
    }


@pytest.mark.parametrize(
    ("summary", "row", "found"),
    [
        ({"distance_accum": 5.0}, {}, {"distance": 5.0}),
        ({"distance_accum": "0.0"}, {}, {"distance": 0.0}),
        ({"distance_accum": "far"}, {}, {"distance": None, "distance_accum": "far"}),
        ({"distance_accum": "NaN"}, {}, {"distance": None, "distance_accum": "NaN"}),
        ({"distance_accum": None}, {}, {"distance": None, "distance_accum": None}),
        ({"heart_rate_avg": "0.0"}, {}, {"average_heartrate": None, "heart_rate_avg": None, "has_heartrate": False}),
        ({"power_avg": None, "power_bike_avg": "150"}, {}, {"average_watts": 150.0}),
        ({"manual": "yes"}, {}, {"manual": None}),
        ({"mood": "good"}, {}, {"mood": "good"}),
        ({"name": "Evening"}, {"name": None}, {"name": "Evening"}),
        ({"time_zone": None}, {}, NO_CLOCK),
        ({"time_zone": "Mars/Phobos"}, {}, {**NO_CLOCK, "time_zone": "Mars/Phobos"}),
        ({"time_zone": 5}, {}, {**NO_CLOCK, "time_zone": 5}),
        ({}, {"starts": "2026-04-16T05:28:47"}, {**AT, **LOCAL}),
        ({}, {"starts": None}, {**AT, **LOCAL}),
        ({}, {"starts": 7}, {**AT, **LOCAL}),
        ({}, {"workout_type_id": 61}, {"sport_type": "Ride", "trainer": True}),
        ({}, {"workout_type_id": "1"}, {"sport_type": "Run", "trainer": None}),
        ({}, {"workout_type_id": 28}, {"sport_type": "workout_type_28"}),
        ({}, {"workout_type_id": None}, {"sport_type": "Workout"}),
        ({}, {"workout_type_id": True}, {"sport_type": "Workout"}),
    ],
)
def test_what_is_absent_or_odd_is_no_value(summary: dict[str, Any], row: dict[str, Any], found: dict[str, Any]) -> None:
    given = read(summary, **row)
    assert {name: given.get(name) for name in found} == found


def test_riding_a_motorcycle_is_in_no_total() -> None:
    (ride,) = SPEC.read_page({"workouts": [{**ROW, "workout_summary": SUMMARY, "workout_type_id": 17}]}).activities
    assert ride["not_counted"] == "driving is no sport"


def test_what_is_planned_is_no_activity() -> None:
    page = SPEC.read_page({"workouts": [{**ROW, "workout_summary": None}, {**ROW, "workout_summary": SUMMARY}]})
    assert (len(page.activities), page.foreign, page.unreadable) == (1, 1, [])


@pytest.mark.parametrize(
    ("changed", "why", "has_start"),
    [
        ({"id": None}, "it has no id", True),
        ({"id": "../1"}, "it has no id", True),
        ({"id": True}, "it has no id", True),
        ({"workout_summary": "much"}, "its summary is no object", True),
        (
            {"starts": "soon", "workout_summary": {**SUMMARY, "started_at": None}},
            "it has no start that can be read",
            False,
        ),
    ],
)
def test_an_unreadable_row_says_why_without_a_value(changed: dict[str, Any], why: str, has_start: bool) -> None:
    with pytest.raises(UnreadableRowError) as caught:
        read_row({**ROW, "workout_summary": SUMMARY, **changed})
    assert (str(caught.value), caught.value.start is not None) == (why, has_start)


@pytest.mark.parametrize("content", [None, [], {}, {"workouts": {}}, {"error": "no"}])
def test_what_is_no_page_is_refused(content: Any) -> None:
    with pytest.raises(UnreadableRowError):
        rows(content)
