"""core.trips.activity.codes: what may be kept and shown as a code, and what is free text."""

from typing import Any

import pytest

from strava_pipeline.core.trips.activity.text import FREE_TEXT, code, shown_code, version


@pytest.mark.parametrize("text", ["too_short", "accepted", "InReview", "ride_not_detected", "not-bike", "rule2", "IOS"])
def test_a_name_that_a_program_chose_is_a_code(text: str) -> None:
    assert (code(text), shown_code(text)) == (text, text)


@pytest.mark.parametrize(
    "text",
    [
        "I was at home",
        "in review",
        "geofence:48.85837",
        "lat48.85837lon2.2944",
        "48.858",
        "a3f0c2d1-1111-2222-3333-444455556666",
        "B827EB4A3F12",
        "anna@example.com",
        "x" * 41,
        "zürich",
    ],
)
def test_whatever_may_hold_something_else_is_free_text(text: str) -> None:
    assert (code(text), version(text), shown_code(text)) == (None, None, FREE_TEXT)


@pytest.mark.parametrize("value", [None, "", "  ", 7, True, ["gaps"]])
def test_what_is_no_text_is_no_code(value: Any) -> None:
    assert code(value) is shown_code(value) is None


@pytest.mark.parametrize("text", ["1", "0.7", "0.7.0", "12.1.1004", "2026.1", "1.2.3-beta.2", "3.0.0.1", "v2"])
def test_a_version_is_one(text: str) -> None:
    assert version(text) == text


@pytest.mark.parametrize("text", ["48.858", "2.2944", "1767572087.5", "1.2 at home", "1.2.3-B827EB4A3F12"])
def test_what_could_be_a_position_is_no_version(text: str) -> None:
    assert version(text) is None
