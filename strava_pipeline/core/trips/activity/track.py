"""The points that count, and what lies between them: dropped, sorted, rid of duplicates; then segments and their kinds.

In, the frame of points.py; out, rows trip by trip, each trip's in order of time. Sums and percentiles over them are metrics.py's.
"""

import polars as pl

from strava_pipeline.core.haversine import column_distance_m
from strava_pipeline.core.trips.activity.thresholds import Thresholds

KMH = 3.6  # km/h per m/s

_ENDS = ("latitude_0", "longitude_0", "latitude", "longitude")
_TRIP, _AT, _ACCURACY = pl.col("trip"), pl.col("at"), pl.col("accuracy")
_LAST_AT = _AT.shift(1)
_SAME_TRIP = _TRIP.eq(_TRIP.shift(1)).fill_null(value=False)
_ON_EARTH = pl.col("latitude").is_between(-90, 90) & pl.col("longitude").is_between(-180, 180)
_USABLE = (
    _ON_EARTH & _AT.is_not_null() & (_ACCURACY >= 0).fill_null(value=True)
)  # iOS: a negative accuracy is an invalid fix


def usable_points(points: pl.DataFrame) -> pl.DataFrame:
    """The points with a position on Earth, a time and no invalid accuracy, as recorded; `backwards`: before the one before it."""
    return points.filter(_USABLE).with_columns(backwards=_SAME_TRIP & (_AT < _LAST_AT))


def used_points(usable: pl.DataFrame) -> pl.DataFrame:
    """One point per instant, each trip's in order: of several the most accurate, of equally accurate ones the first recorded."""
    points = usable.drop("backwards")
    disordered = points.filter(_SAME_TRIP & (_AT <= _LAST_AT))["trip"].unique()
    if disordered.is_empty():
        return points
    ordering = _TRIP.is_in(disordered.implode())  # only these trips are sorted: most come in order
    ordered = points.filter(ordering).sort("trip", "at", _ACCURACY.fill_null(float("inf")), maintain_order=True)
    return pl.concat([points.filter(~ordering), ordered.filter(~(_SAME_TRIP & (_AT == _LAST_AT)))])


def segments(used: pl.DataFrame, thresholds: Thresholds) -> pl.DataFrame:
    """The used points, each with the segment that leads to it; null where it is its trip's first.

    dt (s), d (m), v (m/s), the booleans teleport, gap, good, moving, and jitter (m): how far the point lies off the line
    between its neighbours, where both its segments are good.
    """
    joined = used.with_columns(
        pl.when(_SAME_TRIP).then(pl.col(name).shift(1)).alias(f"{name}_0") for name in ("latitude", "longitude", "at")
    )
    joined = joined.with_columns(dt=_AT - pl.col("at_0"), d=column_distance_m(*map(pl.col, _ENDS)))
    joined = joined.with_columns(v=pl.col("d") / pl.col("dt"))
    joined = joined.with_columns(
        teleport=pl.col("v") > thresholds["teleport_speed_ms"], gap=pl.col("dt") > thresholds["gap_s"]
    )
    joined = joined.with_columns(good=~pl.col("teleport") & ~pl.col("gap"))
    return joined.with_columns(
        moving=pl.col("good") & (pl.col("v") >= thresholds["stationary_speed_ms"]), jitter=_jitter()
    )


def _jitter() -> pl.Expr:
    """How far a point lies from where it would be at its time on the straight line between its neighbours, in degrees."""
    last, after = pl.col("latitude_0"), pl.col("latitude").shift(-1)
    share = pl.col("dt") / (pl.col("dt") + pl.col("dt").shift(-1))
    east = pl.col("longitude").shift(-1) - pl.col("longitude_0")
    east = east - 360 * (east / 360).round()  # the shorter way round, over the antimeridian too
    off = column_distance_m(
        last + (after - last) * share, pl.col("longitude_0") + east * share, pl.col("latitude"), pl.col("longitude")
    )
    between = pl.col("good") & pl.col("good").shift(-1)  # null at a trip's first point, and so after its last
    return pl.when(between).then(off)
