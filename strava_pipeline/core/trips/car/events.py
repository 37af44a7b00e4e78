"""What happens to a tracker: pings, the phone's start and end, and the clock of the safety net. Reading one from JSON.

What an event does to a trip stands in tracker.py and the files beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from strava_pipeline.core.trips.activity.instants import parse_instant
from strava_pipeline.core.trips.car.position import Position, read_position

Kind = Literal["ping", "start", "end", "clock"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# Instants that a calendar holds in every time zone: from the year 2 up to the year 9999
EARLIEST, LATEST = -62_104_060_800.0, 253_370_764_800.0


class NoEventError(ValueError):
    """What came is no event. Its text tells what is expected, and nothing of what came."""


@dataclass(frozen=True, slots=True)
class Event:
    """`t` and `gps_at` are epoch seconds; without `gps_at` the position is one at `t`."""

    kind: Kind
    t: float
    lat: float | None = None
    lng: float | None = None
    gps_at: float | None = None
    bluetooth: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise NoEventError(f"event: expected one of {', '.join(KINDS)}")
        if not EARLIEST <= self.t < LATEST:
            raise NoEventError("t: expected epoch seconds of the years 2 to 9998")
        if (self.lat is None) != (self.lng is None):
            raise NoEventError("lat and lng: expected both or none")

    @property
    def position(self) -> Position | None:
        """Where the phone was."""
        return None if self.lat is None or self.lng is None else Position(self.lat, self.lng)


def read_event(json: Mapping[str, Any]) -> Event:
    """The event of `{t, event, gps?, bluetooth?}`; a `gps` that is no position is none. Raises NoEventError."""
    kind, t, gps, bluetooth = json.get("event"), parse_instant(json.get("t")), json.get("gps"), json.get("bluetooth")
    if kind not in KINDS:
        raise NoEventError(f"event: expected one of {', '.join(KINDS)}")
    if t is None:
        raise NoEventError("t: expected seconds, milliseconds or ISO-8601 text")
    position = read_position(gps)
    named = bluetooth if isinstance(bluetooth, str) and bluetooth else None
    if gps is None or position is None:
        return Event(kind, t, bluetooth=named)
    return Event(kind, t, *position, _usable(parse_instant(gps.get("timestamp"))), named)


def _usable(instant: float | None) -> float | None:
    return instant if instant is not None and EARLIEST <= instant < LATEST else None
