"""Privacy zones, [[privacy.zones]] of goals.toml, and how they hide places in everything that leaves the machine. Pure.

    [[privacy.zones]]
    place = [52.5163, 13.3777]   # latitude and longitude, WGS 84
    radius_m = 400               # at least 200

Every point of a track in a zone is left out, and every cell of a heat map. Hiding only start and end would not do: a
stray first position or a stop on the way would still show the place. Polars is imported only where tracks are cut, so
that goals load fast. What services answer is shown by `without_positions`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from strava_pipeline.core.geodesy import column_distance_m, distance_m
from strava_pipeline.core.json_values import is_number, json_bytes, json_if_any
from strava_pipeline.core.text import counted

if TYPE_CHECKING:
    import polars as pl

LEAST_RADIUS_M, MOST_RADIUS_M = 200.0, 20_000.0  # smaller ones give a house away; larger ones are slips
_NAMES = ("place", "radius_m")
_POSITIONS = re.compile(
    r"points|polyline|latlng|(^|_)(lat|lng|lon)(_|$)|latitude|longitude|bounding_box", re.IGNORECASE
)
_PLACES = re.compile(
    r"polyline|latlng|(^|_)(lat|lng|lon)(_|$)|latitude|longitude|bounding_box|location|address|segment|"
    r"^(map|map_id|extra|city|country|town|box)$",
    re.IGNORECASE,
)
"""Fields that tell of a place, or may: `extra` has whatever a service said, and a segment's number is a way on its map."""
_MAYBE_PLACES = re.compile(r"points|(^|_)place$", re.IGNORECASE)  # a number of these is a count, or a rank
_OF_THE_BODY = re.compile(r"resting_heartrate|weight_kg|watts_per_kg", re.IGNORECASE)  # beside days and nights
_EXAMPLE = "[[privacy.zones]] with place = [52.5163, 13.3777] and radius_m = 400"


@dataclass(frozen=True, slots=True)
class PrivacyZone:
    """A circle around a place: degrees of WGS 84, and metres."""

    latitude: float
    longitude: float
    radius_m: float

    def __repr__(self) -> str:
        return f"PrivacyZone(…, {self.radius_m:.0f} m)"  # its place must stay hidden

    def holds(self, latitude: float, longitude: float, margin_m: float = 0.0) -> bool:
        """Whether a position lies in the zone or within `margin_m` of it."""
        return distance_m(self.latitude, self.longitude, latitude, longitude) <= self.radius_m + margin_m


def read_zones(document: Any, faults: list[str]) -> tuple[PrivacyZone, ...]:
    """The zones in the table [privacy]. Faults are added to `faults`, each with its place and without a position."""
    if not isinstance(document, Mapping):
        faults.append(f"privacy: zones stand in tables of their own: {_EXAMPLE}")
        return ()
    for name in document.keys() - {"zones"}:
        faults.append(f"[privacy] {name}: no value has this name; there is zones")
    zones = document.get("zones", [])
    if not isinstance(zones, list):
        faults.append(f"[privacy] zones: {_EXAMPLE}")
        return ()
    found = [_zone(f"[[privacy.zones]] {number}", zone, faults) for number, zone in enumerate(zones, start=1)]
    return tuple(zone for zone in found if zone is not None)


def _zone(where: str, given: Any, faults: list[str]) -> PrivacyZone | None:
    if not isinstance(given, Mapping):
        faults.append(f"{where}: a zone is a table: {_EXAMPLE}")
        return None
    for name in given.keys() - {*_NAMES}:
        faults.append(f"{where} {name}: no value has this name; there are {', '.join(_NAMES)}")
    place, radius = given.get("place"), given.get("radius_m")
    is_place = isinstance(place, list) and len(place) == 2 and all(map(is_number, place))
    # nan is neither
    is_on_earth = isinstance(place, list) and is_place and abs(place[0]) <= 90 and abs(place[1]) <= 180
    if not isinstance(place, list) or not is_on_earth:
        faults.append(f"{where} place: not a latitude and a longitude in degrees, like [52.5163, 13.3777]")
        return None
    if not is_number(radius) or not LEAST_RADIUS_M <= float(str(radius)) <= MOST_RADIUS_M:
        faults.append(f"{where} radius_m: not a number of {LEAST_RADIUS_M:.0f} to {MOST_RADIUS_M:,.0f}")
        return None
    return PrivacyZone(float(place[0]), float(place[1]), float(str(radius)))


def outside(points: "pl.DataFrame", zones: Sequence[PrivacyZone]) -> "pl.DataFrame":
    """A track (columns of the table `tracks`, in order) without its points in zones; each remaining stretch is a part.

    A point without a position is removed if a neighbouring one is. Each part counts its points and metres from 0, since
    both would reveal the distance to the place.
    """
    import polars as pl

    if not zones:
        return points
    here = (pl.col("latitude").fill_nan(None), pl.col("longitude").fill_nan(None))
    inside = pl.any_horizontal(
        column_distance_m(pl.lit(zone.latitude), pl.lit(zone.longitude), *here) <= zone.radius_m for zone in zones
    )
    beside = inside.forward_fill().fill_null(False) | inside.backward_fill().fill_null(False)
    hidden = points.select(pl.coalesce(inside, beside).over("part")).to_series()
    if not hidden.any():
        return points
    stretch = pl.struct("part", hidden.rle_id().alias("stretch")).rle_id()
    kept = points.with_columns(part=stretch).filter(~hidden)
    metres = pl.col("distance") - pl.col("distance").drop_nulls().first()
    return kept.with_columns(
        metres.over("part"),
        part=pl.col("part").rle_id().cast(pl.Int32),
        point=pl.int_range(pl.len(), dtype=pl.Int32).over("part"),
    )


def without_positions(value: Any, name: str = "") -> Any:
    """A service's answer, in JSON's types or as text, with the number of points in place of positions. `name`: the field's.

    >>> without_positions({"name": "Home", "track_points": [{"x": 13.4, "y": 52.5}]})
    {'name': 'Home', 'track_points': '1 point'}
    """
    if _POSITIONS.search(name) and value and not isinstance(value, int):
        is_line = isinstance(value, list) and not is_number(value[0])
        return counted(len(value), "point") if is_line else "hidden"
    if isinstance(value, Mapping):
        return {key: without_positions(each, key) for key, each in value.items()}
    return _within(value, without_positions)


def without_fields(value: Any, *, places: bool = False, body: bool = False) -> Any:
    """An answer, in JSON's types, without the fields that tell of a place, unless `places`, and without what days and nights
    told of the body, unless `body`; also within texts that are JSON.

    >>> without_fields({"name": "Home", "start_latlng": [52.5, 13.4], "resting_heartrate": 48})
    {'name': 'Home'}
    """

    def left(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: left(each) for name, each in value.items() if not is_hidden(name, each)}
        return _within(value, left)

    def is_hidden(name: str, each: Any) -> bool:
        is_place, may_be_place, is_of_body = _of_name(name)
        return (not places and (is_place or (may_be_place and not is_number(each)))) or (is_of_body and not body)

    return left(value)


def _within(value: Any, told: Callable[[Any], Any]) -> Any:
    """A list with each element as `told`, and a text that is JSON likewise; anything else as it is."""
    if isinstance(value, list):
        return [told(each) for each in value]
    is_json = isinstance(value, str) and value.lstrip("\ufeff \t\r\n")[:1] in ("{", "[")
    held = json_if_any(value.encode()) if is_json else None
    return json_bytes(told(held)).decode() if isinstance(held, dict | list) else value


@lru_cache(maxsize=4096)  # an answer has the same few names thousands of times
def _of_name(name: str) -> tuple[bool, ...]:
    return tuple(kind.search(name) is not None for kind in (_PLACES, _MAYBE_PLACES, _OF_THE_BODY))
