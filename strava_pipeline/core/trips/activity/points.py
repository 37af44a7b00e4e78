"""The locations of many trips as one flat frame: a row each, in recorded order, numbers where there are numbers.

What a location list may hold (text for numbers, None, lists) becomes nulls here and nowhere else. Which points are used, and
for what, is track.py's.
"""

from collections.abc import Sequence
from operator import itemgetter
from types import NoneType
from typing import Any

import polars as pl

from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.values import MILLISECONDS, clean_text, finite_number, parse_instant

_NUMBERS = {"latitude": "latitude", "longitude": "longitude", "speed": "speed", "accuracy": "horizontal_accuracy"}
_GETTERS = {key: itemgetter(key) for key in (*_NUMBERS.values(), "timestamp", "activity")}


def points_frame(bundles: Sequence[Bundle]) -> pl.DataFrame:
    """Columns trip (the bundle's place, UInt32), latitude, longitude, speed (m/s), accuracy (m), at (epoch seconds), activity.

    Values that are none are null; an element that is no object is a row of nulls.
    """
    held = _values(bundles)
    return pl.DataFrame(
        [
            _trips([len(bundle.locations) for bundle in bundles]),
            *(_numbers(name, held[key]) for name, key in _NUMBERS.items()),
            _instants(held["timestamp"]),
            _texts(held["activity"]),
        ]
    )


def _values(bundles: Sequence[Bundle]) -> dict[str, list[Any]]:
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


def _trips(counts: list[int]) -> pl.Series:
    held = pl.DataFrame({"trip": range(len(counts)), "points": counts}, schema={"trip": pl.UInt32, "points": pl.UInt32})
    some = held.filter(pl.col("points") > 0)  # before version 2, Polars makes a row of an empty list too
    return some.select(pl.col("trip").repeat_by("points").explode())["trip"]


# The types are asked first, of a whole column at once: where they are what they should be, as in nearly every batch, no value is
# looked at in Python (1.6 million points: 1.1 s instead of 2.6 s). Polars itself would take True for 1.0 and "2" for 2.0.


def _numbers(name: str, values: list[Any]) -> pl.Series:
    if not set(map(type, values)) <= {float, NoneType}:
        values = [value if type(value) is float else finite_number(value) for value in values]
    return _finite(pl.Series(name, values, dtype=pl.Float64))


def _instants(values: list[Any]) -> pl.Series:
    if not set(map(type, values)) <= {float, NoneType}:
        seconds = [
            value if type(value) is float and abs(value) <= MILLISECONDS else parse_instant(value) for value in values
        ]
        return pl.Series("at", seconds, dtype=pl.Float64)
    numbers = pl.Series("at", values, dtype=pl.Float64)
    at = pl.col("at")
    return _finite(numbers.to_frame().select(pl.when(at.abs() > MILLISECONDS).then(at / 1000).otherwise(at))["at"])


def _texts(values: list[Any]) -> pl.Series:
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
