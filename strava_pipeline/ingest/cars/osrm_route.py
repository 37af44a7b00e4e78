"""Asks an OSRM server how long a car's way is, and tells an answer from a no and from silence. The request is ingest/osrm.py's.

Each question is asked once: a ping doesn't wait for a second try.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.ingest.osrm import NO_ANSWER, ask_route, is_definite
from strava_pipeline.ingest.strava.http import Wire

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """`metres` None: there is none. `answered`: the server said so and would say it again; else it may be asked later."""

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
