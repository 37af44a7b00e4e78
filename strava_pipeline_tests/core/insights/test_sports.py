"""Sport groups: every sport that Strava has is in one of them, and what is in none is other."""

import pytest

from strava_pipeline.core.files.export_names import sports
from strava_pipeline.core.insights.sports import (
    ALL,
    GROUP_OF,
    OTHER,
    SPORTS,
    chosen_sports,
    unknown_sports,
    whole_groups,
)


def test_every_sport_of_strava_is_in_one_group_and_one_only() -> None:
    named = " ".join(SPORTS.values()).split()
    assert len(named) == len(set(named)) == len(GROUP_OF)
    assert set(sports().values()) <= set(named)


def test_rides_are_at_least_those_that_the_deprecated_type_calls_so() -> None:
    assert {"Ride", "VirtualRide", "GravelRide", "MountainBikeRide"} <= set(SPORTS["ride"].split())


def test_a_new_sport_is_reported() -> None:
    assert unknown_sports(["Ride", "Quidditch", "Run", "Quidditch"]) == ["Quidditch"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["run"], {"Run", "TrailRun", "VirtualRun"}),
        (["Run"], {"Run"}),
        (["Run, Hike", "swim"], {"Run", "Hike", "Swim"}),
        ([ALL], {*GROUP_OF, "Quidditch", None}),
        ([OTHER], {*SPORTS[OTHER].split(), "Quidditch", None}),
        (["Quidditch"], {"Quidditch"}),
        (["run,"], {"Run", "TrailRun", "VirtualRun"}),
    ],
)
def test_sports_are_chosen_by_group_or_by_name(names: list[str], expected: set[str | None]) -> None:
    assert chosen_sports(names, ["Quidditch", "Ride"]) == expected


def test_what_is_neither_is_named() -> None:
    with pytest.raises(ValueError, match="'bycicle'"):
        chosen_sports(["run", "bycicle"])


@pytest.mark.parametrize("names", [[], [","], [" ", ""]])
def test_naming_none_is_a_mistake(names: list[str]) -> None:
    with pytest.raises(ValueError, match="no sport and no group"):
        chosen_sports(names)


def test_groups_that_are_chosen_whole() -> None:
    assert whole_groups(chosen_sports(["run", "Ride", "swim"])) == ["run", "swim"]
    assert set(whole_groups(chosen_sports(["all"]))) == {*SPORTS, ALL}
    assert OTHER not in whole_groups({*SPORTS[OTHER].split()}), "what tells no sport counts there, too"
