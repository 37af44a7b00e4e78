"""Positions on the Earth: great-circle distances, tiles of web maps (for numbers or Polars columns), samples of long tracks.

Polars itself is not imported here, so that commands that only show a distance start fast. `sampled` chooses the points
to ask a router about; the router itself is elsewhere.
"""

from collections.abc import Sequence
from math import asin, asinh, atan, cos, degrees, floor, pi, radians, sin, sinh, sqrt, tan
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    import polars as pl


EARTH_M = 6_371_008.8  # mean radius of the Earth (IUGG; R1 of WGS 84)
HIGHEST_LATITUDE = degrees(atan(sinh(pi)))  # 85.05°: where the square map of EPSG:3857 ends


def distance_m(lat_0: float, lng_0: float, lat: float, lng: float) -> float:
    """The great-circle distance in metres (haversine) of two positions in degrees."""
    phi_0, phi = radians(lat_0), radians(lat)
    half_phi, half_lambda = (phi - phi_0) / 2, radians(lng - lng_0) / 2
    h = sin(half_phi) ** 2 + cos(phi_0) * cos(phi) * sin(half_lambda) ** 2
    return 2 * EARTH_M * asin(min(1.0, sqrt(h)))


def column_distance_m(
    latitude_0: "pl.Expr", longitude_0: "pl.Expr", latitude: "pl.Expr", longitude: "pl.Expr"
) -> "pl.Expr":
    """The great-circle distance in metres (haversine) of two positions in degrees; null where one is unknown."""
    phi_0, phi = latitude_0.radians(), latitude.radians()
    half_phi, half_lambda = (phi - phi_0) / 2, (longitude.radians() - longitude_0.radians()) / 2
    h = half_phi.sin() ** 2 + phi_0.cos() * phi.cos() * half_lambda.sin() ** 2
    return 2 * EARTH_M * h.sqrt().clip(upper_bound=1.0).arcsin()


def tile_of(latitude: float, longitude: float, zoom: int) -> tuple[int, int]:
    """Column and row of the web map's tile that contains a place; beyond the map's edges, the nearest tile's.

    EPSG:3857 in tiles, as OpenStreetMap numbers them ("Slippy map tilenames"): columns to the east, rows to the south.

        tile_of(52.5163, 13.3777, 14)  # (8800, 5373)
    """
    across = 2**zoom
    north = asinh(tan(radians(min(max(latitude, -HIGHEST_LATITUDE), HIGHEST_LATITUDE))))
    places = (longitude + 180) / 360, (1 - north / pi) / 2
    column, row = (min(max(floor(place * across), 0), across - 1) for place in places)
    return column, row


def place_of(column: float, row: float, zoom: int) -> tuple[float, float]:
    """Latitude and longitude of a place on the web map, given in tiles; whole numbers give the tile's north-west corner."""
    return degrees(atan(sinh(pi * (1 - 2 * row / 2**zoom)))), column / 2**zoom * 360 - 180


def column_tiles(latitude: "pl.Expr", longitude: "pl.Expr", zoom: int) -> tuple["pl.Expr", "pl.Expr"]:
    """Column and row of the web map's tile, as `tile_of` gives them, for places within the map's edges."""
    across, angle = 2.0**zoom, latitude.radians()
    north = (angle.tan() + 1 / angle.cos()).log()
    places = (longitude + 180) / 360, (1 - north / pi) / 2
    column, row = ((place * across).floor().clip(0, across - 1) for place in places)
    return column, row


ALL, FEWER = 25, 24  # up to 25 points go as they are, of more 24: routers limit the length of an address
_Point = TypeVar("_Point")


def sampled(points: Sequence[_Point]) -> list[_Point]:
    """The first, the last, and points evenly spaced by number between them."""
    count = len(points)
    if count <= ALL:
        return list(points)
    between = FEWER - 2
    return [points[0], *(points[place * (count - 2) // between] for place in range(1, between + 1)), points[-1]]


class Area(NamedTuple):
    """Degrees as text with three decimals: 111 m from north to south, and less from west to east."""

    lat: str
    lng: str


def area_of(lat: float, lng: float) -> Area:
    """The area of a position in degrees."""
    return Area(_rounded(lat), _rounded(lng))


def _rounded(value: float) -> str:
    text = f"{value:.3f}"
    return "0.000" if text == "-0.000" else text
