"""The asking of one step: each car at most once, and everything counted. What is asked for is the askers' affair."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from strava_pipeline.core.trips.car.answers import Answers, CarAnswer
from strava_pipeline.core.trips.car.config import Car, CarConfig
from strava_pipeline.core.trips.car.position import Position
from strava_pipeline.core.trips.car.trip import Trip
from strava_pipeline.core.trips.sampling import sampled


@dataclass(frozen=True, slots=True)
class Search:
    """What asking all cars came to; `car` is the one that drives."""

    outcome: Literal["driving", "no_cars", "parked", "api_error"]
    car: Car | None = None


class Asking:
    """Lives as long as its step. A car that was asked as evidence is not asked again."""

    def __init__(self, answers: Answers, config: CarConfig) -> None:
        self._answers = answers
        self._config = config
        self._told: dict[str, CarAnswer | None] = {}
        self.osrm_coords: list[int] = []

    @property
    def api_calls(self) -> int:
        return len(self._told)

    def car(self, car_id: str) -> CarAnswer | None:
        """The car's usable answer; None: an error, or no credentials to ask it with."""
        car = self._config.car(car_id)
        if car is None or not car.has_credentials:
            return None
        if car_id not in self._told:
            self._told[car_id] = self._answers.car(car_id)
        answer = self._told[car_id]
        return answer if answer is not None and answer.is_usable else None

    def driving_car(self) -> Search:
        """Asks every car with credentials in order, up to the first that drives."""
        asked = [car for car in self._config.cars if car.has_credentials]
        usable = False
        for car in asked:
            answer = self.car(car.car_id)
            usable = usable or answer is not None
            if answer is not None and answer.is_parked is False:
                return Search("driving", car)
        if not asked:
            return Search("no_cars")
        return Search("parked" if usable else "api_error")

    def route_km(self, positions: Sequence[Position]) -> float | None:
        """The length of the route through the positions, of many through a sample of them."""
        points = [(position.lng, position.lat) for position in sampled(positions)]
        self.osrm_coords.append(len(points))
        return self._answers.route(points)

    def save(self, trip: Trip) -> bool:
        return self._answers.save(trip)
