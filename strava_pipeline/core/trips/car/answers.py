"""What a step asks of the world: the cars' API, a router, and the saving of a trip. Reading a car's answer from JSON.

Who asks is asking.py's; who answers lies outside core.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from strava_pipeline.core.trips.activity.values import finite_number
from strava_pipeline.core.trips.car.position import Position, read_position
from strava_pipeline.core.trips.car.trip import Trip


@dataclass(frozen=True, slots=True)
class CarAnswer:
    """`is_parked` None: the car doesn't know. `odometer` in km."""

    is_parked: bool | None = None
    odometer: float | None = None
    lat: float | None = None
    lng: float | None = None

    @property
    def is_usable(self) -> bool:
        """Whether it tells anything of driving; one that doesn't is as good as an error."""
        return self.is_parked is not None or self.odometer is not None

    @property
    def position(self) -> Position | None:
        """Where the car was."""
        return None if self.lat is None or self.lng is None else Position(self.lat, self.lng)


class Answers(Protocol):
    """A step asks each car at most once. `car` and `route` may raise: then the step hasn't happened and can be taken again."""

    def car(self, car_id: str) -> CarAnswer | None:
        """What the car's API says now; None: an error."""

    def route(self, points: Sequence[tuple[float, float]]) -> float | None:
        """Kilometres of the route through points (longitude, latitude); None: no route, or no router."""

    def save(self, trip: Trip) -> bool:
        """Whether the trip is kept."""


def read_answer(json: Any) -> CarAnswer | None:
    """A car's answer; None for what is no object, as `"error"`. A field of another type is one that wasn't told."""
    if not isinstance(json, Mapping):
        return None
    parked, position = json.get("is_parked"), read_position(json)
    known = parked if isinstance(parked, bool) else None
    return CarAnswer(known, finite_number(json.get("odometer")), *(position or (None, None)))
