"""The points of many trips as one flat frame, which of them count, what lies between them, and where a router is asked to lead.

What a location list may hold (text for numbers, None, lists) becomes nulls here and nowhere else. Then points are dropped,
sorted and rid of duplicates, and joined to segments of several kinds. Sums and percentiles over them are metrics.py's.
"""

from collections.abc import Sequence
from operator import itemgetter
from types import NoneType
from typing import Any

import polars as pl

from strava_pipeline.core.geodesy import column_distance_m, sampled
from strava_pipeline.core.json_values import MILLISECONDS, clean_text, finite_number, parse_instant
from strava_pipeline.core.trips.activity.bundle import Bundle
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


_NUMBERS = {"latitude": "latitude", "longitude": "longitude", "speed": "speed", "accuracy": "horizontal_accuracy"}
_GETTERS = {key: itemgetter(key) for key in (*_NUMBERS.values(), "timestamp", "activity")}


def points_frame(bundles: Sequence[Bundle]) -> pl.DataFrame:
    """Columns trip (the bundle's place, UInt32), latitude, longitude, speed (m/s), accuracy (m), at (epoch seconds), activity.

    Values that are none are null; an element that is no object is a row of nulls.
    """
    held = _values_by_key(bundles)
    return pl.DataFrame(
        [
            _trip_column([len(bundle.locations) for bundle in bundles]),
            *(_number_column(name, held[key]) for name, key in _NUMBERS.items()),
            _instant_column(held["timestamp"]),
            _text_column(held["activity"]),
        ]
    )


def _values_by_key(bundles: Sequence[Bundle]) -> dict[str, list[Any]]:
    """All values of each key; trip by trip, while a trip's objects are in the processor's cache."""
    held: dict[str, list[Any]] = {key: [] for key in _GETTERS}
    for bundle in bundles:
        for key, values in held.items():
            values.extend(_of_points(bundle.locations, key))
    return held


def _of_points(points: list[Any], key: str) -> list[Any]:
    try:
        return list(map(_GETTERS[key], points))
    except (KeyError, TypeError):  # some point lacks it or is no object
        return [point.get(key) if isinstance(point, dict) else None for point in points]


def _trip_column(counts: list[int]) -> pl.Series:
    held = pl.DataFrame({"trip": range(len(counts)), "points": counts}, schema={"trip": pl.UInt32, "points": pl.UInt32})
    some = held.filter(pl.col("points") > 0)  # before version 2, Polars makes a row of an empty list too
    return some.select(pl.col("trip").repeat_by("points").explode())["trip"]


# The types are asked first, of a whole column at once: where they are what they should be, as in nearly every batch, no value is
# looked at in Python (1.6 million points: 1.1 s instead of 2.6 s). Polars itself would take True for 1.0 and "2" for 2.0.


def _number_column(name: str, values: list[Any]) -> pl.Series:
    if not set(map(type, values)) <= {float, NoneType}:
        values = [value if type(value) is float else finite_number(value) for value in values]
    return _finite(pl.Series(name, values, dtype=pl.Float64))


def _instant_column(values: list[Any]) -> pl.Series:
    if not set(map(type, values)) <= {float, NoneType}:
        seconds = [
            value if type(value) is float and abs(value) <= MILLISECONDS else parse_instant(value) for value in values
        ]
        return pl.Series("at", seconds, dtype=pl.Float64)
    numbers = pl.Series("at", values, dtype=pl.Float64)
    at = pl.col("at")
    return _finite(numbers.to_frame().select(pl.when(at.abs() > MILLISECONDS).then(at / 1000).otherwise(at))["at"])


def _text_column(values: list[Any]) -> pl.Series:
    if not set(map(type, values)) <= {str, NoneType}:
        values = [value if isinstance(value, str) else None for value in values]
    try:
        texts = pl.Series("activity", values, dtype=pl.String)
    except UnicodeEncodeError:
        texts = pl.Series("activity", [value and clean_text(value) for value in values], dtype=pl.String)
    return texts.to_frame().select(pl.when(pl.col("activity") != "").then("activity"))["activity"]


def _finite(series: pl.Series) -> pl.Series:
    name = series.name
    return series.to_frame().select(pl.when(pl.col(name).is_finite()).then(name))[name]


Position = tuple[float, float]
"""Longitude and latitude, in degrees."""


def waypoints(bundles: Sequence[Bundle]) -> dict[str, list[Position]]:
    """By external id the sampled track of each trip that has at least two points.

    Of two trips with one external id it is the first one's.
    """
    used = used_points(usable_points(points_frame(bundles)))
    found: dict[str, list[Position]] = {}
    for (trip,), points in used.sort("trip", maintain_order=True).group_by("trip", maintain_order=True):
        if points.height > 1:
            found.setdefault(bundles[trip].external_id, sampled(points.select("longitude", "latitude").rows()))
    return found
