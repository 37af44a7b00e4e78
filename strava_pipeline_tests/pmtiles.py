"""A region of the map for tests: a PMTiles archive with the same small tile everywhere, at zoom 0 to 14.

The tile has land, a road across it, and a town, in layers of Protomaps' basemap (PMTiles 3, Mapbox vector tile 2).
"""

import gzip
import json
import struct
from pathlib import Path
from typing import Any

VIENNA = (16.1, 48.0, 16.7, 48.4)
BERLIN = (12.9, 52.2, 13.9, 52.8)
_TILES = (4**15 - 1) // 3  # of zooms 0 to 14, numbered one after another
_EXTENT = 4096


def write_region(path: Path, box: tuple[float, float, float, float] = VIENNA, **other: Any) -> Path:
    """Write the archive."""
    path.write_bytes(region(box, **other))
    return path


def region(
    box: tuple[float, float, float, float] = VIENNA,
    *,
    magic: bytes = b"PMTiles",
    version: int = 3,
    kind: int = 1,
    compression: int = 2,
    max_zoom: int = 14,
    layers: str = "earth roads places",
) -> bytes:
    """The archive; its header says what the arguments say, whatever is true."""
    tile = gzip.compress(_tile(), mtime=0)
    named = {"vector_layers": [{"id": layer} for layer in layers.split()]}
    metadata = gzip.compress(json.dumps(named).encode(), mtime=0)
    # one entry: tile 0, and how many follow that are the same; its length; its offset and one
    root = gzip.compress(b"".join(map(_varint, (1, 0, _TILES, len(tile), 1))), mtime=0)
    offsets = [127, len(root), 127 + len(root), len(metadata)]
    end = offsets[2] + len(metadata)
    numbers = (*offsets, end, 0, end, len(tile), _TILES, 1, 1)
    kinds = (1, 2, compression, kind, 0, max_zoom)
    edges = [round(each * 1e7) for each in box]
    head = struct.pack("<7sB11Q6B4iB2i", magic, version, *numbers, *kinds, *edges, 10, *edges[:2])
    return head + root + metadata + tile


def _tile() -> bytes:
    edge = _EXTENT
    square = _polygon([(0, 0), (edge, 0), (edge, edge), (0, edge)])
    road = _line([(0, 0), (edge, edge)])
    point = [_command(1, 1), _zigzag(edge // 2), _zigzag(edge // 2)]
    return (
        _layer("earth", 3, square, {"kind": "earth"})
        + _layer("roads", 2, road, {"kind": "highway"})
        + _layer("places", 1, point, {"kind": "locality", "name": "Teststadt"})
    )


def _layer(name: str, geometry: int, commands: list[int], tags: dict[str, str]) -> bytes:
    pairs = b"".join(_varint(number) for place in range(len(tags)) for number in (place, place))
    feature = _bytes(2, pairs) + _number(3, geometry) + _bytes(4, b"".join(map(_varint, commands)))
    keys = b"".join(_bytes(3, key.encode()) for key in tags)
    values = b"".join(_bytes(4, _bytes(1, value.encode())) for value in tags.values())
    return _bytes(
        3, _number(15, 2) + _bytes(1, name.encode()) + _bytes(2, feature) + keys + values + _number(5, _EXTENT)
    )


def _polygon(points: list[tuple[int, int]]) -> list[int]:
    return [*_line(points), _command(7, 1)]


def _line(points: list[tuple[int, int]]) -> list[int]:
    found, (x, y) = [_command(1, 1), *map(_zigzag, points[0])], points[0]
    found.append(_command(2, len(points) - 1))
    for across, down in points[1:]:
        found += [_zigzag(across - x), _zigzag(down - y)]
        x, y = across, down
    return found


def _command(kind: int, count: int) -> int:
    return kind | count << 3


def _zigzag(number: int) -> int:
    return (number << 1) ^ (number >> 31)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, body: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])
