"""core.trips.activity.diagnosis: the JSON that programs read."""

import json

from strava_pipeline.core.trips.activity.bundle import Decryption, State
from strava_pipeline.core.trips.activity.decision import Decision, Verdict
from strava_pipeline.core.trips.activity.diagnosis import diagnosis, diagnosis_json, trip_diagnosis
from strava_pipeline_tests.core.trips.made_reports import METRICS, diagnosed, ride


def test_a_trip_is_told_under_these_names_in_this_order() -> None:
    flip = {"to": "not_rejected", "changes": []}
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
        ("nearest_flip", flip),
        ("label", "ride"),
        ("label_source", "review"),
        ("outcome_vs_stored", "worse"),
        ("key_index", 1),
        ("has_diagnostic", True),
    ]


def test_without_a_diagnostic_the_missing_ride_is_null() -> None:
    found = diagnosed(ride())
    assert (found["missing_ride"], found["has_diagnostic"]) == (None, False)


def test_the_whole_is_the_same_bytes_for_the_same_trips() -> None:
    def written(used: dict[str, int], mix: dict[str, float]) -> bytes:
        trips = [diagnosed(ride(name), activity_mix=mix) for name in ("b", "a")]
        counts = {"locations": {"ok": 2}}
        return diagnosis_json(diagnosis(iter(trips), "cycling-2026.1", keys_used=used, counts=counts))

    first = written({"0": 1, "2": 1, "10": 3}, {"cycling": 0.5, "walking": 0.5})
    assert first == written({"10": 3, "2": 1, "0": 1}, {"walking": 0.5, "cycling": 0.5})
    whole = json.loads(first)
    assert list(whole) == ["format", "thresholds_version", "keys_used", "counts", "trips"]
    assert whole["format"] == "activity-trip-diagnosis/1"
    assert list(whole["keys_used"]) == ["0", "2", "10"]
    assert [trip["externalId"] for trip in whole["trips"]] == ["b", "a"]


def test_counts_stay_whole_numbers_and_nothing_is_nan() -> None:
    text = diagnosis_json(diagnosed(ride(), jitter_p50_m=float("nan"))).decode()
    assert '"points_used":10,' in text
    assert '"jitter_p50_m":null' in text


def test_an_id_that_is_no_unicode_is_written_all_the_same() -> None:
    assert json.loads(diagnosis_json(diagnosed(ride("\ud800"))))["externalId"] == "\\ud800"


def test_no_position_and_no_feedback_is_written() -> None:
    text = diagnosis_json(diagnosed(ride(diagnostic={"lat": 48.853712, "logs": ["at 48.853712, 2.348219"]}))).decode()
    assert "48.8" not in text
    assert "2.34" not in text
    assert "submitted_at" not in text
