"""core.sports: the sports of files by Strava's names, and the groups that every sport counts in."""

from typing import get_args

import pytest

from strava_pipeline.core import sports
from strava_pipeline.core.files.export_columns import sport_names, sport_types_by_name, sport_words
from strava_pipeline.core.sports import (
    ALL,
    GROUP_OF,
    OTHER,
    SPORTS,
    chosen_sports,
    sport_type,
    typed_sports,
    unknown_sports,
    whole_groups,
)


def test_every_sport_of_strava_is_in_one_group_and_one_only() -> None:
    named = " ".join(SPORTS.values()).split()
    assert len(named) == len(set(named)) == len(GROUP_OF)
    assert set(sport_types_by_name().values()) <= set(named)


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


@pytest.mark.parametrize(
    ("sport", "sub_sport", "strava"),
    [
        # what FIT says, and its sub_sport beside it
        ("cycling", "generic", "Ride"),
        ("cycling", "road", "Ride"),
        ("cycling", "gravel_cycling", "GravelRide"),
        ("cycling", "mountain", "MountainBikeRide"),
        ("cycling", "virtual_activity", "VirtualRide"),
        ("cycling", "indoor_cycling", "Ride"),
        ("running", "trail", "TrailRun"),
        ("running", "treadmill", "Run"),
        ("running", None, "Run"),
        ("swimming", "lap_swimming", "Swim"),
        ("swimming", "open_water", "Swim"),
        ("training", "strength_training", "WeightTraining"),
        ("training", "a sub_sport of tomorrow", "Workout"),
        ("cross_country_skiing", "skate_skiing", "NordicSki"),
        ("stand_up_paddleboarding", None, "StandUpPaddling"),
        ("generic", "generic", "Workout"),
        ("generic", "treadmill", "Run"),
        ("fitness_equipment", "indoor_rowing", "Rowing"),
        ("fitness_equipment", "pilates", "Pilates"),
        ("racket", "padel", "Padel"),
        ("e_biking", "e_bike_mountain", "EMountainBikeRide"),
        ("snowboarding", "backcountry", "Snowboard"),
        ("rock_climbing", "bouldering", "RockClimbing"),
        # GPX: words of many programs, and Strava's own numbers
        ("Running", None, "Run"),
        (" cycling ", None, "Ride"),
        ("9", None, "Run"),
        ("1", None, "Ride"),
        ("4", None, "Hike"),
        ("10", None, "Walk"),
        ("16", None, "Swim"),
        # Garmin's words, as its GPX files and lists have them
        ("mountain biking", None, "MountainBikeRide"),
        ("mountain_biking", None, "MountainBikeRide"),
        ("treadmill", None, "Run"),
        ("treadmill_running", None, "Run"),
        ("trail_running", None, "TrailRun"),
        ("open_water_swimming", None, "Swim"),
        ("rowing_v2", None, "Rowing"),
        ("skate_skiing_ws", None, "NordicSki"),
        ("trail run", None, "TrailRun"),
        ("TrailRun", None, "TrailRun"),
        ("inline skating", None, "InlineSkate"),
        ("Cross-Country Skiing", None, "NordicSki"),
        ("Wanderung", None, "Hike"),
        ("Course à pied", None, "Run"),
        # TCX
        ("Biking", None, "Ride"),
        ("Other", None, "Workout"),
        # Endomondo
        ("CYCLING_TRANSPORTATION", None, "Ride"),
        ("MOUNTAIN_BIKING", None, "MountainBikeRide"),
        ("SKIING_CROSS_COUNTRY", None, "NordicSki"),
        ("SKATING", None, "InlineSkate"),
        ("FOOTBALL_SOCCER", None, "Soccer"),
        ("Cycling, sport", None, "Ride"),
        ("RIDING", None, None),
        ("FOOTBALL_AMERICAN", None, None),
        # a word with a known part, by the place of the part
        ("cycling_night", None, "Ride"),
        ("commuting_cycling", None, "Ride"),
        ("cycling_mountain", None, "MountainBikeRide"),
        ("running_trail", None, "TrailRun"),
        ("skiing_alpine", None, "AlpineSki"),
        ("skating_ws", None, "IceSkate"),
        ("motor_cycling", None, None),
        ("swimming_cycling_running", None, None),
        # Komoot, and people's own tables
        ("e_touringbicycle", None, "EBikeRide"),
        ("mtb_easy", None, "MountainBikeRide"),
        ("Radfahren", None, "Ride"),
        ("Schlittschuhlaufen", None, "IceSkate"),
        ("Physical therapy", None, "PhysicalTherapy"),
        # what is no sport of Strava's, what nobody knows, and what nobody says
        ("transition", "swim_to_bike_transition", None),
        ("unknown", None, None),
        ("diving", "single_gas_diving", None),
        ("snorkeling", None, None),
        ("racket", None, None),
        ("5", None, None),
        ("Underwater basket weaving", "deep", None),
        ("", None, None),
        ("  ", "trail", None),
        (None, None, None),
        (None, "trail", None),
    ],
)
def test_a_sport_is_stravas_or_none(sport: str | None, sub_sport: str | None, strava: str | None) -> None:
    assert sport_type(sport, sub_sport) == strava


NEWER = {"PhysicalTherapy"}  # of April 2026


def test_the_tables_name_sports_that_strava_has() -> None:
    from stravalib.strava_model import SportType  # half a second, which other workers do without

    known = {
        *get_args(SportType.model_fields["root"].annotation)
    } | NEWER  # as stravalib has it from Strava's description
    assert {*sports._BY_SUB_SPORT.values(), *sport_names()} <= known
    assert {*sports._BY_SUB_SPORT.values()} <= sport_names().keys()


def test_no_word_stands_for_two_sports() -> None:
    by_word: dict[str, set[str]] = {}
    for table in (sport_types_by_name(), sport_words("devices"), sport_words("others"), sports._STRAVA_GPX):
        for word, sport in table.items():
            by_word.setdefault(sports._word(word), set()).add(sport)
    assert {word: found for word, found in by_word.items() if len(found) > 1} == {}
    assert {word: sport_type(word) for word in by_word} == {word: min(found) for word, found in by_word.items()}
    assert all(sport_type(*words) == strava for words, strava in sports._BY_SUB_SPORT.items())


def test_stravas_own_names_are_themselves() -> None:
    assert {name: sport_type(name) for name in sport_names()} == {name: name for name in sport_names()}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["Ride,Run"], ["Ride", "Run"]),
        (["ride", "TRAILRUN, Ride"], ["Ride", "TrailRun"]),
        (["run"], ["Run"]),  # a sport here, not the group
        (["Quidditch"], ["Quidditch"]),
    ],
)
def test_typed_sports_are_read_in_any_case_with_commas_or_repeated(words: list[str], expected: list[str]) -> None:
    assert typed_sports(words, others=["Quidditch"]) == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["Rid"], "'Rid' is no sport of Strava's. The nearest ones: .*Ride"),
        (["Ride,TrailRunning"], "'TrailRunning' .* The nearest ones: .*TrailRun"),
        (["zzz"], "'zzz' is no sport of Strava's. There are: AlpineSki, .*Yoga"),
        ([" , "], "which sports?"),
    ],
)
def test_a_word_that_is_no_sport_is_refused_with_the_nearest_ones(words: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        typed_sports(words)
