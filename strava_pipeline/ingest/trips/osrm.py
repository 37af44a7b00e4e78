"""Asks an OSRM server how long the route along a trip's track is. A trip without an answer has no route, and stops nothing.

The address of such a request holds positions, so nothing of it is logged: a run tells how many trips got no route, and why.
"""

import logging
from collections import Counter
from collections.abc import Sequence

from strava_pipeline.core.errors import PipelineError, TransientError
from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.activity.track import Position, waypoints
from strava_pipeline.ingest.osrm import NO_ANSWER, PATIENCE, ask_route
from strava_pipeline.ingest.strava.http import Wire

__all__ = ["GIVE_UP", "PATIENCE", "TRIES", "Router"]

log = logging.getLogger(__name__)

TRIES = 2  # of one request that got no answer
GIVE_UP = (
    3  # trips in a row without an answer: then the server is down, and waiting for it at each trip would take hours
)


class Router:
    """One server for the length of a run; afterwards, `tell` says what went wrong."""

    def __init__(self, url: str, wire: Wire) -> None:
        self._url = url.rstrip("/")
        self._wire = wire
        self._without: Counter[str] = Counter()
        self._silent = 0  # trips in a row that got no answer

    def routes(self, bundles: Sequence[Bundle]) -> dict[str, float]:
        """Metres by external id, of the trips for which there is a route."""
        asked = {name: self._length(points) for name, points in waypoints(bundles).items()}
        return {name: metres for name, metres in asked.items() if metres is not None}

    def tell(self) -> None:
        """One WARNING, if any trip got no route."""
        if self._without:
            why = ", ".join(f"{reason}: {count}" for reason, count in sorted(self._without.items()))
            log.warning("trips without a route from TRIPS_OSRM_URL, by what it answered: %s.", why)

    def _length(self, points: Sequence[Position]) -> float | None:
        found = NO_ANSWER if self._silent == GIVE_UP else self._asked(points)
        if isinstance(found, str):
            self._without[found] += 1
            return None
        return found

    def _asked(self, points: Sequence[Position]) -> float | str:
        """Metres, or why there are none."""
        for _ in range(TRIES):
            try:
                found = ask_route(self._wire, self._url, "bike", points)
            except TransientError:
                continue
            except PipelineError:  # a certificate, an address that is none
                break
            self._silent = 0
            return found
        self._silent += 1
        return NO_ANSWER
