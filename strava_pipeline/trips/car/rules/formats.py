"""The formats of pings from phones: recognising the format, and reading its event. Pure.

Our own format is a step of a scenario without answers, `{t?, event?, gps?, bluetooth?}`. OwnTracks posts JSON objects
with a `_type` (owntracks.org/booklet/tech/json). OsmAnd and Traccar Client send fields in a query or form, or since
Traccar Client 9 JSON (www.traccar.org/osmand). No error contains any received value. A ping's user, and its effect on a
trip, are not decided here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, parse_qsl

from strava_pipeline.core.json_values import finite_number, parse_json
from strava_pipeline.trips.car.rules.config import MAX_LAT, MAX_LNG, Position, degrees, longitude, read_position
from strava_pipeline.trips.car.rules.events import Event, Kind, NoEventError, moment, read_event
from strava_pipeline.trips.car.rules.lines import APART_S

LARGEST = 16_384  # bytes of a body; OwnTracks' longest, a list of waypoints aside, have some 500
FUTURE_S = APART_S
"""How many seconds a phone's time may be ahead of ours. Beyond that no car's answer would belong to the ping: a phone
with a wrong clock would have trips without a car.
"""

OWN, OWNTRACKS, TRACCAR = "own", "owntracks", "traccar"
Sent = Literal["ping", "start", "end"]


@dataclass(frozen=True, slots=True)
class Ping:
    """`speed_kmh`: the phone's own, converted from its unit; `format`: own, owntracks or traccar."""

    event: Event = field(repr=False)
    speed_kmh: float | None
    format: str


def read_ping(body: bytes, query: str, kind: Sent, received_at: float, *, is_new: bool = False) -> Ping | None:
    """Read the data received as `kind` at `received_at` (epoch seconds, ours). None: a valid message that isn't a ping.

    A JSON body counts before the query, the query before a form. `is_new`: it is being received now, and an invalid
    position is refused in our own format too; in data stored before that rule it is an event without a position. Raises
    NoEventError, whose text may be sent back.
    """
    if len(body) > LARGEST:
        raise NoEventError(f"the body is larger than {LARGEST} bytes")
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise NoEventError("the body is no UTF-8") from None
    if text.startswith(("{", "[")):
        return _of_json(_object(text), kind, received_at, is_new=is_new)
    fields = traccar_fields(query) or traccar_fields(text)
    if fields is not None:
        return _ping(read_traccar_fields(fields, kind, received_at), TRACCAR)
    if text or not is_owntracks_query(query):
        raise NoEventError("neither a JSON object nor a query or form with lat and lon")
    if kind == "ping":
        return None  # OwnTracks posts nothing at all where a friend was removed
    return Ping(read_own({}, kind, received_at), None, OWN)


def believable_time(t: float, received_at: float) -> float:
    """The phone's time of an event, or the time of arrival if the phone's clock is clearly ahead."""
    return received_at if t > received_at + FUTURE_S else t


def _of_json(value: Mapping[str, Any], kind: Sent, received_at: float, *, is_new: bool) -> Ping | None:
    if OWNTRACKS_TYPE in value:
        return _ping(read_owntracks(value, kind, received_at), OWNTRACKS)
    if isinstance(value.get(TRACCAR_LOCATION), Mapping):
        return _ping(read_traccar_json(value, kind, received_at), TRACCAR)
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


_OWN_FIELDS = ("t", "event", "gps", "bluetooth")


def read_own(value: Mapping[str, Any], kind: Kind, received_at: float) -> Event:
    """An event in our format. The address of pings accepts any named event, those of `start` and `end` only theirs;
    without a time the event is now.

    Raises NoEventError.
    """
    if value and not any(name in value for name in _OWN_FIELDS):
        raise NoEventError(f"no format that is known: our own has {', '.join(_OWN_FIELDS)}")
    named = value.get("event")
    if named is not None and named != kind and kind != "ping":
        raise NoEventError(f"event: the address is for {kind}; leave it out, or send it to the address of pings")
    t = value.get("t")
    return read_event(
        {**value, "event": kind if named is None else named, "t": received_at if moment(t) is None else t}
    )


def check_position(value: Mapping[str, Any]) -> None:
    """Raise NoEventError if `gps` is neither a position nor the absence of one (null, or null degrees)."""
    gps = value.get("gps")
    if gps is None or read_position(gps) is not None:
        return
    if not isinstance(gps, Mapping) or gps.get("lat") is not None or longitude(gps) is not None:
        raise NoEventError(
            "gps: expected lat from -90 to 90 and lng from -180 to 180, as numbers; without a position leave gps out"
        )


OWNTRACKS_TYPE = "_type"
OWNTRACKS_LOCATION, OWNTRACKS_ENCRYPTED = "location", "encrypted"
OWNTRACKS_NO_POSITIONS = frozenset(
    {
        *("beacon", "card", "cmd", "configuration", "dump", "lwt", "msg"),
        *("request", "status", "steps", "transition", "waypoint", "waypoints"),
    }
)
_OWNTRACKS_WHO = frozenset({"u", "d"})  # user and device: some people's address of OwnTracks ends with ?u=…&d=…


def is_owntracks_query(query: str) -> bool:
    """Whether a query names a user and a device and nothing else, or is empty."""
    try:
        return parse_qs(query, keep_blank_values=True, max_num_fields=len(_OWNTRACKS_WHO)).keys() <= _OWNTRACKS_WHO
    except ValueError:  # more fields
        return False


def read_owntracks(value: Mapping[str, Any], kind: Kind, received_at: float) -> tuple[Event, float | None] | None:
    """The event and the speed in km/h, or None for a message without a position. Raises NoEventError."""
    of = value.get(OWNTRACKS_TYPE)
    if of == OWNTRACKS_ENCRYPTED:
        raise NoEventError(
            "OwnTracks encrypts its payload, which nobody can read here: empty the encryption key in the app's settings. "
            "On the way it is HTTPS that protects it."
        )
    if isinstance(of, str) and of in OWNTRACKS_NO_POSITIONS:
        return None
    if of != OWNTRACKS_LOCATION:
        raise NoEventError(f"{OWNTRACKS_TYPE}: no type of OwnTracks' messages that is known")
    place = position(value.get("lat"), value.get("lon"))
    if place is None:
        raise NoEventError("lat, lon: expected degrees, as numbers")
    at = moment(value.get("tst"))
    return Event(kind, received_at if at is None else at, *place), speed_kmh(value.get("vel"))


TRACCAR_LOCATION = "location"
MAX_FIELDS = 100  # fields of a form; a phone sends a dozen
_TRACCAR_FIELDS = frozenset({"lat", "lon", TRACCAR_LOCATION, "id", "deviceid"})
_NO_FIX = ("false", "0")
_Read = tuple[Event, float | None]


def traccar_fields(text: str) -> dict[str, str] | None:
    """The fields of a query or a form, each with its first value, or None if it isn't this protocol's."""
    try:
        pairs = parse_qsl(text, max_num_fields=MAX_FIELDS)
    except ValueError:  # too many
        return None
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return None if _TRACCAR_FIELDS.isdisjoint(fields) else fields


def read_traccar_fields(fields: Mapping[str, str], kind: Kind, received_at: float) -> _Read | None:
    """The event and the speed in km/h, or None for a message without a position, or with an invalid fix. Raises NoEventError."""
    lat, lng = fields.get("lat"), fields.get("lon")
    if lat is None and lng is None:
        together = fields.get(TRACCAR_LOCATION)
        if together is None:
            return None
        lat, _, lng = together.partition(",")
    if fields.get("valid", "").lower() in _NO_FIX:
        return None
    place = position(number_of_text((lat or "").strip()), number_of_text((lng or "").strip()))
    if place is None:
        raise NoEventError("lat, lon, or location=lat,lon: expected degrees")
    at = moment_of_text(fields.get("timestamp", ""))
    speed = speed_kmh(number_of_text(fields.get("speed", "").strip()), KNOT_KMH)
    return Event(kind, received_at if at is None else at, *place), speed


def read_traccar_json(value: Mapping[str, Any], kind: Kind, received_at: float) -> _Read | None:
    """The event and the speed of `{"location": {"timestamp", "coords": {"latitude", "longitude", "speed"}}}`."""
    location = value[TRACCAR_LOCATION]
    coords = location.get("coords")
    if coords is None:
        return None
    place = position(coords.get("latitude"), coords.get("longitude")) if isinstance(coords, Mapping) else None
    if place is None:
        raise NoEventError("location.coords: expected latitude and longitude in degrees, as numbers")
    at = moment(location.get("timestamp"))
    return Event(kind, received_at if at is None else at, *place), speed_kmh(coords.get("speed"), MS_KMH)


KNOT_KMH = 1.852
MS_KMH = 3.6
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def moment_of_text(text: str) -> float | None:
    """Epoch seconds of a timestamp as text, which may be seconds or milliseconds."""
    number = number_of_text(text.strip())
    return moment(text if number is None else number)


def position(lat: Any, lng: Any) -> Position | None:
    """The position of two numbers, if they are one on the Earth."""
    north, east = degrees(lat, MAX_LAT), degrees(lng, MAX_LNG)
    return None if north is None or east is None else Position(north, east)


def speed_kmh(value: Any, factor: float = 1.0) -> float | None:
    """The speed in km/h. `factor`: km/h in one of the sender's unit. A negative speed means unknown."""
    number = finite_number(value)
    return None if number is None or number < 0 else finite_number(number * factor)


def number_of_text(text: str) -> float | None:
    """The number in digits, as a person or a program writes them; `nan`, `inf` and `1_000` are rejected."""
    return finite_number(float(text)) if _NUMBER.fullmatch(text) else None
