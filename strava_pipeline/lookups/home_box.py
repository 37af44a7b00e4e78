"""The part of the map where the athlete is most, for which streets are useful. Contains positions, for the athlete alone."""

from dataclasses import dataclass
from math import ceil, cos, floor, radians

from strava_pipeline.core.geodesy import place_of
from strava_pipeline.core.tables import HEAT_TILES
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.heat import Box
from strava_pipeline.lookups.rows import measured_files, rows_of

_ZOOM, _SQUARE_ZOOM = 14, 9  # tiles of 1.6 km at 48°, and squares of 52 km
_KM_A_DEGREE = 111.2
_DENSE_MB_A_KM2 = 9.8 / (9.1 * 7.8)  # reported of Nagoya: 0.10° × 0.07° at 35° north, zooms 0 to 15


@dataclass(frozen=True, slots=True)
class HomeBox(Box):
    """A box in tenths of a degree, rounded outwards, so that it reveals less of the home's place."""

    @property
    def text(self) -> str:
        """The box as commands take it: `16.1,48.0,16.7,48.4`."""
        return f"{self.west:.1f},{self.south:.1f},{self.east:.1f},{self.north:.1f}"

    @property
    def km(self) -> tuple[float, float]:
        """Width and height."""
        middle = cos(radians((self.south + self.north) / 2))
        return (self.east - self.west) * middle * _KM_A_DEGREE, (self.north - self.south) * _KM_A_DEGREE

    @property
    def most_megabytes(self) -> float:
        """The size in MB of a region of this area if all of it is as dense as a large city. Countryside needs much less."""
        wide, high = self.km
        return wide * high * _DENSE_MB_A_KM2


def home_box(connection: Connection, lake: Lake, athlete_id: int) -> HomeBox | None:
    """The part of the map around the place that most activities came through, or None if there is none yet."""
    files = measured_files(lake, HEAT_TILES)
    asked = {"files": files, "athlete_id": athlete_id, "zoom": _ZOOM, "side": 2 ** (_ZOOM - _SQUARE_ZOOM)}
    for row in rows_of(connection, "home_tiles", asked) if files else []:
        north, west = place_of(row["left"], row["top"], _ZOOM)
        south, east = place_of(row["right"] + 1, row["bottom"] + 1, _ZOOM)
        return HomeBox(floor(west * 10) / 10, floor(south * 10) / 10, ceil(east * 10) / 10, ceil(north * 10) / 10)
    return None
