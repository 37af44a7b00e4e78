"""What phones send as pings: which format it is, and the event that it tells. Pure; the formats themselves stand beside this.

No error holds anything of what came. Whose ping it is, and what it means to a trip, is told elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from strava_pipeline.core.json_text import parse_json
from strava_pipeline.core.pings import owntracks, traccar
from strava_pipeline.core.pings.age import APART_S
from strava_pipeline.core.pings.own import check_position, read_own
from strava_pipeline.core.trips.car.events import Event, NoEventError

LARGEST = 16_384  # bytes of a body; OwnTracks' longest, a list of waypoints aside, have some 500
FUTURE_S = APART_S
"""Seconds that a phone's time may be ahead of ours. Further off no car's answer would belong to the ping: a phone whose clock is
wrong would have trips without a car."""

OWN, OWNTRACKS, TRACCAR = "own", "owntracks", "traccar"
Sent = Literal["ping", "start", "end"]


@dataclass(frozen=True, slots=True)
class Ping:
    """`speed_kmh`: as the phone told it, in whatever unit; `format`: own, owntracks or traccar."""

    event: Event = field(repr=False)
    speed_kmh: float | None
    format: str


def read_ping(body: bytes, query: str, kind: Sent, received_at: float, *, is_new: bool = False) -> Ping | None:
    """What came as `kind` at `received_at` (epoch seconds, ours). None: a message in order that is no ping.

    A JSON body counts before the query, the query before a form. `is_new`: it is being received now, and a position that is
    none is refused in our own format too; what was kept before that rule is an event without a position. Raises
    NoEventError, whose text may be answered.
    """
    if len(body) > LARGEST:
        raise NoEventError(f"the body is larger than {LARGEST} bytes")
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise NoEventError("the body is no UTF-8") from None
    if text.startswith(("{", "[")):
        return _of_json(_object(text), kind, received_at, is_new=is_new)
    fields = traccar.fields_of(query) or traccar.fields_of(text)
    if fields is not None:
        return _ping(traccar.read_fields(fields, kind, received_at), TRACCAR)
    if text or not owntracks.says_who(query):
        raise NoEventError("neither a JSON object nor a query or form with lat and lon")
    if kind == "ping":
        return None  # OwnTracks posts nothing at all where a friend was removed
    return Ping(read_own({}, kind, received_at), None, OWN)


def believable_time(t: float, received_at: float) -> float:
    """The phone's time of an event; that of its coming where the phone's clock is plainly ahead."""
    return received_at if t > received_at + FUTURE_S else t


def _of_json(value: Mapping[str, Any], kind: Sent, received_at: float, *, is_new: bool) -> Ping | None:
    if owntracks.TYPE in value:
        return _ping(owntracks.read_owntracks(value, kind, received_at), OWNTRACKS)
    if isinstance(value.get(traccar.LOCATION), Mapping):
        return _ping(traccar.read_json(value, kind, received_at), TRACCAR)
    if is_new:
        check_position(value)
    return Ping(read_own(value, kind, received_at), None, OWN)


def _ping(read: tuple[Event, float | None] | None, of: str) -> Ping | None:
    return None if read is None else Ping(*read, of)


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = parse_json(text.encode())
    except (ValueError, RecursionError):
        raise NoEventError("the body is no JSON") from None
    if not isinstance(value, dict):
        raise NoEventError("the body is no JSON object")
    return value
