"""The sources of answers about cars, routes and addresses: the services in cars.toml and the settings, or a script.

A script is a file of scenarios (`car-tracker-scenarios/1`) or `{"answers": [{"user_id", "car_id", "t", "answer"}]}`:
for demos, and for tests of everything around a car. A router is asked each question once, as a ping doesn't wait for a
second try.
"""

import threading
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from strava_pipeline.core.errors import MisuseError, PipelineError, SourceError
from strava_pipeline.core.json_values import parse_instant, parse_json
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.http import Wire, small_wire
from strava_pipeline.ingest.places import NO_ANSWER, PATIENCE, Failures, Geocoder, ask_route
from strava_pipeline.trips.car.reading.reading import BoundedCars, CarAdapter, Trouble, unanswered
from strava_pipeline.trips.car.rules.events import read_answer
from strava_pipeline.trips.car.rules.lines import CarReading, Oracle, Points
from strava_pipeline.trips.car.rules.people import People
from strava_pipeline.trips.car.rules.scenarios import FORMAT, Routes, Scenario, read_scenarios

_Key = tuple[str, str, int]  # user, car, milliseconds since 1970


@contextmanager
def oracle_of(settings: Settings, people: People, scripted: Path | None = None) -> Iterator[Oracle]:
    """An oracle that asks the cars of `people` and TRIPS_OSRM_URL; `scripted`: a file of scenarios answers instead."""
    if scripted is not None:
        yield _Oracle(ScriptedCars.from_file(scripted), ScriptedRoutes.from_file(scripted).length_km)
        return
    router = None
    if settings.trips_osrm_url:
        router = CarRouter(settings.trips_osrm_url, small_wire(settings, PATIENCE))
    with BoundedCars(_adapter(settings, people), lambda: datetime.now(UTC)) as cars:
        try:
            yield _Oracle(cars, lambda _, points, __: router.length_km(points) if router else None)
        finally:
            if router is not None:
                router.log_failures()


@contextmanager
def geocoder_of(settings: Settings) -> Iterator[Geocoder | None]:
    """A geocoder at TRIPS_GEOCODER_URL, or None without the setting: then no position leaves this machine."""
    if not settings.trips_geocoder_url:
        yield None
        return
    geocoder = Geocoder(settings.trips_geocoder_url, small_wire(settings, PATIENCE))
    try:
        yield geocoder
    finally:
        geocoder.log_failures()


class _Oracle:
    """Answers for cars and routes. `cars`: bounded, or a script's; `route`: kilometres for a user, points and a moment."""

    def __init__(self, cars: CarAdapter, route: Callable[[str, Points, float], float | None]) -> None:
        self._cars, self.route = cars, route

    def car(self, user_id: str, car_id: str, at: float) -> CarReading:
        return self._cars.ask(car_id, datetime.fromtimestamp(at, UTC), user_id)


class _NoAdapter:
    """Used without a configuration: no car can be asked."""

    def ask(self, car_id: str, at: datetime, user_id: str) -> CarReading:
        return unanswered(car_id, datetime.now(UTC), Trouble.UNKNOWN_CAR)


def _adapter(settings: Settings, people: People) -> CarAdapter:
    if people.carconnectivity is None or not people.vins:
        return _NoAdapter()
    from strava_pipeline.trips.car.reading.carconnectivity import CarConnectivityCars

    return CarConnectivityCars(
        Path(people.carconnectivity), people.vins, tokens=settings.secrets_dir / "carconnectivity_tokens.json"
    )


class CarRouter:
    """One server. `wire`: with the patience of ingest/places.py. At the end of a run, `log_failures` reports problems."""

    def __init__(self, url: str, wire: Wire) -> None:
        self._url, self._wire = url.rstrip("/"), wire
        self._failures = Failures()

    def length_km(self, points: Sequence[tuple[float, float]]) -> float | None:
        """Kilometres of the route through points (longitude, latitude) in their order, or None without one."""
        try:
            found = ask_route(self._wire, self._url, "driving", points)
        except PipelineError:
            found = NO_ANSWER
        if isinstance(found, str):
            self._failures[found] += 1
            return None
        return found / 1000

    def log_failures(self) -> None:
        """Log one WARNING, if any question was left without a route."""
        self._failures.log("ways of cars without a route from TRIPS_OSRM_URL")


def read_script(path: Path) -> Any:
    """The JSON in a script. Raises SourceError."""
    try:
        return parse_json(path.read_bytes())
    except (ValueError, RecursionError):
        raise SourceError(f"{path} is no JSON.") from None
    except OSError as error:
        raise SourceError(f"{path} can't be read ({type(error).__name__}).") from error


class ScriptedCars:
    """Answers each question with the script's answer for exactly its moment; several answers one after the other.

    A question at no moment of the script comes from the safety net, which runs at any time: its answer is that of the
    first `clock` step at or after the user's last event.
    """

    def __init__(self, script: Any) -> None:
        self._answers: defaultdict[_Key, list[Any]] = defaultdict(list)
        self._events: defaultdict[str, list[int]] = defaultdict(list)
        self._clocks: defaultdict[str, list[int]] = defaultdict(list)
        self._counts: Counter[_Key] = Counter()
        self._lock = threading.Lock()
        try:
            self._read(script)
        except (KeyError, TypeError, AttributeError, ValueError):
            raise SourceError(f"The script of the cars is neither {FORMAT} nor a list of answers.") from None
        for moments in (*self._events.values(), *self._clocks.values()):
            moments.sort()

    @classmethod
    def from_file(cls, path: Path) -> "ScriptedCars":
        """Raises SourceError."""
        return cls(read_script(path))

    def ask(self, car_id: str, at: datetime, user_id: str) -> CarReading:
        moment = self._moment(user_id, round(at.timestamp() * 1000))
        answer = read_answer(self._next((user_id, car_id, moment))) if moment is not None else None
        if answer is None:
            return unanswered(car_id, at, Trouble.NO_ANSWER)
        return CarReading(car_id=car_id, answered_at=at, measured_at=at, **asdict(answer))

    def _moment(self, user_id: str, asked: int) -> int | None:
        """The moment of the step to which a question belongs."""
        events, clocks = self._events[user_id], self._clocks[user_id]
        if asked in events or asked in clocks:
            return asked
        before = bisect_right(events, asked)
        if not before:
            return None
        place = bisect_left(clocks, events[before - 1])
        return clocks[place] if place < len(clocks) else None

    def _next(self, key: _Key) -> Any:
        """The next answer; the last one again after the end."""
        with self._lock:
            answers, number = self._answers[key], self._counts[key]
            self._counts[key] += 1
        return answers[min(number, len(answers) - 1)] if answers else None

    def _read(self, script: Mapping[str, Any]) -> None:
        if script.get("format") == FORMAT:
            for scenario in script["scenarios"]:
                self._scenario(scenario["config"], scenario["steps"])
            return
        for entry in script["answers"]:
            moment = _milliseconds(entry["t"])
            self._events[entry["user_id"]].append(moment)
            self._answers[entry["user_id"], entry["car_id"], moment].append(entry["answer"])

    def _scenario(self, config: Mapping[str, Any], steps: list[Mapping[str, Any]]) -> None:
        user_id, cars = config["user_id"], [car["car_id"] for car in config.get("cars") or ()]
        for step in steps:
            moment, answers = _milliseconds(step["t"]), step.get("api") or {}
            (self._clocks if step["event"] == "clock" else self._events)[user_id].append(moment)
            for car_id in dict.fromkeys([*cars, *answers]):
                self._answers[user_id, car_id, moment].append(answers.get(car_id))


def _milliseconds(t: Any) -> int:
    seconds = parse_instant(t)
    if seconds is None:
        raise ValueError("no moment")
    return round(seconds * 1000)


class ScriptedRoutes:
    """The routes of a user's scenario at a moment: those of the last step up to then, or else those of the scenario's config."""

    def __init__(self, scenarios: Sequence[Scenario] = ()) -> None:
        steps_of: defaultdict[str, list[tuple[float, Routes]]] = defaultdict(list)
        for scenario in scenarios:
            routes = scenario.routes
            for step in scenario.steps:
                routes = step.routes or routes
                steps_of[scenario.config.user_id].append((step.event.t, routes))
        self._routes = {user_id: sorted(steps, key=lambda step: step[0]) for user_id, steps in steps_of.items()}

    @classmethod
    def from_file(cls, path: Path) -> "ScriptedRoutes":
        """The routes in a file; empty if it contains only answers of cars. Raises SourceError, MisuseError."""
        script = read_script(path)
        if not isinstance(script, dict) or script.get("format") != FORMAT:
            return cls()
        try:
            return cls(read_scenarios(script))
        except MisuseError as error:
            raise MisuseError(f"{path}: {error}") from None

    def length_km(self, user_id: str, points: Sequence[tuple[float, float]], at: float) -> float | None:
        """Kilometres, or None without a route."""
        steps = self._routes.get(user_id, [])
        place = bisect_right(steps, at, key=lambda step: step[0])
        return steps[place - 1][1].length_km(points) if place else None
