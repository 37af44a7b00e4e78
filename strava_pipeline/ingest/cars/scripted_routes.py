"""A router that says what a file of scenarios says: beside scripted cars. It asks nobody."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.trips.car.scenarios import FORMAT, Routes, Scenario, read_scenarios
from strava_pipeline.ingest.cars.scripted import read_script


class ScriptedRoutes:
    """What the router of a user's scenario answers at a moment: what its last step up to then told, else its config."""

    def __init__(self, scenarios: Sequence[Scenario] = ()) -> None:
        told: defaultdict[str, list[tuple[float, Routes]]] = defaultdict(list)
        for scenario in scenarios:
            routes = scenario.routes
            for step in scenario.steps:
                routes = step.routes or routes
                told[scenario.config.user_id].append((step.event.t, routes))
        self._told = {user_id: sorted(steps, key=lambda step: step[0]) for user_id, steps in told.items()}

    @classmethod
    def from_file(cls, path: Path) -> "ScriptedRoutes":
        """Without routes where the file holds answers of cars alone. Raises SourceError, MisuseError."""
        script = read_script(path)
        if not isinstance(script, dict) or script.get("format") != FORMAT:
            return cls()
        try:
            return cls(read_scenarios(script))
        except MisuseError as error:
            raise MisuseError(f"{path}: {error}") from None

    def length_km(self, user_id: str, points: Sequence[tuple[float, float]], at: float) -> float | None:
        """Kilometres; None: no route."""
        steps = self._told.get(user_id, [])
        place = bisect_right(steps, at, key=lambda step: step[0])
        return steps[place - 1][1].length_km(points) if place else None
