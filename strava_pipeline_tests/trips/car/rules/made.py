"""Made-up drives for the tests of car trips: on a line from south to north, metres from a place in the Gulf of Guinea.

Every step is taken twice, the second time from the state as JSON text: what a restart may not change, no test lets it change.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from strava_pipeline.trips.car.rules.config import Car, CarConfig, Limits, Place, Position
from strava_pipeline.trips.car.rules.events import CarAnswer, Event, Kind, Result, result_json
from strava_pipeline.trips.car.rules.tracker import step
from strava_pipeline.trips.car.rules.trip import Cache, LastTrip, TrackerState, Trip, read_state, state_json

MONDAY = 1_780_300_800.0  # 1 June 2026, 08:00 UTC
METRES_PER_DEGREE = 111_195.080_233  # of latitude, on the sphere that distances are computed on
LAT, LNG = 3.25, 5.5
ADA, BEE, CAB = Car("ada", "Ada", True), Car("bee", "Bee", True), Car("cab", "Cab", False)
CARS = (ADA, BEE, CAB)
GYM_M, OFFICE_M, HOME_M = 5_000.0, 20_000.0, -3_000.0


def north(metres: float, lng: float = LNG) -> Position:
    """So far north of where drives begin."""
    return Position(LAT + metres / METRES_PER_DEGREE, lng)


def place(name: str, kind: str, metres: float, radius_m: float = 150.0) -> Place:
    return Place(name, kind, *north(metres), radius_m)


PLACES = (place("Gym", "skip", GYM_M, 200.0), place("Desk", "office", OFFICE_M), place("Home", "home", HOME_M))
CONFIG = CarConfig("u7", "Europe/Lisbon", CARS, PLACES)


def drives(odometer: float | None = None, at: float | None = None) -> CarAnswer:
    """A car that says so, with its odometer (km) and where it is (m north)."""
    return CarAnswer(False, odometer, *(Position(*north(at)) if at is not None else (None, None)))


def stands(odometer: float | None = None, at: float | None = None) -> CarAnswer:
    return CarAnswer(True, odometer, *(Position(*north(at)) if at is not None else (None, None)))


def unsure(odometer: float | None = None, at: float | None = None) -> CarAnswer:
    """A car that doesn't know whether it is parked."""
    return CarAnswer(None, odometer, *(Position(*north(at)) if at is not None else (None, None)))


@dataclass
class World:
    """The answers of one step, and what was asked for."""

    cars: dict[str, CarAnswer | None] = field(default_factory=dict)
    trail_km: float | None = None
    direct_km: float | None = None
    saves: bool = True
    asked: list[str] = field(default_factory=list)
    routed: list[list[tuple[float, float]]] = field(default_factory=list)
    saved: list[Trip] = field(default_factory=list)

    def car(self, car_id: str) -> CarAnswer | None:
        self.asked.append(car_id)
        return self.cars.get(car_id)

    def route(self, points: Sequence[tuple[float, float]]) -> float | None:
        self.routed.append(list(points))
        return self.direct_km if len(points) == 2 else self.trail_km

    def save(self, trip: Trip) -> bool:
        self.saved.append(trip)
        return self.saves


def restarted(state: TrackerState) -> TrackerState:
    """The state as it is after it was written down as text and read back."""
    return read_state(json.loads(json.dumps(state_json(state))))


class Drive:
    """One user's events, one after the other."""

    def __init__(
        self,
        state: TrackerState = TrackerState(),
        *,
        config: CarConfig = CONFIG,
        limits: Limits = Limits(),
        trail_km: float | None = None,
        direct_km: float | None = None,
        start: float = MONDAY,
    ) -> None:
        self.state, self.config, self.limits, self.start = state, config, limits, start
        self.trail_km, self.direct_km = trail_km, direct_km
        self.world = World()
        self.results: list[Result] = []

    def takes(self, event: Event, *, saves: bool = True, **cars: CarAnswer | None) -> Result:
        """One event, with what the cars answer to it; a car that isn't named answers with an error."""
        before, kept = self.state, json.dumps(state_json(self.state))
        worlds = [World(dict(cars), self.trail_km, self.direct_km, saves) for _ in range(2)]
        after, result = step(before, event, worlds[0], self.config, self.limits)
        assert step(restarted(before), event, worlds[1], self.config, self.limits) == (after, result)
        assert worlds[0] == worlds[1]
        assert json.dumps(state_json(before)) == kept
        assert restarted(after) == after
        assert len(worlds[0].asked) == len(set(worlds[0].asked)) == result.api_calls
        assert tuple(map(len, worlds[0].routed)) == result.osrm_coords
        json.dumps(result_json(result), allow_nan=False)
        self.state, self.world = after, worlds[0]
        self.results.append(result)
        return result

    def _at(self, kind: Kind, seconds: float, at: float | None, saves: bool, told: dict[str, Any]) -> Result:
        position = None if at is None else north(at)
        bluetooth, gps_at = told.pop("bluetooth", None), told.pop("gps_at", None)
        event = Event(kind, self.start + seconds, *(position or (None, None)), gps_at, bluetooth)
        return self.takes(event, saves=saves, **told)

    def ping(self, seconds: float, at: float | None = None, *, saves: bool = True, **told: Any) -> Result:
        """A ping so long after the start, so far north; `bluetooth=`, `gps_at=`, and answers by car id."""
        return self._at("ping", seconds, at, saves, told)

    def starts(self, seconds: float, at: float | None = None, *, saves: bool = True, **told: Any) -> Result:
        return self._at("start", seconds, at, saves, told)

    def end(self, seconds: float, at: float | None = None, *, saves: bool = True, **told: Any) -> Result:
        return self._at("end", seconds, at, saves, told)

    def clock(self, seconds: float, *, saves: bool = True, **told: Any) -> Result:
        return self._at("clock", seconds, None, saves, told)

    @property
    def cache(self) -> Cache:
        assert self.state.cache is not None
        return self.state.cache

    @property
    def statuses(self) -> list[str]:
        return [result.status.value for result in self.results]


def identifying(**told: Any) -> Drive:
    """A trip whose car isn't known yet: one ping at 0 s."""
    drive = Drive(**told)
    drive.ping(0, 0.0, ada=stands(100.0), bee=stands(900.0))
    return drive


def driving(odometer: float | None = 100.0, at: float | None = 0.0, **told: Any) -> Drive:
    """Ada drives since 0 s."""
    drive = Drive(**told)
    drive.ping(0, at, ada=drives(odometer, at))
    return drive


def parking(**told: Any) -> Drive:
    """Ada stood still at 60 s, 2 km on, one parked reading of three."""
    drive = driving(**told)
    drive.ping(60, 2_000.0, ada=stands(100.4, 2_000.0))
    return drive


def paused(**told: Any) -> Drive:
    """Ada stands at the gym since 60 s."""
    drive = driving(**told)
    drive.ping(60, GYM_M, ada=stands(100.4, GYM_M))
    return drive


def gps_only(**told: Any) -> Drive:
    """Cab, which nobody can ask."""
    drive = Drive(**told)
    drive.ping(0, 0.0, bluetooth="cab")
    return drive


def cooling(end_odo: float | None = 100.0, car_id: str | None = "ada", **told: Any) -> Drive:
    """A trip of Ada's ended at 0 s."""
    return Drive(TrackerState(None, {}, LastTrip("u7:before", car_id, MONDAY, end_odo)), **told)
