"""Addresses of positions, from a server with Nominatim's reverse endpoint. None is asked unless a person names one.

A request tells the server where somebody was, and its address holds that: nothing of it is logged.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

import orjson

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.ingest.osrm import NO_ANSWER, hide_addresses
from strava_pipeline.ingest.strava.http import Exchange

log = logging.getLogger(__name__)

PAUSE = 1.0  # seconds between two requests, as the policy of OpenStreetMap's own server demands
_HELD = 1_000  # addresses kept in memory


class Geocoder(Protocol):
    def address(self, lat: float, lng: float) -> str | None:
        """Of a position in degrees; None: no address, or no answer. Never raises."""


class Asker(Protocol):
    """What of ingest/strava/http.py's Wire is used."""

    def send(self, method: str, url: str, *, params: dict[str, str], name: str) -> Exchange: ...


class NominatimGeocoder:
    """One server; the same position (to 10 metres) is asked for once. Afterwards, `tell` says what went wrong."""

    def __init__(
        self,
        url: str,
        wire: Asker,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url, self._wire, self._monotonic, self._sleep = url.rstrip("/"), wire, monotonic, sleep
        self._found: dict[tuple[str, str], str | None] = {}
        self._without: Counter[str] = Counter()
        self._last: float | None = None
        hide_addresses()

    def address(self, lat: float, lng: float) -> str | None:
        place = (f"{lat:.4f}", f"{lng:.4f}")
        if place in self._found:
            return self._found[place]
        self._keep_the_pace()
        try:
            answer = self._wire.send("GET", f"{self._url}/reverse", params=_question(*place), name="an address")
        except PipelineError:
            self._without[NO_ANSWER] += 1
            return None
        finally:
            self._last = self._monotonic()
        if answer.status != 200:
            self._without[f"status {answer.status}"] += 1
            return None
        if len(self._found) < _HELD:
            self._found[place] = _address(answer.body)
        return _address(answer.body)

    def tell(self) -> None:
        """One WARNING, if any question was left without an answer."""
        if self._without:
            why = ", ".join(f"{reason}: {count}" for reason, count in sorted(self._without.items()))
            log.warning("places without an address, by what the geocoder answered: %s.", why)
            self._without.clear()

    def _keep_the_pace(self) -> None:
        left = PAUSE if self._last is None else self._last + PAUSE - self._monotonic()
        if self._last is not None and left > 0:
            self._sleep(left)


def _question(lat: str, lng: str) -> dict[str, str]:
    return {"lat": lat, "lon": lng, "format": "jsonv2", "addressdetails": "0"}


def _address(body: bytes) -> str | None:
    """`display_name`; where there is no address the server says `error` instead, with status 200."""
    try:
        told: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    name = told.get("display_name") if isinstance(told, dict) else None
    return name if isinstance(name, str) and name.strip() else None
