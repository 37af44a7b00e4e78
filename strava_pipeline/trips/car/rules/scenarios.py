"""Scenarios: steps with the answers to each, replayed through the tracker. Expected results in a file are not read.

The command reads the file. An error names the scenario and the field, never a value.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.json_values import finite_number, json_bytes
from strava_pipeline.trips.car.rules.config import (
    CarConfig,
    CarConfigError,
    Limits,
    Position,
    read_config,
    read_parked,
)
from strava_pipeline.trips.car.rules.events import (
    CarAnswer,
    Event,
    NoEventError,
    Result,
    read_answer,
    read_event,
    result_json,
)
from strava_pipeline.trips.car.rules.tracker import step
from strava_pipeline.trips.car.rules.trip import TrackerState, Trip

FORMAT = "car-tracker-scenarios/1"
RESULT_FORMAT = "car-tracker-result/1"


@dataclass(frozen=True, slots=True)
class Routes:
    """The router's answers: metres of a trail and of a direct route, which is the one of two coordinates."""

    trail_m: float | None = None
    direct_m: float | None = None

    def length_km(self, points: Sequence[tuple[float, float]]) -> float | None:
        """The length of the route through these, or None."""
        metres = self.direct_m if len(points) == 2 else self.trail_m
        return None if metres is None else metres / 1000


@dataclass(frozen=True, slots=True)
class ScenarioStep:
    """An event and the world's answers to it; `routes` replace the former ones from here on."""

    event: Event
    cars: Mapping[str, CarAnswer | None]
    routes: Routes | None
    fails_to_save: bool


@dataclass(frozen=True, slots=True)
class Scenario:
    """The steps of one user; `last_parked_gps`: where earlier trips left the cars."""

    id: str
    config: CarConfig
    last_parked_gps: Mapping[str, Position]
    routes: Routes
    steps: tuple[ScenarioStep, ...]


@dataclass(frozen=True, slots=True)
class ScenarioAnswers:
    """The `Answers` of one step."""

    step: ScenarioStep
    routes: Routes

    def car(self, car_id: str) -> CarAnswer | None:
        return self.step.cars.get(car_id)

    def route(self, points: Sequence[tuple[float, float]]) -> float | None:
        return self.routes.length_km(points)

    def save(self, trip: Trip) -> bool:
        return not self.step.fails_to_save


def read_scenarios(document: Any, limits: Limits = Limits()) -> list[Scenario]:
    """The scenarios of a document. Raises MisuseError for an invalid one."""
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise MisuseError(f'no scenarios: expected an object with "format": "{FORMAT}"')
    listed = document.get("scenarios")
    if not isinstance(listed, list):
        raise MisuseError("scenarios: expected a list")
    return [_scenario(entry, f"scenarios[{number}]", limits) for number, entry in enumerate(listed)]


def run_scenario(scenario: Scenario, limits: Limits = Limits()) -> Iterator[Result]:
    """A result per step."""
    state, routes = TrackerState(last_parked_gps=scenario.last_parked_gps), scenario.routes
    for current in scenario.steps:
        routes = routes if current.routes is None else current.routes
        state, result = step(state, current.event, ScenarioAnswers(current, routes), scenario.config, limits)
        yield result


def result_parts(scenarios: Sequence[Scenario], limits: Limits = Limits()) -> Iterator[bytes]:
    """The result document as JSON, step by step: a long trip's results, each with the whole cache, are large."""
    yield b'{"format":"%s","scenarios":[' % RESULT_FORMAT.encode()
    for number, scenario in enumerate(scenarios):
        yield (b",\n" if number else b"\n") + b'{"id":%s,"steps":[' % json_bytes(scenario.id)
        for place, result in enumerate(run_scenario(scenario, limits)):
            yield (b",\n" if place else b"\n") + json_bytes(result_json(result))
        yield b"]}"
    yield b"]}\n"


def _scenario(json: Any, path: str, limits: Limits) -> Scenario:
    scenario_id, config, steps = (_object(json, path).get(key) for key in ("id", "config", "steps"))
    if not isinstance(scenario_id, str):
        raise MisuseError(f"{path}.id: expected text")
    where = f"scenario {scenario_id}"
    config = _object(config, f"{where}, config")
    if not isinstance(steps, list):
        raise MisuseError(f"{where}, steps: expected a list")
    try:
        read, positions = read_config(config, limits), read_parked(config.get("last_parked_gps"))
    except CarConfigError as error:
        raise MisuseError(f"{where}, config.{error}") from None
    routes = _routes(config.get("osrm"), f"{where}, config.osrm") or Routes()
    read_steps = tuple(_step(entry, f"{where}, steps[{number}]") for number, entry in enumerate(steps))
    return Scenario(scenario_id, read, positions, routes, read_steps)


def _step(json: Any, path: str) -> ScenarioStep:
    json = _object(json, path)
    try:
        event = read_event(json)
    except NoEventError as error:
        raise MisuseError(f"{path}.{error}") from None
    cars = {car_id: read_answer(answer) for car_id, answer in _object(json.get("api"), f"{path}.api", {}).items()}
    return ScenarioStep(event, cars, _routes(json.get("osrm"), f"{path}.osrm"), json.get("fail_save") is True)


def _routes(json: Any, path: str) -> Routes | None:
    """The routes, or None without an entry for the router; any code but Ok is a router that fails."""
    if json is None:
        return None
    if _object(json, path).get("code") != "Ok":
        return Routes()
    return Routes(finite_number(json.get("trail_m")), finite_number(json.get("direct_m")))


def _object(json: Any, path: str, absent: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    if json is None and absent is not None:
        return absent
    if not isinstance(json, Mapping):
        raise MisuseError(f"{path}: expected an object")
    return json
