"""The great-circle distance of two positions, of numbers or of Polars columns. Polars itself is not imported here."""

from math import asin, cos, radians, sin, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


EARTH_M = 6_371_008.8  # mean radius of the Earth (IUGG; R1 of WGS 84)


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
