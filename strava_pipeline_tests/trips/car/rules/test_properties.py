"""What holds whatever happens, and that 15-second pings make the same trips of a drive as those a minute apart."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strava_pipeline.trips.car.rules.config import Position
from strava_pipeline.trips.car.rules.events import CarAnswer, Event, Result, Status
from strava_pipeline.trips.car.rules.trip import Trip, cache_json, state_name, trip_json
from strava_pipeline_tests.examples import examples
from strava_pipeline_tests.present import there
from strava_pipeline_tests.trips.car.rules.made import GYM_M, LAT, METRES_PER_DEGREE, MONDAY, OFFICE_M, Drive, north
from strava_pipeline_tests.trips.car.rules.test_state import KEYS, OURS

pytestmark = pytest.mark.slow

# Whatever happens

places = st.sampled_from([None, 0.0, 30.0, 700.0, 3_000.0, GYM_M, GYM_M + 190.0, 9_000.0, OFFICE_M])
odometers = st.none() | st.sampled_from([0.0, 0.3, 0.6, 1.1, 5.0]) | st.floats(0, 1e6)
answers = st.none() | st.builds(
    lambda parked, odometer, at: CarAnswer(parked, odometer, *(north(at) if at is not None else (None, None))),
    st.none() | st.booleans(),
    odometers,
    places,
)
kilometres = st.none() | st.floats(0, 1e4)
happenings = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["ping", "ping", "ping", "ping", "start", "end", "clock"]),
        "later": st.sampled_from([0, 15, 49.9, 50, 60, 60, 60, -30, -4_000, 1_800, 7_200, 86_400]),
        "at": places,
        "gps_at": st.none() | st.floats(MONDAY - 1e5, MONDAY + 1e5),
        "bluetooth": st.sampled_from([None, None, None, "ada", "bee", "cab", "dan"]),
        "ada": answers,
        "bee": answers,
        "trail_km": kilometres,
        "direct_km": kilometres,
        "saves": st.sampled_from([True, True, False]),
    }
)


def happens(drive: Drive, t: float, told: dict[str, Any]) -> Result:
    drive.trail_km, drive.direct_km = told["trail_km"], told["direct_km"]
    position = (None, None) if told["at"] is None else north(told["at"])
    event = Event(told["kind"], t, *position, told["gps_at"], told["bluetooth"])
    return drive.takes(event, saves=told["saves"], ada=told["ada"], bee=told["bee"])


@pytest.mark.dear
@settings(max_examples=examples(200))
@given(st.lists(happenings, max_size=30))
def test_whatever_happens_a_step_ends_well(told: list[dict[str, Any]]) -> None:
    drive, t = Drive(), MONDAY
    for happening in told:
        t += happening["later"]
        before = drive.state
        result = happens(drive, t, happening)
        assert result.state == state_name(result.cache)
        assert result.cache is drive.state.cache
        is_over = result.status in (Status.FINALIZED, Status.CANCELLED)
        assert (result.trip is not None) == (result.status is Status.FINALIZED)
        assert (result.cancellation is not None) == (result.reason is not None) == (result.status is Status.CANCELLED)
        if is_over:
            assert (result.cache, result.state) == (None, "idle")
        if result.cache is not None:
            assert there(cache_json(result.cache)).keys() == KEYS | OURS
        if before.cache is not None and before.cache.gps_only_mode:
            assert result.api_calls == 0
        if before.cache is not None and result.cache is not None and happening["kind"] != "clock":
            added = 0 if happening["at"] is None else 1
            assert len(result.cache.gps_events) == len(before.cache.gps_events) + added
            assert result.cache.x_last_event_at == max(before.cache.x_last_event_at, t)
        if result.trip is not None:
            holds(result.trip)
            assert drive.state.last_trip is not None
        else:
            assert (drive.state.last_trip, drive.state.last_parked_gps) == (before.last_trip, before.last_parked_gps)


def holds(trip: Trip) -> None:
    assert trip.end_time >= trip.start_time
    assert trip.distance_km >= 0.1
    assert trip.trail_points == len(trip.gps_trail) <= trip.phone_points + trip.car_points
    assert [point.timestamp for point in trip.gps_trail] == sorted(point.timestamp for point in trip.gps_trail)
    assert None not in (trip_json(trip)["start_time"], trip_json(trip)["end_time"])
    assert not trip.long_route or trip.deviation_percent is not None


# One drive, pings of two kinds


class Simulated:
    """A gently winding drive northwards that slows down towards its end, then stands there."""

    def __init__(self, minutes: int, kmh: float, winding: float) -> None:
        self.ends, self.kmh, self.winding = minutes * 60.0, kmh, winding
        self._track = [Position(LAT, 0.0)]
        self._km = [0.0]
        for second in range(int(self.ends)):
            self._move(second)

    def _move(self, second: int) -> None:
        left = self.ends - second
        metres = min(self.kmh, 20.0 if left < 150 else self.kmh) / 3.6
        heading = self.winding * math.sin(2 * math.pi * second / 900)
        last = self._track[-1]
        north_m, east_m = metres * math.cos(heading), metres * math.sin(heading)
        east = east_m / METRES_PER_DEGREE / math.cos(math.radians(last.lat))
        self._track.append(Position(last.lat + north_m / METRES_PER_DEGREE, last.lng + east))
        self._km.append(self._km[-1] + metres / 1000)

    def at(self, t: float) -> tuple[Position, CarAnswer]:
        second = int(min(t, self.ends))
        position = self._track[second]
        return position, CarAnswer(t >= self.ends, 5_000.0 + self._km[second], *position)

    def pinged(self, every: float, bluetooth: str | None, start: float = MONDAY, first: float = 0.0) -> list[Result]:
        drive, t = Drive(start=start), first
        while t < self.ends + 600 and not (t > self.ends and bluetooth == "cab"):
            position, answer = self.at(t)
            drive.takes(Event("ping", start + t, *position, None, bluetooth), ada=answer)
            t += every
        position, answer = self.at(t)
        drive.takes(Event("end", start + self.ends + 600, *position), ada=answer)
        return [result for result in drive.results if result.trip is not None]


@pytest.mark.dear
@settings(max_examples=examples(12))
@given(
    minutes=st.integers(5, 60),
    kmh=st.floats(15, 130),
    winding=st.floats(0, 0.6),
    bluetooth=st.sampled_from([None, "ada", "cab"]),
    days=st.integers(0, 6),
)
def test_pings_every_15_seconds_make_the_same_trips_as_pings_every_minute(
    minutes: int, kmh: float, winding: float, bluetooth: str | None, days: int
) -> None:
    simulated, start = Simulated(minutes, kmh, winding), MONDAY + days * 86_400
    few, many = (simulated.pinged(every, bluetooth, start) for every in (60.0, 15.0))
    assert len(few) == len(many) == 1
    one, other = few[0].trip, many[0].trip
    assert one is not None
    assert other is not None
    assert (one.car_id, one.classification, one.distance_source) == (
        other.car_id, other.classification, other.distance_source,
    )  # fmt: skip
    assert abs(one.start_time - other.start_time) <= 60
    assert abs(one.end_time - other.end_time) <= 60
    assert one.distance_km == pytest.approx(other.distance_km, rel=0.03)
    assert one.phone_points * 3 < other.phone_points


@pytest.mark.parametrize("first", [0.0, 7.5, 15.0, 30.0, 45.0])
def test_pings_that_begin_later_end_the_trip_within_a_minute(first: float) -> None:
    simulated = Simulated(20, 70.0, 0.3)
    trips = [simulated.pinged(every, None, first=begin)[0].trip for every, begin in ((60.0, 0.0), (15.0, first))]
    assert trips[0] is not None
    assert trips[1] is not None
    assert abs(trips[0].end_time - trips[1].end_time) <= 60
    assert trips[1].distance_km == pytest.approx(trips[0].distance_km, abs=70 / 60)
