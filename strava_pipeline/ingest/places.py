"""Asking servers about places: the length of a route (OSRM), the address of an area (Nominatim's reverse endpoint).

No server is asked unless a person names one. The address of such a request contains positions: nothing of it is logged,
and no error contains it. When and why to ask is the caller's business.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.geodesy import Area
from strava_pipeline.core.json_values import finite_number, object_of
from strava_pipeline.ingest.http import Exchange, Wire

PATIENCE = 10  # seconds for an answer
NO_ANSWER = "no answer"
_CODES = frozenset({"NoRoute", "NoSegment", "TooBig", "InvalidQuery", "InvalidValue", "InvalidOptions", "InvalidUrl"})


def ask_route(wire: Wire, url: str, profile: str, points: Sequence[tuple[float, float]]) -> float | str:
    """Metres of the route through points (longitude, latitude); or why there is none: OSRM's code, else the status.

    Raises TransientError where no answer came, PipelineError where none can.
    """
    path = ";".join(f"{longitude:.6f},{latitude:.6f}" for longitude, latitude in points)
    return _metres(wire.send("GET", f"{url}/route/v1/{profile}/{path}?overview=false", name="a route"))


def _metres(answer: Exchange) -> float | str:
    content = object_of(answer.body)
    code = content.get("code")
    if answer.status == 200 and code == "Ok":
        try:
            metres = finite_number(content["routes"][0]["distance"])
        except (LookupError, TypeError):
            metres = None
        return "no distance" if metres is None or metres < 0 else metres
    return code if isinstance(code, str) and code in _CODES else f"status {answer.status}"


log = logging.getLogger(__name__)


class Failures(Counter[str]):
    """Counts of unanswered questions, by reason."""

    def log(self, what: str) -> None:
        """Log one WARNING if there were any, and reset the counts. `what`: the question, and the setting that names the
        server.
        """
        if self:
            why = ", ".join(f"{reason}: {count}" for reason, count in sorted(self.items()))
            log.warning("%s, by what it answered: %s.", what, why)
            self.clear()


PAUSE = 1.0  # seconds between two requests, as the policy of OpenStreetMap's own server demands
NOTHING_THERE = (
    "Unable to geocode"  # Nominatim's error where it has no address; its other errors, of a time-out say, pass
)
LONGEST = 500  # characters kept of an address; Nominatim's have some 100
GIVE_UP = 3  # failures in a row that mean that the server is down or busy: then the next run asks again


@dataclass(frozen=True, slots=True)
class Address:
    """A server's answer about an area; `text` None: the server knows no address there."""

    text: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why there is no answer. `is_of_area`: the server works but refuses this question, so others may be answered."""

    reason: str
    is_of_area: bool = False


class Geocoder:
    """One server for the length of a run; afterwards, `log_failures` reports problems."""

    def __init__(
        self,
        url: str,
        wire: Wire,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url, self._wire, self._monotonic, self._sleep = url.rstrip("/"), wire, monotonic, sleep
        self._failures = Failures()
        self._unanswered = 0  # failures in a row, those of single areas aside
        self._last: float | None = None

    @property
    def gives_up(self) -> bool:
        """Whether the server seems to be down, so that asking would only take time."""
        return self._unanswered >= GIVE_UP

    def find(self, area: Area) -> Address | None:
        """The address of an area, or None if the server gave no answer, and may give one later. Never raises."""
        self._keep_the_pace()
        found = self._ask(area)
        self._last = self._monotonic()
        if isinstance(found, Address):
            self._unanswered = 0
            return found
        self._unanswered += not found.is_of_area
        self._failures[found.reason] += 1
        return None

    def log_failures(self) -> None:
        """Log one WARNING if any question was left unanswered."""
        self._failures.log("areas without an answer from TRIPS_GEOCODER_URL")

    def _ask(self, area: Area) -> Address | _Failure:
        """The answer, or why there is none."""
        question = {"lat": area.lat, "lon": area.lng, "format": "jsonv2", "addressdetails": "0"}
        try:
            answer = self._wire.send("GET", f"{self._url}/reverse", params=question, name="an address")
        except PipelineError:
            return _Failure(NO_ANSWER)
        if answer.status == 200:
            return _address(answer.body)
        is_of_area = 400 <= answer.status < 500 and answer.status != HTTPStatus.TOO_MANY_REQUESTS
        return _Failure(f"status {answer.status}", is_of_area)

    def _keep_the_pace(self) -> None:
        left = 0.0 if self._last is None else self._last + PAUSE - self._monotonic()
        if left > 0:
            self._sleep(left)


def _address(body: bytes) -> Address | _Failure:
    """`display_name`; without one, the server answers status 200 and `error`, as with some errors of its own."""
    try:
        answer: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _Failure("no JSON")
    answer = answer if isinstance(answer, dict) else {}
    name = answer.get("display_name")
    if isinstance(name, str) and name.strip():
        return Address(name.strip()[:LONGEST])
    if answer.get("error") == NOTHING_THERE:
        return Address(None)
    return _Failure("an error with status 200" if "error" in answer else "neither address nor error")
