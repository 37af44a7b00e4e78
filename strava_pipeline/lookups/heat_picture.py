"""The heat map as lines seen from afar: pictures of squares of the map, whose pixels are the tiles that were counted.

Close up, pixels would be wider than a street: heat_lines.py draws the tracks themselves. Contains positions, for the
athlete's own screen.
"""

import struct
import zlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, count

from strava_pipeline.core.geodesy import place_of
from strava_pipeline.core.tables import HEAT_TILES
from strava_pipeline.core.track_measures import TILE_ZOOMS
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.heat import Box
from strava_pipeline.lookups.rows import measured_files, rows_of

_ACROSS = 512  # pixels of a picture: a screen needs two to six, each of which costs a look through all counted tiles
_PIXEL = 9  # zooms between a square and its pixels
FINEST = TILE_ZOOMS[0] - _PIXEL  # zoom of the squares whose pixels are the smallest tiles
_POWERS = (0.2, 0.4, 0.6)  # of the activities of the busiest tile: a single street of it sees far fewer
_AREA_ZOOM, _REACH, _SHARE = 14, 8, 0.1  # tiles of 1.6 km at 48°: a town and what is around it, without rare tours


def heat_picture(
    connection: Connection,
    lake: Lake,
    athlete_id: int,
    *,
    square: tuple[int, int, int],
    levels: Sequence[int],
    colours: Sequence[bytes],
    year: int | None = None,
    sport_group: str | None = None,
) -> bytes:
    """A PNG of how often the athlete came through each place of a square of the map; transparent where never.

    Args:
        square: its zoom, up to FINEST, its column and its row.
        levels: of a `HeatView`.
        colours: red, green and blue of each level, and of more activities.
        year: a local year, or None for all.
        sport_group: None for every sport.
    """
    zoom, column, row = square
    files = measured_files(lake, HEAT_TILES, None if year is None else [year])
    level = min(each for each in TILE_ZOOMS if each >= zoom + _PIXEL)
    size = 2 ** (level - zoom - _PIXEL)
    asked = {
        "files": files,
        "athlete_id": athlete_id,
        "sport_group": sport_group,
        "zoom": level,
        "left": column * _ACROSS * size,
        "top": row * _ACROSS * size,
        "across": _ACROSS,
        "size": size,
    }
    lines = bytearray((1 + _ACROSS) * _ACROSS)  # before the pixels of a line stands its filter, which is none
    for seen in rows_of(connection, "heat_pixels", asked) if files else []:
        lines[seen["place"]] = 1 + bisect_left(levels, seen["activities"])
    return _png(lines, colours)


def _png(lines: bytes | bytearray, colours: Sequence[bytes]) -> bytes:
    """A square picture, whose pixels are 0 where it is transparent, else the number of their colour.

    Source: Portable Network Graphics (Third Edition), W3C 2025, sections 11.2 and 11.3.1.
    """
    parts = {
        b"IHDR": struct.pack(">2I5B", _ACROSS, _ACROSS, 8, 3, 0, 0, 0),
        b"PLTE": b"".join((bytes(3), *colours)),
        b"tRNS": bytes(1),
        b"IDAT": zlib.compress(lines),
        b"IEND": b"",
    }
    chunks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@dataclass(frozen=True, slots=True)
class HeatView:
    """What a heat map begins with.

    Args:
        most: where the athlete went most.
        everywhere: the part of the map with every track.
        levels: the activities up to which a place has the first, second and third colour.
    """

    most: Box
    everywhere: Box
    levels: Sequence[int]

    @property
    def steps(self) -> Iterator[tuple[int, int, int | None]]:
        """The number of each colour, and the least and the most activities that have it."""
        return zip(count(1), (1, *(level + 1 for level in self.levels)), (*self.levels, None), strict=False)


def heat_view(
    connection: Connection, lake: Lake, athlete_id: int, *, year: int | None = None, sport_group: str | None = None
) -> HeatView | None:
    """The view of a year and a group of sports, or of all; None if there is no track."""
    files = measured_files(lake, HEAT_TILES, None if year is None else [year])
    asked = {"files": files, "athlete_id": athlete_id, "sport_group": sport_group}
    limits = {"zoom": _AREA_ZOOM, "reach": _REACH, "share": _SHARE}
    for found in rows_of(connection, "heat_view", {**asked, **limits}) if files else []:
        busiest, *edges = found.values()
        levels = accumulate((round(busiest**power) for power in _POWERS), lambda before, level: max(before + 1, level))
        return HeatView(_box(*edges[:4]), _box(*edges[4:]), (*levels,))
    return None


def _box(left: int, top: int, right: int, bottom: int) -> Box:
    (north, west), (south, east) = place_of(left, top, _AREA_ZOOM), place_of(right + 1, bottom + 1, _AREA_ZOOM)
    return Box(west, south, east, north)
