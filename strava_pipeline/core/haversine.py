"""The distance of two positions, number by number. Over whole columns it is haversine_columns.py's."""

from math import asin, cos, radians, sin, sqrt

EARTH_M = 6_371_008.8  # mean radius of the Earth (IUGG; R1 of WGS 84)


def distance_m(lat_0: float, lng_0: float, lat: float, lng: float) -> float:
    """The great-circle distance in metres (haversine) of two positions in degrees."""
    phi_0, phi = radians(lat_0), radians(lat)
    half_phi, half_lambda = (phi - phi_0) / 2, radians(lng - lng_0) / 2
    h = sin(half_phi) ** 2 + cos(phi_0) * cos(phi) * sin(half_lambda) ** 2
    return 2 * EARTH_M * asin(min(1.0, sqrt(h)))
