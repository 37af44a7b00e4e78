"""Every threshold of the tracker, with its source, and how values are rounded before they are held against one.

What happens at a threshold stands with the rule that uses it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from strava_pipeline.core.errors import MisuseError


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts are reached (>=), everything else is exceeded (>) or fallen short of (<). Raises MisuseError for a wrong one."""

    no_driving_count: int = 3  # pings without a driving car, then the trip is given up; the tracker before this one
    api_error_count: int = 2  # errors of the car's API, then GPS alone; the tracker before this one
    parked_count: int = 3  # parked readings in a row, then the trip is over; the tracker before this one
    stale_s: float = 7200.0  # without any event, then the safety net ends the trip; the tracker before this one
    thinning_m: float = 50.0  # between two points of a trail; a parked phone's GPS wanders as far, the tracker before
    skip_radius_m: float = 200.0  # of a skip location that names none; the tracker before this one
    location_radius_m: float = 150.0  # of any other location that names none; the tracker before this one
    odometer_km: float = 0.5  # more since the last parked reset: it drives, whatever the API says; the tracker before
    counted_s: float = 50.0  # between two counted pings; the app's own pause when it sent one a minute
    cooldown_s: float = 1800.0  # after a trip one needs evidence to begin; chosen, AutoPi reopens for 600 s
    min_trip_km: float = 0.1  # less is no trip; the tracker before this one
    long_route_percent: float = 5.0  # over the direct route; the tracker before this one
    haversine_factor: float = 1.15  # roads are longer than straight lines between points; the tracker before this one

    def __post_init__(self) -> None:
        for name in _names():
            value = getattr(self, name)
            if _is_count(name) and (isinstance(value, float) or value < 1):
                raise MisuseError(f"{name} is a count: a whole number from 1 on. {_known()}")
            if not math.isfinite(value) or value < 0:
                raise MisuseError(f"{name} is a number from 0 on. {_known()}")


def limits_with(assignments: Sequence[str]) -> Limits:
    """The defaults, but for what is set as in `parked_count=4`. Raises MisuseError for what makes no limit."""
    values: dict[str, float] = {}
    for assignment in assignments:
        name, _, text = (part.strip() for part in assignment.partition("="))
        if name not in _names():
            raise MisuseError(f"{assignment!r} sets no limit: write NAME=NUMBER. {_known()}")
        values[name] = _number(name, text)
    return Limits(**values)  # type: ignore[arg-type]  # a count that is no whole number is refused there


def rounded(value: float) -> float:
    """As every value is before it is held against a limit: 0.1 + 0.2 is no more than 0.3."""
    return round(value, 6)


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise MisuseError(f"{name}={text}: {text or 'nothing'} is no number. {_known()}") from None
    return int(number) if _is_count(name) and number.is_integer() else number


def _names() -> list[str]:
    return [limit.name for limit in fields(Limits)]


def _is_count(name: str) -> bool:
    return name.endswith("_count")


def _known() -> str:
    return f"There are: {', '.join(_names())}"


USUAL = Limits()
"""The same each time: making one looks at every field."""
