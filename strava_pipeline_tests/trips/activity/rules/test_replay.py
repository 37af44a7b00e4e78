"""Labels, the confusion, and a replay: what an algorithm decides beside what was decided then."""

from typing import Any

import orjson
import pytest

from strava_pipeline.trips.activity.rules.bundle import Bundle, Decryption, State
from strava_pipeline.trips.activity.rules.replay import (
    Confusion,
    Label,
    Outcome,
    Replay,
    Truth,
    outcome,
    stored_verdict,
    truth,
)
from strava_pipeline.trips.activity.rules.thresholds import thresholds
from strava_pipeline.trips.activity.rules.verdict import Verdict, find_algorithm
from strava_pipeline_tests.trips.activity.rules.made import ride

TRIPS = [
    ride("wrongly refused", 18, status="rejected", review_status="approved"),
    ride("rightly refused", 60, status="rejected", feedback=[{"comment": "not_bike"}]),
    ride("a slow rider", 4, status="accepted", review_status="approved"),
    ride("undecided", 18, status="pending"),
    ride("unlabelled", 18, status="accepted"),
    Bundle("lost", status="accepted", review_status="rejected", decryption=Decryption(State.MALFORMED)),
]


def replay_of(*batches: list[Bundle]) -> Replay:
    replay = Replay(find_algorithm("2026.1"), thresholds())
    for batch in batches:
        replay.add(batch)
    return replay


def test_every_trip_is_told_with_both_verdicts_and_which_the_label_is_nearer_to() -> None:
    told = [tuple(trip.values()) for trip in replay_of(TRIPS).as_json()["trips"]]
    assert list(replay_of(TRIPS).as_json()["trips"][0]) == [
        "externalId",
        "old",
        "new",
        "label",
        "label_source",
        "outcome",
        "reasons",
    ]
    assert told == [
        ("wrongly refused", "rejected", "accepted", "ride", "review", "better", []),
        (
            "rightly refused",
            "rejected",
            "rejected",
            "not_ride",
            "feedback",
            "same",
            ["unrealistic_avg_speed", "vehicle_speed"],
        ),
        ("a slow rider", "accepted", "rejected", "ride", "review", "worse", ["too_slow"]),
        ("undecided", "needs_review", "accepted", None, None, "changed", []),
        ("unlabelled", "accepted", "accepted", None, None, "same", []),
        ("lost", "accepted", "unknown", "not_ride", "review", "better", ["locations_malformed"]),
    ]


def test_the_totals_count_verdicts_labels_outcomes_and_how_good_they_are() -> None:
    assert replay_of(TRIPS).totals() == {
        "trips": 6,
        "labelled": 4,
        "old": {"accepted": 3, "needs_review": 1, "rejected": 2, "unknown": 0},
        "new": {"accepted": 3, "needs_review": 0, "rejected": 2, "unknown": 1},
        "TP": 1,
        "FP": 0,
        "TN": 1,
        "FN": 1,
        "review_ride": 0,
        "review_not_ride": 1,
        "better": 2,
        "same": 2,
        "worse": 1,
        "changed": 1,
        "precision": 1.0,
        "recall": 0.5,
        "f1": 2 / 3,
    }


def test_without_trips_nothing_is_counted_and_no_share_is_made_up() -> None:
    totals = replay_of([]).totals()
    assert totals["trips"] == totals["TP"] == 0
    assert (totals["precision"], totals["recall"], totals["f1"]) == (None, None, None)


def test_the_same_trips_give_the_same_bytes_however_they_come() -> None:
    once = orjson.dumps(replay_of(TRIPS).as_json())
    assert orjson.dumps(replay_of(TRIPS[:1], [], TRIPS[1:4], TRIPS[4:]).as_json()) == once


def test_the_names_of_statuses_can_be_given() -> None:
    replay = Replay(find_algorithm("2026.1"), thresholds(), {"pending": Verdict.ACCEPTED})
    replay.add(TRIPS[3:5])
    assert [trip.old.value for trip in replay.trips] == ["accepted", "needs_review"]


def test_the_same_trips_have_the_same_hash_in_any_batches_and_others_another() -> None:
    whole = str(replay_of(TRIPS).input_hash)
    assert whole == str(replay_of(TRIPS[:2], TRIPS[2:]).input_hash) == replay_of(TRIPS).as_json()["input_hash"]
    assert whole != str(replay_of(TRIPS[:-1]).input_hash)
    assert whole != str(replay_of(list(reversed(TRIPS))).input_hash)


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
def test_only_a_label_is_better_or_worse(label: Label | None, old: Verdict, new: Verdict, expected: Outcome) -> None:
    assert outcome(old, new, label) is expected


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
