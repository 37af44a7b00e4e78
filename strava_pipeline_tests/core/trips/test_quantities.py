"""core.trips.activity.quantities: numbers with their units, on the right side of their limits."""

import pytest

from strava_pipeline.core.trips.activity.text import beside_limit, limit_text, quantity, round_length, unit_of


@pytest.mark.parametrize(
    ("metric", "unit"),
    [
        ("haversine_m", "m"),
        ("avg_speed_kmh", "km/h"),
        ("duration_s", "s"),
        ("gap_share", "%"),
        ("distance_mismatch", "%"),
        ("activity_mix.foot", "%"),
        ("points_used", ""),
        ("teleports", ""),
    ],
)
def test_the_unit_is_in_the_name(metric: str, unit: str) -> None:
    assert unit_of(metric) == unit


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "m", "–"),
        (0, "", "0"),
        (0.0, "m", "0.0 m"),
        (86.72, "m", "86.7 m"),
        (820.7, "m", "821 m"),
        (1747.74, "m", "1.75 km"),
        (38.25, "km/h", "38.2 km/h"),
        (0.125, "%", "12.5 %"),
        (12.34, "s", "12.3 s"),
        (59.0, "s", "59 s"),
        (310.4, "s", "5 min 10 s"),
        (3599.6, "s", "1 h 00 min"),
        (86_400, "s", "24 h 00 min"),
    ],
)
def test_a_number_is_told_with_its_unit(value: float | None, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("value", "limit", "unit", "text"),
    [
        (38.2, 35, "km/h", "38.2 km/h"),
        (35.04, 35, "km/h", "35.04 km/h"),
        (35.0004, 35, "km/h", "35.0004 km/h"),
        (35.0, 35, "km/h", "35.0 km/h"),
        (0.05001, 0.05, "%", "5.001 %"),
        (9, 10, "", "9"),
        (10, 10, "", "10"),
        (35.0000000001, 35, "km/h", "35.0 km/h"),
        (59.96, 60, "s", "59.96 s"),
        (None, 35, "km/h", "–"),
    ],
)
def test_beside_its_limit_a_number_never_reads_as_the_limit_unless_it_is(
    value: float | None, limit: float, unit: str, text: str
) -> None:
    assert beside_limit(value, limit, unit) == text


def test_a_limit_has_no_more_decimals_than_it_needs() -> None:
    assert [round_length(0.5), round_length(200), round_length(5000)] == ["0.5 m", "200 m", "5 km"]
    assert [limit_text(35, "km/h"), limit_text(0.05, "%"), limit_text(10, "")] == ["35 km/h", "5 %", "10"]
