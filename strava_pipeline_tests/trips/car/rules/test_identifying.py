"""Finding the car of a trip: Bluetooth before the search, how often nobody drives, and what errors lead to."""

import pytest

from strava_pipeline.trips.car.rules.config import Car, CarConfig, Limits
from strava_pipeline.trips.car.rules.events import CarAnswer
from strava_pipeline_tests.trips.car.rules.made import MONDAY, PLACES, Drive, drives, stands, unsure


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ({"ada": drives(100.0), "bee": drives(900.0)}, ["ada"]),
        ({"ada": stands(100.0), "bee": drives(900.0)}, ["ada", "bee"]),
        ({"ada": unsure(100.0), "bee": drives()}, ["ada", "bee"]),
        ({"ada": None, "bee": drives(900.0)}, ["ada", "bee"]),
        ({"ada": CarAnswer(), "bee": drives(900.0)}, ["ada", "bee"]),
    ],
)
def test_cars_with_credentials_are_asked_in_order_up_to_the_first_that_drives(
    told: dict[str, CarAnswer | None], asked: list[str]
) -> None:
    drive = Drive()
    result = drive.ping(0, **told)
    assert (result.status, result.state, drive.world.asked) == ("trip_started", "driving", asked)
    assert (result.car_id, drive.cache.car_id) == (asked[-1], asked[-1])


def test_the_found_car_is_assigned_with_odometer_and_position() -> None:
    drive = Drive()
    drive.ping(0, ada=None, bee=None)
    drive.ping(60, 500.0, ada=stands(), bee=drives(900.0, 480.0))
    cache = drive.cache
    assert (cache.car_id, cache.car_name) == ("bee", "Bee")
    assert (cache.start_odo, cache.last_odo, cache.x_odo_anchor) == (900.0, 900.0, 900.0)
    assert (len(cache.gps_trail), cache.audi_gps, len(cache.gps_events)) == (1, cache.gps_trail[0], 1)
    assert cache.gps_trail[0].timestamp == MONDAY + 60
    assert (cache.no_driving_count, cache.api_error_count) == (0, 0)


@pytest.mark.parametrize(
    ("answers", "counts", "last", "calls"),
    [
        # what each of three pings is answered; api_error_count after each; what the third comes to
        ([stands(), stands(), stands()], [0, 0, 0], "cancelled", 2),
        ([unsure(1.0), unsure(1.0), unsure(1.0)], [0, 0, 0], "cancelled", 2),
        ([None, None, None], [1, 2, 3], "gps_only_mode", 2),
        ([stands(), None, None], [0, 1, 2], "gps_only_mode", 2),
        ([None, None, stands()], [1, 2, 0], "cancelled", 2),
        ([None, stands(), None], [1, 0, 1], "cancelled", 2),
        ([CarAnswer(), CarAnswer(None, None, 1.0, 1.0), None], [1, 2, 3], "gps_only_mode", 2),
    ],
)
def test_the_third_ping_without_a_driving_car_ends_the_search(
    answers: list[CarAnswer | None], counts: list[int], last: str, calls: int
) -> None:
    drive = Drive()
    for number, answer in enumerate(answers):
        result = drive.ping(60.0 * number, 0.0, ada=answer)  # bee always fails
        assert (result.no_driving_count, result.api_calls) == (number + 1, calls)
        assert result.status == ("waiting_for_car" if number < 2 else last)
        if result.cache is not None:
            assert (result.cache.no_driving_count, result.cache.api_error_count) == (number + 1, counts[number])
    if last == "cancelled":
        assert (result.reason, result.state, result.cache) == ("no_driving_car", "idle", None)
        assert result.cancellation is not None
        assert result.cancellation.api_error_count == counts[-1]
    else:
        assert (result.state, drive.cache.gps_only_mode, drive.cache.car_id) == ("gps_only", True, None)


def test_without_cars_to_ask_a_trip_is_given_up_without_a_call() -> None:
    drive = Drive(config=CarConfig("u7", "UTC", (Car("cab", "Cab", False),), PLACES))
    results = [drive.ping(60.0 * number) for number in range(3)]
    assert [result.status for result in results] == ["waiting_for_car", "waiting_for_car", "cancelled"]
    assert {result.api_calls for result in results} == {0}
    assert results[-1].reason == "no_driving_car"


def test_the_number_of_pings_and_errors_can_be_set() -> None:
    drive = Drive(limits=Limits(no_driving_count=1, api_error_count=1))
    assert drive.ping(0).status == "gps_only_mode"
    assert Drive(limits=Limits(no_driving_count=1)).ping(0).status == "cancelled"


@pytest.mark.parametrize("answer", [drives(100.0, 0.0), stands(100.0, 0.0), unsure(100.0, 0.0)])
def test_bluetooth_wins_over_a_car_that_drives_even_if_its_own_is_parked(answer: CarAnswer) -> None:
    drive = Drive()
    result = drive.ping(0, bluetooth="ada", ada=answer, bee=drives(900.0))
    assert (result.status, result.state, drive.world.asked) == ("trip_started", "driving", ["ada"])
    cache = drive.cache
    assert (cache.start_odo, cache.parked_count, cache.x_parked_since, result.total_km) == (100.0, 0, None, 0.0)


def test_bluetooth_ends_the_search_and_its_counts() -> None:
    drive = Drive()
    drive.ping(0)
    drive.ping(60, bluetooth="bee", bee=drives(900.0))
    assert (drive.cache.no_driving_count, drive.cache.api_error_count, drive.cache.car_id) == (0, 0, "bee")


def test_an_odometer_of_zero_is_an_odometer() -> None:
    drive = Drive()
    drive.ping(0, ada=drives(0.0))
    assert (drive.cache.start_odo, drive.cache.last_odo, drive.cache.x_odo_anchor) == (0.0, 0.0, 0.0)


def test_a_car_without_credentials_is_followed_by_gps_alone() -> None:
    drive = Drive()
    result = drive.ping(0, 0.0, bluetooth="cab", cab=drives(5.0), ada=drives(1.0))
    assert (result.status, result.state, result.api_calls, result.car_id) == ("gps_only_mode", "gps_only", 0, "cab")
    assert (drive.cache.car_name, drive.cache.start_odo, drive.cache.gps_only_mode) == ("Cab", None, True)


def test_a_named_car_that_does_not_answer_is_assigned_all_the_same() -> None:
    drive = Drive()
    first = drive.ping(0, bluetooth="ada", ada=None)
    assert (first.status, first.error, first.state) == ("ping_recorded", "car_status_unavailable", "driving")
    assert (drive.cache.car_id, drive.cache.start_odo, drive.cache.api_error_count) == ("ada", None, 1)
    second = drive.ping(60, ada=None)
    assert (second.status, second.state, drive.cache.api_error_count) == ("gps_only_mode", "gps_only", 2)


def test_errors_of_the_search_count_as_errors_of_the_named_car() -> None:
    drive = Drive()
    drive.ping(0)
    assert drive.ping(60, bluetooth="ada").status == "gps_only_mode"
    assert (drive.cache.api_error_count, drive.cache.no_driving_count) == (2, 1)


def test_a_name_that_nobody_knows_is_no_name() -> None:
    drive = Drive()
    assert drive.ping(0, bluetooth="dan", ada=stands(), bee=drives()).car_id == "bee"
