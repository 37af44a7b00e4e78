"""Replay: the new verdict beside the stored one, and what it comes to over all trips."""

import orjson

from strava_pipeline.core.trips.activity.bundle import Bundle, Decryption, State
from strava_pipeline.core.trips.activity.replay import Replay
from strava_pipeline.core.trips.activity.thresholds import thresholds
from strava_pipeline.core.trips.activity.verdict import Verdict, find_algorithm
from strava_pipeline_tests.core.trips.made import ride

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
