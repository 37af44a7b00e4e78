"""Thresholds: numbers with their reasons, by version, and what is told of those that were set."""

import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.trips.activity.rules.thresholds import INSIDE_METRICS, described, thresholds, versions


@pytest.mark.parametrize("version", versions())
def test_every_threshold_has_a_value_a_unit_a_reason_and_a_source(version: str) -> None:
    for name, entry in described(version).items():
        assert entry.keys() == {"value", "unit", "reason", "source"}, name
        assert all(entry.values()), name


def test_a_version_says_what_was_set_in_every_digit() -> None:
    assert thresholds().with_values({"max_avg_speed_kmh": 35.0}) is thresholds()
    changed = thresholds().with_values({"min_points": 5, "max_avg_speed_kmh": 35.0000001})
    assert changed.version == "cycling-2026.1+max_avg_speed_kmh=35.0000001,min_points=5"
    assert (changed["min_points"], changed["gap_s"]) == (5, 30)


@pytest.mark.parametrize("key", thresholds().values)
def test_metrics_are_shared_unless_a_threshold_inside_them_differs(key: str) -> None:
    other = thresholds().with_values({key: thresholds()[key] + 1})
    assert (other.inside_metrics == thresholds().inside_metrics) == (key not in INSIDE_METRICS)


def test_an_unknown_version_names_those_there_are() -> None:
    with pytest.raises(
        MisuseError, match=r"cycling-1999 is no version of the thresholds. There are: .*cycling-2026\.1"
    ):
        thresholds("cycling-1999")
