"""The log of pings: received lines, the answers at their moment, and the tracker's answers from the log.

Everything that decides about a trip stands in these lines, so that a replay needs nothing else. The process that runs
at the moment of a ping asks cars and routers, adds the answer to the log and lets the tracker repeat its step. An
answer counts only for the ping of the same moment.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from strava_pipeline.trips.car.rules.config import Limits
from strava_pipeline.trips.car.rules.events import CarAnswer, read_answer

MOMENT = timedelta(seconds=60)
"""How long after a ping the answers of cars and routers are waited for; then the ping is finally unanswered."""

_FROZEN = ConfigDict(frozen=True)


class ReceivedLine(BaseModel):
    """A received line. `body`, `query`: as received; for a `config` and a `clock`: ours.

    `id` is unique; `received_at` is our machine's time. `scripted`: a scripted car answers, and the script's times
    count.
    """

    model_config = _FROZEN

    id: str
    kind: Literal["ping", "start", "end", "clock", "config"]
    user_id: str
    received_at: AwareDatetime
    body: str
    query: str = ""
    scripted: bool = False


class CarReading(BaseModel):
    """A car's answer. `measured_at`: when the car itself measured it, if known; `error`: why there is no answer."""

    model_config = _FROZEN

    car_id: str
    answered_at: AwareDatetime
    measured_at: AwareDatetime | None = None
    is_parked: bool | None = None
    odometer: float | None = None
    lat: float | None = Field(None, repr=False)
    lng: float | None = Field(None, repr=False)
    error: str | None = None

    @property
    def at(self) -> datetime:
        return self.measured_at or self.answered_at


class RouteReading(BaseModel):
    """A router's answer: kilometres, or None. `key` identifies the points in the question."""

    model_config = _FROZEN

    key: str
    km: float | None


class AnswerLine(BaseModel):
    """All answers to questions asked because of one line, whose id is `to`; may be empty."""

    model_config = _FROZEN

    to: str
    user_id: str
    cars: tuple[CarReading, ...] = ()
    routes: tuple[RouteReading, ...] = ()


Line = ReceivedLine | AnswerLine


def new_id(at: datetime) -> str:
    """A unique id for a line received at `at`."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{token_hex(4)}"


def line_bytes(line: Line) -> bytes:
    return line.model_dump_json(exclude_defaults=True).encode()


def parse_line(text: bytes) -> Line | None:
    """The line, or None if it isn't one of ours."""
    try:
        return (AnswerLine if text.startswith(b'{"to"') else ReceivedLine).model_validate_json(text)
    except ValidationError:
        return None


def whole_part(lines: Sequence[Line | None], now: datetime) -> int:
    """How many of the first lines are complete: each line among them has its answers there too, or no longer waits for any."""
    whole, unanswered = 0, set[str]()
    for number, line in enumerate(lines, start=1):
        if isinstance(line, AnswerLine):
            unanswered.discard(line.to)
        elif line is not None and line.kind != "config" and abs(now - line.received_at) <= 2 * MOMENT:
            unanswered.add(line.id)
        if not unanswered:
            whole = number
    return whole


APART_S = Limits().counted_s
"""Seconds: pings count if they are that far apart, so a more distant answer belongs to another ping's moment, or to none.

A phone without a network sends its pings hours later; then the car must not be asked where it is now, and its last
answer before the trip doesn't count either.
"""


def is_of_moment(measured_at: float, ping_t: float) -> bool:
    """Whether an answer measured at `measured_at` belongs to a ping at `ping_t`, both in epoch seconds. Otherwise it is
    an error.
    """
    return abs(measured_at - ping_t) <= APART_S


Points = Sequence[tuple[float, float]]  # longitude, latitude


class Oracle(Protocol):
    """Asks cars and routers; each may take 10 seconds. Neither method raises."""

    def car(self, user_id: str, car_id: str, at: float) -> CarReading: ...

    def route(self, user_id: str, points: Points, at: float) -> float | None: ...


class MissingAnswerError(Exception, ABC):
    """The tracker needs an answer that nobody has asked for yet."""

    @abstractmethod
    def noted(self, answered: AnswerLine, oracle: Oracle, at: float) -> AnswerLine:
        """Ask for it, because of an event at `at` (epoch seconds); returns `answered` with the new answer."""


class MissingCarAnswerError(MissingAnswerError):
    """The answer of a car."""

    def __init__(self, car_id: str) -> None:
        super().__init__("a car is to be asked")
        self.car_id = car_id

    def noted(self, answered: AnswerLine, oracle: Oracle, at: float) -> AnswerLine:
        read = oracle.car(answered.user_id, self.car_id, at)
        return answered.model_copy(update={"cars": (*answered.cars, read)})


class MissingRouteError(MissingAnswerError):
    """The length of a route."""

    def __init__(self, points: Points) -> None:
        super().__init__("a route is to be asked for")
        self.points = tuple(points)

    def noted(self, answered: AnswerLine, oracle: Oracle, at: float) -> AnswerLine:
        routed = RouteReading(key=route_key(self.points), km=oracle.route(answered.user_id, self.points, at))
        return answered.model_copy(update={"routes": (*answered.routes, routed)})


class LoggedAnswers:
    """The answers recorded for the event at `at` (epoch seconds).

    `asks_…`: raise a MissingAnswerError for a question not asked yet; otherwise it counts as unanswered. `unknown` names the cars
    of the latter.
    """

    def __init__(
        self, answered: AnswerLine | None, at: float, *, asks_cars: bool = False, asks_routes: bool = False
    ) -> None:
        self._cars = {read.car_id: read for read in reversed(answered.cars)} if answered else {}
        self._routes = {route.key: route for route in answered.routes} if answered else {}
        self._at, self._asks_cars, self._asks_routes = at, asks_cars, asks_routes
        self.unknown: list[str] = []

    def car(self, car_id: str) -> CarAnswer | None:
        """The car's answer at that moment, or None without one, or if it is of another moment."""
        read = self._cars.get(car_id)
        if read is None:
            if self._asks_cars:
                raise MissingCarAnswerError(car_id)
            self.unknown.append(car_id)
            return None
        if read.error is not None or not is_of_moment(read.at.timestamp(), self._at):
            return None
        return read_answer(read.model_dump(include={"is_parked", "odometer", "lat", "lng"}))

    def route(self, points: Points) -> float | None:
        """Kilometres, or None if no router answered."""
        routed = self._routes.get(route_key(points))
        if routed is None and self._asks_routes:
            raise MissingRouteError(points)
        return routed.km if routed else None

    def save(self, trip: object) -> bool:
        """Always true: the caller of a replay saves its trips."""
        return True


def route_key(points: Points) -> str:
    """The key of the points of a route: to 10 cm, as in the router's address."""
    text = ";".join(f"{longitude:.6f},{latitude:.6f}" for longitude, latitude in points)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
