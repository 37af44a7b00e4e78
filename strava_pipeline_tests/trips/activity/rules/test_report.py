"""core.trips.activity.report: the first lines answer why, nothing is too wide, no position is in it."""

from typing import Any

import pytest

from strava_pipeline.trips.activity.rules.bundle import Bundle, Decryption, State
from strava_pipeline.trips.activity.rules.diagnosis import diagnose
from strava_pipeline.trips.activity.rules.report import overview, trip_report
from strava_pipeline.trips.activity.rules.thresholds import thresholds
from strava_pipeline_tests.trips.activity.rules.made_reports import FLIP, diagnosed, point, ride, without_points

LIMITS = thresholds()
LOG = [
    {"timestamp": "2026-01-05T00:00:00Z", "level": "info", "event": "motion_start", "message": "cycling"},
    {
        "timestamp": "2026-01-05T00:02:00Z",
        "level": "warning",
        "event": "location_denied",
        "message": "at 48.8537, 2.3482",
    },
]
DIAGNOSTIC = {"permissions": {"location": "denied"}, "low_power_mode": True, "app_version": "3.14.0", "logs": LOG}
TOO_FAST = {"avg_speed_kmh": 38.2, "speed_p95_kmh": 61.0}


def fast() -> dict[str, Any]:
    return diagnosed(ride(), "rejected", ["unrealistic_avg_speed", "vehicle_speed"], **TOO_FAST)


def test_the_first_three_lines_answer_why() -> None:
    assert trip_report(ride(), fast(), LIMITS, FLIP).splitlines()[:3] == [
        "T1: REJECTED (unrealistic_avg_speed, vehicle_speed)",
        "why   faster on average than bicycles are (avg_speed_kmh 38.2 km/h > 35 km/h); 1 more reason",
        "flip  rejected because avg_speed 38.2 km/h > 35 (cycling-2026.1); would not be rejected at ≤ 35.0",
    ]


def test_a_report_holds_what_is_known_of_a_trip() -> None:
    bundle = ride(diagnostic=DIAGNOSTIC)
    lines = trip_report(bundle, diagnosed(bundle), LIMITS, FLIP).splitlines()
    for line in (
        "  algorithm version  0.7.0",
        "  our verdict is    same as the stored verdict",
        "  reported by the phone              450 m  1 min 30 s",
        "  median                18.0 km/h     18.0 km/h",
        "  cycling  90.0 %",
        "  before the first point  0 s",
        "  key that opened the locations  0 (the newest)",
        "  2026-01-06T08:00:00Z  ride_not_detected",
        "  permission: location  denied",
        "  2026-01-05T00:02:00Z  +2 min 00 s  SILENCE  warning  location_denied  at <redacted>",
    ):
        assert line in lines


def test_a_stored_share_that_is_none_is_told_as_it_was_stored() -> None:
    found = diagnosed(ride(), activity_mix={"cycling": 80, "still": 1.0, "walking": -0.5})
    lines = trip_report(ride(), found, LIMITS, FLIP).splitlines()
    assert "  cycling  80 (as stored; a share is from 0 to 1)" in lines
    assert "  still    100.0 %" in lines
    assert "  walking  -0.5 (as stored; a share is from 0 to 1)" in lines


def odd_trips() -> list[Bundle]:
    return [
        ride("x" * 300, rejection_reason="word " * 60, platform=None, extra_properties=[1]),
        ride(
            "T\x1b[31m\nnext", diagnostic={"logs": [{"event": "e" * 200, "message": "m" * 500}], "k" * 200: "v" * 200}
        ),
        ride(locations=[], decryption=Decryption(State.ABSENT, State.UNDECRYPTABLE, State.MALFORMED)),
        ride(feedback=[7, {"comment": "at 48.8537, 2.3482"}, {"submitted_at": "2026-01-05", "comment": None}]),
    ]


@pytest.mark.parametrize("bundle", odd_trips(), ids=["long", "commands", "nothing", "feedback"])
def test_no_line_is_wider_than_a_hundred_columns_and_none_commands_the_terminal(bundle: Bundle) -> None:
    text = trip_report(bundle, diagnosed(bundle, "rejected", ["teleports", "of_tomorrow"]), LIMITS, FLIP * 3)
    assert max(map(len, text.splitlines())) <= 100
    assert all(char.isprintable() or char == "\n" for char in text)


def test_a_report_without_points_tells_dashes_for_what_is_not_known() -> None:
    bundle = ride(locations=[], decryption=Decryption(State.UNDECRYPTABLE, State.ABSENT, State.UNDECRYPTABLE))
    text = trip_report(bundle, without_points(bundle, "unknown", ["locations_undecryptable"]), LIMITS, FLIP)
    assert "None" not in text
    assert "nan" not in text
    assert "  median                     –             –" in text.splitlines()
    assert "  not readable  undecryptable" in text.splitlines()


def test_a_report_holds_no_position() -> None:
    bundle = ride(diagnostic=DIAGNOSTIC | {"last": {"lat": 48.853712}}, rejection_reason="at 48.853712, 2.348219")
    text = trip_report(bundle, diagnosed(bundle), LIMITS, FLIP)
    assert "48.8" not in text
    assert "2.34" not in text


def test_many_trips_are_a_line_each_and_totals() -> None:
    accepted, rejected = ride("a" * 30), ride("b", [point(0)])
    told = overview([(accepted, diagnosed(accepted)), (rejected, fast() | {"externalId": "b", "label": "ride"})])
    assert told.splitlines() == [
        "trip               started     verdict   first reason           distance  label  vs stored",
        "aaaaaaaaaaaaaaaa…  2026-01-05  accepted  –                         450 m  –      same",
        "b                  2026-01-05  rejected  unrealistic_avg_speed     450 m  ride   same",
        "",
        "trips          2",
        "verdicts       1 accepted, 1 rejected",
        "first reasons  1 unrealistic_avg_speed",
        "vs stored      2 same",
        "labels         1 none, 1 ride",
        "locations      2 ok",
    ]


def test_of_points_that_cannot_be_read_nothing_is_told_not_even_that_there_are_none() -> None:
    lost = diagnose([Bundle("lost", decryption=Decryption(State.UNDECRYPTABLE))], LIMITS)[0]
    text = trip_report(lost.bundle, lost.diagnosis, LIMITS, lost.flip)
    assert "points recorded          –" in text
    assert "0.0 m" not in text
    none = diagnose([Bundle("none")], LIMITS)[0]
    assert "points recorded          0" in trip_report(none.bundle, none.diagnosis, LIMITS, none.flip)
