"""The registry of algorithms, and that deciding of many trips at once is deciding of each."""

import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.trips.activity.bundle import Bundle, Decryption, State
from strava_pipeline.core.trips.activity.thresholds import Thresholds, thresholds, versions
from strava_pipeline.core.trips.activity.verdict import (
    Algorithm,
    Decision,
    Registry,
    Verdict,
    algorithms,
    find_algorithm,
)
from strava_pipeline_tests.core.trips.made import ride

TRIPS = [ride("slow", 4), ride("bike", 18), ride("car", 60), Bundle("none"), ride("short", 18, points=5)]
UNREADABLE = Bundle("unreadable", decryption=Decryption(State.UNDECRYPTABLE))
SETS = [
    thresholds().with_values(changes)
    for changes in ({}, {"max_avg_speed_kmh": 15}, {"gap_s": 2}, {"stationary_speed_ms": 6})
]


def accept(bundle: Bundle, _: Thresholds) -> Decision:
    return Decision(Verdict.ACCEPTED, (bundle.external_id,))


@pytest.mark.parametrize("algorithm", algorithms(), ids=lambda algorithm: algorithm.full_name)
def test_what_an_algorithm_decides_of_many_is_what_it_decides_of_each(algorithm: Algorithm) -> None:
    trips = [*TRIPS, UNREADABLE]
    assert algorithm.decide_all(trips, SETS) == [[algorithm.decide(trip, chosen) for trip in trips] for chosen in SETS]


def test_an_algorithm_needs_only_to_be_a_function() -> None:
    plain = Algorithm("any", "1", accept)
    assert [[it.primary for it in decided] for decided in plain.decide_all(TRIPS[:2], SETS[:2])] == [
        ["slow", "bike"]
    ] * 2


def test_every_algorithm_has_thresholds_of_its_own_and_is_found_by_either_name() -> None:
    for known in algorithms():
        assert known.full_name in versions()
        assert find_algorithm(known.version) is known
        assert find_algorithm(known.full_name) is known


def test_an_unknown_version_names_those_there_are() -> None:
    with pytest.raises(
        MisuseError, match=r"2025\.9 is no version of an algorithm. There are: .*cycling-2026\.1"
    ) as raised:
        find_algorithm("2025.9")
    assert raised.value.exit_code == 2


def test_a_version_is_given_once_and_all_are_listed_in_order() -> None:
    registry = Registry()
    registry.algorithm("cycling", "2026.2")(accept)
    registry.algorithm("cycling", "2026.1")(accept)
    assert [known.full_name for known in registry.algorithms()] == ["cycling-2026.1", "cycling-2026.2"]
    with pytest.raises(ValueError, match=r"2026\.1 already: cycling-2026\.1"):
        registry.algorithm("walking", "2026.1")(accept)
