"""Explored map tiles: the largest square, the largest cluster, and the part of them that may leave the machine. Pure.

Counted as players of such maps do: a square consists of visited tiles only; a cluster consists of neighbouring tiles,
each with all four of its own neighbours visited.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from strava_pipeline.core.geodesy import place_of
from strava_pipeline.core.privacy import PrivacyZone

Tile = tuple[int, int]
"""Column and row."""
_EARTH_AROUND_M = 40_075_016.7  # length of the equator, WGS 84


@dataclass(frozen=True, slots=True)
class Square:
    """The tile in the north-west corner, and how many tiles a side has."""

    x: int
    y: int
    side: int


@dataclass(frozen=True, slots=True)
class Explored:
    """The result for the tiles of a zoom. `cluster`: the tiles of the largest one, as (row, first column, last column)."""

    tiles: int
    square: Square | None
    cluster_tiles: int
    cluster: Sequence[tuple[int, int, int]]


def explored(tiles: Collection[Tile], zoom: int) -> Explored:
    """The largest square and the largest cluster of the tiles; among equals, the northernmost, then the westernmost."""
    found = largest_cluster(tiles, zoom)
    rows = sorted((y, x) for x, y in found)
    runs = []
    for _, run in groupby(enumerate(rows), key=lambda each: (each[1][0], each[1][1] - each[0])):
        stretch = [place for _, place in run]
        runs.append((stretch[0][0], stretch[0][1], stretch[-1][1]))
    return Explored(len(tiles), largest_square(tiles), len(found), runs)


def largest_square(tiles: Iterable[Tile]) -> Square | None:
    """The largest square of tiles, or None without tiles. It doesn't cross the antimeridian.

    >>> largest_square([(0, 0), (1, 0), (0, 1), (1, 1), (5, 5)])
    Square(x=0, y=0, side=2)
    """
    sides: dict[Tile, int] = {}  # by the south-east corner
    best: Square | None = None
    for y, x in sorted((y, x) for x, y in tiles):  # a loop: each side follows from three before it
        before = (sides.get((x - 1, y), 0), sides.get((x, y - 1), 0), sides.get((x - 1, y - 1), 0))
        side = sides[x, y] = 1 + min(before)
        if best is None or side > best.side:
            best = Square(x - side + 1, y - side + 1, side)
    return best


def largest_cluster(tiles: Iterable[Tile], zoom: int) -> set[Tile]:
    """The largest set of neighbours that have all four of their own neighbours visited; may be empty, and may cross the
    antimeridian.
    """
    held, across = {*tiles}, 2**zoom

    def beside(x: int, y: int) -> tuple[Tile, ...]:
        return ((x - 1) % across, y), ((x + 1) % across, y), (x, y - 1), (x, y + 1)

    inner = {tile for tile in held if all(each in held for each in beside(*tile))}
    best: set[Tile] = set()
    for first in sorted(inner, key=lambda tile: (tile[1], tile[0])):
        if first not in inner:
            continue
        inner.remove(first)
        cluster, reached = {first}, [first]
        while reached:
            for each in beside(*reached.pop()):
                if each in inner:
                    inner.remove(each)
                    cluster.add(each)
                    reached.append(each)
        if len(cluster) > len(best):
            best = cluster
    return best


def tile_edges(x: int, y: int, zoom: int) -> tuple[float, float, float, float]:
    """West, south, east and north of a tile in degrees (EPSG:3857 as OpenStreetMap numbers it)."""
    (north, west), (south, east) = place_of(x, y, zoom), place_of(x + 1, y + 1, zoom)
    return west, south, east, north


def touches(zone: PrivacyZone, x: int, y: int, zoom: int) -> bool:
    """Whether any part of a tile may lie in a privacy zone."""
    return zone.holds(*place_of(x + 0.5, y + 0.5, zoom), _EARTH_AROUND_M / 2**zoom)


def tile_feature(x: int, y: int, zoom: int, properties: Mapping[str, Any]) -> dict[str, Any]:
    """A tile as a feature of GeoJSON (RFC 7946), with its place in the properties."""
    west, south, east, north = (round(each, 6) for each in tile_edges(x, y, zoom))
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "id": f"{zoom}/{x}/{y}",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": dict(properties),
    }
