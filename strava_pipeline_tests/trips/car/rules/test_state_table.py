"""The table of states and events, cell by cell: what each event can make of each state."""

import pytest

from strava_pipeline.trips.car.rules.events import CarAnswer
from strava_pipeline_tests.trips.car.rules.made import (
    GYM_M,
    Drive,
    cooling,
    drives,
    driving,
    gps_only,
    identifying,
    parking,
    paused,
    stands,
    unsure,
)

STALE = 9_000.0


def without_odometer() -> Drive:
    """A car that answered once, and failed once since."""
    drive = driving(None)
    drive.ping(60, ada=None)
    return drive


def searched() -> Drive:
    drive = identifying()
    drive.ping(60, ada=stands(), bee=stands())
    return drive


def searched_in_vain() -> Drive:
    drive = Drive()
    drive.ping(0, 0.0)
    drive.ping(60)
    return drive


def nearly_over() -> Drive:
    drive = parking()
    drive.ping(120, ada=stands(100.4))
    return drive


def paused_with_gps_alone() -> Drive:
    drive = gps_only()
    drive.ping(60, 3_000.0)
    drive.ping(120, GYM_M)
    return drive


Told = dict[str, CarAnswer | str | None]
CELLS: list[tuple[object, str, float, float | None, Told, str, str]] = [
    # a state, an event, when, where, what is answered, the status, the state after it
    (Drive, "ping", 200, 0.0, {"ada": stands(), "bee": None}, "waiting_for_car", "identifying"),
    (Drive, "ping", 200, 0.0, {"ada": drives(1.0)}, "trip_started", "driving"),
    (Drive, "ping", 200, 0.0, {"bluetooth": "cab"}, "gps_only_mode", "gps_only"),
    (cooling, "ping", 200, 0.0, {"ada": stands(), "bee": None}, "cooldown_ignored", "idle"),
    (Drive, "starts", 200, 0.0, {"ada": stands(), "bee": None}, "waiting_for_car", "identifying"),
    (Drive, "starts", 200, 0.0, {"ada": drives(1.0)}, "trip_started", "driving"),
    (Drive, "starts", 200, 0.0, {"bluetooth": "cab"}, "gps_only_mode", "gps_only"),
    (cooling, "starts", 200, 0.0, {"ada": stands(), "bee": None}, "cooldown_ignored", "idle"),
    (Drive, "end", 200, 0.0, {}, "no_active_trip", "idle"),
    (Drive, "clock", STALE, None, {}, "no_active_trip", "idle"),
    # identifying
    (identifying, "ping", 200, 0.0, {"ada": drives(1.0)}, "trip_started", "driving"),
    (identifying, "ping", 200, 0.0, {"bluetooth": "cab"}, "gps_only_mode", "gps_only"),
    (searched_in_vain, "ping", 200, 0.0, {}, "gps_only_mode", "gps_only"),
    (identifying, "ping", 200, 0.0, {"ada": stands()}, "waiting_for_car", "identifying"),
    (searched, "ping", 200, 0.0, {"ada": stands()}, "cancelled", "idle"),
    (identifying, "ping", 40, 0.0, {"ada": drives(1.0)}, "ping_recorded", "identifying"),
    (identifying, "starts", 200, 0.0, {"ada": drives(1.0)}, "already_active", "identifying"),
    (identifying, "end", 200, 0.0, {"ada": drives(1.0)}, "cancelled", "idle"),
    (identifying, "clock", STALE, None, {"ada": drives(1.0)}, "cancelled", "idle"),
    # driving
    (driving, "ping", 200, 0.0, {"ada": drives(101.0)}, "driving", "driving"),
    (driving, "ping", 200, 0.0, {"ada": unsure(100.1)}, "ping_recorded", "driving"),
    (driving, "ping", 200, 0.0, {"ada": None}, "ping_recorded", "driving"),
    (driving, "ping", 200, 0.0, {"ada": stands(100.4)}, "parking", "parking"),
    (driving, "ping", 200, GYM_M, {"ada": stands(100.4, GYM_M)}, "paused_at_skip", "paused_at_skip"),
    (driving, "ping", 200, 0.0, {"bluetooth": "bee", "bee": stands(1.0)}, "car_reassigned", "driving"),
    (driving, "ping", 200, 0.0, {"bluetooth": "cab"}, "car_reassigned", "gps_only"),
    (without_odometer, "ping", 200, 0.0, {"ada": None}, "gps_only_mode", "gps_only"),
    (driving, "ping", 40, 0.0, {"ada": stands(100.4)}, "ping_recorded", "driving"),
    (driving, "starts", 200, 0.0, {"ada": stands(100.4)}, "already_active", "driving"),
    (driving, "end", 200, 0.0, {"ada": stands(104.0)}, "finalized", "idle"),
    (driving, "end", 200, 0.0, {"ada": stands(100.0)}, "cancelled", "idle"),
    (driving, "end", 200, GYM_M, {"ada": stands(104.0, GYM_M)}, "paused_at_skip", "paused_at_skip"),
    (driving, "end", 200, 0.0, {"ada": drives(104.0)}, "end_deferred", "driving"),
    (driving, "clock", STALE, None, {"ada": drives(104.0)}, "finalized", "idle"),
    # parking
    (parking, "ping", 200, 0.0, {"ada": drives(101.0)}, "driving", "driving"),
    (parking, "ping", 200, 0.0, {"ada": unsure(100.4)}, "ping_recorded", "parking"),
    (parking, "ping", 200, 0.0, {"ada": None}, "ping_recorded", "parking"),
    (parking, "ping", 200, 0.0, {"ada": stands(100.4)}, "parking", "parking"),
    (nearly_over, "ping", 200, 0.0, {"ada": stands(100.4)}, "finalized", "idle"),
    (parking, "ping", 200, GYM_M, {"ada": stands(100.4, GYM_M)}, "paused_at_skip", "paused_at_skip"),
    (parking, "ping", 200, 0.0, {"bluetooth": "bee", "bee": stands(1.0)}, "car_reassigned", "driving"),
    (parking, "ping", 100, 0.0, {"ada": drives(104.0)}, "ping_recorded", "parking"),
    (parking, "starts", 200, 0.0, {"ada": drives(104.0)}, "already_active", "parking"),
    (parking, "end", 200, 0.0, {"ada": stands(100.4)}, "finalized", "idle"),
    (parking, "end", 200, GYM_M, {"ada": stands(100.4, GYM_M)}, "paused_at_skip", "paused_at_skip"),
    (parking, "end", 200, 0.0, {"ada": drives(104.0)}, "end_deferred", "driving"),
    (parking, "clock", STALE, None, {"ada": stands(104.0)}, "finalized", "idle"),
    # paused at a skip location
    (paused, "ping", 200, GYM_M, {"ada": stands(100.4, GYM_M)}, "paused_at_skip", "paused_at_skip"),
    (paused, "ping", 200, 0.0, {"ada": drives(101.0)}, "driving", "driving"),
    (paused, "ping", 200, 9_000.0, {"ada": stands(100.5, 9_000.0)}, "parking", "parking"),
    (paused, "ping", 200, GYM_M, {"ada": None}, "ping_recorded", "paused_at_skip"),
    (paused, "ping", 200, GYM_M, {"ada": unsure(100.4)}, "ping_recorded", "paused_at_skip"),
    (paused, "ping", 100, 9_000.0, {"ada": drives(104.0)}, "ping_recorded", "paused_at_skip"),
    (paused, "starts", 200, 9_000.0, {"ada": drives(104.0)}, "already_active", "paused_at_skip"),
    (paused, "end", 200, GYM_M, {"ada": stands(100.4, GYM_M)}, "paused_at_skip", "paused_at_skip"),
    (paused, "end", 200, 9_000.0, {"ada": stands(104.0, 9_000.0)}, "finalized", "idle"),
    (paused, "clock", STALE, None, {"ada": stands(104.0)}, "finalized", "idle"),
    # GPS alone
    (gps_only, "ping", 200, 3_000.0, {"ada": drives(1.0)}, "ping_recorded", "gps_only"),
    (gps_only, "ping", 200, GYM_M, {}, "paused_at_skip", "paused_at_skip"),
    (gps_only, "ping", 40, GYM_M, {}, "ping_recorded", "gps_only"),
    (gps_only, "starts", 200, GYM_M, {}, "already_active", "gps_only"),
    (gps_only, "end", 200, 3_000.0, {}, "finalized", "idle"),
    (gps_only, "end", 200, GYM_M, {}, "paused_at_skip", "paused_at_skip"),
    (paused_with_gps_alone, "ping", 200, 9_000.0, {}, "ping_recorded", "gps_only"),
    (paused_with_gps_alone, "end", 200, 9_000.0, {}, "finalized", "idle"),
    (paused_with_gps_alone, "clock", STALE, None, {}, "finalized", "idle"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "event", "seconds", "at", "told", "status", "state"), CELLS)
def test_an_event_makes_of_a_state_what_the_table_says(
    make: type[Drive], event: str, seconds: float, at: float | None, told: Told, status: str, state: str
) -> None:
    drive = make()
    where = () if event == "clock" else (at,)
    result = getattr(drive, event)(seconds, *where, **told)
    assert (result.status, result.state) == (status, state)
    if status == "finalized":
        assert result.trip is not None
