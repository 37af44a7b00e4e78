"""Our own format: a step of a scenario without answers, `{t?, event?, gps?, bluetooth?}`; for shortcuts and automations.

What may stand in a field is core/trips/car/events.py's.
"""

from collections.abc import Mapping
from typing import Any

from strava_pipeline.core.pings.values import moment
from strava_pipeline.core.trips.car.config import longitude, read_position
from strava_pipeline.core.trips.car.events import Event, Kind, NoEventError, read_event

_FIELDS = ("t", "event", "gps", "bluetooth")


def read_own(value: Mapping[str, Any], kind: Kind, received_at: float) -> Event:
    """The address of pings takes any event that is named, those of `start` and `end` take theirs; without a time it is now.

    Raises NoEventError.
    """
    if value and not any(name in value for name in _FIELDS):
        raise NoEventError(f"no format that is known: our own has {', '.join(_FIELDS)}")
    named = value.get("event")
    if named is not None and named != kind and kind != "ping":
        raise NoEventError(f"event: the address is for {kind}; leave it out, or send it to the address of pings")
    t = value.get("t")
    return read_event(
        {**value, "event": kind if named is None else named, "t": received_at if moment(t) is None else t}
    )


def check_position(value: Mapping[str, Any]) -> None:
    """Raise NoEventError where `gps` is neither a position nor the absence of one (null, or null degrees)."""
    gps = value.get("gps")
    if gps is None or read_position(gps) is not None:
        return
    if not isinstance(gps, Mapping) or gps.get("lat") is not None or longitude(gps) is not None:
        raise NoEventError(
            "gps: expected lat from -90 to 90 and lng from -180 to 180, as numbers; without a position leave gps out"
        )
