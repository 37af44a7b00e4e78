"""Which events open a trip: any without one, but soon after a finished one only on evidence that a car drives again."""

import pytest

from strava_pipeline.trips.car.rules.config import Limits
from strava_pipeline.trips.car.rules.events import CarAnswer
from strava_pipeline_tests.present import there
from strava_pipeline_tests.trips.car.rules.made import (
    MONDAY,
    Drive,
    cooling,
    drives,
    driving,
    identifying,
    stands,
    unsure,
)

MINUTES = 60.0


@pytest.mark.parametrize("kind", ["ping", "starts"])
def test_a_ping_or_a_start_opens_a_trip_and_counts(kind: str) -> None:
    drive = Drive()
    result = getattr(drive, kind)(0, 0.0, ada=stands(100.0), bee=stands(900.0))
    assert (result.status, result.state) == ("waiting_for_car", "identifying")
    assert (result.counted, result.api_calls) == (True, 2)
    cache = drive.cache
    assert (cache.active, cache.user_id, cache.start_time) == (True, "u7", MONDAY)
    assert (cache.x_last_event_at, cache.x_last_counted_at, cache.end_triggered) == (MONDAY, MONDAY, None)
    assert (cache.no_driving_count, cache.parked_count, cache.skip_pause_count, cache.api_error_count) == (1, 0, 0, 0)
    assert (len(cache.gps_events), cache.gps_trail, cache.x_resumes_trip_id) == (1, (), None)


@pytest.mark.parametrize("kind", ["ping", "starts"])
@pytest.mark.parametrize(
    ("told", "status", "calls", "resumes"),
    [
        # Bluetooth
        ({"bluetooth": "cab"}, "gps_only_mode", 0, None),
        ({"bluetooth": "ada", "ada": None}, "ping_recorded", 1, "u7:before"),
        ({"bluetooth": "ada", "ada": CarAnswer()}, "ping_recorded", 1, "u7:before"),
        ({"bluetooth": "ada", "ada": drives()}, "trip_started", 1, "u7:before"),
        ({"bluetooth": "ada", "ada": drives(100.0)}, "trip_started", 1, "u7:before"),
        ({"bluetooth": "bee", "bee": drives(5.0)}, "trip_started", 1, None),
        ({"bluetooth": "ada", "ada": stands(100.500002)}, "trip_started", 1, "u7:before"),
        ({"bluetooth": "ada", "ada": unsure(100.6)}, "trip_started", 1, "u7:before"),
        ({"bluetooth": "ada", "ada": stands(100.5)}, "cooldown_ignored", 1, None),
        ({"bluetooth": "ada", "ada": unsure(100.5)}, "cooldown_ignored", 1, None),
        ({"bluetooth": "ada", "ada": stands()}, "cooldown_ignored", 1, None),
        ({"bluetooth": "ada", "ada": stands(99.0)}, "cooldown_ignored", 1, None),
        ({"bluetooth": "bee", "bee": stands(900.0)}, "cooldown_ignored", 1, None),
        ({"bluetooth": "bee", "bee": unsure(900.0)}, "cooldown_ignored", 1, None),
        # none, or one that nobody knows
        ({"ada": drives(100.0)}, "trip_started", 1, "u7:before"),
        ({"ada": stands(100.0), "bee": drives(900.0)}, "trip_started", 2, None),
        ({"ada": None, "bee": drives(900.0)}, "trip_started", 2, None),
        ({"ada": stands(199.0), "bee": stands(900.0)}, "cooldown_ignored", 2, None),
        ({"ada": unsure(199.0), "bee": None}, "cooldown_ignored", 2, None),
        ({"ada": None, "bee": None}, "cooldown_ignored", 2, None),
        ({"bluetooth": "dan", "ada": drives(100.0)}, "trip_started", 1, "u7:before"),
        ({"bluetooth": "dan", "ada": stands(199.0), "bee": stands()}, "cooldown_ignored", 2, None),
    ],
)
def test_in_the_cooldown_a_trip_opens_on_evidence_which_is_not_asked_for_twice(
    kind: str, told: dict[str, object], status: str, calls: int, resumes: str | None
) -> None:
    drive = cooling()
    result = getattr(drive, kind)(10 * MINUTES, 0.0, **told)
    assert (result.status, result.api_calls) == (status, calls)
    if status == "cooldown_ignored":
        assert (result.state, drive.state.cache) == ("idle", None)
    else:
        assert drive.cache.x_resumes_trip_id == resumes


@pytest.mark.parametrize(
    ("end_odo", "car_id", "odometer", "opens"),
    [
        (0.0, "ada", 0.6, True),
        (0.0, "ada", 0.5, False),
        (None, "ada", 999.0, False),
        (100.0, None, 999.0, False),
        (100.0, "bee", 999.0, False),
        (20.1, "ada", 20.6, False),  # 0.5000000000000
        (100.0, "ada", 100.5000004, False),
    ],
)
def test_the_odometer_is_evidence_for_the_same_car_alone(
    end_odo: float | None, car_id: str | None, odometer: float, opens: bool
) -> None:
    result = cooling(end_odo, car_id).ping(60, bluetooth="ada", ada=stands(odometer))
    assert (result.status == "trip_started") is opens


@pytest.mark.parametrize(
    ("seconds", "ignored"),
    [
        (-0.001, False),
        (0, True),
        (1_799.999, True),
        (1_800, False),
        (1_799.9999999, False),
        (5_000, False),
        (-3_600, False),
    ],
)
def test_the_cooldown_is_from_the_end_of_the_last_trip_up_to_half_an_hour(seconds: float, ignored: bool) -> None:
    result = cooling().ping(seconds, ada=stands(), bee=stands())
    assert (result.status == "cooldown_ignored") is ignored


def test_the_cooldown_can_be_set() -> None:
    assert cooling(limits=Limits(cooldown_s=0.0)).ping(0, ada=stands()).status == "waiting_for_car"


def test_after_the_cooldown_no_trip_is_resumed() -> None:
    drive = cooling()
    drive.ping(1_800, ada=drives(100.0))
    assert drive.cache.x_resumes_trip_id is None


def test_a_trip_that_was_given_up_starts_no_cooldown() -> None:
    drive = identifying()
    drive.end(10)
    assert drive.ping(20, ada=stands(), bee=stands()).status == "waiting_for_car"


def test_a_trip_that_goes_on_with_the_same_car_is_linked_and_not_merged() -> None:
    drive = driving()
    drive.ping(60, 4_000.0, ada=drives(104.0, 4_000.0))
    first = drive.end(120, 4_000.0, ada=stands(104.0, 4_000.0)).trip
    drive.ping(600, 4_000.0, ada=drives(104.0, 4_000.0))
    drive.ping(660, 7_000.0, ada=drives(107.0, 7_000.0))
    second = there(drive.end(720, 7_000.0, ada=stands(107.0, 7_000.0)).trip)
    assert first is not None
    assert (second.resumes_trip_id, first.resumes_trip_id) == (first.trip_id, None)
    assert (first.distance_km, second.distance_km) == (4.0, 3.0)
    assert second.start_time == MONDAY + 600


def test_what_is_ignored_in_the_cooldown_leaves_nothing() -> None:
    drive = cooling()
    before = drive.state
    drive.ping(60, 0.0, ada=stands(100.0), bee=stands())
    assert drive.state == before
