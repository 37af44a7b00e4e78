"""Whether a car's answer tells of the moment of a ping. Which answers there are, and what they say, is told elsewhere."""

from strava_pipeline.core.trips.car.config import Limits

APART_S = Limits().counted_s
"""Seconds: pings count when they are as far apart, so an answer further off tells of another ping's moment, or of none's.

A phone without a network sends its pings hours later; then the car must not be asked where it is now, and what it said last
before the trip is no answer either.
"""


def belongs(measured_at: float, ping_t: float) -> bool:
    """Whether an answer of the moment `measured_at` is one to a ping of `ping_t`, both in epoch seconds. Else it is an error."""
    return abs(measured_at - ping_t) <= APART_S
