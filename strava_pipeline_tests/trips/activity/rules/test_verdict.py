"""Rules at, below and above their limits; and the versions of the algorithms, which stay callable."""

from typing import Any

import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.trips.activity.rules.bundle import Bundle, Decryption, State
from strava_pipeline.trips.activity.rules.metrics import SCHEMA
from strava_pipeline.trips.activity.rules.thresholds import Thresholds, thresholds, versions
from strava_pipeline.trips.activity.rules.verdict import (
    ALGORITHMS,
    Algorithm,
    Decision,
    Verdict,
    find_algorithm,
    judge,
    rules,
)
from strava_pipeline_tests.trips.activity.rules.made import ride

GOOD = dict.fromkeys(SCHEMA) | {
    "points_used": 100,
    "haversine_m": 3000.0,
    "duration_s": 600.0,
    "accuracy_p50_m": 5.0,
    "teleport_share": 0.0,
    "gap_share": 0.0,
    "avg_speed_kmh": 18.0,
    "speed_p95_kmh": 24.0,
    "moving_avg_speed_kmh": 18.0,
    "activity_mix": {"cycling": 0.9},
    "distance_mismatch": 0.01,
    "stationary_share": 0.1,
    "clip_start_s": 0.0,
    "clip_end_s": 0.0,
}


def judged(state: State = State.OK, **metrics: Any) -> Decision:
    return judge(state, GOOD | metrics, thresholds())


@pytest.mark.parametrize(
    ("metric", "within", "beyond", "code", "verdict"),
    [
        ("points_used", 10, 9, "too_few_points", Verdict.REJECTED),
        ("haversine_m", 200.0, 199.9, "too_short_distance", Verdict.REJECTED),
        ("haversine_m", 199.9999996, 199.9999994, "too_short_distance", Verdict.REJECTED),  # 6 decimals are compared
        ("duration_s", 60.0, 59.9, "too_short_duration", Verdict.REJECTED),
        ("accuracy_p50_m", 50.0, 50.1, "poor_accuracy", Verdict.REJECTED),
        ("teleport_share", 0.05, 0.051, "teleports", Verdict.REJECTED),
        ("gap_share", 0.5, 0.51, "gaps", Verdict.REJECTED),
        ("avg_speed_kmh", 35.0, 35.1, "unrealistic_avg_speed", Verdict.REJECTED),
        ("avg_speed_kmh", 35.0000004, 35.0000006, "unrealistic_avg_speed", Verdict.REJECTED),
        ("speed_p95_kmh", 50.0, 50.1, "vehicle_speed", Verdict.REJECTED),
        ("moving_avg_speed_kmh", 5.0, 4.9, "too_slow", Verdict.REJECTED),
        ("activity_mix", {"automotive": 0.3}, {"automotive": 0.31}, "automotive_activity", Verdict.REJECTED),
        (
            "activity_mix",
            {"automotive": 0.4, "cycling": 0.5},
            {"automotive": 0.4, "cycling": 0.49},
            "automotive_activity",
            Verdict.REJECTED,
        ),
        # in floats, 0.2 + 0.4 is a little more than 0.6
        (
            "activity_mix",
            {"walking": 0.2, "running": 0.4},
            {"walking": 0.4, "running": 0.3},
            "foot_activity",
            Verdict.REJECTED,
        ),
        ("activity_mix", {}, {"running": 0.7}, "foot_activity", Verdict.REJECTED),
        ("distance_mismatch", 0.25, 0.26, "distance_mismatch", Verdict.NEEDS_REVIEW),
        ("stationary_share", 0.6, 0.61, "mostly_stationary", Verdict.NEEDS_REVIEW),
        ("clip_start_s", 120.0, 121.0, "clipped_start", Verdict.NEEDS_REVIEW),
        ("clip_end_s", 120.0, 121.0, "clipped_end", Verdict.NEEDS_REVIEW),
    ],
)
def test_a_rule_hits_beyond_its_limit_alone(metric: str, within: Any, beyond: Any, code: str, verdict: Verdict) -> None:
    assert judged(**{metric: within}) == Decision(Verdict.ACCEPTED, (), GOOD | {metric: within})
    assert judged(**{metric: beyond}) == Decision(verdict, (code,), GOOD | {metric: beyond})


def test_a_rule_without_a_value_does_not_hit() -> None:
    assert judge(State.OK, dict.fromkeys(SCHEMA), thresholds()).verdict is Verdict.ACCEPTED


def test_all_rules_that_hit_are_told_in_their_order_whatever_they_weigh() -> None:
    decision = judged(clip_end_s=500.0, stationary_share=0.9, moving_avg_speed_kmh=3.0, points_used=3)
    assert decision.reasons == ("too_few_points", "too_slow", "mostly_stationary", "clipped_end")
    assert (decision.verdict, decision.primary) == (Verdict.REJECTED, "too_few_points")


@pytest.mark.parametrize(
    ("state", "verdict", "reasons"),
    [
        (State.UNDECRYPTABLE, Verdict.UNKNOWN, ("locations_undecryptable",)),
        (State.MALFORMED, Verdict.UNKNOWN, ("locations_malformed",)),
        (State.ABSENT, Verdict.REJECTED, ("no_locations", "too_few_points", "clipped_end")),
        (State.EMPTY, Verdict.REJECTED, ("no_locations", "too_few_points", "clipped_end")),
        (State.OK, Verdict.REJECTED, ("too_few_points", "clipped_end")),
    ],
)
def test_locations_that_cannot_be_read_are_the_only_reason_and_missing_ones_the_first(
    state: State, verdict: Verdict, reasons: tuple[str, ...]
) -> None:
    decision = judged(state, points_used=0, clip_end_s=500.0)
    assert (decision.verdict, decision.reasons) == (verdict, reasons)


def test_other_thresholds_give_another_verdict() -> None:
    assert judge(State.OK, GOOD, thresholds().with_values({"max_avg_speed_kmh": 17})).reasons == (
        "unrealistic_avg_speed",
    )
    assert judge(State.OK, GOOD | {"activity_mix": {"automotive": 0.8, "cycling": 0.4}}, thresholds()).reasons
    lenient = thresholds().with_values({"min_cycling_ratio": 0.4})
    assert not judge(State.OK, GOOD | {"activity_mix": {"automotive": 0.8, "cycling": 0.4}}, lenient).reasons


def test_the_rules_are_numbered_in_their_order_and_stand_on_metrics_and_thresholds_there_are() -> None:
    assert [rule.number for rule in rules()] == [0, 0, *range(1, 17)]
    assert {rule.metric for rule in rules()} - {None} <= SCHEMA.keys()
    assert {rule.threshold for rule in rules()} - {None} <= thresholds().values.keys()


TRIPS = [ride("slow", 4), ride("bike", 18), ride("car", 60), Bundle("none"), ride("short", 18, points=5)]
UNREADABLE = Bundle("unreadable", decryption=Decryption(State.UNDECRYPTABLE))
SETS = [
    thresholds().with_values(changes)
    for changes in ({}, {"max_avg_speed_kmh": 15}, {"gap_s": 2}, {"stationary_speed_ms": 6})
]


def accept(bundle: Bundle, _: Thresholds) -> Decision:
    return Decision(Verdict.ACCEPTED, (bundle.external_id,))


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda algorithm: algorithm.full_name)
def test_what_an_algorithm_decides_of_many_is_what_it_decides_of_each(algorithm: Algorithm) -> None:
    trips = [*TRIPS, UNREADABLE]
    assert algorithm.decide_all(trips, SETS) == [[algorithm.decide(trip, chosen) for trip in trips] for chosen in SETS]


def test_an_algorithm_needs_only_to_be_a_function() -> None:
    plain = Algorithm("any", "1", accept)
    assert [[it.primary for it in decided] for decided in plain.decide_all(TRIPS[:2], SETS[:2])] == [
        ["slow", "bike"]
    ] * 2


def test_every_algorithm_has_thresholds_of_its_own_and_is_found_by_either_name() -> None:
    for known in ALGORITHMS:
        assert known.full_name in versions()
        assert find_algorithm(known.version) is known
        assert find_algorithm(known.full_name) is known


def test_an_unknown_version_names_those_there_are() -> None:
    with pytest.raises(
        MisuseError, match=r"2025\.9 is no version of an algorithm. There are: .*cycling-2026\.1"
    ) as raised:
        find_algorithm("2025.9")
    assert raised.value.exit_code == 2
