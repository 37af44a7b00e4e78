"""The heat map in detail: the newest activities' tracks through a part of the map, as lines.

The activities' cells show which of them passed through it; only these tracks are read. Contains positions, for the
athlete's own screen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import duckdb

from strava_pipeline.core.tables import TRACK_CELLS
from strava_pipeline.core.track_measures import CELL_ZOOM
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.made.cut_tracks import counted_track
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.heat import Box
from strava_pipeline.lookups.rows import Values, measured_files, rows_of

MOST_LINES = 150  # activities: more overlap to a band of one colour
_MOST_POINTS = 2_000  # of an activity
_STEP = 4  # tiles from a point of a line to the next
_MISSING, _PAUSE = 10, 60  # points without a position; seconds


@dataclass(frozen=True, slots=True)
class HeatLines:
    """Lines by activity. Each alternates columns and rows of tiles. `is_whole`: no activity was left out."""

    lines: Mapping[int, Sequence[Sequence[int]]]
    is_whole: bool


def heat_lines(
    connection: Connection,
    lake: Lake,
    athlete_id: int,
    *,
    box: Box,
    zoom: int,
    year: int | None = None,
    sport_group: str | None = None,
) -> HeatLines:
    """The tracks of the newest activities through a part of the map.

    Args:
        zoom: of the tiles; eight more than that of a map whose pixels they are.
        year: a local year, or None for all.
        sport_group: None for every sport.
    """
    asked = {"athlete_id": athlete_id, "sport_group": sport_group, **box.tiles(CELL_ZOOM)}
    found: list[str] = []
    for file in reversed(measured_files(lake, TRACK_CELLS, None if year is None else [year])):  # a file of each year
        of_year = int(file.rpartition("year=")[2].partition("/")[0])
        limits = {"files": [file], "most": MOST_LINES + 1 - len(found)}
        ids = [row["activity_id"] for row in rows_of(connection, "heat_line_activities", {**asked, **limits})]
        found += [str(path) for one in ids if (path := counted_track(lake, of_year, one)).exists()]
        if len(found) > MOST_LINES:
            break
    limits = {"missing": _MISSING, "pause": _PAUSE, "step": _STEP, "most": _MOST_POINTS, "across": 2**zoom}
    lines: dict[int, list[list[int]]] = {}
    for row in _stretches(connection, found[:MOST_LINES], {**limits, **asdict(box)}):
        lines.setdefault(row["activity_id"], []).append(row["places"])
    return HeatLines(lines, len(found) <= MOST_LINES)


def _stretches(connection: Connection, files: list[str], asked: Values) -> list[Values]:
    """The rows of all readable files: a damaged track is made again by the next run."""
    if not files:
        return []
    try:
        return [*rows_of(connection, "heat_lines", {**asked, "files": files})]
    except duckdb.Error:
        if len(files) == 1:
            return []
        half = len(files) // 2
        return _stretches(connection, files[:half], asked) + _stretches(connection, files[half:], asked)
