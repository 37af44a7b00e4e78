"""OwnTracks' HTTP mode: JSON objects with a `_type`, of which the app posts every one to the same address.

Fields as in owntracks.org/booklet/tech/json. Only locations are pings: the app's other messages are taken and mean nothing
here, because it would send again and again what is refused. Its answer is a list of messages; an empty one will do.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from strava_pipeline.core.pings.values import moment, position, speed_kmh
from strava_pipeline.core.trips.car.events import Event, Kind, NoEventError

TYPE = "_type"
LOCATION, ENCRYPTED = "location", "encrypted"
NO_POSITIONS = frozenset(
    {
        *("beacon", "card", "cmd", "configuration", "dump", "lwt", "msg"),
        *("request", "status", "steps", "transition", "waypoint", "waypoints"),
    }
)
_WHO = frozenset({"u", "d"})  # user and device: some people's address of OwnTracks ends with ?u=…&d=…


def says_who(query: str) -> bool:
    """Whether a query says nothing else; also where there is none."""
    try:
        return parse_qs(query, keep_blank_values=True, max_num_fields=len(_WHO)).keys() <= _WHO
    except ValueError:  # more fields
        return False


def read_owntracks(value: Mapping[str, Any], kind: Kind, received_at: float) -> tuple[Event, float | None] | None:
    """The event and the speed in km/h; None: a message that is no position. Raises NoEventError."""
    of = value.get(TYPE)
    if of == ENCRYPTED:
        raise NoEventError(
            "OwnTracks encrypts its payload, which nobody can read here: empty the encryption key in the app's settings. "
            "On the way it is HTTPS that protects it."
        )
    if isinstance(of, str) and of in NO_POSITIONS:
        return None
    if of != LOCATION:
        raise NoEventError(f"{TYPE}: no type of OwnTracks' messages that is known")
    place = position(value.get("lat"), value.get("lon"))
    if place is None:
        raise NoEventError("lat, lon: expected degrees, as numbers")
    at = moment(value.get("tst"))
    return Event(kind, received_at if at is None else at, *place), speed_kmh(value.get("vel"))
