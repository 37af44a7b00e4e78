"""The sports of files by Strava's names."""

from typing import get_args

import pytest
from stravalib.strava_model import SportType

from strava_pipeline.core.files import sports as table
from strava_pipeline.core.files.export_names import sport_names
from strava_pipeline.core.files.sports import sport_type


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
        # GPX: words of many programs, and Strava's own numbers
        ("Running", None, "Run"),
        (" cycling ", None, "Ride"),
        ("9", None, "Run"),
        ("1", None, "Ride"),
        ("trail run", None, "TrailRun"),
        ("TrailRun", None, "TrailRun"),
        ("inline skating", None, "InlineSkate"),
        ("Cross-Country Skiing", None, "NordicSki"),
        ("Wanderung", None, "Hike"),
        ("Course à pied", None, "Run"),
        # TCX
        ("Biking", None, "Ride"),
        ("Other", None, "Workout"),
        # what nobody knows, and what nobody says
        ("transition", None, "transition"),
        ("Underwater basket weaving", "deep", "Underwater basket weaving"),
        ("", None, None),
        ("  ", "trail", None),
        (None, None, None),
        (None, "trail", None),
    ],
)
def test_a_sport_is_stravas_or_stays_the_files_own(
    sport: str | None, sub_sport: str | None, strava: str | None
) -> None:
    assert sport_type(sport, sub_sport) == strava


def test_the_tables_name_sports_that_strava_has() -> None:
    known = get_args(SportType.model_fields["root"].annotation)  # as stravalib has it from Strava's own description
    assert {*table._BY_SPORT.values(), *table._BY_SUB_SPORT.values(), *sport_names()} <= set(known)
    assert {*table._BY_SPORT.values(), *table._BY_SUB_SPORT.values()} <= sport_names().keys()


def test_the_tables_keys_are_as_words_are_looked_up() -> None:
    assert all(sport_type(word) == strava for word, strava in table._BY_SPORT.items())
    assert all(sport_type(*words) == strava for words, strava in table._BY_SUB_SPORT.items())


def test_stravas_own_names_are_themselves() -> None:
    assert {name: sport_type(name) for name in sport_names()} == {name: name for name in sport_names()}
