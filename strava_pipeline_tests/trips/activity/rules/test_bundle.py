"""Bundles: read from an export as they were written to it, and nothing told of what they hold."""

from typing import Any

import pytest

from strava_pipeline.trips.activity.rules.bundle import Bundle, Decryption, State, Summary
from strava_pipeline_tests.trips.activity.rules.made import point

WHOLE = Bundle(
    "T1",
    "ios",
    "accepted",
    "approved",
    None,
    Summary(820.7, "2026-01-05T08:00:00Z", "2026-01-05T08:05:00.500Z", 300, 2, "cycling"),
    {"app": "1"},
    {"cycling": 1.0},
    [point(0), None],
    [{"comment": "not_bike", "submitted_at": 5, "payload": {"diagnostic": {"low_power": True}}}],
    Decryption(State.OK, State.OK, State.OK, 1),
)


def test_what_an_export_holds_is_the_bundle_that_was_exported() -> None:
    assert Bundle.from_json(WHOLE.as_json()) == WHOLE
    assert Bundle.from_json(Bundle("T2", activity_distribution=None).as_json()) == Bundle(
        "T2", activity_distribution=None
    )


def test_an_export_without_states_is_read_by_what_is_there() -> None:
    old = WHOLE.as_json() | {"feedback": []}
    del old["decryption"]
    assert Bundle.from_json(old).decryption == Decryption(State.OK, State.OK, State.EMPTY, None)


@pytest.mark.parametrize(
    "change",
    [
        {"externalId": None},
        {"summary": [1]},
        {"locations": {"secret": 1}},
        {"feedback": "secret"},
        {"activityDistribution": ["secret"]},
        {"status": {"secret": 1}},
        {"reviewStatus": ["secret"]},
        {"decryption": {"locations": "secret", "activityDistribution": "ok", "feedback": "ok"}},
        {"decryption": {"locations": "ok", "activityDistribution": "ok", "feedback": "ok", "keyIndex": "secret"}},
    ],
)
def test_what_is_no_bundle_is_refused_without_telling_its_content(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="trip") as raised:
        Bundle.from_json(WHOLE.as_json() | change)
    assert "secret" not in str(raised.value)


def said(at: Any, diagnostic: Any, comment: str = "ride_not_detected") -> dict[str, Any]:
    return {"comment": comment, "submitted_at": at, "payload": {"diagnostic": diagnostic}}


@pytest.mark.parametrize(
    ("feedback", "diagnostic"),
    [
        ([], None),
        ([None, "x", {"comment": "not_bike"}, {"comment": "not_bike", "payload": 3}], None),
        ([said(5, {"n": 1}), said(4, {"n": 2})], {"n": 1}),
        ([said(5, {"n": 1}), said(5, {"n": 2})], {"n": 2}),
        ([said("2026-01-05T10:00:00+05:00", {"n": 1}), said("2026-01-05T09:00:00Z", {"n": 2})], {"n": 2}),
        ([said(5, {"n": 1}), said(9, "none"), said(9, {"n": 3}, "thanks")], {"n": 1}),
    ],
)
def test_the_diagnostic_is_that_of_the_latest_feedback_which_has_one(feedback: list[Any], diagnostic: Any) -> None:
    assert Bundle("T", feedback=feedback).diagnostic == diagnostic


def test_no_position_feedback_or_diagnostic_shows_in_a_repr() -> None:
    assert "latitude" not in repr(WHOLE)
    assert "not_bike" not in repr(WHOLE)
    assert "low_power" not in repr(WHOLE)
