"""The error of each of three devices, and when it can't be told."""

from itertools import combinations

import pytest

from strava_pipeline.core.pairs.hat import DISAGREE, FEW, HIDDEN, SHARED, Pair, device_errors
from strava_pipeline_tests.core.pairs.planted import noise


def met(
    errors: dict[str, float], efforts: int = 20, shared: tuple[str, ...] = (), common: float = 0.0
) -> dict[Pair, list[float]]:
    """The variances of the differences of devices with these errors, of which some share one more."""
    found: dict[Pair, dict[int, float]] = {pair: {} for pair in combinations(sorted(errors), 2)}
    for number in range(efforts):
        same = noise(600, common, 1000 + number)
        seen = {
            name: noise(600, sd, 100 * number + place) + (same if name in shared else 0)
            for place, (name, sd) in enumerate(errors.items())
        }
        for one, other in found:
            found[one, other][number] = float((seen[other] - seen[one]).var())  # type: ignore[arg-type]
    return found


def test_planted_errors_come_back_within_their_intervals() -> None:
    told = device_errors(met({"strap": 1.0, "watch": 3.0, "armband": 6.0}))
    for name, sd in (("strap", 1.0), ("watch", 3.0), ("armband", 6.0)):
        each = told[name]
        assert each.value == pytest.approx(sd, abs=0.2)
        assert each.low is not None
        assert each.high is not None
        assert each.low <= sd <= each.high
    assert told["watch"].efforts == 20


def test_two_devices_or_few_efforts_tell_nothing() -> None:
    assert {each.why for each in device_errors(met({"a": 1, "b": 3})).values()} == {FEW}
    assert {each.why for each in device_errors(met({"a": 1, "b": 3, "c": 6}, efforts=5)).values()} == {FEW}


def test_two_wrists_may_share_what_they_err_by() -> None:
    found = met({"strap": 1.0, "one": 2.0, "two": 2.0}, shared=("one", "two"), common=5.0)
    assert {each.why for each in device_errors(found, frozenset({("one", "two")})).values()} == {SHARED}


def test_a_fourth_device_shows_that_two_share_errors() -> None:
    found = met({"strap": 1.0, "one": 2.0, "two": 2.0, "ear": 2.0}, shared=("one", "two"), common=5.0)
    told = device_errors(found)
    assert told["one"].why == DISAGREE
    assert told["two"].why == DISAGREE


def test_efforts_that_all_three_recorded_stand_before_those_of_two() -> None:
    together = met({"a": 1.0, "b": 3.0, "c": 6.0})
    worse = {key + 100: 40.0 * value for key, value in together["b", "c"].items()}
    told = device_errors(together | {("b", "c"): together["b", "c"] | worse})
    assert told["a"].value == pytest.approx(1.0, abs=0.2)


def test_without_an_effort_of_all_three_those_of_each_two_tell_it() -> None:
    apart = {
        pair: {100 * place + key: value for key, value in each.items()}
        for place, (pair, each) in enumerate(met({"a": 1.0, "b": 3.0, "c": 6.0}).items())
    }
    told = device_errors(apart)
    assert told["c"].value == pytest.approx(6.0, abs=0.3)
    assert told["c"].efforts == 20


def test_an_error_that_is_hidden_by_others_has_only_an_upper_bound() -> None:
    found = {("a", "b"): {key: 9.0 + key % 2 for key in range(8)}}
    found |= {("a", "c"): dict.fromkeys(range(8), 16.0), ("b", "c"): dict.fromkeys(range(8), 25.8)}
    told = device_errors(found)["a"]
    assert (told.value, told.low, told.why) == (None, None, HIDDEN)
    assert told.high == pytest.approx(0.27, abs=0.01)


def test_numbers_that_contradict_each_other_tell_nothing() -> None:
    found = {
        pair: dict.fromkeys(range(8), apart)
        for pair, apart in {("a", "b"): 10.0, ("a", "c"): 20.0, ("b", "c"): 45.0}.items()
    }
    assert device_errors(found)["a"].why == DISAGREE
