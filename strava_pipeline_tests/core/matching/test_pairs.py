"""Two activities: certain, probable, doubtful, or two."""

from typing import Any

import pytest

from strava_pipeline.core.matching.match import MATCHES
from strava_pipeline_tests.core.matching.made import NOON, STREET, Known, file, groups, match, ride

API = ride(10**10, athlete_id=7)


def verdict(one: Known, other: Known) -> tuple[str, bool] | None:
    """What is said of the pair, and whether it is joined; None: nothing is."""
    found = match(one, other)
    assert found.matches.schema == MATCHES
    rows = found.matches.select("verdict", "joined").rows()
    assert bool(groups(found)) == any(joined for _, joined in rows)
    return rows[0] if rows else None


JOINED = ("probable", True)
PROPOSED = ("doubtful", False)


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({}, JOINED),
        ({"start": NOON + 3, "elapsed": 3_595.0, "distance": 25_110.0}, JOINED),
        ({"start": NOON + 60, "elapsed": 3_480.0, "distance": 24_500.0, "start_lat": 48.0 + 25 * STREET}, JOINED),
        ({"sport_type": "GravelRide"}, JOINED),
        ({"sport_type": "Run"}, JOINED),  # a type that was edited: everything else is the same
        ({"start": NOON + 60, "elapsed": 3_480.0, "distance": 24_200.0, "sport_type": "Swim"}, PROPOSED),
        ({"start": NOON + 200, "elapsed": 3_600.0, "distance": 26_500.0, "sport_type": "Run"}, PROPOSED),
        ({"distance": None}, JOINED),
        ({"distance": 0.0}, JOINED),
        ({"start_lat": None, "start_lng": None, "end_lat": None, "end_lng": None}, JOINED),
        ({"sport_type": None}, JOINED),
        ({"elapsed": None}, None),
        ({"start": None}, None),
        ({"start": NOON + 3_600, "distance": 25_300.0}, None),  # the next one, at once
        ({"start": NOON + 9 * 3_600 + 77}, None),  # the same again on one day
        ({"start": NOON + 86_400}, None),
        ({"elapsed": 1_700.0, "distance": 12_000.0}, PROPOSED),  # cropped, and nothing else known
        ({"start": NOON + 1_900, "elapsed": 1_700.0, "distance": 12_000.0, "start_lat": 48.05}, PROPOSED),
        ({"start_lat": 50.0, "end_lat": 50.1}, None),  # at that time elsewhere: somebody else
        ({"athlete_id": 8}, None),
        ({"athlete_id": 7}, JOINED),
        ({"start": NOON + 7_200}, PROPOSED),  # a clock two hours off, all else the same
        ({"start": NOON - 900}, PROPOSED),
        ({"start": NOON + 400, "distance": 24_000.0}, JOINED),
        ({"start": NOON + 7_200, "distance": 25_300.0}, None),
        ({"start": NOON + 7_200, "start_lat": 48.0 + 20 * STREET, "end_lat": 48.2}, None),
        ({"start": NOON + 7_210}, None),
        ({"start": NOON + 30 * 3_600}, None),
    ],
    ids=str,
)
def test_what_is_told_of_an_activity_and_a_file(told: dict[str, Any], wanted: tuple[str, bool] | None) -> None:
    assert verdict(API, file(**told)) == wanted


def test_two_that_nothing_places_are_one_only_to_the_second() -> None:
    nowhere = dict.fromkeys(("distance", "start_lat", "start_lng", "end_lat", "end_lng"))
    assert verdict(API | nowhere, file(**nowhere)) == JOINED
    assert verdict(API | nowhere, file(**nowhere, start=NOON + 40)) == PROPOSED


def test_another_heart_is_another_athlete_until_a_person_says_otherwise() -> None:
    mine = API | {"heartrate": 141.0, "max_heartrate": 176.0}
    assert verdict(mine, file(heartrate=142.5, max_heartrate=176.0)) == JOINED
    beside = {"start": NOON + 9, "distance": 25_090.0}
    assert verdict(mine, file(heartrate=155.0, max_heartrate=176.0, **beside)) == PROPOSED
    assert verdict(mine, file(heartrate=142.0, max_heartrate=195.0, **beside)) == PROPOSED
    assert verdict(mine, file(**beside)) == JOINED
    assert verdict(mine, file(heartrate=155.0, start=NOON + 1)) == JOINED, "one recording, summed up otherwise"


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ({"upload_id": 13_666_555_444}, {"external_id": "13666555444.fit.gz"}),
        ({}, {"external_id": "10000000000.gpx"}),  # named by Strava's own id, as some tools do
        ({"external_id": "2025-06-15-Morning.fit"}, {"external_id": "rides/2025-06-15-MORNING.fit.gz"}),
        ({"external_id": "garmin_push_3383000111"}, {"external_id": "3383000111_ACTIVITY.fit"}),
        ({"contents": ["abc"]}, {"contents": ["abc"], "start": None, "elapsed": None}),
    ],
    ids=str,
)
def test_what_both_name_is_certain_though_it_was_cropped(here: dict[str, Any], there: dict[str, Any]) -> None:
    cropped = {"start": NOON + 1_900, "elapsed": 1_000.0, "distance": 8_000.0, "sport_type": "EBikeRide"}
    assert verdict(API | cropped | here, file(**there)) == ("certain", True)


@pytest.mark.parametrize("hours", [-14, -9.5, 1, 5.75, 12])
def test_a_name_and_a_clock_of_another_zone_are_certain(hours: float) -> None:
    here = API | {"external_id": "ride-of-june.fit"}
    shifted = file(external_id="ride-of-june.fit", start=NOON + hours * 3_600 + 2)
    assert verdict(here, shifted) == ("certain", True)


def test_a_number_is_enough_for_one_that_was_cropped_at_both_ends() -> None:
    here = API | {
        "upload_id": 13_666_555_444,
        "start": NOON + 900,
        "elapsed": 1_800.0,
        "start_lat": 48.06,
        "end_lat": 48.04,
    }
    assert verdict(here, file(external_id="13666555444.fit", start_lat=48.0, end_lat=48.1)) == ("certain", True)


@pytest.mark.parametrize("name", ["workout.tcx", "20250615.fit", "Morning Ride.gpx"])
def test_a_name_does_not_make_one_of_two_classes_on_one_day(name: str) -> None:
    indoors = dict.fromkeys(("start_lat", "start_lng", "end_lat", "end_lng"))
    morning = API | indoors | {"external_id": name, "elapsed": 1_800.0, "distance": 10_000.0}
    evening = file(**indoors, external_id=name, elapsed=1_800.0, distance=16_000.0, start=NOON + 12 * 3_600 + 3)
    assert verdict(morning, evening) == PROPOSED


def test_a_name_that_many_files_have_names_none_of_them() -> None:
    other_day = {"external_id": "activity.gpx", "start": NOON + 86_400 * 3}
    assert verdict(API | {"external_id": "activity.gpx"}, file(**other_day)) is None
    assert verdict(API | {"external_id": "activity.gpx"}, file(external_id="activity.gpx")) == ("certain", True)


def test_one_whose_name_agrees_and_whose_time_is_not_known_is_for_a_person() -> None:
    assert verdict(API | {"external_id": "commute.gpx"}, file(external_id="commute.gpx", start=None)) == PROPOSED


def test_reasons_say_what_was_found_and_no_position() -> None:
    found = match(API, file(start=NOON + 3, distance=24_900.0, start_lat=48.0 + STREET, sport_type="Run"))
    (reasons,) = found.matches["reasons"].to_list()
    assert reasons == [
        "99.9 % of the time together",
        "starts 3 s apart",
        "distances 0.4 % apart",
        "places 0 m apart",
        "Run and Ride",
    ]
