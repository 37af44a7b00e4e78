"""The way of a track: cells of the map at one zoom, its length and its extent, from which routes and tiles follow. Pure.

A track is read as the straight steps between its positions, each filled in every 20 m, so that a sparse recording
leaves no holes. A step that is too long, or implausibly fast, isn't part of the way, because what lay between is
unknown.
"""

import polars as pl

from strava_pipeline.core.geodesy import HIGHEST_LATITUDE, column_distance_m, column_tiles
from strava_pipeline.core.tables.ways import TRACK_WAYS, WAY_CELLS
from strava_pipeline.core.track_summaries import fastest

WAY_FORM = 1  # raised whenever the same points would come to something else
WAY_ZOOM = 18  # of the cells: 153 m wide at the equator, 103 m at 47.5° north
_EVERY = 20.0  # m
_LONGEST_STEP = 1000.0  # m: a point a minute at 60 km/h; nobody travels further in a straight line
_DEGREE_M = 111_195.0  # length of a degree of a great circle


def way_measures(points: pl.DataFrame, sport_group: str | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A track's row of `track_ways` and its rows of `way_cells`, without the activity's own columns; empty without a step.

    Args:
        points: of one activity, with the columns of `tracks`.
        sport_group: of core/sports.py.
    Returns:
        length_m, extent_m (the diagonal of the way's bounding box), cells; and x, y, first_m (metres along the way).
    """
    steps = _steps(points, sport_group)
    cells = _cells(steps)
    mean_latitude = pl.col("latitude").cum_sum().last() / pl.len()  # `mean` adds in an order that depends on the cores
    north = (pl.col("latitude").max() - pl.col("latitude").min()) * _DEGREE_M
    east = (pl.col("lng").max() - pl.col("lng").min()) * _DEGREE_M * mean_latitude.radians().cos()
    length = pl.col("along").max()
    summary = steps.select(
        length_m=length, extent_m=(north.pow(2) + east.pow(2)).sqrt(), cells=pl.lit(cells.height, pl.Int32)
    ).head(1 if cells.height else 0)
    return summary.cast({name: TRACK_WAYS.polars_schema[name] for name in summary.columns}), cells


def _steps(points: pl.DataFrame, sport_group: str | None) -> pl.DataFrame:
    """The ends of the steps in order: latitude, lng, along (metres until there), with the change since the step's start.

    `lng` may leave ±180°, so that a way over the antimeridian is continuous. The start of a way after a gap is a step
    of length 0.
    """
    latitude, longitude = pl.col("latitude"), pl.col("longitude")
    somewhere = (latitude != 0) | (longitude != 0)  # 0, 0 is what devices write without a position
    on_map = latitude.is_between(-HIGHEST_LATITUDE, HIGHEST_LATITUDE) & longitude.is_between(-180, 180)
    turn = ((longitude.diff() + 180) % 360 - 180).fill_null(0.0)
    seconds = pl.col("recorded_at").diff().dt.total_seconds().clip(lower_bound=1)
    is_step = (pl.col("step") <= _LONGEST_STEP) & (
        seconds.is_null() | (pl.col("step") <= fastest(sport_group) * seconds)
    )
    length = pl.col("length")
    return (
        points.lazy()
        .filter(on_map & somewhere)
        .select(
            "recorded_at",
            "latitude",
            longitude.first().alias("first"),
            turn.alias("d_lng"),
            column_distance_m(latitude.shift(), longitude.shift(), latitude, longitude).alias("step"),
        )
        .with_columns(
            is_step.fill_null(False).alias("is_step"),
            lng=pl.col("first") + pl.col("d_lng").cum_sum(),
            d_lat=latitude.diff().fill_null(0.0),
        )
        .with_columns(length=pl.when("is_step").then("step").otherwise(0.0), goes_on=pl.col("is_step").shift(-1))
        .filter(pl.col("is_step") | pl.col("goes_on"))  # not a point that no step leads to or from
        .with_columns(
            along=length.cum_sum(),
            parts=(length / _EVERY).ceil().clip(lower_bound=1).cast(pl.Int64),
            d_lat=pl.when("is_step").then("d_lat").otherwise(0.0),
            d_lng=pl.when("is_step").then("d_lng").otherwise(0.0),
        )
        .select("latitude", "lng", "along", "length", "d_lat", "d_lng", "parts")
        .collect()
    )


def _cells(steps: pl.DataFrame) -> pl.DataFrame:
    """The cells that the filled steps cross, each once, with the distance along the way of the first crossing."""
    back = pl.col("back") / pl.col("parts")  # of the step, from its end
    lng = (pl.col("lng") - back * pl.col("d_lng") + 180) % 360 - 180
    x, y = column_tiles(pl.col("latitude") - back * pl.col("d_lat"), lng, WAY_ZOOM)
    return (
        steps.lazy()
        .with_columns(back=pl.int_ranges(0, pl.col("parts")))
        .explode("back")
        .select(x=x, y=y, first_m=pl.col("along") - back * pl.col("length"))
        .cast({name: WAY_CELLS.polars_schema[name] for name in ("x", "y", "first_m")})
        .group_by("y", "x")
        .agg(pl.col("first_m").min())
        .sort("y", "x")
        .collect()
    )
