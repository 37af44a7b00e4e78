"""A map of a year's activities as squares of an SVG: the region with most cells. Shows positions, so only with consent.

The ground is plain, and nothing says where on Earth it is. Cells in privacy zones are left out before anything is
drawn.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from strava_pipeline.core.explorer import touches
from strava_pipeline.core.privacy import PrivacyZone

LEVELS = 4
LONGEST = 480  # squares on the longer side
_REGION = 9  # zoom of the tiles that a region is made of: 50 km at 50° north

Cell = tuple[int, int, int]
"""x and y of a web map's tile, and the number of activities through it."""


@dataclass(frozen=True, slots=True)
class HeatPicture:
    """Squares from the upper left: by level, 1 to LEVELS, the path that draws them. `share`: of all places, in percent."""

    width: int
    height: int
    paths: tuple[tuple[int, str], ...]
    share: float
    zones: int


def heat_picture(cells: Iterable[Cell], zoom: int, zones: Sequence[PrivacyZone] = ()) -> HeatPicture | None:
    """The picture of the region with most cells, or None if no cell lies outside the zones. `zoom`: of the cells."""
    shown = [cell for cell in cells if not any(touches(zone, *cell[:2], zoom) for zone in zones)]
    if not shown:
        return None
    inside = _region(shown, zoom)
    left, top = min(x for x, _, _ in inside), min(y for _, y, _ in inside)
    across, down = max(x for x, _, _ in inside) - left + 1, max(y for _, y, _ in inside) - top + 1
    size = -(-max(across, down) // LONGEST)
    squares: dict[tuple[int, int], int] = {}
    for x, y, activities in inside:
        place = ((y - top) // size, (x - left) // size)
        squares[place] = max(squares.get(place, 0), activities)
    return HeatPicture(
        width=-(-across // size),
        height=-(-down // size),
        paths=tuple((level, path) for level in range(1, LEVELS + 1) if (path := _path(squares, level))),
        share=len(inside) / len(shown) * 100,
        zones=len(zones),
    )


def _region(cells: Sequence[Cell], zoom: int) -> list[Cell]:
    """The cells in the fullest tile of the region's zoom, and in its neighbours."""
    size = 2 ** max(zoom - _REGION, 0)
    count = Counter((x // size, y // size) for x, y, _ in cells)
    (column, row), _ = max(count.items(), key=lambda each: (each[1], each[0]))
    return [cell for cell in cells if abs(cell[0] // size - column) <= 1 and abs(cell[1] // size - row) <= 1]


def _path(squares: dict[tuple[int, int], int], level: int) -> str:
    """The path of a level's squares, a stroke for each row of neighbours."""
    found = []
    held = sorted(place for place, activities in squares.items() if _level(activities) == level)
    for row, places in groupby(held, key=lambda place: place[0]):
        columns = [column for _, column in places]
        for _, run in groupby(enumerate(columns), key=lambda each: each[1] - each[0]):
            stretch = [column for _, column in run]
            found.append(f"M{stretch[0]} {row}.5h{len(stretch)}")
    return "".join(found)


def _level(activities: int) -> int:
    """1: one activity, 2: up to three, 3: up to nine, 4: more."""
    return 1 + sum(activities > most for most in (1, 3, 9))
