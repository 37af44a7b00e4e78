"""core.trips.activity.reasons: every rule with its number, its limit and what it means."""

from typing import Any

import pytest

from strava_pipeline.core.trips.activity.explanation import MEANS, limit_words, reasons, rules_with_numbers
from strava_pipeline.core.trips.activity.thresholds import thresholds
from strava_pipeline.core.trips.activity.verdict import rules
from strava_pipeline_tests.core.trips.made_reports import NO_METRICS, diagnosed, ride, without_points

LIMITS = thresholds()


@pytest.mark.parametrize(
    ("code", "metrics", "comparison"),
    [
        ("too_few_points", {"points_used": 9}, "9 < 10"),
        ("too_short_distance", {"haversine_m": 0.0}, "0.0 m < 200 m"),
        ("poor_accuracy", {"accuracy_p50_m": 50.01}, "50.01 m > 50 m"),
        ("teleports", {"teleport_share": 0.0806}, "8.1 % > 5 %"),
        ("unrealistic_avg_speed", {"avg_speed_kmh": 38.2}, "38.2 km/h > 35 km/h"),
        ("too_slow", {"moving_avg_speed_kmh": 4.2}, "4.2 km/h < 5 km/h"),
        ("automotive_activity", {"activity_mix": {"automotive": 0.7}}, "70.0 % > 30 %"),
        ("foot_activity", {"activity_mix": {"walking": 0.5, "running": 0.25}}, "75.0 % > 60 %"),
        ("clipped_end", {"clip_end_s": 300.0}, "300 s > 120 s"),
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
