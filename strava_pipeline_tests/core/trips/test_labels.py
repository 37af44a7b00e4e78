"""Labels and outcomes: who is believed, and whether another verdict would have been better."""

from typing import Any

import pytest

from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.activity.replay import Label, Outcome, Truth, outcome, stored_verdict, truth
from strava_pipeline.core.trips.activity.verdict import Verdict

ACCEPTED, REJECTED, REVIEW, UNKNOWN = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.NEEDS_REVIEW, Verdict.UNKNOWN
RIDE, NOT_RIDE = Label.RIDE, Label.NOT_RIDE


def said(comment: Any, at: Any) -> dict[str, Any]:
    return {"comment": comment, "submitted_at": at}


@pytest.mark.parametrize(
    ("review", "feedback", "expected"),
    [
        (None, [], None),
        ("pending", [], None),
        ("approved", [said("not_bike", 5)], Truth(RIDE, "review")),
        ("rejected", [said("ride_not_detected", 5)], Truth(NOT_RIDE, "review")),
        (None, [said("not_bike", 5)], Truth(NOT_RIDE, "feedback")),
        ("pending", [said("ride_not_detected", 5)], Truth(RIDE, "feedback")),
        (None, [said("missing_start_end", 5)], Truth(RIDE, "feedback")),
        (None, [said("great_app", 5), said(None, 6), 7, None], None),
        # the latest that tells, by instant and not as text; at the same instant the later in the list
        (
            None,
            [said("not_bike", "2026-01-05T10:00:00+05:00"), said("missing_start_end", "2026-01-05T09:00:00Z")],
            Truth(RIDE, "feedback"),
        ),
        (
            None,
            [said("missing_start_end", "2026-01-05T09:00:00Z"), said("not_bike", "2026-01-05T10:00:00+05:00")],
            Truth(RIDE, "feedback"),
        ),
        (None, [said("not_bike", 5), said("ride_not_detected", 5)], Truth(RIDE, "feedback")),
        (None, [said("not_bike", 5), said("thanks", 9)], Truth(NOT_RIDE, "feedback")),
        (None, [said("not_bike", 5), said("ride_not_detected", "later")], Truth(NOT_RIDE, "feedback")),
    ],
)
def test_a_review_goes_before_feedback_and_later_feedback_before_earlier(
    review: str | None, feedback: list[Any], expected: Truth | None
) -> None:
    assert truth(Bundle("T", review_status=review, feedback=feedback)) == expected


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("accepted", ACCEPTED),
        ("rejected", REJECTED),
        ("pending", REVIEW),
        ("ACCEPTED", REVIEW),
        ("", REVIEW),
        (None, REVIEW),
    ],
)
def test_a_status_that_is_not_known_needs_review(status: str | None, verdict: Verdict) -> None:
    assert stored_verdict(Bundle("T", status=status)) is verdict


def test_other_names_of_statuses_come_with_a_map_of_their_own() -> None:
    assert stored_verdict(Bundle("T", status="ok"), {"ok": ACCEPTED}) is ACCEPTED
    assert stored_verdict(Bundle("T", status="accepted"), {"ok": ACCEPTED}) is REVIEW


@pytest.mark.parametrize(
    ("label", "old", "new", "expected"),
    [
        (RIDE, REJECTED, ACCEPTED, Outcome.BETTER),
        (RIDE, REJECTED, REVIEW, Outcome.BETTER),
        (RIDE, REVIEW, ACCEPTED, Outcome.BETTER),
        (RIDE, REVIEW, UNKNOWN, Outcome.SAME),
        (RIDE, ACCEPTED, ACCEPTED, Outcome.SAME),
        (RIDE, ACCEPTED, UNKNOWN, Outcome.WORSE),
        (RIDE, ACCEPTED, REJECTED, Outcome.WORSE),
        (NOT_RIDE, ACCEPTED, REJECTED, Outcome.BETTER),
        (NOT_RIDE, REVIEW, ACCEPTED, Outcome.WORSE),
        (NOT_RIDE, REJECTED, REVIEW, Outcome.WORSE),
        (None, ACCEPTED, ACCEPTED, Outcome.SAME),
        (None, ACCEPTED, REJECTED, Outcome.CHANGED),
        (None, REVIEW, UNKNOWN, Outcome.CHANGED),
    ],
)
def test_only_a_label_makes_another_verdict_better_or_worse(
    label: Label | None, old: Verdict, new: Verdict, expected: Outcome
) -> None:
    assert outcome(old, new, label) is expected
