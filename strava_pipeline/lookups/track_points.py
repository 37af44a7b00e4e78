"""The points of an activity's track for a screen: few enough to draw, with its pauses as gaps."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from strava_pipeline.core.geodesy import EARTH_M
from strava_pipeline.core.track_lines import HOLDS, LONG
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.made.cut_tracks import counted_track
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.lookups.activities import FoundActivity

MOST_POINTS = 2000  # a 4K screen has 3,840 columns, a chart some half of them
_MOST_GAPS = 200  # of the points: the longest pauses
_MEANS = ("altitude", "speed", "heartrate", "cadence", "watts", "temperature")
_FIRSTS = ("distance", "latitude", "longitude")
_NAMES = ("time", *_FIRSTS, *_MEANS)
_DIGITS = {"latitude": 6, "longitude": 6}  # 0.1 m; of all others 2: a centimetre, 0.01 m/s
_COLUMNS = {
    "columns": ", ".join((*_FIRSTS, *_MEANS)),
    "values": ", ".join(
        [
            *(f"arg_min({name}, place) AS {name}" for name in _FIRSTS),
            *(f"avg({name}::DOUBLE) FILTER (NOT isnan({name}::DOUBLE)) AS {name}" for name in _MEANS),
        ]
    ),
    "names": ", ".join(f"round({name}::DOUBLE, {_DIGITS.get(name, 2)}) AS {name}" for name in _NAMES),
}


@dataclass(frozen=True, slots=True)
class TrackPoints:
    """A track for a screen.

    Args:
        begins_at: when the first point was recorded.
        recorded: how many points the track has.
        columns: by name a value for each of at most MOST_POINTS places: `time` (seconds since the first point), `distance` (m),
            `latitude`, `longitude` (degrees), `altitude` (m), `speed` (m/s), `heartrate` (bpm), `cadence`, `watts` (W),
            `temperature` (°C). Joined points have the mean, and the first position. Distance and speed follow from the positions
            where no device told them. None: not recorded, or a gap. But for `time`, a column without any value is left out.
    """

    begins_at: datetime | None
    recorded: int
    columns: Mapping[str, list[float | None]]


def track_points(connection: Connection, lake: Lake, found: FoundActivity) -> TrackPoints | None:
    """The track of an activity, or None if none can be read."""
    path = counted_track(lake, found.year, found.id)
    try:
        return thinned(connection, path) if path.exists() else None
    except (duckdb.OutOfMemoryException, duckdb.InterruptException):
        raise
    except duckdb.Error:
        return None


def thinned(connection: Connection, path: Path) -> TrackPoints | None:
    """The points in a file of one activity, joined to at most MOST_POINTS, gaps included; None without a point."""
    whole = "SELECT count(*), timezone('UTC', min(recorded_at)) FROM read_parquet($path, hive_partitioning = false)"
    ((recorded, begins_at),) = connection.execute(whole, {"path": str(path)}).fetchall()
    asked = {
        "path": str(path),
        "most": MOST_POINTS,
        "most_gaps": _MOST_GAPS,
        "holds": HOLDS,
        "long": LONG,
        "earth_m": EARTH_M,
    }
    rows = connection.execute(sql("sql/track_points", __package__ or "").format(**_COLUMNS), asked).fetchall()
    columns = dict(zip(_NAMES, map(list, zip(*rows, strict=True)), strict=True)) if rows else {}
    shown = {name: values for name, values in columns.items() if name == "time" or set(values) != {None}}
    return TrackPoints(begins_at and begins_at.replace(tzinfo=UTC), recorded, shown) if recorded else None
