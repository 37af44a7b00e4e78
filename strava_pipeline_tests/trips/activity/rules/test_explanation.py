"""What would flip a verdict, as records and as a sentence; and each rule beside its limit in words."""

from typing import Any

import pytest

from strava_pipeline.trips.activity.rules.bundle import State
from strava_pipeline.trips.activity.rules.explanation import (
    MEANS,
    flip_text,
    limit_words,
    nearest_flip,
    reasons,
    rules_with_numbers,
)
from strava_pipeline.trips.activity.rules.thresholds import Thresholds, thresholds
from strava_pipeline.trips.activity.rules.verdict import judge, rules
from strava_pipeline_tests.trips.activity.rules.made_reports import NO_METRICS, diagnosed, ride, without_points
from strava_pipeline_tests.trips.activity.rules.test_verdict import GOOD

Changes = list[tuple[str, float, float]]


def explained(state: State = State.OK, limits: Thresholds | None = None, **metrics: Any) -> tuple[str, Changes] | None:
    """The direction and, of each change, rule, value and relative change."""
    chosen = limits or thresholds()
    flip = nearest_flip(judge(state, GOOD | metrics, chosen), chosen)
    return flip and (
        flip.to,
        [
            (change.rule, change.value, change.relative_change and round(change.relative_change, 9))
            for change in flip.changes
        ],
    )


def said(state: State = State.OK, limits: Thresholds | None = None, **metrics: Any) -> str:
    chosen = limits or thresholds()
    decision = judge(state, GOOD | metrics, chosen)
    return flip_text(decision, nearest_flip(decision, chosen), chosen)


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({}, ("rejected", [("unrealistic_avg_speed", 18.0, round(17 / 35, 9))])),
        ({"duration_s": 61.5}, ("rejected", [("too_short_duration", 61.5, 0.025)])),
        # of equally near ones the first in the order of the rules
        ({"duration_s": 66.0, "accuracy_p50_m": 45.0}, ("rejected", [("too_short_duration", 66.0, 0.1)])),
        ({"haversine_m": 220.0, "duration_s": 66.0}, ("rejected", [("too_short_distance", 220.0, 0.1)])),
        # what only asks for a review is nearer, and no way to be rejected
        (
            {"clip_end_s": 121.0, "distance_mismatch": 0.24},
            ("rejected", [("unrealistic_avg_speed", 18.0, round(17 / 35, 9))]),
        ),
        ({"avg_speed_kmh": 42.0}, ("not_rejected", [("unrealistic_avg_speed", 42.0, 0.2)])),
        (
            {"avg_speed_kmh": 42.0, "points_used": 5, "clip_end_s": 900.0},
            ("not_rejected", [("too_few_points", 5, 0.5), ("unrealistic_avg_speed", 42.0, 0.2)]),
        ),
        ({"avg_speed_kmh": 42.0, "activity_mix": {"automotive": 1.0}}, None),
        ({"activity_mix": {"walking": 1.0}}, None),
    ],
)
def test_the_nearest_other_verdict(metrics: dict[str, Any], expected: tuple[str, Changes] | None) -> None:
    assert explained(**metrics) == expected


@pytest.mark.parametrize("state", [State.UNDECRYPTABLE, State.MALFORMED, State.ABSENT, State.EMPTY])
def test_no_number_flips_a_trip_without_locations(state: State) -> None:
    assert explained(state, points_used=0) is None


def test_a_trip_of_which_nothing_is_known_is_near_to_nothing() -> None:
    unknown = dict.fromkeys(GOOD)
    assert explained(**unknown) is None
    assert said(**unknown) == "accepted (cycling-2026.1); no single number would change that"


def test_a_limit_of_nothing_has_no_relative_change_and_is_the_farthest() -> None:
    none_allowed = thresholds().with_values({"max_teleport_share": 0})
    assert explained(limits=none_allowed, teleport_share=0.1) == ("not_rejected", [("teleports", 0.1, None)])
    assert explained(limits=none_allowed) == ("rejected", [("unrealistic_avg_speed", 18.0, round(17 / 35, 9))])


@pytest.mark.parametrize(
    ("metrics", "sentence"),
    [
        (
            {"avg_speed_kmh": 38.2},
            "rejected because avg_speed 38.2 km/h > 35 (cycling-2026.1); would not be rejected at ≤ 35.0 (−8.4 %)",
        ),
        (
            {"avg_speed_kmh": 72.09, "speed_p95_kmh": 77.66},
            "rejected because avg_speed 72.1 km/h > 35 and speed_p95 77.7 km/h > 50 (cycling-2026.1); "
            "would not be rejected at avg_speed ≤ 35.0 km/h (−51.4 %) and speed_p95 ≤ 50.0 km/h (−35.6 %)",
        ),
        (  # as many decimals as it takes to tell the number from its limit
            {"avg_speed_kmh": 35.00004},
            "rejected because avg_speed 35.00004 km/h > 35 (cycling-2026.1); would not be rejected at ≤ 35.0 (less than 0.1 %)",
        ),
        (
            {"haversine_m": 0.0},
            "rejected because haversine 0.0 m < 200 (cycling-2026.1); would not be rejected at ≥ 200.0",
        ),
        (
            {"activity_mix": {"walking": 0.5, "running": 0.35}},
            "rejected because walking+running 0.850 > 0.6 (cycling-2026.1); no single number would change that",
        ),
        ({}, "accepted (cycling-2026.1); would be rejected at avg_speed > 35.0 km/h (now 18.0, +94.4 %)"),
        (
            {"duration_s": 66.0, "clip_start_s": 300.0},
            "needs review because clip_start 300.0 s > 120 (cycling-2026.1); "
            "would be rejected at duration < 60.0 s (now 66.0, −9.1 %)",
        ),
    ],
)
def test_the_sentence_that_says_why_and_what_would_flip_it(metrics: dict[str, Any], sentence: str) -> None:
    assert said(**metrics) == sentence


def test_the_sentence_on_a_trip_without_readable_locations() -> None:
    assert said(State.MALFORMED) == "unknown because locations_malformed (cycling-2026.1); there is nothing to judge"
    assert said(State.EMPTY, points_used=0) == (
        "rejected because no_locations and points_used 0 < 10 (cycling-2026.1); no single number would change that"
    )


def test_the_sentence_names_thresholds_that_were_set() -> None:
    assert said(limits=thresholds().with_values({"max_avg_speed_kmh": 15.5}), avg_speed_kmh=16.0) == (
        "rejected because avg_speed 16.0 km/h > 15.5 (cycling-2026.1+max_avg_speed_kmh=15.5); would not be rejected at ≤ 15.5 (−3.1 %)"
    )


LIMITS = thresholds()


@pytest.mark.parametrize(
    ("code", "metrics", "comparison"),
    [
        ("too_short_distance", {"haversine_m": 0.0}, "0.0 m < 200 m"),
        ("teleports", {"teleport_share": 0.0806}, "8.1 % > 5 %"),
        ("unrealistic_avg_speed", {"avg_speed_kmh": 38.2}, "38.2 km/h > 35 km/h"),
        ("foot_activity", {"activity_mix": {"walking": 0.5, "running": 0.25}}, "75.0 % > 60 %"),
        ("no_locations", {}, ""),
        ("a_rule_of_tomorrow", {}, ""),
    ],
)
def test_a_reason_is_told_with_value_and_limit(code: str, metrics: dict[str, Any], comparison: str) -> None:
    (reason,) = reasons(diagnosed(ride(), "rejected", [code], **metrics), LIMITS)
    assert reason.comparison == comparison


def test_limits_that_were_set_are_the_ones_told() -> None:
    (reason,) = reasons(
        diagnosed(ride(), "rejected", ["unrealistic_avg_speed"]), LIMITS.with_values({"max_avg_speed_kmh": 15})
    )
    assert reason.comparison == "18.0 km/h > 15 km/h"


def test_a_value_beyond_a_limit_that_does_not_hit_is_not_told_as_within() -> None:
    """A third of the time in a car hits only where little of the rest is cycling."""
    found = diagnosed(ride(), activity_mix={"automotive": 0.4, "cycling": 0.6})
    (rule,) = [rule for rule in rules_with_numbers(found, LIMITS) if rule.code == "automotive_activity"]
    assert (rule.hit, rule.comparison) == (False, "40.0 % > 30 %")


def test_every_rule_has_its_meaning_in_words_and_every_limit_its_reason() -> None:
    assert MEANS.keys() == {rule.code for rule in rules()}
    assert all(limit_words(LIMITS, rule.threshold) for rule in rules() if rule.threshold)


def test_without_a_point_every_rule_has_a_dash_or_nought() -> None:
    found = without_points(ride(locations=[]), "rejected", ["no_locations"])
    assert rules_with_numbers(found | {"verdict": "unknown"}, LIMITS) == []
    told = {rule.value_text for rule in rules_with_numbers(found, LIMITS)}
    assert told == {"–", "0", "0.0 m", "0 s"}
    assert NO_METRICS["avg_speed_kmh"] is None
