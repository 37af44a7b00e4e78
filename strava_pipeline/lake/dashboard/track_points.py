"""The points of an activity's track as a screen shows them: few enough to draw, with its pauses as gaps."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil

import polars as pl

from strava_pipeline.core.track_measures import HOLDS, LONG
from strava_pipeline.lake.dashboard.activities import FoundActivity
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.tracks import track_path

MOST_POINTS = 2000  # a 4K screen has 3,840 columns, a chart some half of them
_MOST_GAPS = 200  # of the points: the longest pauses
_MEANS = ("altitude", "speed", "heartrate", "cadence", "watts", "temperature")
_FIRSTS = ("distance", "latitude", "longitude")


@dataclass(frozen=True, slots=True)
class TrackPoints:
    """A track for a screen.

    Args:
        begins_at: when the first point was recorded.
        recorded: how many points the track has.
        columns: by name a value for each of at most MOST_POINTS places: `time` (seconds since the first point), `distance` (m),
            `latitude`, `longitude` (degrees), `altitude` (m), `speed` (m/s), `heartrate` (bpm), `cadence`, `watts` (W),
            `temperature` (°C). Where recorded points are joined, it is the mean, and the first position. None: not recorded;
            in a gap every column has None. A column without any value is left out.
    """

    begins_at: datetime | None
    recorded: int
    columns: Mapping[str, list[float | None]]


def track_points(lake: Lake, found: FoundActivity) -> TrackPoints | None:
    """The track of an activity; None: there is none that can be read."""
    try:
        points = pl.read_parquet(track_path(lake, found.year, found.id), hive_partitioning=False)
    except (FileNotFoundError, pl.exceptions.ComputeError):
        return None
    return thinned(points) if points.height else None


def thinned(points: pl.DataFrame) -> TrackPoints:
    """The points of one activity, in the columns of `tracks`, joined to at most MOST_POINTS, gaps included."""
    timed = (
        points.lazy()
        .sort("part", "point")
        .with_columns(time=(pl.col("recorded_at") - pl.col("recorded_at").min()).dt.total_microseconds() / 1e6)
        .with_columns(pause=pl.col("time").diff(), is_part=pl.col("part").diff().fill_null(0) != 0)
        .collect()
    )
    longest = max(HOLDS, LONG * float(timed["pause"].median() or 0.0))  # type: ignore[arg-type]
    pauses = timed.select(
        begins=pl.col("is_part") | (pl.col("pause").fill_null(0.0) > longest), length=pl.col("pause").fill_null(0.0)
    )
    kept = pauses.with_row_index().filter("begins").sort("length", descending=True).head(_MOST_GAPS)["index"]
    gaps = pl.Series(range(timed.height)).is_in(kept.to_list())
    stretch, place = gaps.cast(pl.Int32).cum_sum(), pl.int_range(pl.len(), dtype=pl.Int64)
    width = _width(timed.height, len(kept))
    joined = (
        timed.lazy()
        .with_columns(stretch=stretch)
        .with_columns(bucket=place.over("stretch") // width)
        .group_by("stretch", "bucket")
        .agg(
            pl.col("time").first(),
            *(pl.col(name).drop_nulls().first() for name in _FIRSTS),
            *(pl.col(name).fill_nan(None).mean() for name in _MEANS),
        )
        .sort("stretch", "bucket")
    )
    ends = joined.filter(pl.col("stretch") < len(kept)).group_by("stretch").agg(pl.col("bucket").max() + 1)
    names = ["time", *_FIRSTS, *_MEANS]
    shown = pl.concat([joined, ends], how="diagonal").sort("stretch", "bucket").select(names).collect()
    begins: datetime | None = points["recorded_at"].min()  # type: ignore[assignment]
    return TrackPoints(begins, points.height, {name: _numbers(shown[name]) for name in names if shown[name].count()})


def _width(points: int, gaps: int) -> int:
    """How many points are joined, so that with a gap between stretches, and a rest at the end of each, not too many are left."""
    return max(1, ceil(points / (MOST_POINTS - 2 * gaps - 1))) if points + gaps > MOST_POINTS else 1


def _numbers(column: pl.Series) -> list[float | None]:
    digits = 6 if column.name in ("latitude", "longitude") else 2  # 0.1 m; a centimetre, 0.01 m/s
    return column.round(digits).to_list()
