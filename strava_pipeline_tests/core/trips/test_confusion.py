"""The confusion and its measures, at the edges where there is nothing to divide by."""

import pytest

from strava_pipeline.core.trips.activity.replay import Confusion, Label, Outcome
from strava_pipeline.core.trips.activity.verdict import Verdict

ACCEPTED, REJECTED, REVIEW, UNKNOWN = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.NEEDS_REVIEW, Verdict.UNKNOWN
RIDE, NOT_RIDE = Label.RIDE, Label.NOT_RIDE


@pytest.mark.parametrize(
    ("trips", "precision", "recall", "f1"),
    [
        ([], None, None, None),
        (
            [(RIDE, ACCEPTED), (RIDE, ACCEPTED), (RIDE, REJECTED), (NOT_RIDE, ACCEPTED)],
            2 / 3,
            2 / 3,
            pytest.approx(2 / 3),
        ),
        ([(RIDE, ACCEPTED), (NOT_RIDE, REJECTED)], 1.0, 1.0, 1.0),
        ([(RIDE, REJECTED), (NOT_RIDE, ACCEPTED)], 0.0, 0.0, None),
        ([(RIDE, REJECTED), (NOT_RIDE, REJECTED)], None, 0.0, None),
        ([(NOT_RIDE, ACCEPTED), (RIDE, REVIEW)], 0.0, None, None),
        ([(RIDE, REVIEW), (NOT_RIDE, UNKNOWN), (None, ACCEPTED)], None, None, None),
    ],
)
def test_a_share_of_nothing_is_no_number(
    trips: list[tuple[Label | None, Verdict]], precision: float | None, recall: float | None, f1: float | None
) -> None:
    confusion = Confusion()
    for label, verdict in trips:
        confusion.add(verdict, label, Outcome.SAME)
    assert confusion.scores() == {"precision": precision, "recall": recall, "f1": f1}
    assert confusion["same"] == len(trips)


@pytest.mark.parametrize(
    ("label", "verdict", "cell"),
    [
        (RIDE, ACCEPTED, "TP"),
        (RIDE, REJECTED, "FN"),
        (RIDE, REVIEW, "review_ride"),
        (RIDE, UNKNOWN, "review_ride"),
        (NOT_RIDE, ACCEPTED, "FP"),
        (NOT_RIDE, REJECTED, "TN"),
        (NOT_RIDE, REVIEW, "review_not_ride"),
        (NOT_RIDE, UNKNOWN, "review_not_ride"),
        (None, ACCEPTED, None),
    ],
)
def test_a_labelled_trip_is_counted_in_one_cell_and_every_trip_in_one_outcome(
    label: Label | None, verdict: Verdict, cell: str | None
) -> None:
    confusion = Confusion()
    confusion.add(verdict, label, Outcome.WORSE)
    assert {name: count for name, count in confusion.as_json().items() if count} == ({cell: 1} if cell else {}) | {
        "worse": 1
    }
