"""One request to an OSRM server: how long the route through some points is. Who asks, how often, and what for, is theirs to know.

The address of such a request holds positions: nothing of it may be logged, and no error holds it.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from strava_pipeline.core.json_values import finite_number
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


def is_definite(found: float | str) -> bool:
    """Whether the server would say the same again: a length, or a code of its own."""
    return not isinstance(found, str) or found in _CODES


def _metres(answer: Exchange) -> float | str:
    try:
        told: Any = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        told = None
    code = told.get("code") if isinstance(told, dict) else None
    if answer.status == 200 and code == "Ok":
        try:
            metres = finite_number(told["routes"][0]["distance"])
        except (LookupError, TypeError):
            metres = None
        return "no distance" if metres is None or metres < 0 else metres
    return code if isinstance(code, str) and code in _CODES else f"status {answer.status}"
