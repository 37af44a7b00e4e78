"""Who answers for cars and routers: the real ones as cars.toml and the settings say, or a script. As lines of the log.

And who answers for addresses, which no line of the log holds: no trip depends on them. A router is asked each question once:
a ping doesn't wait for a second try.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.pings.lines import Oracle, Points, Read
from strava_pipeline.core.pings.people import People
from strava_pipeline.ingest.cars.geocoder import Geocoder
from strava_pipeline.ingest.cars.reading import BoundedCars, CarAdapter, Reading, Trouble
from strava_pipeline.ingest.cars.scripted import ScriptedCars, ScriptedRoutes
from strava_pipeline.ingest.http import Wire, small_wire
from strava_pipeline.ingest.osrm import NO_ANSWER, PATIENCE, ask_route, is_definite
from strava_pipeline.settings import Settings


@contextmanager
def oracle_of(settings: Settings, people: People, scripted: Path | None = None) -> Iterator[Oracle]:
    """What asks the cars of `people` and TRIPS_OSRM_URL; `scripted`: a file of scenarios answers in their place."""
    if scripted is not None:
        yield _Asked(ScriptedCars.from_file(scripted), ScriptedRoutes.from_file(scripted).length_km)
        return
    router = None
    if settings.trips_osrm_url:
        router = CarRouter(settings.trips_osrm_url, small_wire(settings, PATIENCE))
    with BoundedCars(_adapter(settings, people), lambda: datetime.now(UTC)) as cars:
        try:
            yield _Asked(cars, lambda _, points, __: router.length_km(points).km if router else None)
        finally:
            if router is not None:
                router.tell()


@contextmanager
def geocoder_of(settings: Settings) -> Iterator[Geocoder | None]:
    """What asks TRIPS_GEOCODER_URL for addresses; None without the setting: then no position leaves this machine."""
    if not settings.trips_geocoder_url:
        yield None
        return
    geocoder = Geocoder(settings.trips_geocoder_url, small_wire(settings, PATIENCE))
    try:
        yield geocoder
    finally:
        geocoder.tell()


class _Asked:
    """`cars`: bounded, or a script's; `route`: kilometres for a user, points, and a moment."""

    def __init__(self, cars: CarAdapter, route: Callable[[str, Points, float], float | None]) -> None:
        self._cars, self.route = cars, route

    def car(self, user_id: str, car_id: str, at: float) -> Read:
        return _line(self._cars.ask(car_id, datetime.fromtimestamp(at, UTC), user_id))


class _NoAdapter:
    """Without a configuration no car can be asked."""

    def ask(self, car_id: str, at: datetime, user_id: str) -> Reading:
        now = datetime.now(UTC)
        return Reading(car_id, now, now, error=Trouble.UNKNOWN_CAR)


def _adapter(settings: Settings, people: People) -> CarAdapter:
    if people.carconnectivity is None or not people.vins:
        return _NoAdapter()
    from strava_pipeline.ingest.cars.carconnectivity import CarConnectivityCars

    return CarConnectivityCars(
        Path(people.carconnectivity), people.vins, tokens=settings.secrets_dir / "carconnectivity_tokens.json"
    )


def _line(reading: Reading) -> Read:
    return Read(
        car_id=reading.car_id,
        answered_at=reading.answered_at,
        measured_at=reading.measured_at,
        is_parked=reading.is_parked,
        odometer=reading.odometer_km,
        lat=reading.lat,
        lng=reading.lng,
        error=reading.error.value if reading.error else None,
    )


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """`metres` None: there is none. `answered`: the server said so and would say so again; else it may be asked later."""

    metres: float | None
    answered: bool
    why: str | None = None

    @property
    def km(self) -> float | None:
        return None if self.metres is None else self.metres / 1000


class CarRouter:
    """One server. `wire`: one with a patience of ingest/osrm.py's PATIENCE. At the end of a run, `tell` says what went wrong."""

    def __init__(self, url: str, wire: Wire) -> None:
        self._url, self._wire = url.rstrip("/"), wire
        self._without: Counter[str] = Counter()

    def length_km(self, points: Sequence[tuple[float, float]]) -> Route:
        """The route through points (longitude, latitude) in their order."""
        try:
            found = ask_route(self._wire, self._url, "driving", points)
        except PipelineError:
            found = NO_ANSWER
        if isinstance(found, str):
            self._without[found] += 1
            return Route(None, is_definite(found), found)
        return Route(found, answered=True)

    def tell(self) -> None:
        """One WARNING, if any question was left without a route."""
        if self._without:
            why = ", ".join(f"{reason}: {count}" for reason, count in sorted(self._without.items()))
            log.warning("ways of cars without a route from TRIPS_OSRM_URL, by what it answered: %s.", why)
            self._without.clear()
