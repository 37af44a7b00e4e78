"""How entries of Garmin's list and its gear are read: rows as Garmin gives them, and what is read from them."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from strava_pipeline.core.providers import UnreadableRowError
from strava_pipeline.core.sports import GROUP_OF
from strava_pipeline.ingest.garmin.emulator.entries import entry
from strava_pipeline.ingest.garmin.record import NO_SPORT, SPEC, SPORT_OF, gear_of_activity, read_activity, read_gear

BEGAN = datetime.fromisoformat("2026-01-08T08:10:21-06:00")


def row(kind: str = "cycling", **more: Any) -> dict[str, Any]:
    return entry(21_482_825_013, "To the lake", kind, BEGAN, **{"seconds": 2225.4, **more})


def read(**more: Any) -> dict[str, Any]:
    return dict(read_activity(row(**more)).summary)


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({}, {"name": "To the lake", "sport_type": "Ride", "elapsed_time": 2225, "moving_time": 2225, "trainer": False}),
        ({}, {"start_date": "2026-01-08T14:10:21Z", "start_date_local": "2026-01-08T08:10:21Z", "utc_offset": -21600.0}),
        ({"startTimeGMT": "2026-01-08T14:10:21.0"}, {"start_date": "2026-01-08T14:10:21Z"}),
        ({"startTimeGMT": None}, {"start_date": "2026-01-08T14:10:21Z", "utc_offset": -21600.0}),
        ({"startTimeLocal": None}, {"start_date": "2026-01-08T14:10:21Z", "utc_offset": None, "start_date_local": None}),
        ({"startTimeGMT": None, "beginTimestamp": None}, {"start_date": None, "start_date_local": "2026-01-08T08:10:21Z"}),
        ({"startTimeLocal": "2026-01-01 00:00:00"}, {"start_date": "2026-01-08T14:10:21Z", "utc_offset": None}),
        ({"duration": 2000.6, "movingDuration": 1900.4}, {"moving_time": 1900}),
        ({"duration": 2000.6, "movingDuration": 0.0}, {"moving_time": 2001}),
        ({"duration": None, "elapsedDuration": None}, {"moving_time": None, "elapsed_time": None}),
        # milliseconds, with and without an end that shows it
        ({"elapsedDuration": 2225400.0}, {"elapsed_time": 2225}),
        ({"elapsedDuration": 2225400.0, "endTimeGMT": None}, {"elapsed_time": 2225}),
        ({"elapsedDuration": 2702589.1, "duration": 2702.6, "minElevation": 62040.0, "maxElevation": 65540.0, "endTimeGMT": None}, {"elapsed_time": 2703, "elev_low": 620.4, "elev_high": 655.4}),
        ({"elapsedDuration": 600000.0, "duration": None, "endTimeGMT": None}, {"elapsed_time": 600000}),
        ({"elapsedDuration": 2702589.0, "duration": None, "endTimeGMT": None}, {"elapsed_time": 2703}),
        # the watch was not stopped for hours: seconds, though far more than the timer
        ({"duration": 5.0, "elapsedDuration": 5000.0, "endTimeGMT": "2026-01-08 15:33:41"}, {"elapsed_time": 5000}),
        ({"minElevation": 2999.8, "maxElevation": 3145.4}, {"elev_low": 2999.8, "elev_high": 3145.4}),
        ({"distance": 4261.0, "movingDuration": 2000.0, "averageSpeed": 1.9}, {"average_speed": 2.1305, "averageSpeed": 1.9}),
        ({"distance": 4261.0, "averageSpeed": 1.9}, {"average_speed": 1.9}),
        ({"distance": 0.0, "movingDuration": 2000.0}, {"distance": 0.0, "average_speed": None}),
        ({"averageHR": 142.0, "maxHR": 162.0}, {"average_heartrate": 142.0, "max_heartrate": 162.0, "has_heartrate": True}),
        ({}, {"average_heartrate": None, "has_heartrate": False}),
        ({"averageBikingCadenceInRevPerMinute": 85.0}, {"average_cadence": 85.0}),
        ({"kind": "hiking", "averageRunningCadenceInStepsPerMinute": 106.5}, {"average_cadence": 53.25, "sport_type": "Hike"}),
        ({"kind": "lap_swimming", "averageSwimCadenceInStrokesPerMinute": 28.0}, {"average_cadence": None, "averageSwimCadenceInStrokesPerMinute": 28.0}),
        ({"avgPower": 194.0, "normPower": 226.0, "maxPower": 587.0}, {"average_watts": 194.0, "weighted_average_watts": 226.0, "max_watts": 587.0, "device_watts": True}),
        ({"kind": "running", "avgPower": 194.0}, {"average_watts": 194.0, "device_watts": None}),
        ({"totalWork": 103.1}, {"kilojoules": pytest.approx(431.37, abs=0.01)}),
        ({"kind": "running", "totalWork": 103.1}, {"kilojoules": None, "totalWork": 103.1}),
        ({"startLatitude": 47.1, "startLongitude": 7.2}, {"start_latlng": [47.1, 7.2], "end_latlng": []}),
        ({"startLatitude": 47.1, "startLongitude": None}, {"start_latlng": []}),
        ({"startLatitude": 947.1, "startLongitude": 7.2}, {"start_latlng": []}),
        ({"privacy": {"typeKey": "public"}}, {"private": False, "visibility": "everyone"}),
        ({"privacy": {"typeKey": "groups"}}, {"private": False, "visibility": "followers_only"}),
        ({"privacy": {"typeKey": "new"}}, {"private": None, "visibility": None, "privacy": {"typeKey": "new"}}),
        ({"manualActivity": True}, {"manual": True}),
        ({"manualActivity": None, "isManualActivity": True}, {"manual": True}),
        ({"isPR": True, "isFavorite": False, "pr": None, "favorite": None}, {"pr": True, "favorite": False}),
        ({"manufacturer": "ZWIFT"}, {"device_name": "ZWIFT"}),
        ({"activityName": None}, {"name": None}),
        ({"activityName": " \u202e🏛\ud83c  "}, {"name": " \u202e🏛\ud83c  "}),
        ({"distance": "far", "averageHR": True}, {"distance": "far", "average_heartrate": None, "averageHR": True}),
        ({"kind": "treadmill_running"}, {"sport_type": "Run", "trainer": True}),
        ({"kind": "virtual_ride"}, {"sport_type": "VirtualRide", "trainer": True}),
        ({"kind": "multi_sport"}, {"sport_type": "Triathlon"}),
        ({"activityType": "hiking"}, {"sport_type": "Hike", "typeKey": "hiking"}),
        ({"activityType": {"typeKey": "moon_walk", "parentTypeId": 9}}, {"sport_type": "Walk", "typeKey": "moon_walk"}),
        ({"activityType": {"typeKey": "moon_golf", "parentTypeId": 4}}, {"sport_type": "Workout", "typeKey": "moon_golf"}),
        ({"activityType": None}, {"sport_type": "Workout"}),
        ({"locationName": "Nowhere", "workoutId": 7}, {"locationName": "Nowhere", "workoutId": 7}),
    ],
)  # fmt: skip
def test_an_entry_is_read(more: dict[str, Any], found: dict[str, Any]) -> None:
    summary = read(**more)
    assert {name: summary.get(name) for name in found} == found
    assert "timezone" not in summary, "Garmin's zone is that of an offset and not of a place"


def test_nobodys_name_is_kept() -> None:
    people = {
        "ownerFullName": "Ada",
        "userRoles": ["X"],
        "activityLikeFullNames": ["Eve"],
        "userPro": False,
        "comments": ["hi"],
    }
    assert not people.keys() & read(**people).keys()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"kind": "driving_general"}, "no activity of an athlete"),
        ({"activityType": {"typeKey": "new_alarm", "parentTypeId": 157}}, "no activity of an athlete"),
        ({"parentId": 6588349056}, "a leg: its multisport activity counts"),
        ({"kind": "multi_sport", "parent": True}, None),
        ({"parentId": 0}, None),
    ],
)
def test_totals_leave_out_legs_and_what_is_no_sport(more: dict[str, Any], why: str | None) -> None:
    assert read_activity(row(**more)).not_counted == why
    (activity,) = SPEC.read_page([row(**more)]).activities
    assert activity.get("not_counted") == why


@pytest.mark.parametrize(
    ("given", "found"), [(7, "7"), ("21482825013", "21482825013"), (2**63 + 1, str(2**63 + 1)), (5.0, "5")]
)
def test_an_id_is_a_whole_number_however_it_is_written(given: Any, found: str) -> None:
    assert read_activity(row(activityId=given)).source_id == found


@pytest.mark.parametrize("given", [None, True, 0, -1, 1.5, "", "x1", "١٢", [1]])
def test_an_entry_without_an_id_is_unreadable_and_its_start_is_known(given: Any) -> None:
    with pytest.raises(UnreadableRowError, match="activityId") as fault:
        read_activity(row(activityId=given))
    assert fault.value.start == BEGAN


@pytest.mark.parametrize("text", [None, "yesterday", "9999-12-31 23:59:59", "0001-01-01 00:00:00", 5])
def test_an_entry_without_a_start_is_unreadable(text: Any) -> None:
    with pytest.raises(UnreadableRowError, match="no start"):
        read_activity(row(startTimeGMT=text, startTimeLocal=text, beginTimestamp=None))


def test_nulls_everywhere_leave_an_activity_with_a_start() -> None:
    nulls = dict.fromkeys(row()) | {"activityId": 5, "startTimeGMT": "2026-01-08 14:10:21"}
    found = read_activity(nulls)
    assert found.source_id == "5"
    assert dict(found.summary) == {
        "sport_type": "Workout",
        "start_date": "2026-01-08T14:10:21Z",
        "has_heartrate": False,
        "start_latlng": [],
        "end_latlng": [],
    }


@pytest.mark.parametrize("content", [None, {}, {"message": "We are back soon."}, "[]", 5])
def test_what_is_no_list_is_no_page(content: Any) -> None:
    with pytest.raises(UnreadableRowError):
        SPEC.read_page(content)


def test_every_sport_is_one_of_stravas_and_no_type_is_there_twice() -> None:
    assert {*SPORT_OF.values()} <= GROUP_OF.keys()
    assert not SPORT_OF.keys() & NO_SPORT
    assert len(SPORT_OF) > 152


OLDER = {
    "uuid": "aa11",
    "gearTypeName": "Bike",
    "gearStatusName": "retired",
    "gearMakeName": "Other",
    "gearModelName": "Bike",
}
NEWER = {
    "uuid": "AA-11",
    "gearType": "BIKE",
    "status": "ACTIVE",
    "brand": "Giant",
    "model": "TCR",
    "distanceUsedMeters": 5.5,
}


@pytest.mark.parametrize(
    ("legacy", "newer", "found"),
    [
        ([{**OLDER, "displayName": "Blue", "customMakeModel": "Giant"}], [], {"name": "Blue", "retired": True}),
        ([{**OLDER, "displayName": "", "customMakeModel": "Giant"}], [], {"name": "Giant"}),
        ([{**OLDER, "displayName": None}], [], {"name": "Other Bike", "brand_name": "Other"}),
        ([], [NEWER], {"name": "Giant TCR", "retired": False, "distance": 5.5, "model_name": "TCR"}),
        ([], [{**NEWER, "name": "Nova"}], {"name": "Nova"}),
        ([{**OLDER, "displayName": "Blue"}], [NEWER], {"name": "Blue", "retired": True, "distance": 5.5}),
    ],
)
def test_gear_of_both_lists_has_the_older_name(legacy: list[Any], newer: list[Any], found: dict[str, Any]) -> None:
    ((key, fields),) = read_gear({"legacy": legacy, "v2": [newer, []]})
    assert key == "aa11"
    assert {name: fields.get(name) for name in found} == found


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ([], None),
        ([{"uuid": "AA-11", "gearTypeName": "Shoes"}], "aa11"),
        ([{"uuid": "p1", "gearTypeName": "Other"}, {"uuid": "b1", "gearTypeName": "Bike"}], "b1"),
    ],
)
def test_the_gear_of_an_activity_is_its_bike_or_shoes(content: list[Any], found: str | None) -> None:
    assert gear_of_activity(content) == found


def test_an_entry_of_the_emulator_says_what_it_was_given() -> None:
    summary = read(distance=2224.0)
    assert summary["distance"] == 2224.0
    assert BEGAN.utcoffset() == timedelta(seconds=summary["utc_offset"])
