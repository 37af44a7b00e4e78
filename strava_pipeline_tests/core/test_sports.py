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
    sport_name,
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


def test_sports_have_names_for_a_person() -> None:
    names = {"MountainBikeRide": "Mountain bike ride", "EBikeRide": "E-bike ride", "driving_general": "Driving"}
    assert {each: sport_name(each) for each in names} == names


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


SAID = {  # by Strava's sport; of FIT with the sub_sport behind a slash
    "Ride": "cycling/generic|cycling/road|cycling/indoor_cycling|1|Biking| cycling |CYCLING_TRANSPORTATION|Cycling, sport"
    "|cycling_night|commuting_cycling|Radfahren|Radfahrt",
    "MountainBikeRide": "cycling/mountain|mountain biking|MOUNTAIN_BIKING|cycling_mountain|mtb_easy",
    "GravelRide": "cycling/gravel_cycling",
    "VirtualRide": "cycling/virtual_activity",
    "EBikeRide": "e_touringbicycle|cycling_ebike|e-bike_cycling",
    "EMountainBikeRide": "e_biking/e_bike_mountain",
    "Run": "running/treadmill|Running|9|treadmill|treadmill_running|generic/treadmill|Course à pied|Hardloopsessie|Corsa",
    "TrailRun": "running/trail|trail_running|trail run|TrailRun|running_trail",
    "Walk": "10|FITNESS_WALKING|nordic_walking",
    "Hike": "4|Wanderung",
    "Swim": "swimming/lap_swimming|swimming/open_water|16|open_water_swimming",
    "WeightTraining": "training/strength_training|Weight Training",
    "Workout": "training/a sub_sport of tomorrow|generic/generic|Other",
    "NordicSki": "cross_country_skiing/skate_skiing|skate_skiing_ws|Cross-Country Skiing|SKIING_CROSS_COUNTRY",
    "AlpineSki": "skiing_alpine|AlpineSki",
    "Snowboard": "snowboarding/backcountry",
    "IceSkate": "skating_ws|Schlittschuhlaufen",
    "InlineSkate": "inline skating|SKATING",
    "Rowing": "fitness_equipment/indoor_rowing|rowing_v2",
    "StandUpPaddling": "stand_up_paddleboarding|Stand Up Paddling",
    "Kayaking": "Kayakken",
    "Pilates": "fitness_equipment/pilates",
    "Padel": "racket/padel",
    "RockClimbing": "rock_climbing/bouldering|Rock Climb",
    "Soccer": "FOOTBALL_SOCCER|Football (Soccer)",
    "PhysicalTherapy": "Physical therapy",
    None: "transition/swim_to_bike_transition|unknown|diving/single_gas_diving|snorkeling|racket|5|Underwater basket weaving/deep|"
    "|  /trail|RIDING|FOOTBALL_AMERICAN|motor_cycling|swimming_cycling_running",
}


@pytest.mark.parametrize("strava", SAID)
def test_a_sport_is_stravas_or_none(strava: str | None) -> None:
    said = [each.partition("/")[::2] for each in SAID[strava].split("|")]
    assert {words: sport_type(*words) for words in said} == dict.fromkeys(said, strava)
    assert sport_type(None, "trail") is None


NEWER = {"PhysicalTherapy"}  # of April 2026


@pytest.mark.slow
def test_the_tables_name_sports_that_strava_has() -> None:
    from stravalib.strava_model import SportType  # half a second, which other workers do without

    # as stravalib has it from Strava's description
    known = {
        *get_args(SportType.model_fields["root"].annotation),
        "Triathlon",
    } | NEWER  # of which Strava has the legs alone
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
