"""core.trips.activity.diagnosis: the JSON that programs read."""

import json

from strava_pipeline.core.json_text import json_bytes
from strava_pipeline.core.trips.activity.bundle import Decryption, State
from strava_pipeline.core.trips.activity.diagnosis import trip_diagnosis
from strava_pipeline.core.trips.activity.explanation import Flip
from strava_pipeline.core.trips.activity.verdict import Decision, Verdict
from strava_pipeline_tests.core.trips.made_reports import METRICS, diagnosed, ride


def test_a_trip_is_told_under_these_names_in_this_order() -> None:
    flip = Flip("not_rejected", ())
    bundle = ride("T7", diagnostic={"a": 1}, decryption=Decryption(State.OK, State.ABSENT, State.OK, 1))
    decision = Decision(Verdict.REJECTED, ("gaps", "clipped_end"), METRICS)
    found = trip_diagnosis(bundle, METRICS, decision, flip, "ride", "review", "worse")
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
