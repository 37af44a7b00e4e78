"""The phone's end: over, deferred, paused or given up, in each state of a trip."""

import pytest

from strava_pipeline.trips.car.rules.events import CarAnswer
from strava_pipeline_tests.present import there
from strava_pipeline_tests.trips.car.rules.made import (
    GYM_M,
    MONDAY,
    Drive,
    drives,
    driving,
    gps_only,
    identifying,
    parking,
    paused,
    stands,
    unsure,
)


def test_a_trip_without_a_car_is_given_up_and_its_counts_are_kept() -> None:
    drive = identifying()
    drive.ping(60)
    result = drive.end(61, ada=drives(1.0))
    assert (result.status, result.reason) == ("cancelled", "no_car_identified")
    assert (result.state, result.api_calls) == ("idle", 0)
    kept = there(result.cancellation)
    assert (kept.user_id, kept.car_id, kept.start_time, kept.end_time) == ("u7", None, MONDAY, MONDAY + 61)
    assert (kept.reason, kept.no_driving_count, kept.api_error_count) == ("no_car_identified", 2, 1)
    assert (kept.parked_count, kept.skip_pause_count) == (0, 0)


@pytest.mark.parametrize("answer", [stands(103.0), unsure(103.0)])
@pytest.mark.parametrize("seconds", [61, 200])
def test_a_car_that_does_not_drive_ends_the_trip_at_once(answer: CarAnswer, seconds: float) -> None:
    drive = driving()
    drive.ping(60, 3_000.0, ada=drives(103.0, 3_000.0))
    result = drive.end(seconds, 3_100.0, ada=answer)
    assert (result.status, result.state, result.api_calls) == ("finalized", "idle", 1)
    trip = there(result.trip)
    assert (trip.via, trip.end_time, trip.distance_km, trip.phone_points) == ("end", MONDAY + seconds, 3.0, 3)
    assert drive.state.last_trip is not None
    assert drive.state.last_trip.end_odo == 103.0


def test_a_car_that_was_parked_before_the_end_was_over_then() -> None:
    assert there(parking().end(100, ada=stands(100.4)).trip).end_time == MONDAY + 60


@pytest.mark.parametrize("make", [driving, parking, paused])
def test_a_car_that_still_drives_defers_the_end(make: type[Drive]) -> None:
    drive = make()
    result = drive.end(90, GYM_M, ada=drives(102.0, GYM_M))
    assert (result.status, result.state, result.total_km) == ("end_deferred", "driving", 2.0)
    cache = drive.cache
    assert (cache.end_triggered, cache.x_last_event_at, cache.x_odo_anchor) == (MONDAY + 90, MONDAY + 90, 102.0)
    assert (cache.parked_count, cache.skip_pause_count, cache.x_parked_since) == (0, 0, None)
    assert drive.ping(150, ada=drives(103.0)).status == "driving"
    assert drive.cache.end_triggered is None


def test_an_error_ends_the_trip_by_its_gps() -> None:
    drive = driving(trail_km=3.3)
    drive.ping(60, 1_500.0, ada=drives(103.0, 1_500.0))
    drive.ping(61, 3_000.0)
    result = drive.end(62, 3_000.0, ada=None)
    assert (result.status, result.api_calls) == ("finalized", 1)
    trip = there(result.trip)
    assert (trip.distance_km, trip.distance_source) == (3.3, "osrm")


@pytest.mark.parametrize("answer", [stands(100.4, GYM_M), unsure(100.4, GYM_M), None])
@pytest.mark.parametrize("make", [driving, parking, paused])
def test_at_a_skip_location_an_end_is_a_pause(make: type[Drive], answer: CarAnswer | None) -> None:
    drive = make()
    before = drive.cache
    result = drive.end(90, GYM_M, ada=answer)
    assert (result.status, result.state) == ("paused_at_skip", "paused_at_skip")
    assert result.pause_count == drive.cache.skip_pause_count == before.skip_pause_count + 1
    assert (drive.cache.end_triggered, drive.cache.parked_count) == (MONDAY + 90, before.parked_count)
    assert drive.cache.api_error_count == (1 if answer is None else 0)
    assert result.total_km == (0.4 if answer or make is not driving else 0.0)


@pytest.mark.parametrize(
    ("car_at", "phone_at", "status"),
    [
        (GYM_M, 0.0, "paused_at_skip"),
        (0.0, GYM_M, "finalized"),
        (None, GYM_M, "paused_at_skip"),
        (None, None, "finalized"),
    ],
)
def test_where_it_ends_the_car_tells_before_phones(car_at: float | None, phone_at: float | None, status: str) -> None:
    assert driving(at=None).end(60, phone_at, ada=stands(101.0, car_at)).status == status


@pytest.mark.parametrize(("at", "status"), [(GYM_M, "paused_at_skip"), (3_000.0, "finalized"), (None, "finalized")])
def test_with_gps_alone_the_phone_tells_where_it_ends(at: float | None, status: str) -> None:
    drive = gps_only()
    drive.ping(60, 3_000.0)
    result = drive.end(70, at)
    assert (result.status, result.api_calls) == (status, 0)
    if result.trip is not None:
        assert (result.trip.gps_only, result.trip.via, result.trip.end_time) == (True, "end", MONDAY + 70)
    else:
        assert (result.pause_count, result.state, drive.cache.end_triggered) == (1, "paused_at_skip", MONDAY + 70)


def test_with_gps_alone_the_phones_last_position_counts_where_the_end_has_none() -> None:
    drive = gps_only()
    drive.ping(60, GYM_M)
    assert drive.end(70).pause_count == 2


def test_a_late_end_moves_no_clock_back() -> None:
    drive = driving()
    drive.ping(60, 3_000.0, ada=drives(103.0, 3_000.0))
    assert there(drive.end(30, ada=stands(103.0)).trip).end_time == MONDAY + 30
    early = driving()
    early.ping(60, GYM_M, ada=drives(103.0, GYM_M))
    early.end(30, ada=stands(103.0))
    assert early.cache.x_last_event_at == MONDAY + 60


def test_an_end_from_before_the_trip_makes_no_trip_that_ends_before_it_began() -> None:
    drive = driving()
    drive.ping(60, 3_000.0, ada=drives(103.0, 3_000.0))
    trip = there(drive.end(-100, ada=stands(103.0)).trip)
    assert trip.end_time == trip.start_time == MONDAY


def test_a_trip_without_a_way_is_given_up_at_its_end() -> None:
    result = driving().end(30, bluetooth="ada", ada=stands(100.05))
    assert (result.status, result.reason) == ("cancelled", "below_min_distance")
