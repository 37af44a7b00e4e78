"""What the formats of pings are made of, read leniently: moments, positions and speeds; what can't be one is None.

Which field holds what is each format's own file's. No error here: what a missing value means, the format knows.
"""

import re
from typing import Any

from strava_pipeline.core.trips.car.config import MAX_LAT, MAX_LNG, Position, degrees
from strava_pipeline.core.trips.car.events import EARLIEST, LATEST
from strava_pipeline.core.trips.values import finite_number, parse_instant

KNOT_KMH = 1.852
MS_KMH = 3.6
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def moment(value: Any) -> float | None:
    """Epoch seconds of a timestamp that some calendar holds."""
    told = parse_instant(value)
    return told if told is not None and EARLIEST <= told < LATEST else None


def moment_of_text(text: str) -> float | None:
    """The same where all that comes is text: seconds and milliseconds too."""
    number = number_of_text(text.strip())
    return moment(text if number is None else number)


def position(lat: Any, lng: Any) -> Position | None:
    """Of two numbers on the Earth."""
    north, east = degrees(lat, MAX_LAT), degrees(lng, MAX_LNG)
    return None if north is None or east is None else Position(north, east)


def speed_kmh(value: Any, factor: float = 1.0) -> float | None:
    """`factor`: km/h in one of the sender's unit. Below zero there is none: so phones tell that they don't know."""
    number = finite_number(value)
    return None if number is None or number < 0 else finite_number(number * factor)


def number_of_text(text: str) -> float | None:
    """Of digits as a person or a program writes them; `nan`, `inf` and `1_000` are none."""
    return finite_number(float(text)) if _NUMBER.fullmatch(text) else None
