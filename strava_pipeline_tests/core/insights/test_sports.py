"""Sport groups: every sport that Strava has is in one of them, and what is in none is other."""

import pytest

from strava_pipeline.core.files.export_names import sports
from strava_pipeline.core.insights.sports import ALL, GROUP_OF, OTHER, SPORTS, chosen_sports, unknown_sports


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
        ([ALL], {*GROUP_OF, "Quidditch"}),
        ([OTHER], {*SPORTS[OTHER].split(), "Quidditch"}),
        (["Quidditch"], {"Quidditch"}),
        (["run,"], {"Run", "TrailRun", "VirtualRun"}),
    ],
)
def test_sports_are_chosen_by_group_or_by_name(names: list[str], expected: set[str]) -> None:
    assert chosen_sports(names, ["Quidditch", "Ride"]) == expected


def test_what_is_neither_is_named() -> None:
    with pytest.raises(ValueError, match="'bycicle'"):
        chosen_sports(["run", "bycicle"])
