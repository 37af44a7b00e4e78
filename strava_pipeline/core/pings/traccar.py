"""The OsmAnd protocol, which OsmAnd and Traccar Client speak: fields in a query or form, or since Traccar Client 9 as JSON.

Fields and units as in www.traccar.org/osmand. Who sends is told by our address: `id` and `device_id` mean nothing here.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from strava_pipeline.core.pings.values import (
    KNOT_KMH,
    MS_KMH,
    moment,
    moment_of_text,
    number_of_text,
    position,
    speed_kmh,
)
from strava_pipeline.core.trips.car.events import Event, Kind, NoEventError

LOCATION = "location"
MOST = 100  # fields of a form; a phone sends a dozen
_MARKS = frozenset({"lat", "lon", LOCATION, "id", "deviceid"})
_NO_FIX = ("false", "0")
_Read = tuple[Event, float | None]


def fields_of(text: str) -> dict[str, str] | None:
    """The fields of a query or a form, each with its first value; None where it isn't this protocol's."""
    try:
        pairs = parse_qsl(text, max_num_fields=MOST)
    except ValueError:  # too many
        return None
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return None if _MARKS.isdisjoint(fields) else fields


def read_fields(fields: Mapping[str, str], kind: Kind, received_at: float) -> _Read | None:
    """The event and the speed in km/h; None: a message without a position, or with one that is no fix. Raises NoEventError."""
    lat, lng = fields.get("lat"), fields.get("lon")
    if lat is None and lng is None:
        together = fields.get(LOCATION)
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


def read_json(value: Mapping[str, Any], kind: Kind, received_at: float) -> _Read | None:
    """The same of `{"location": {"timestamp", "coords": {"latitude", "longitude", "speed"}}}`."""
    location = value[LOCATION]
    coords = location.get("coords")
    if coords is None:
        return None
    place = position(coords.get("latitude"), coords.get("longitude")) if isinstance(coords, Mapping) else None
    if place is None:
        raise NoEventError("location.coords: expected latitude and longitude in degrees, as numbers")
    at = moment(location.get("timestamp"))
    return Event(kind, received_at if at is None else at, *place), speed_kmh(coords.get("speed"), MS_KMH)
