"""The end of a trip: what measures it, where it began and ended, the direct route, the record, and a save that fails."""

from dataclasses import replace

import pytest

from strava_pipeline.trips.car.rules.config import CarConfig, Limits, Position
from strava_pipeline.trips.car.rules.trip import LastTrip, TrackerState, Trip, trip_json
from strava_pipeline_tests.trips.car.rules.made import (
    CARS,
    CONFIG,
    GYM_M,
    HOME_M,
    MONDAY,
    OFFICE_M,
    Drive,
    drives,
    driving,
    gps_only,
    north,
    place,
    stands,
)


def ended(drive: Drive) -> Trip:
    result = drive.results[-1]
    assert result.trip is not None, result.status
    assert drive.world.saved == [result.trip]
    return result.trip


def by_odometer(km: float, at: float = 2_000.0, **told: object) -> Drive:
    """From 0 m to `at`, so many kilometres by the odometer."""
    drive = driving(at=0.0, **told)
    drive.ping(60, at, ada=drives(100.0 + km, at))
    drive.end(70, at, ada=stands(100.0 + km, at))
    return drive


def by_gps(*metres: float, **told: object) -> Drive:
    """Cab, which tells nothing itself, through these places."""
    drive = Drive(**told)
    for number, at in enumerate(metres):
        drive.ping(60.0 * number, at, bluetooth="cab")
    drive.end(60.0 * len(metres), metres[-1])
    return drive


# Distance


def test_the_odometer_measures_where_it_knows_the_whole_trip() -> None:
    drive = by_odometer(2.4567, trail_km=9.0)
    trip = ended(drive)
    assert (trip.distance_km, trip.distance_source, drive.results[-1].osrm_coords) == (2.457, "odometer", (2,))
    assert (trip.start_odo, trip.end_odo) == (100.0, 102.4567)


@pytest.mark.parametrize(
    ("trail_km", "km", "source"),
    [(2.71828, 2.718, "osrm"), (None, 2.3, "haversine"), (0.0, 2.3, "haversine"), (0.1, 0.1, "osrm")],
)
def test_with_gps_alone_the_router_measures_else_lines(trail_km: float | None, km: float, source: str) -> None:
    drive = by_gps(0.0, 1_000.0, 2_000.0, trail_km=trail_km)
    trip = ended(drive)
    assert (trip.distance_km, trip.distance_source, trip.gps_only) == (km, source, True)
    assert drive.results[-1].osrm_coords == (4, 2)  # the trail's, which has its last point twice, then the direct one


def test_a_trail_of_two_points_asks_the_router_twice_for_the_same() -> None:
    drive = gps_only(direct_km=3.0)
    drive.end(60, 2_000.0)
    trip = ended(drive)
    assert (trip.distance_km, trip.direct_km, trip.deviation_percent) == (3.0, 3.0, 0.0)
    assert drive.world.routed[0] == drive.world.routed[1] == [north(0.0)[::-1], north(2_000.0)[::-1]]


@pytest.mark.parametrize(("points", "asked"), [(3, 3), (24, 24), (25, 25), (26, 24), (40, 24), (120, 24)])
def test_the_router_is_asked_for_up_to_25_points_and_of_more_for_24(points: int, asked: int) -> None:
    drive = Drive(trail_km=12.0, config=replace(CONFIG, locations=()))
    for number in range(points):
        drive.ping(60.0 * number, 100.0 * number, bluetooth="cab")
    result = drive.clock(60.0 * points + 7_200)
    trip = ended(drive)
    assert (trip.trail_points, result.osrm_coords) == (points, (asked, 2))
    through = drive.world.routed[0]
    assert through[0] == north(0.0)[::-1]
    assert through[-1] == north(100.0 * (points - 1))[::-1]
    if points > 25:
        assert through[1:-1] == [north(100.0 * (i * (points - 2) // 22))[::-1] for i in range(1, 23)]


def test_the_lines_are_those_of_the_whole_trail_and_not_of_the_sample() -> None:
    zigzag = [100.0 * (number % 2) for number in range(31)]
    drive = Drive()
    for number, at in enumerate(zigzag):
        drive.ping(60.0 * number, at, bluetooth="cab")
    drive.clock(60.0 * 30 + 7_200)
    assert ended(drive).distance_km == pytest.approx(3.45, abs=0.001)


def test_a_changed_car_is_measured_by_gps() -> None:
    drive = driving(trail_km=7.5)
    drive.ping(60, 3_000.0, bluetooth="bee", bee=drives(900.0, 3_000.0))
    drive.ping(120, 6_000.0, bee=drives(903.0, 6_000.0))
    drive.end(130, 6_000.0, bee=stands(903.0, 6_000.0))
    trip = ended(drive)
    assert (trip.distance_km, trip.distance_source, trip.gps_only) == (7.5, "osrm", False)
    assert (trip.start_odo, trip.end_odo, trip.car_id, trip.car_name) == (900.0, 903.0, "bee", "Bee")


@pytest.mark.parametrize("cause", ["changed car", "api down"])
def test_a_trail_of_one_point_measures_nothing_so_that_the_odometer_must(cause: str) -> None:
    drive = Drive(trail_km=7.5)
    drive.ping(0, ada=drives(100.0))
    if cause == "changed car":
        drive.ping(60, bluetooth="bee", bee=drives(900.0))
        drive.ping(120, bee=drives(904.0))
        drive.end(130, 0.0, bee=stands(904.0))
    else:
        drive.ping(60, ada=drives(104.0))
        drive.end(70, 0.0, ada=None)
    trip = ended(drive)
    assert (trip.distance_km, trip.distance_source, trip.trail_points) == (4.0, "odometer", 1)
    assert (trip.start_gps, trip.end_gps) == (north(0.0), north(0.0))


@pytest.mark.parametrize("metres", [[None], [0.0, None], [GYM_M - 10, GYM_M]])
def test_where_nothing_measures_it_there_is_no_trip(metres: list[float | None]) -> None:
    drive = Drive(trail_km=7.5)
    for number, at in enumerate(metres):
        drive.ping(60.0 * number, at, bluetooth="cab")
    drive.starts(200, None)
    result = drive.end(7_000, None) if metres[-1] != GYM_M else drive.clock(9_000)
    assert (result.status, result.reason, result.osrm_coords) == ("cancelled", "no_distance", ())
    assert drive.world.saved == []


def test_with_gps_alone_odometers_do_not_count_even_where_there_are_any() -> None:
    known = replace(driving().cache, gps_only_mode=True, last_odo=109.0)
    drive = Drive(TrackerState(known), trail_km=4.0)
    drive.ping(60, 2_000.0)
    drive.end(120, 4_000.0)
    assert (ended(drive).distance_km, ended(drive).distance_source) == (4.0, "osrm")
    drive = Drive(TrackerState(replace(known, gps_events=(), gps_trail=())), trail_km=4.0)
    assert drive.end(60, 2_000.0).reason == "no_distance"


def test_an_odometer_alone_is_enough() -> None:
    drive = Drive()
    drive.ping(0, ada=drives(0.0))
    drive.end(60, ada=stands(4.0))
    trip = ended(drive)
    assert (trip.distance_km, trip.start_odo, trip.trail_points) == (4.0, 0.0, 0)
    assert (trip.start_gps, trip.end_gps, trip.direct_km, trip.deviation_percent) == (None, None, None, None)
    assert (drive.results[-1].osrm_coords, drive.state.last_parked_gps) == ((), {})


@pytest.mark.parametrize(
    ("km", "is_trip"), [(0.1, True), (0.0999, False), (0.0999996, True), (0.0999994, False), (0.0, False)]
)
def test_from_a_tenth_of_a_kilometre_on_it_is_a_trip(km: float, is_trip: bool) -> None:
    measured = [by_odometer(km).results[-1], by_gps(0.0, 60.0, trail_km=km or None).results[-1]]
    assert measured[0].status == ("finalized" if is_trip else "cancelled")
    if km:
        assert measured[1].status == measured[0].status
    if not is_trip:
        assert {result.reason for result in measured} == {"below_min_distance"}


# Start and end


@pytest.mark.parametrize("parked", [north(HOME_M), Position(0.0, 0.0)])
def test_it_began_where_the_car_was_left_else_at_its_first_point(parked: Position) -> None:
    assert ended(by_odometer(5.0)).start_gps == north(0.0)
    left = TrackerState(last_parked_gps={"ada": parked, "bee": north(77.0)})
    assert ended(by_odometer(5.0, state=left)).start_gps == parked
    assert ended(by_odometer(5.0, state=TrackerState(last_parked_gps={"bee": parked}))).start_gps == north(0.0)


def test_it_ended_where_the_car_was_last_else_at_its_last_point() -> None:
    drive = driving(at=0.0)
    drive.ping(60, 3_000.0, ada=drives(103.0, 2_950.0))
    drive.end(70, 3_100.0, ada=stands(103.0))
    assert ended(drive).end_gps == north(2_950.0)
    drive = driving(at=None)
    drive.ping(60, 3_000.0, ada=drives(103.0))
    drive.end(70, 3_100.0, ada=stands(103.0))
    assert ended(drive).end_gps == north(3_100.0)


def test_with_gps_alone_it_ended_at_its_last_point_wherever_the_car_was() -> None:
    drive = driving(None, 0.0)
    drive.ping(60, 2_000.0)
    drive.ping(120, 3_000.0)
    assert drive.cache.gps_only_mode
    assert drive.cache.audi_gps is not None
    drive.end(130, 4_000.0)
    assert ended(drive).end_gps == north(4_000.0)


def test_where_it_ended_is_where_the_next_one_begins() -> None:
    drive = by_odometer(5.0, at=4_790.0)  # at the gym's edge, outside
    assert drive.state.last_parked_gps == {"ada": north(4_790.0)}
    drive.ping(7_200, 9_000.0, ada=drives(105.0, 4_700.0))
    drive.end(7_300, 12_000.0, ada=stands(112.0, 12_000.0))
    assert ended(drive).start_gps == north(4_790.0)
    assert drive.state.last_parked_gps == {"ada": north(12_000.0)}


def test_what_other_cars_left_behind_stays() -> None:
    left = TrackerState(last_parked_gps={"bee": north(77.0)})
    assert by_odometer(5.0, state=left).state.last_parked_gps == {"ada": north(2_000.0), "bee": north(77.0)}


def test_a_trip_without_a_car_leaves_none_behind() -> None:
    drive = Drive(limits=Limits(no_driving_count=1, api_error_count=1), trail_km=3.0)
    drive.ping(0, 0.0)
    drive.end(60, 3_000.0)
    assert (ended(drive).car_id, ended(drive).car_name, drive.state.last_parked_gps) == (None, None, {})
    assert drive.state.last_trip == LastTrip(ended(drive).trip_id, None, MONDAY + 60, None)


@pytest.mark.parametrize(
    ("start", "end", "named"),
    [
        (HOME_M, OFFICE_M, ("Home", "Desk")),
        (HOME_M + 149.9, OFFICE_M - 149.9, ("Home", "Desk")),
        (HOME_M + 150.1, OFFICE_M - 150.1, (None, None)),
        (HOME_M, 1_000.0, ("Home", None)),
    ],
)
def test_ends_are_named_by_the_place_they_reach(start: float, end: float, named: tuple[str | None, str | None]) -> None:
    drive = driving(at=start)
    drive.ping(60, end, ada=drives(130.0, end))
    drive.end(70, end, ada=stands(130.0, end))
    trip = ended(drive)
    assert (trip.start_location, trip.end_location) == named


@pytest.mark.parametrize(
    ("metres", "name"),
    [
        (0.0, "Near"),
        (90.0, "Near"),
        (110.0, "Far"),
        (200.0, "Far"),
        (700.0, "Wide"),
        (99.9, "Near"),
        (1_100.1, None),
        (100.0, "Near"),
    ],
)
def test_of_several_places_it_is_the_nearest_of_those_that_reach(metres: float, name: str | None) -> None:
    places = (
        place("Wide", "other", 0.0, 1_100.0),
        place("Near", "home", 0.0, 100.0),
        place("Far", "office", 200.0, 150.0),
    )
    nearest_first = (places[1], places[0], places[2])
    drive = by_odometer(5.0, at=metres, config=CarConfig("u7", "UTC", CARS, nearest_first))
    assert ended(drive).end_location == name


def test_a_skip_location_has_a_name_like_any_other() -> None:
    trip = ended(by_odometer(20.0, at=9_000.0, state=TrackerState(last_parked_gps={"ada": north(GYM_M)})))
    assert (trip.start_location, trip.end_location) == ("Gym", None)


def test_the_class_follows_from_the_places() -> None:
    saturday = MONDAY - 2 * 86_400
    assert ended(by_odometer(5.0, start=saturday)).classification == "P"
    assert ended(by_odometer(20.0, at=OFFICE_M, start=saturday)).classification == "B"
    assert ended(by_odometer(5.0)).classification == "B"


# The direct route


@pytest.mark.parametrize(
    ("km", "direct_km", "told"),
    [
        (8.0, 7.4, (7.4, 8.1, True)),
        (10.5, 10.0, (10.0, 5.0, False)),
        (10.500001, 10.0, (10.0, 5.0, True)),
        (10.49, 10.0, (10.0, 4.9, False)),
        (7.0, 10.0, (10.0, -30.0, False)),
        (8.0, 7.41234, (7.412, 7.9, True)),
        (8.0, 0.0, (0.0, None, False)),
        (8.0, None, (None, None, False)),
    ],
)
def test_more_than_5_percent_over_the_direct_route_is_a_long_one(
    km: float, direct_km: float | None, told: tuple[float | None, float | None, bool]
) -> None:
    drive = by_odometer(km, direct_km=direct_km)
    trip = ended(drive)
    assert (trip.direct_km, trip.deviation_percent, trip.long_route) == told
    assert drive.world.routed == [[north(0.0)[::-1], north(2_000.0)[::-1]]]  # longitude first


def test_a_route_that_is_5_percent_longer_is_no_long_one_though_floats_say_more() -> None:
    drive = by_gps(0.0, 1_000.0, 2_000.0, trail_km=2.1, direct_km=2.0)
    assert (2.1 - 2.0) / 2.0 * 100 > 5
    assert (ended(drive).deviation_percent, ended(drive).long_route) == (5.0, False)


def test_how_long_a_long_route_is_can_be_set() -> None:
    assert not ended(by_odometer(8.0, direct_km=7.4, limits=Limits(long_route_percent=9.0))).long_route


# The record


def test_the_record_holds_these_keys_and_no_other() -> None:
    drive = by_odometer(5.0, at=4_000.0, direct_km=4.2, state=TrackerState(last_parked_gps={"ada": north(HOME_M)}))
    trip = trip_json(ended(drive))
    assert trip == {
        "trip_id": "u7:2026-06-01T08:00:00.000Z",
        "user_id": "u7",
        "car_id": "ada",
        "car_name": "Ada",
        "start_time": "2026-06-01T08:00:00.000Z",
        "end_time": "2026-06-01T08:01:10.000Z",
        "start_odo": 100.0,
        "end_odo": 105.0,
        "distance_km": 5.0,
        "distance_source": "odometer",
        "gps_only": False,
        "start_gps": {"lat": north(HOME_M).lat, "lng": 5.5},
        "end_gps": {"lat": north(4_000.0).lat, "lng": 5.5},
        "start_location": "Home",
        "end_location": None,
        "gps_trail": [
            {"lat": 3.25, "lng": 5.5, "timestamp": "2026-06-01T08:00:00.000Z"},
            {"lat": north(4_000.0).lat, "lng": 5.5, "timestamp": "2026-06-01T08:01:00.000Z"},
            {"lat": north(4_000.0).lat, "lng": 5.5, "timestamp": "2026-06-01T08:01:10.000Z"},
        ],
        "trail_points": 3,
        "phone_points": 3,
        "car_points": 3,
        "direct_km": 4.2,
        "deviation_percent": 19.0,
        "long_route": True,
        "classification": "B",
        "via": "end",
        "resumes_trip_id": None,
    }


def test_the_counts_are_of_raw_points_at_skip_locations_too() -> None:
    drive = driving(at=0.0)
    drive.ping(60, GYM_M, ada=stands(100.4, GYM_M))
    drive.ping(75, GYM_M)
    drive.ping(120, 9_000.0, ada=drives(109.0))
    drive.end(130, ada=stands(109.0, 9_010.0))
    trip = ended(drive)
    assert (trip.phone_points, trip.car_points, trip.trail_points) == (4, 3, 3)
    assert {point.is_skip for point in trip.gps_trail} == {False}


def test_the_end_is_when_it_was_parked_else_when_the_phone_ended_it_else_its_last_event() -> None:
    drive = driving()
    drive.ping(60, ada=drives(104.0))
    drive.ping(120, ada=stands(104.0))
    drive.end(150, ada=stands(104.0))
    assert ended(drive).end_time == MONDAY + 120
    drive = driving()
    drive.end(150, ada=drives(104.0))
    drive.starts(200)
    drive.clock(9_000, ada=stands(104.0))
    assert ended(drive).end_time == MONDAY + 150
    drive = driving()
    drive.starts(200)
    drive.clock(9_000, ada=stands(104.0))
    assert ended(drive).end_time == MONDAY + 200


# Saving


@pytest.mark.parametrize("event", ["parked", "end", "clock"])
def test_a_save_that_fails_loses_nothing_and_the_next_event_tries_again(event: str) -> None:
    def tries(drive: Drive, seconds: float, *, saves: bool) -> str:
        if event == "clock":
            seconds += 7_200
        kind = {"parked": drive.ping, "end": drive.end, "clock": drive.clock}[event]
        at = () if event == "clock" else (5_500.0,)
        return kind(seconds, *at, saves=saves, ada=stands(105.0, 5_500.0)).status.value

    drive = driving(at=0.0)
    drive.ping(60, 5_500.0, ada=drives(105.0, 5_500.0))
    if event == "parked":
        drive.ping(120, 5_500.0, ada=stands(105.0, 5_500.0))
        drive.ping(180, 5_500.0, ada=stands(105.0, 5_500.0))
    before = drive.state
    assert tries(drive, 240, saves=False) == "finalize_failed"
    result = drive.results[-1]
    assert (result.trip, result.cache, result.cancellation) == (None, drive.cache, None)
    assert (drive.state.last_trip, drive.state.last_parked_gps) == (None, before.last_parked_gps)
    assert drive.cache.start_time == MONDAY
    assert len(drive.cache.gps_events) == 2 + {"parked": 3, "end": 1, "clock": 0}[event]
    assert tries(drive, 300, saves=False) == "finalize_failed"
    assert tries(drive, 360, saves=True) == "finalized"
    trip = ended(drive)
    assert (trip.distance_km, trip.trip_id) == (5.0, "u7:2026-06-01T08:00:00.000Z")
    assert drive.state.cache is None
    assert drive.state.last_trip is not None
    if event == "parked":
        assert trip.end_time == MONDAY + 120


def test_what_is_saved_is_what_the_result_tells_and_a_trip_given_up_is_never_saved() -> None:
    drive = by_odometer(5.0)
    assert drive.world.saved == [drive.results[-1].trip]
    drive = by_odometer(0.05)
    assert drive.results[-1].status == "cancelled"
    assert (drive.world.saved, drive.state.last_trip) == ([], None)
    assert CONFIG.user_id == drive.results[-1].cancellation.user_id  # type: ignore[union-attr]
