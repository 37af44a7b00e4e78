"""Pings of a trip under way: which count, what a car's answer does, parked, paused, held, another car, GPS alone."""

import pytest

from strava_pipeline.trips.car.rules.config import CarConfig, Limits
from strava_pipeline.trips.car.rules.events import CarAnswer
from strava_pipeline.trips.car.rules.trip import Point
from strava_pipeline_tests.present import there
from strava_pipeline_tests.trips.car.rules.made import (
    ADA,
    CARS,
    GYM_M,
    MONDAY,
    Drive,
    drives,
    driving,
    gps_only,
    identifying,
    north,
    parking,
    paused,
    place,
    stands,
    unsure,
)

MAKERS = [identifying, driving, parking, paused, gps_only]


# Which pings count


@pytest.mark.parametrize(
    ("seconds", "counted"), [(0, False), (15, False), (49.999, False), (50, True), (49.9999998, True)]
)
def test_a_ping_counts_from_50_seconds_after_the_last_counted_one(seconds: float, counted: bool) -> None:
    drive = driving()
    result = drive.ping(seconds, 100.0, ada=drives(100.1))
    assert (result.counted, result.api_calls) == (counted, int(counted))
    assert result.status == ("driving" if counted else "ping_recorded")
    assert drive.cache.x_last_counted_at == MONDAY + (seconds if counted else 0)
    assert drive.cache.x_last_event_at == MONDAY + seconds
    assert len(drive.cache.gps_events) == 2


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("seconds", "kept"), [(110, {"gps_events"}), (150, {"gps_events", "x_last_event_at"})], ids=["late", "too soon"]
)
def test_of_a_ping_that_does_not_count_the_position_is_kept_and_when_the_last_was(
    make: type[Drive], seconds: float, kept: set[str]
) -> None:
    drive = make()
    drive.ping(120, 5_100.0, ada=stands(100.4, 5_100.0), bee=stands())
    before, state = drive.cache, drive.results[-1].state
    result = drive.ping(seconds, 3_000.0, bluetooth="bee", ada=drives(300.0), bee=drives())
    assert (result.status, result.counted, result.api_calls, result.state) == ("ping_recorded", False, 0, state)
    assert drive.cache.gps_events == (*before.gps_events, Point(*north(3_000.0), MONDAY + seconds))
    assert {name for name in before.__slots__ if getattr(before, name) != getattr(drive.cache, name)} == kept


def test_a_ping_at_the_moment_of_another_event_is_not_late() -> None:
    drive = driving()
    drive.starts(60)
    assert drive.ping(60, ada=drives(100.2)).counted


def test_a_car_at_zero_degrees_is_somewhere() -> None:
    drive = Drive()
    drive.ping(0, ada=CarAnswer(False, 100.0, 0.0, 0.0))
    assert drive.cache.gps_trail == (Point(0.0, 0.0, MONDAY),)


def test_a_position_has_its_own_time_where_it_tells_one() -> None:
    drive = driving()
    drive.ping(60, 10.0, gps_at=MONDAY + 51)
    drive.ping(61, 20.0)
    drive.ping(62)
    assert [point.timestamp - MONDAY for point in drive.cache.gps_events] == [0, 51, 61]


@pytest.mark.parametrize(
    ("metres", "is_skip"), [(GYM_M, True), (GYM_M - 199.9, True), (GYM_M + 200.2, False), (0.0, False)]
)
def test_points_of_phone_and_car_tell_whether_they_are_at_a_skip_location(metres: float, is_skip: bool) -> None:
    drive = driving()
    drive.ping(60, metres, ada=drives(100.3, metres))
    assert (drive.cache.gps_events[-1].is_skip, drive.cache.gps_trail[-1].is_skip) == (is_skip, is_skip)
    assert drive.cache.audi_gps == drive.cache.gps_trail[-1]


def test_the_edge_of_a_skip_location_belongs_to_it() -> None:
    edge = CarConfig("u7", "UTC", CARS, (place("Gym", "skip", 0.0, 300.0),))
    for metres, inside in ((300.0, True), (300.000001, False), (-300.0, True)):
        drive = Drive(config=edge)
        drive.ping(0, metres, ada=drives(1.0))
        assert drive.cache.gps_events[0].is_skip is inside, metres


# What a car's answer does


@pytest.mark.parametrize("make", [driving, parking, paused])
def test_a_driving_reading_resets_everything_that_says_parked(make: type[Drive]) -> None:
    drive = make()
    drive.end(70, GYM_M, ada=stands(100.4, GYM_M))
    result = drive.ping(130, 6_000.0, ada=drives(101.0, 6_000.0))
    assert (result.status, result.state, result.total_km) == ("driving", "driving", 1.0)
    cache = drive.cache
    assert (cache.parked_count, cache.skip_pause_count, cache.x_parked_since, cache.end_triggered) == (0, 0, None, None)
    assert (cache.x_odo_anchor, cache.last_odo, cache.start_odo) == (101.0, 101.0, 100.0)


@pytest.mark.parametrize("make", [driving, parking, paused])
def test_an_answer_that_knows_nothing_changes_no_count(make: type[Drive]) -> None:
    drive = make()
    drive.ping(120, 2_000.0, ada=None)
    before = drive.cache
    result = drive.ping(180, 2_000.0, ada=unsure(100.45))
    assert (result.status, result.warning, result.error) == ("ping_recorded", "car_state_unknown", None)
    cache = drive.cache
    assert (cache.parked_count, cache.skip_pause_count) == (before.parked_count, before.skip_pause_count)
    assert (cache.x_parked_since, cache.x_odo_anchor) == (before.x_parked_since, before.x_odo_anchor)
    assert (cache.api_error_count, cache.last_odo) == (0, 100.45)


@pytest.mark.parametrize("make", [driving, parking, paused])
@pytest.mark.parametrize("answer", [None, CarAnswer(), CarAnswer(None, None, *north(9_000.0))])
def test_an_error_changes_the_count_of_errors_alone(make: type[Drive], answer: CarAnswer | None) -> None:
    drive = make()
    before = drive.cache
    for number in (1, 2, 3):
        result = drive.ping(60 + 60.0 * number, ada=answer)
        assert (result.status, result.error, result.api_calls) == ("ping_recorded", "car_status_unavailable", 1)
        assert drive.cache.api_error_count == number
    changed = {name for name in before.__slots__ if getattr(before, name) != getattr(drive.cache, name)}
    assert changed == {"api_error_count", "x_last_event_at", "x_last_counted_at"}


@pytest.mark.parametrize(("odometer", "mode"), [(None, "gps_only"), (0.0, "driving")])
def test_errors_lead_to_gps_alone_where_no_odometer_was_ever_told(odometer: float | None, mode: str) -> None:
    drive = driving(odometer)
    drive.ping(60, ada=None)
    drive.ping(120, ada=drives(odometer))
    assert drive.cache.api_error_count == 0  # in a row, not in all
    assert [drive.ping(180.0 + 60 * number, ada=None).state for number in (0, 1)] == ["driving", mode]
    assert drive.results[-1].status == ("gps_only_mode" if mode == "gps_only" else "ping_recorded")


@pytest.mark.parametrize(
    ("odometers", "statuses"),
    [
        ([100.5], ["parking"]),
        ([100.500001], ["driving"]),
        ([100.5000004], ["parking"]),
        ([100.3, 100.6], ["parking", "driving"]),  # small steps add up
        ([100.3, 100.5, 100.7], ["parking", "parking", "driving"]),
        ([100.6, 101.1, 101.2], ["driving", "parking", "driving"]),
        ([100.4, 100.1, 100.5], ["parking", "parking", "finalized"]),
        ([100.4, None, 100.5], ["parking", "parking", "finalized"]),
    ],
)
def test_more_than_500_metres_since_the_last_reset_is_driving_whatever_the_api_says(
    odometers: list[float | None], statuses: list[str]
) -> None:
    drive = driving()
    assert [drive.ping(60.0 + 60 * n, ada=stands(told)).status for n, told in enumerate(odometers)] == statuses


def test_the_odometer_decides_over_an_answer_that_does_not_know() -> None:
    assert driving().ping(60, ada=unsure(100.6)).status == "driving"


def test_an_unknown_reading_does_not_move_the_anchor() -> None:
    drive = driving()
    drive.ping(60, ada=unsure(100.3))
    assert drive.ping(120, ada=stands(100.6)).status == "driving"


def test_an_odometer_that_goes_back_is_the_last_one() -> None:
    drive = driving()
    drive.ping(60, ada=drives(104.0))
    result = drive.ping(120, ada=drives(0.0))
    assert (drive.cache.last_odo, result.total_km) == (104.0, 4.0)
    assert drive.ping(180, ada=stands(104.1)).status == "parking"


def test_a_first_odometer_in_the_middle_of_a_trip_is_its_start() -> None:
    drive = driving(None)
    drive.ping(60, 3_000.0, ada=drives(0.0, 3_000.0))
    assert (drive.cache.start_odo, drive.cache.x_odo_anchor, drive.cache.last_odo) == (0.0, 0.0, 0.0)
    assert drive.results[-1].total_km == 0.0


def test_without_an_odometer_the_trail_tells_how_far_it_was() -> None:
    drive = driving(None, 0.0)
    assert drive.ping(60, 1_000.0, ada=drives(None, 1_000.0)).total_km == 1.15
    assert drive.ping(120, 2_000.0, ada=stands(None, 2_000.0)).total_km == 2.3
    assert drive.results[-1].osrm_coords == ()


def test_a_car_that_is_no_longer_configured_counts_as_an_error_and_is_not_asked() -> None:
    drive = driving()
    drive.config = CarConfig("u7", "UTC", CARS[1:], ())
    result = drive.ping(60, ada=drives(101.0))
    assert (result.status, result.error, result.api_calls) == ("ping_recorded", "car_status_unavailable", 0)


# Parked


def test_the_third_parked_reading_in_a_row_ends_the_trip_which_was_over_at_the_first() -> None:
    drive = driving()
    drive.ping(60, 2_000.0, ada=drives(102.0, 2_000.0))
    results = [drive.ping(120.0 + 60 * n, 2_000.0, ada=stands(102.0, 2_000.0)) for n in range(3)]
    assert [(result.status, result.parked_count) for result in results] == [
        ("parking", 1), ("parking", 2), ("finalized", None),
    ]  # fmt: skip
    assert [result.total_km for result in results[:2]] == [2.0, 2.0]
    assert results[1].state == "parking"
    trip = there(results[2].trip)
    assert (trip.end_time, trip.via, trip.distance_km) == (MONDAY + 120, "parked", 2.0)


@pytest.mark.parametrize("between", [None, unsure(100.4), CarAnswer()])
def test_errors_and_unknown_readings_between_parked_ones_do_not_matter(between: CarAnswer | None) -> None:
    drive = parking()
    drive.ping(120, ada=between)
    assert drive.ping(180, ada=stands(100.4)).parked_count == 2
    assert drive.ping(240, ada=between).state == "parking"
    assert drive.ping(300, ada=stands(100.4)).status == "finalized"


def test_the_number_of_parked_readings_can_be_set() -> None:
    assert parking(limits=Limits(parked_count=2)).ping(120, ada=stands(100.4)).status == "finalized"


@pytest.mark.parametrize(
    ("km", "status", "reason"),
    [(0.0, "cancelled", "below_min_distance"), (0.0999, "cancelled", "below_min_distance"), (0.1, "finalized", None),
     (0.0999996, "finalized", None)],
)  # fmt: skip
def test_a_tenth_of_a_kilometre_is_a_trip_and_less_is_none(km: float, status: str, reason: str | None) -> None:
    drive = driving(20_480.3)
    for seconds in (60, 120, 180):
        result = drive.ping(seconds, ada=stands(20_480.3 + km))
    assert (result.status, result.reason, result.state) == (status, reason, "idle")
    if reason:
        assert (result.parked_count, result.total_km) == (3, round(km, 3))


@pytest.mark.parametrize(
    ("bluetooth", "status"), [("ada", "holding_bluetooth"), (None, "cancelled"), ("dan", "cancelled")]
)
def test_bluetooth_holds_a_parked_trip_that_has_not_moved_yet(bluetooth: str | None, status: str) -> None:
    drive = driving()
    for seconds in (60, 120):
        drive.ping(seconds, ada=stands(100.0))
    result = drive.ping(180, bluetooth=bluetooth, ada=stands(100.0))
    assert (result.status, result.parked_count, result.total_km) == (status, 3, 0.0)
    if status == "holding_bluetooth":
        assert result.state == "parking"
        assert drive.ping(240, bluetooth="ada", ada=stands(100.0)).parked_count == 4
        assert drive.ping(300, ada=stands(100.0)).reason == "below_min_distance"


def test_bluetooth_holds_no_trip_that_has_moved() -> None:
    drive = driving()
    drive.ping(60, ada=drives(103.0))
    for seconds in (120, 180, 240):
        result = drive.ping(seconds, bluetooth="ada", ada=stands(103.0))
    assert result.status == "finalized"


# Skip locations


def test_at_a_skip_location_a_trip_waits_forever() -> None:
    drive = driving()
    for number in range(1, 121):
        result = drive.ping(60.0 * number, GYM_M, ada=stands(100.4, GYM_M))
        assert (result.status, result.state, result.pause_count) == ("paused_at_skip", "paused_at_skip", number)
    assert (drive.cache.parked_count, result.total_km) == (120, 0.4)


def test_at_a_skip_location_a_trip_waits_however_short_it_is() -> None:
    drive = driving()
    assert [drive.ping(60.0 * n, GYM_M, ada=stands(100.0, GYM_M)).status for n in range(1, 6)] == ["paused_at_skip"] * 5


def test_a_trip_that_stands_elsewhere_after_a_skip_location_was_moved_unseen() -> None:
    drive = paused()
    drive.ping(120, GYM_M, ada=stands(100.4, GYM_M))
    result = drive.ping(180, 9_000.0, ada=stands(100.5, 9_000.0))
    assert (result.status, result.state, result.parked_count) == ("parking", "parking", 1)
    assert (drive.cache.skip_pause_count, drive.cache.x_parked_since) == (0, MONDAY + 180)
    drive.ping(240, 9_000.0, ada=stands(100.5, 9_000.0))
    assert there(drive.ping(300, 9_000.0, ada=stands(100.5, 9_000.0)).trip).end_time == MONDAY + 180


@pytest.mark.parametrize(
    ("car_at", "phone_at", "status"),
    [
        (GYM_M, 0.0, "paused_at_skip"),
        (0.0, GYM_M, "parking"),
        (GYM_M, None, "paused_at_skip"),
        (None, GYM_M, "paused_at_skip"),
        (None, 0.0, "parking"),
    ],
)
def test_where_a_car_stands_it_says_before_phones(car_at: float | None, phone_at: float | None, status: str) -> None:
    assert driving(at=0.0).ping(60, phone_at, ada=stands(100.1, car_at)).status == status


@pytest.mark.parametrize(
    ("car_at", "phone_at", "status"),
    [
        (GYM_M, None, "paused_at_skip"),
        (GYM_M, 0.0, "paused_at_skip"),
        (0.0, GYM_M, "parking"),
        (None, GYM_M, "paused_at_skip"),
        (None, None, "parking"),
    ],
)
def test_where_nobody_tells_it_now_it_is_where_the_car_was_last_then_where_the_phone_was(
    car_at: float | None, phone_at: float | None, status: str
) -> None:
    drive = driving(at=None)
    drive.ping(60, phone_at, ada=drives(100.1, car_at))
    assert drive.ping(120, ada=stands(100.1)).status == status


# Another car


def test_bluetooth_of_another_car_makes_the_trip_that_cars() -> None:
    drive = parking()
    drive.ping(120, ada=None)
    result = drive.ping(180, 2_500.0, bluetooth="bee", ada=drives(500.0), bee=stands(900.0, 2_400.0))
    assert (result.status, result.state, result.car_id, result.api_calls) == ("car_reassigned", "driving", "bee", 1)
    cache = drive.cache
    assert (cache.car_id, cache.car_name, cache.x_odo_partial) == ("bee", "Bee", True)
    assert (cache.start_odo, cache.last_odo, cache.x_odo_anchor) == (900.0, 900.0, 900.0)
    assert (cache.parked_count, cache.skip_pause_count, cache.api_error_count, cache.x_parked_since) == (0, 0, 0, None)
    assert [point.position for point in cache.gps_trail] == [north(2_400.0)]
    assert (cache.audi_gps, len(cache.gps_events), cache.start_time) == (cache.gps_trail[0], 3, MONDAY)
    assert drive.ping(240, ada=None, bee=drives(901.0)).total_km == 1.0


def test_a_pause_is_not_taken_over_by_another_car() -> None:
    drive = paused()
    drive.ping(120, GYM_M, bluetooth="bee", bee=stands(900.0, GYM_M))
    assert (drive.cache.skip_pause_count, drive.results[-1].state) == (0, "driving")


def test_another_car_that_does_not_answer_begins_with_an_error() -> None:
    drive = driving()
    result = drive.ping(60, bluetooth="bee", bee=None)
    assert (result.status, result.error, result.state) == ("car_reassigned", "car_status_unavailable", "driving")
    cache = drive.cache
    assert (cache.api_error_count, cache.start_odo, cache.last_odo, cache.x_odo_anchor) == (1, None, None, None)
    assert (cache.gps_trail, cache.audi_gps) == ((), None)
    assert drive.ping(120, bee=None).status == "gps_only_mode"


def test_another_car_without_credentials_is_followed_by_gps_alone() -> None:
    drive = driving()
    result = drive.ping(60, bluetooth="cab")
    assert (result.status, result.state, result.api_calls) == ("car_reassigned", "gps_only", 0)
    assert (drive.cache.gps_only_mode, drive.cache.car_id, drive.cache.start_odo) == (True, "cab", None)


def test_a_trip_that_resumed_one_of_the_first_car_does_not_as_one_of_another() -> None:
    drive = Drive()
    drive.ping(0, ada=drives(100.0))
    drive.ping(60, ada=drives(103.0))
    drive.end(61, ada=stands(103.0))
    drive.ping(120, ada=drives(103.0))
    assert drive.cache.x_resumes_trip_id is not None
    drive.ping(180, bluetooth="bee", bee=drives(1.0))
    assert drive.cache.x_resumes_trip_id is None


@pytest.mark.parametrize("bluetooth", ["ada", "dan", None])
def test_the_same_car_or_an_unknown_one_reassigns_nothing(bluetooth: str | None) -> None:
    assert driving().ping(60, bluetooth=bluetooth, ada=drives(100.2)).status == "driving"


# GPS alone


@pytest.mark.parametrize(
    ("at", "status", "pauses"),
    [(GYM_M, "paused_at_skip", 3), (1_000.0, "ping_recorded", 0), (None, "ping_recorded", 2)],
)
def test_with_gps_alone_the_phone_tells_whether_a_trip_waits(at: float | None, status: str, pauses: int) -> None:
    drive = gps_only()
    for seconds in (60, 120):
        assert drive.ping(seconds, GYM_M).status == "paused_at_skip"
    assert drive.results[-1].state == "paused_at_skip"
    result = drive.ping(180, at)
    assert (result.status, drive.cache.skip_pause_count, result.api_calls) == (status, pauses, 0)
    assert result.pause_count == (pauses if status == "paused_at_skip" else None)
    assert result.state == ("paused_at_skip" if pauses else "gps_only")


def test_a_paused_trip_with_gps_alone_tells_how_far_it_was() -> None:
    drive = gps_only()
    drive.ping(60, 1_000.0)
    assert drive.ping(120, GYM_M).total_km == 1.15  # the points at the gym are not of the trip


def test_gps_alone_is_for_good_and_asks_nobody() -> None:
    drive = Drive(limits=Limits(no_driving_count=1, api_error_count=1))
    drive.ping(0, 0.0)
    for number, bluetooth in enumerate([None, "dan", "ada", "bee", "cab"], start=1):
        result = drive.ping(60.0 * number, bluetooth=bluetooth, ada=drives(1.0), bee=drives(2.0))
        assert (result.status, result.state, result.api_calls) == ("ping_recorded", "gps_only", 0)
    assert (drive.cache.car_id, drive.cache.car_name) == (ADA.car_id, ADA.name)  # the first that was named


# The phone's start


@pytest.mark.parametrize("make", MAKERS)
def test_a_start_in_a_trip_is_a_position_and_no_more(make: type[Drive]) -> None:
    drive = make()
    before = drive.cache
    result = drive.starts(500, 700.0, bluetooth="bee", ada=drives(300.0), bee=drives())
    assert (result.status, result.state, result.api_calls) == ("already_active", drive.results[-2].state, 0)
    changed = {name for name in before.__slots__ if getattr(before, name) != getattr(drive.cache, name)}
    assert changed == {"gps_events", "x_last_event_at"}
    assert drive.cache.x_last_event_at == MONDAY + 500
    drive.starts(400, 800.0)
    assert (drive.cache.x_last_event_at, len(drive.cache.gps_events)) == (MONDAY + 500, len(before.gps_events) + 2)
