"""Labels, the confusion, and sweeps: what an algorithm decides beside what was decided then, by sets of thresholds."""

from typing import Any

import orjson
import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.trips.activity.rules.bundle import Bundle, Decryption, State
from strava_pipeline.trips.activity.rules.metrics import metrics_rows
from strava_pipeline.trips.activity.rules.replay import (
    BASELINE,
    Label,
    Outcome,
    Sweep,
    outcome,
    scores,
    stored_verdict,
    sweep_text,
    threshold_sets,
    truth,
)
from strava_pipeline.trips.activity.rules.thresholds import Thresholds, thresholds
from strava_pipeline.trips.activity.rules.verdict import Algorithm, Halves, Verdict, find_algorithm, judge
from strava_pipeline_tests.trips.activity.rules.made import ride

TRIPS = [
    ride("wrongly refused", 18, status="rejected", review_status="approved"),
    ride("rightly refused", 60, status="rejected", feedback=[{"comment": "not_bike"}]),
    ride("a slow rider", 4, status="accepted", review_status="approved"),
    ride("undecided", 18, status="pending"),
    ride("unlabelled", 18, status="accepted"),
    Bundle("lost", status="accepted", review_status="rejected", decryption=Decryption(State.MALFORMED)),
]


def replay_of(*batches: list[Bundle]) -> Sweep:
    replay = Sweep(find_algorithm("2026.1"), {BASELINE: thresholds()})
    for batch in batches:
        replay.add(batch)
    return replay


def test_every_trip_is_told_with_both_verdicts_and_which_the_label_is_nearer_to() -> None:
    told = [tuple(trip.values()) for trip in replay_of(TRIPS).replay_json()["trips"]]
    assert list(replay_of(TRIPS).replay_json()["trips"][0]) == [
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


def test_the_same_trips_give_the_same_bytes_and_hash_however_they_come() -> None:
    once, other = replay_of(TRIPS), replay_of(TRIPS[:1], [], TRIPS[1:4], TRIPS[4:])
    assert orjson.dumps(once.replay_json()) == orjson.dumps(other.replay_json())
    assert once.input_hash not in (replay_of(TRIPS[:-1]).input_hash, replay_of(TRIPS[::-1]).input_hash)


def test_the_names_of_statuses_can_be_given() -> None:
    replay = Sweep(find_algorithm("2026.1"), {BASELINE: thresholds()}, {"pending": Verdict.ACCEPTED})
    replay.add(TRIPS[3:5])
    assert [trip.old.value for trip in replay.trips] == ["accepted", "needs_review"]


ACCEPTED, REJECTED, REVIEW, UNKNOWN = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.NEEDS_REVIEW, Verdict.UNKNOWN
RIDE, NOT_RIDE = Label.RIDE, Label.NOT_RIDE


def said(comment: Any, at: Any) -> dict[str, Any]:
    return {"comment": comment, "submitted_at": at}


@pytest.mark.parametrize(
    ("review", "feedback", "expected"),
    [
        (None, [], (None, None)),
        ("pending", [], (None, None)),
        ("approved", [said("not_bike", 5)], (RIDE, "review")),
        ("rejected", [said("ride_not_detected", 5)], (NOT_RIDE, "review")),
        (None, [said("not_bike", 5)], (NOT_RIDE, "feedback")),
        ("pending", [said("ride_not_detected", 5)], (RIDE, "feedback")),
        (None, [said("missing_start_end", 5)], (RIDE, "feedback")),
        (None, [said("great_app", 5), said(None, 6), 7, None], (None, None)),
        # the latest that tells, by instant and not as text; at the same instant the later in the list
        (
            None,
            [said("not_bike", "2026-01-05T10:00:00+05:00"), said("missing_start_end", "2026-01-05T09:00:00Z")],
            (RIDE, "feedback"),
        ),
        (
            None,
            [said("missing_start_end", "2026-01-05T09:00:00Z"), said("not_bike", "2026-01-05T10:00:00+05:00")],
            (RIDE, "feedback"),
        ),
        (None, [said("not_bike", 5), said("ride_not_detected", 5)], (RIDE, "feedback")),
        (None, [said("not_bike", 5), said("thanks", 9)], (NOT_RIDE, "feedback")),
        (None, [said("not_bike", 5), said("ride_not_detected", "later")], (NOT_RIDE, "feedback")),
    ],
)
def test_a_review_goes_before_feedback_and_later_feedback_before_earlier(
    review: str | None, feedback: list[Any], expected: tuple[Label | None, str | None]
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
    ("cells", "precision", "recall", "f1"),
    [
        ((0, 0, 0), None, None, None),
        ((2, 1, 1), 2 / 3, 2 / 3, pytest.approx(2 / 3)),
        ((0, 1, 1), 0.0, 0.0, None),
        ((0, 0, 1), None, 0.0, None),
        ((0, 1, 0), 0.0, None, None),
    ],
)
def test_a_share_of_nothing_is_no_number(
    cells: tuple[int, int, int], precision: float | None, recall: float | None, f1: float | None
) -> None:
    counts = dict(zip(("TP", "FP", "FN"), cells, strict=True))
    assert scores(counts) == {"precision": precision, "recall": recall, "f1": f1}


SWEPT = [
    ride("fast rider", 30, status="accepted", review_status="approved"),
    ride("slow car", 32, status="accepted", review_status="rejected"),
    ride("rider", 18, status="rejected", review_status="approved"),
    ride("unlabelled", 31, status="accepted"),
]


def named(sets: list[str], grids: list[str], *, cartesian: bool = False) -> dict[str, dict[str, float]]:
    made = threshold_sets(thresholds(), sets, grids, cartesian=cartesian)
    return {name: chosen.difference(thresholds()) for name, chosen in made.items()}


def test_sets_are_known_by_their_names_and_grids_by_their_values() -> None:
    assert named(["strict=max_avg_speed_kmh=25,min_points=20"], []) == {
        "baseline": {},
        "strict": {"max_avg_speed_kmh": 25, "min_points": 20},
    }
    assert named([], ["max_avg_speed_kmh=20, 25.5,20.0", "min_points=5"]) == {
        "baseline": {},
        "max_avg_speed_kmh=20": {"max_avg_speed_kmh": 20},
        "max_avg_speed_kmh=25.5": {"max_avg_speed_kmh": 25.5},
        "min_points=5": {"min_points": 5},
    }
    assert list(named([], ["min_points=5,6", "max_gap_share=0.1,0.2"], cartesian=True)) == [
        "baseline",
        "min_points=5,max_gap_share=0.1",
        "min_points=5,max_gap_share=0.2",
        "min_points=6,max_gap_share=0.1",
        "min_points=6,max_gap_share=0.2",
    ]
    assert named([], [], cartesian=True) == {"baseline": {}}


@pytest.mark.parametrize(
    ("sets", "grids", "said"),
    [
        (["max_avg_speed_kmh=20"], [], "write name=key=value"),
        (["strict"], [], "write name=key=value"),
        (["a=min_points=2,min_points=3"], [], "each key once"),
        (["a=min_points=many"], [], "many is no number"),
        (["a=min_dots=2"], [], "min_dots is no threshold. There are: min_points"),
        (["a=min_points=nan"], [], "from 0 on"),
        ([], ["min_points=-1"], "from 0 on"),
        ([], ["min_points"], "nothing is no number"),
        (["a=min_points=2", "a=min_points=3"], [], "two sets are called a"),
        (["baseline=min_points=2"], [], "two sets are called baseline"),
    ],
)
def test_what_makes_no_set_is_refused_with_how_to_write_one(sets: list[str], grids: list[str], said: str) -> None:
    with pytest.raises(MisuseError, match=said):
        threshold_sets(thresholds(), sets, grids)


def swept(*batches: list[int]) -> Sweep:
    sweep = Sweep(find_algorithm("2026.1"), threshold_sets(thresholds(), grids=["max_avg_speed_kmh=31.5,29,17"]))
    for batch in batches:
        sweep.add([SWEPT[index] for index in batch])
    return sweep


def test_every_set_is_counted_scored_ranked_and_tells_which_trips_it_moved() -> None:
    told = swept([0, 1, 2, 3]).sweep_json()
    counts = {name: tuple(confusion.values()) for name, confusion in told["confusion"].items()}
    assert list(told["confusion"]["baseline"])[:4] == ["TP", "FP", "TN", "FN"]
    assert counts == {  # TP, FP, TN, FN, to review, better, same, worse, changed
        "baseline": (2, 1, 0, 0, 0, 0, 1, 3, 0, 0),
        "max_avg_speed_kmh=31.5": (2, 0, 1, 0, 0, 0, 2, 2, 0, 0),
        "max_avg_speed_kmh=29": (1, 0, 1, 1, 0, 0, 2, 0, 1, 1),
        "max_avg_speed_kmh=17": (0, 0, 1, 2, 0, 0, 1, 1, 1, 1),
    }
    assert told["scores"]["baseline"] == {"precision": 2 / 3, "recall": 1.0, "f1": 0.8}
    assert told["scores"]["max_avg_speed_kmh=17"] == {"precision": None, "recall": 0.0, "f1": None}
    assert told["ranking"] == ["max_avg_speed_kmh=31.5", "baseline", "max_avg_speed_kmh=29", "max_avg_speed_kmh=17"]
    assert told["moved"]["baseline"] == []
    assert told["moved"]["max_avg_speed_kmh=31.5"] == [
        {"externalId": "slow car", "baseline": "accepted", "new": "rejected", "label": "not_ride"}
    ]
    assert orjson.dumps(told) == orjson.dumps(swept([0], [1, 2], [3]).sweep_json())
    moved = [trip["externalId"] for trip in told["moved"]["max_avg_speed_kmh=29"]]
    assert moved == ["fast rider", "slow car", "unlabelled"]


def test_equally_good_sets_are_ranked_by_name() -> None:
    sweep = Sweep(find_algorithm("2026.1"), threshold_sets(thresholds(), ["b=min_points=9", "a=min_points=8"]))
    sweep.add(SWEPT)
    assert sweep.ranking == ["a", "b", "baseline"]


def test_metrics_are_computed_once_for_all_sets_that_share_them() -> None:
    measured = []

    def measure(bundles, chosen: Thresholds):  # type: ignore[no-untyped-def]
        measured.append(chosen.inside_metrics)
        return metrics_rows(bundles, chosen)

    counting = Algorithm("cycling", "2026.1", find_algorithm("2026.1").decide, Halves(measure, judge))
    grids = ["max_avg_speed_kmh=20,25,30", "min_points=5,6", "gap_s=10,20"]
    Sweep(counting, threshold_sets(thresholds(), grids=grids)).add(SWEPT)
    assert len(measured) == len(set(measured)) == 3  # the baseline's, and one for each gap_s


def test_the_text_has_a_line_per_set_and_lists_the_first_trips_that_a_set_moves() -> None:
    sweep = Sweep(find_algorithm("2026.1"), threshold_sets(thresholds(), grids=["max_avg_speed_kmh=17"]))
    sweep.add([ride(f"R{number}\x1b[2J", 18, status="accepted", review_status="approved") for number in range(60)])
    told = sweep_text(sweep).splitlines()
    assert [line.split()[:2] for line in told[4:6]] == [["baseline", "0"], ["max_avg_speed_kmh=17", "60"]]
    assert told[-1] == "  … and 10 more: --format json shows all"
    assert "\x1b" not in "".join(told)
