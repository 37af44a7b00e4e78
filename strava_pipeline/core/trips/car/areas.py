"""What is said of a position to somebody else: an area of some hundred metres. Pure; who is told is ingest/cars/geocoder.py's."""

from typing import NamedTuple


class Area(NamedTuple):
    """Degrees as text with three decimals: 111 m from north to south, and less from west to east."""

    lat: str
    lng: str


def area_of(lat: float, lng: float) -> Area:
    """The area of a position in degrees."""
    return Area(_degrees(lat), _degrees(lng))


def _degrees(value: float) -> str:
    text = f"{value:.3f}"
    return "0.000" if text == "-0.000" else text
