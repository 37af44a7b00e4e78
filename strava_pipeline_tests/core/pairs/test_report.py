"""What the report says: numbers in the person's units."""

import pytest

from strava_pipeline.core.insights.goals import Units
from strava_pipeline.core.pairs.report import MetPair, chart_lines, devices_of, error_words, pair_words, value_text


@pytest.mark.parametrize(
    ("quantity", "units", "text"),
    [
        ("speed", "km", "−1.8 km/h"),
        ("speed", "miles", "−1.1 mph"),
        ("altitude", "km", "−0.5 m"),
        ("altitude", "miles", "−2 ft"),
        ("heartrate", "miles", "−0.5 bpm"),
    ],
)
def test_a_number_is_in_the_units_in_which_people_read_it(quantity: str, units: Units, text: str) -> None:
    assert value_text(-0.5, quantity, units) == text


def test_words_errors_and_charts_of_a_speed_are_in_one_unit() -> None:
    effort = {"difference": 0.5, "mean": 0.5, "spread": 0.0, "dropouts": 0.0, "day": None}
    pair = dict.fromkeys(
        f"{side}_{fault}" for side in ("first", "second") for fault in ("dropouts", "frozen", "zeros", "locked")
    )
    efforts = [effort | {"activity_id": one, "spread": 1.0} for one in range(8)]
    numbers = {
        "quantity": "speed",
        "efforts": 8,
        "seconds": 3600,
        "difference": 0.5,
        "low_limit": 0.0,
        "high_limit": 1.0,
        "scale": None,
    }
    rows = [
        pair | numbers | {"first_by": first, "second_by": second, "by_effort": efforts}
        for first, second in ("ab", "ac", "bc")
    ]
    report = devices_of([], rows, "miles")
    first = report.pairs["speed"][0]
    assert "b reads 1.1 mph more than a" in pair_words(first)[0]
    assert chart_lines(first)["value"][0] == pytest.approx(1.118, abs=0.001)
    assert error_words(report.errors["speed"]["a"], "speed", "miles") == "1.6 mph (1.6 to 1.6)"


def test_a_chart_says_of_a_wrist_what_the_words_say_of_it() -> None:
    effort = {"difference": -6.0, "mean": -5.0, "spread": 1.0}
    pair = MetPair(
        {"quantity": "heartrate", "first_by": "watch (wrist)", "second_by": "strap", "by_effort": [effort]}, ()
    )
    lines = chart_lines(pair)
    assert (lines["value"], lines["low"], lines["high"]) == ([6.0], [pytest.approx(3.04)], [pytest.approx(6.96)])
