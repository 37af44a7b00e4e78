"""Made-up trips for the tests of trips: straight rides of a given speed, from the equator northwards."""

from typing import Any

from strava_pipeline.trips.activity.rules.bundle import Bundle, Decryption, State, Summary

START = 1_767_600_000  # 5 January 2026, 08:00 UTC
METRES_PER_DEGREE = 111_195.08
"""Of latitude, on the sphere that distances are computed on."""


def point(seconds: float, metres: float = 0.0, **changes: Any) -> dict[str, Any]:
    """A point so long after the start, so far north of 0.0, 0.0."""
    position = {"latitude": metres / METRES_PER_DEGREE, "longitude": 0.0, "timestamp": START + seconds}
    return position | {"horizontal_accuracy": 5.0, "speed": 5.0, "activity": "cycling"} | changes


def trip(*points: Any, distribution: Any = None, external_id: str = "T", **summary: Any) -> Bundle:
    """A trip of these points."""
    return Bundle(external_id, summary=Summary(**summary), locations=list(points), activity_distribution=distribution)


def ride(external_id: str, kmh: float, points: int = 60, **told: Any) -> Bundle:
    """A steady ride of five minutes at a speed, with what the source tells of it."""
    step = 300 / (points - 1)
    located = [point(i * step, i * step * kmh / 3.6, speed=kmh / 3.6) for i in range(points)]
    return Bundle(external_id, locations=located, decryption=Decryption(State.OK), **told)
