"""The safety net: which trips are stale, and each of its cases."""

import pytest

from strava_pipeline.trips.car.rules.config import Limits
from strava_pipeline.trips.car.rules.trip import Trip
from strava_pipeline_tests.trips.car.rules.made import (
    MONDAY,
    Drive,
    drives,
    driving,
    gps_only,
    identifying,
    north,
    parking,
    paused,
    stands,
)

STALE = 7_200.0


@pytest.mark.parametrize("make", [identifying, driving, parking, paused, gps_only])
@pytest.mark.parametrize("seconds", [-60, 0, 7_199.999])
def test_less_than_two_hours_after_any_event_a_trip_goes_on(make: type[Drive], seconds: float) -> None:
    drive = make()
    drive.starts(100)
    before = drive.cache
    result = drive.clock(100 + seconds, ada=drives(1.0))
    assert (result.status, result.api_calls, result.case, drive.cache) == ("not_stale", 0, None, before)


@pytest.mark.parametrize("seconds", [STALE, STALE - 0.0000002, STALE + 1])
def test_from_two_hours_on_it_is_stale(seconds: float) -> None:
    drive = driving()
    drive.ping(10, 50.0)
    assert drive.clock(10 + seconds, ada=stands(104.0)).status == "finalized"


def test_how_long_can_be_set() -> None:
    assert driving(limits=Limits(stale_s=60.0)).clock(60, ada=stands(104.0)).status == "finalized"


def finalised(drive: Drive, seconds: float, **told: object) -> tuple[Trip, int]:
    result = drive.clock(seconds, **told)
    assert (result.status, result.state, drive.state.cache) == ("finalized", "idle", None)
    assert result.trip is not None
    assert result.trip.via == "safety_net"
    return result.trip, result.case or 0


@pytest.mark.parametrize("told", [{"ada": drives(100.0)}, {"bluetooth": "cab"}, {}])
def test_case_1_a_trip_that_was_nowhere_is_given_up(told: dict[str, object]) -> None:
    drive = Drive()
    drive.ping(0, **told)
    result = drive.clock(STALE, ada=stands(150.0))
    assert (result.status, result.reason, result.case, result.api_calls) == ("cancelled", "no_gps", 1, 0)
    assert result.cancellation is not None
    assert result.cancellation.end_time == MONDAY + STALE


def test_case_1_a_trip_without_a_car_is_given_up() -> None:
    result = identifying().clock(STALE, ada=drives(150.0))
    assert (result.status, result.reason, result.case, result.api_calls) == ("cancelled", "no_car_identified", 1, 0)


@pytest.mark.parametrize(("where"), ["phone", "car"])
def test_one_point_of_either_is_enough_to_be_somewhere(where: str) -> None:
    drive = Drive()
    drive.ping(0, 0.0 if where == "phone" else None, ada=drives(100.0, 0.0 if where == "car" else None))
    assert drive.clock(STALE, ada=stands(150.0)).case == 4


def test_case_2_with_gps_alone_it_ends_without_a_call() -> None:
    drive = gps_only(trail_km=None)
    drive.ping(60, 2_000.0)
    trip, case = finalised(drive, 60 + STALE)
    assert (case, trip.distance_km, trip.distance_source, trip.gps_only) == (2, 2.3, "haversine", True)
    assert (drive.results[-1].api_calls, trip.end_time) == (0, MONDAY + 60)


def test_case_3_without_an_odometer_it_ends_by_gps_without_a_call() -> None:
    drive = driving(None, trail_km=2.2)
    drive.ping(60, 1_000.0, ada=drives(None, 1_000.0))
    drive.ping(61, 2_000.0)
    trip, case = finalised(drive, 61 + STALE, ada=stands(999.0))
    assert (case, trip.distance_km, trip.distance_source, trip.gps_only) == (3, 2.2, "osrm", False)
    assert (drive.results[-1].api_calls, trip.end_odo) == (0, None)


@pytest.mark.parametrize("answer", [stands(106.0, 6_000.0), drives(106.0, 6_000.0)])
def test_case_4_the_car_tells_how_far_it_came(answer: object) -> None:
    drive = Drive()
    drive.ping(0, ada=drives(100.0, 0.0))
    trip, case = finalised(drive, STALE, ada=answer)
    assert (case, trip.distance_km, trip.distance_source, trip.end_odo) == (4, 6.0, "odometer", 106.0)
    assert (trip.end_gps, trip.car_points, drive.results[-1].api_calls) == (north(6_000.0), 2, 1)
    assert trip.end_time == MONDAY
    assert [point.timestamp for point in trip.gps_trail] == [MONDAY, MONDAY]  # as of the last event


def test_case_4_an_odometer_that_began_at_zero_is_an_odometer() -> None:
    trip, case = finalised(driving(0.0), STALE, ada=stands(6.0, 0.0))
    assert (case, trip.distance_km, trip.start_odo) == (4, 6.0, 0.0)


def test_case_5_without_an_answer_it_ends_by_gps() -> None:
    drive = driving()
    drive.ping(60, 3_000.0, ada=drives(104.0, 3_000.0))
    trip, case = finalised(drive, 60 + STALE, ada=None)
    assert (case, trip.distance_km, trip.distance_source, trip.end_odo) == (5, 3.45, "haversine", 104.0)


def test_case_5_with_one_point_alone_the_odometer_must_do() -> None:
    drive = Drive()
    drive.ping(0, 0.0, ada=drives(100.0))
    drive.ping(60, ada=drives(104.0))
    trip, case = finalised(drive, 60 + STALE, ada=None)
    assert (case, trip.distance_km, trip.distance_source) == (5, 4.0, "odometer")


def test_the_net_gives_up_what_is_no_trip_and_tells_the_case() -> None:
    result = driving(at=0.0).clock(STALE, ada=stands(100.0, 0.0))
    assert (result.status, result.reason, result.case) == ("cancelled", "below_min_distance", 4)


def test_a_save_that_fails_is_tried_again_at_the_next_clock() -> None:
    drive = driving()
    drive.ping(60, 3_000.0, ada=drives(104.0, 3_000.0))
    result = drive.clock(60 + STALE, saves=False, ada=None)
    assert (result.status, result.case, result.state) == ("finalize_failed", 5, "driving")
    trip, case = finalised(drive, 70 + STALE, ada=stands(104.0, 3_000.0))
    assert (case, trip.distance_km, trip.end_time) == (4, 4.0, MONDAY + 60)
