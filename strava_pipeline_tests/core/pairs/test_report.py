"""What the report says: numbers in the person's units."""

from datetime import date
from itertools import combinations

import pytest

from strava_pipeline.core.insights.goals import Units
from strava_pipeline.core.pairs.hat import SHARED
from strava_pipeline.core.pairs.report import (
    MetPair,
    chart_lines,
    devices_of,
    error_words,
    is_program,
    mean_text,
    pair_words,
    short_words,
    value_text,
)

DAY = date(2024, 5, 1)


@pytest.mark.parametrize(
    ("quantity", "units", "text"),
    [
        ("speed", "km", "−1.8 km/h"),
        ("speed", "miles", "−1.1 mph"),
        ("altitude", "km", "−0.5 m"),
        ("altitude", "miles", "−2 ft"),
        ("heartrate", "miles", "−0.5 bpm"),
        ("temperature", "miles", "−0.9 °F"),
        ("distance", "km", "−0.001 km"),
    ],
)
def test_a_number_is_in_the_units_in_which_people_read_it(quantity: str, units: Units, text: str) -> None:
    assert value_text(-0.5, quantity, units) == text


def test_a_mean_in_fahrenheit_begins_at_32() -> None:
    assert [mean_text(10.0, "temperature", units) for units in ("km", "miles")] == ["10.0 °C", "50.0 °F"]
    assert mean_text(None, "temperature", "miles") == "–"
    assert mean_text(150.0, "heartrate", "miles") == "150.0 bpm"


@pytest.mark.parametrize(
    ("names", "is_told"),
    [
        (("Apple Watch", "Garmin Forerunner 955", "polar h10"), False),
        (("Garmin Edge 530", "Garmin Forerunner 955", "polar h10"), True),
        (("Garmin Edge 530", "Garmin Forerunner 955 (wrist)", "Wahoo ELEMNT BOLT"), True),
        (("Garmin Edge 530", "Garmin Fenix (wrist)", "Garmin Forerunner 955"), False),
    ],
)
def test_watches_that_name_no_sensor_may_share_errors(names: tuple[str, str, str], *, is_told: bool) -> None:
    squares = dict(zip(combinations(names, 2), (4.0, 25.0, 27.0), strict=True))
    rows = [
        {
            "quantity": "heartrate",
            "first_by": first,
            "second_by": second,
            "first_is_device": "(" not in first and first != "polar h10",
            "second_is_device": "(" not in second and second != "polar h10",
            "by_effort": [
                {"activity_id": one, "day": DAY, "difference": 0.0, "dropouts": 0.0, "spread": apart**0.5}
                for one in range(8)
            ],
        }
        for (first, second), apart in squares.items()
    ]
    errors = devices_of([], rows).errors["heartrate"]
    assert {each.why for each in errors.values()} == ({None} if is_told else {SHARED})


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


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ZWIFT", True),
        ("Strava GPX", True),
        ("Garmin Edge 530", False),
        ("Wahoo ELEMNT ROAM", False),
        ("Polar H10", False),
    ],
)
def test_a_program_is_no_device(name: str, *, expected: bool) -> None:
    assert is_program(name) is expected


def test_a_difference_takes_three_efforts_of_ten_minutes() -> None:
    effort = {"day": DAY, "activity_id": 1, "difference": 6.0, "mean": 6.0, "spread": 2.0, "dropouts": 0.0}
    numbers = {"quantity": "heartrate", "first_by": "strap", "second_by": "watch (wrist)", "difference": 6.0}
    few, enough = (
        MetPair(numbers | {"by_effort": [{**effort, "seconds": 600}] * 2 + [{**effort, "seconds": last}]}, ())
        for last in (599, 600)
    )
    assert short_words("heartrate", [few], {}, "km")[0].startswith("Too few efforts")
    (said,) = short_words("heartrate", [enough], {}, "km")
    assert said == "watch (wrist) reads 6.0 bpm more than strap. Two alone don’t say which of them is wrong."
