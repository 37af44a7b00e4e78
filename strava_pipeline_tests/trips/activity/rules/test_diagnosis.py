"""The JSON diagnosis of a trip, and its missing-ride section."""

import json
from typing import Any

import pytest

from strava_pipeline.core.json_values import json_bytes
from strava_pipeline.trips.activity.rules.bundle import Decryption, State
from strava_pipeline.trips.activity.rules.diagnosis import missing_ride, trip_diagnosis
from strava_pipeline.trips.activity.rules.explanation import Flip
from strava_pipeline.trips.activity.rules.sections import log_section
from strava_pipeline.trips.activity.rules.verdict import Decision, Verdict
from strava_pipeline_tests.present import there
from strava_pipeline_tests.trips.activity.rules.made_reports import METRICS, beside, diagnosed, ride


def test_a_trip_is_told_under_these_names_in_this_order() -> None:
    flip = Flip("not_rejected", ())
    bundle = ride("T7", diagnostic={"a": 1}, decryption=Decryption(State.OK, State.ABSENT, State.OK, 1))
    decision = Decision(Verdict.REJECTED, ("gaps", "clipped_end"), METRICS)
    found = trip_diagnosis(bundle, METRICS, decision, flip, beside("ride", "review", "worse"))
    metrics, missing = found.pop("metrics"), found.pop("missing_ride")
    assert metrics == METRICS
    assert list(metrics["activity_mix"]) == ["cycling", "walking"]
    assert missing["other"] == {"a": 1}
    assert list(found.items()) == [
        ("externalId", "T7"),
        ("decryption", {"locations": "ok", "activityDistribution": "absent", "feedback": "ok"}),
        ("verdict", "rejected"),
        ("reasons", ["gaps", "clipped_end"]),
        ("primary", "gaps"),
        ("nearest_flip", {"to": "not_rejected", "changes": []}),
        ("label", "ride"),
        ("label_source", "review"),
        ("outcome_vs_stored", "worse"),
        ("key_index", 1),
        ("has_diagnostic", True),
    ]


def test_without_a_diagnostic_the_missing_ride_is_null() -> None:
    found = diagnosed(ride())
    assert (found["missing_ride"], found["has_diagnostic"]) == (None, False)


def test_counts_stay_whole_numbers_and_nothing_is_nan() -> None:
    text = json_bytes(diagnosed(ride(), jitter_p50_m=float("nan"))).decode()
    assert '"points_used":10,' in text
    assert '"jitter_p50_m":null' in text


def test_an_id_that_is_no_unicode_is_written_all_the_same() -> None:
    assert json.loads(json_bytes(diagnosed(ride("\ud800"))))["externalId"] == "\\ud800"


def test_no_position_and_no_feedback_is_written() -> None:
    text = json_bytes(diagnosed(ride(diagnostic={"lat": 48.853712, "logs": ["at 48.853712, 2.348219"]}))).decode()
    assert "48.8" not in text
    assert "2.34" not in text
    assert "submitted_at" not in text


def told(**diagnostic: Any) -> dict[str, Any]:
    return there(missing_ride(ride(diagnostic=diagnostic)))


def test_without_a_diagnostic_there_is_no_section() -> None:
    assert missing_ride(ride()) is None


def test_an_empty_diagnostic_gives_an_empty_section() -> None:
    found = told()
    assert found["permissions"] is found["low_power_mode"] is found["summary"]["first_at"] is None
    assert found["versions"] == found["other"] == found["shapes"] == {}
    assert found["logs"] == []
    assert found["summary"]["lines"] == 0


def test_what_the_phone_says_of_itself_is_sorted_by_kind() -> None:
    found = told(
        permissions={"location": "denied", "motion": True, "notifications": {"alert": 1}, "last_location": {"x": 1}},
        low_power_mode=False,
        app_version="3.14.0",
        algorithmVersion=7,
        battery=0.4,
        device_id="17",
        wifi={"ssid": "home"},
        steps=[1, 2],
        lat=48.0,
        odd=None,
    )
    assert found["permissions"] == {
        "location": "denied",
        "motion": True,
        "notifications": "object of 1",
        "last_location": "<redacted>",
    }
    assert found["low_power_mode"] is False
    assert found["versions"] == {"app_version": "3.14.0", "algorithmVersion": 7}
    assert found["other"] == {"battery": 0.4, "device_id": "<redacted>", "lat": "<redacted>", "odd": None}
    assert found["shapes"] == {"wifi": "object of 1", "steps": "list of 2"}


@pytest.mark.parametrize(
    ("permissions", "shown"), [(None, None), ("always", {"permissions": "always"}), ([1], {"permissions": "list of 1"})]
)
def test_permissions_in_another_form_are_told_as_far_as_they_go(permissions: Any, shown: Any) -> None:
    assert told(permissions=permissions)["permissions"] == shown


def test_logs_that_are_no_list_are_told_as_their_type() -> None:
    found = told(logs={"a": 1})
    assert (found["logs"], found["shapes"]) == ([], {"logs": "object of 1"})


def test_lines_come_by_their_instant_with_the_time_since_the_line_before() -> None:
    lines = told(
        logs=[
            {"timestamp": 1767571261000, "event": "third, in milliseconds"},
            {"event": "without a time"},
            {"timestamp": "2026-01-05T01:00:00+01:00", "event": "first, in another zone"},
            {"timestamp": 1767571200.5, "event": "second"},
            {"timestamp": "2026-01-05T00:02:01.001Z", "event": "fourth"},
        ]
    )["logs"]
    assert [(line["at"], line["since_previous_s"], line["gap"]) for line in lines] == [
        ("2026-01-05T00:00:00Z", None, False),
        ("2026-01-05T00:00:00.500Z", 0.5, False),
        ("2026-01-05T00:01:01Z", 60.5, True),
        ("2026-01-05T00:02:01.001Z", 60.001, True),
        (None, None, False),
    ]


def test_a_pause_of_a_minute_is_no_gap() -> None:
    assert not told(logs=[{"timestamp": 1767571200}, {"timestamp": 1767571260}])["logs"][1]["gap"]


def test_errors_then_warnings_come_first_whatever_the_phone_calls_them() -> None:
    levels = ["info", "WARN", "Error", "warning", "fatal", "debug"]
    missing = told(logs=[{"timestamp": START + n, "level": level, "event": f"e{n}"} for n, level in enumerate(levels)])
    summary = missing["summary"]
    assert [line["event"] for line in summary["worst"]] == ["e2", "e4", "e1", "e3"]
    assert [level for level, _ in log_section(missing).rows[2:]] == [line["level"] for line in summary["worst"]]
    assert (summary["lines"], summary["errors"], summary["warnings"]) == (6, 2, 2)


def test_lines_of_any_form_are_kept_without_positions() -> None:
    lines = told(
        logs=["at 48.85, 2.29", 7, None, {"message": {"a": 1}, "lat": 48.8, "n": 1, "fix": {"lon": 2.3}, "level": 3}]
    )["logs"]
    assert [line["message"] for line in lines] == ["at <redacted>", "int", "NoneType", "object of 1"]
    assert lines[3]["other"] == {"lat": "<redacted>", "n": 1, "fix": {"lon": "<redacted>"}}
    assert lines[3]["level"] == "3"


START = 1767571200
