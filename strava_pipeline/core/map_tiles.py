"""Which tiles of the map a box has, and which bytes of an archive hold them, in few pieces."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from strava_pipeline.core.geodesy import tile_of

GAP = 100_000  # bytes that nobody needs, and that cost less than another request
PIECE = 4_000_000  # bytes of a piece; larger than any tile
Edges = tuple[float, float, float, float]
"""West, south, east, north in degrees."""
Place = tuple[int, int]
"""The offset and the length of some bytes."""


@dataclass(slots=True)
class Piece:
    """Bytes of an archive from `start` to `end`; `places`: those of tiles in it."""

    start: int
    end: int
    places: list[Place] = field(default_factory=list)


def tiles_in(edges: Edges, finest: int) -> Iterator[tuple[int, int, int]]:
    """Zoom, column and row of the tiles of a box, from zoom 0 to `finest`."""
    west, south, east, north = edges
    for zoom in range(finest + 1):
        (left, top), (right, bottom) = tile_of(north, west, zoom), tile_of(south, east, zoom)
        for column in range(left, right + 1):
            for row in range(top, bottom + 1):
                yield zoom, column, row


def pieces_of(places: Iterable[Place]) -> Sequence[Piece]:
    """The pieces that hold all places: neighbours are one, as far as `GAP` and `PIECE` allow."""
    found: list[Piece] = []
    for offset, length in sorted(places):
        last, end = found[-1] if found else None, offset + length
        if last is None or offset > last.end + GAP or end - last.start > PIECE:
            found.append(last := Piece(offset, end))
        last.end = max(last.end, end)
        last.places.append((offset, length))
    return found


def bytes_of(pieces: Iterable[Piece]) -> int:
    """How many bytes the pieces have."""
    return sum(piece.end - piece.start for piece in pieces)
