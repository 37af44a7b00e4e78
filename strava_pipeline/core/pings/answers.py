"""What the tracker is told when it asks about a car or a route: what stands in the log of it, and nothing else. Pure.

Who is at the ping's moment asks, notes the answer and lets the tracker take its step again; a replay takes what was noted.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

from strava_pipeline.core.pings.age import belongs
from strava_pipeline.core.pings.lines import Answered, Read, Routed
from strava_pipeline.core.trips.car.events import CarAnswer, read_answer

Points = Sequence[tuple[float, float]]  # longitude, latitude


class Oracle(Protocol):
    """Who asks cars and routers, at length: both may take their 10 seconds. Neither raises."""

    def car(self, user_id: str, car_id: str, at: float) -> Read: ...

    def route(self, user_id: str, points: Points, at: float) -> float | None: ...


class UnaskedError(Exception, ABC):
    """The tracker needs an answer that nobody has asked for yet."""

    @abstractmethod
    def noted(self, answered: Answered, oracle: Oracle, at: float) -> Answered:
        """Asks for it, because of an event at `at` (epoch seconds); what is noted then."""


class UnaskedCarError(UnaskedError):
    """It is a car's."""

    def __init__(self, car_id: str) -> None:
        super().__init__("a car is to be asked")
        self.car_id = car_id

    def noted(self, answered: Answered, oracle: Oracle, at: float) -> Answered:
        read = oracle.car(answered.user_id, self.car_id, at)
        return answered.model_copy(update={"cars": (*answered.cars, read)})


class UnaskedRouteError(UnaskedError):
    """It is the length of a route."""

    def __init__(self, points: Points) -> None:
        super().__init__("a route is to be asked for")
        self.points = tuple(points)

    def noted(self, answered: Answered, oracle: Oracle, at: float) -> Answered:
        routed = Routed(key=route_key(self.points), km=oracle.route(answered.user_id, self.points, at))
        return answered.model_copy(update={"routes": (*answered.routes, routed)})


class NotedAnswers:
    """The answers that were noted for the event at `at` (epoch seconds).

    `asks_…`: raise Unasked… for what nobody has asked yet; else it is no answer. `unknown` names the cars of the latter.
    """

    def __init__(
        self, answered: Answered | None, at: float, *, asks_cars: bool = False, asks_routes: bool = False
    ) -> None:
        self._cars = {read.car_id: read for read in reversed(answered.cars)} if answered else {}
        self._routes = {route.key: route for route in answered.routes} if answered else {}
        self._at, self._asks_cars, self._asks_routes = at, asks_cars, asks_routes
        self.unknown: list[str] = []

    def car(self, car_id: str) -> CarAnswer | None:
        """What the car said at that moment; None: it said nothing, or too early or late to tell of it."""
        read = self._cars.get(car_id)
        if read is None:
            if self._asks_cars:
                raise UnaskedCarError(car_id)
            self.unknown.append(car_id)
            return None
        if read.error is not None or not belongs(read.at.timestamp(), self._at):
            return None
        return read_answer(read.model_dump(include={"is_parked", "odometer", "lat", "lng"}))

    def route(self, points: Points) -> float | None:
        """Kilometres; None: no router answered."""
        routed = self._routes.get(route_key(points))
        if routed is None and self._asks_routes:
            raise UnaskedRouteError(points)
        return routed.km if routed else None

    def save(self, trip: object) -> bool:
        """What is made of the log is kept by who makes it."""
        return True


def route_key(points: Points) -> str:
    """Which points a route is asked for: to 10 cm, as a router's address has them."""
    told = ";".join(f"{longitude:.6f},{latitude:.6f}" for longitude, latitude in points)
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
