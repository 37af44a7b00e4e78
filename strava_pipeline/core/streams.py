"""An activity's streams, as Strava answers them, as the points of its track. Pure.

What is no number, pair or truth value where one is due is null, and so is what a shorter stream lacks: nothing raises,
nothing is lost of the other streams.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import polars as pl

from strava_pipeline.core.json_text import parse_json
from strava_pipeline.core.tables.details import TRACKS

KEYS = (
    *("time", "latlng", "distance", "altitude", "velocity_smooth", "heartrate"),
    *("cadence", "watts", "temp", "moving", "grade_smooth"),
)
"""All that there are: developers.strava.com/docs/reference, getActivityStreams."""

_NUMBERS = {
    "altitude": "altitude",
    "distance": "distance",
    "speed": "velocity_smooth",
    "heartrate": "heartrate",
    "cadence": "cadence",
    "watts": "watts",
    "temperature": "temp",
    "grade": "grade_smooth",
}
_LONGEST = 1e9  # seconds, thirty years: what is further from the start is no time of a recording
_NUMBER: frozenset[type] = frozenset({int, float, type(None)})
_TRUTH: frozenset[type] = frozenset({bool, type(None)})


def points_of(answer: Any, start: datetime | None) -> pl.DataFrame:
    """The track: a row per point, the columns of `tracks` that streams tell. `start` is the activity's (UTC).

    `answer` is keyed by type or a list of streams that name theirs. Without `time` or `start` no point has a time.
    """
    found = _data(answer)
    height = max(map(len, found.values()), default=0)
    read = {name: _numbers(found.get(key, ())) for name, key in _NUMBERS.items()}
    seconds = _numbers(found.get("time", ()))
    read["latitude"], read["longitude"] = _positions(found.get("latlng", ()))
    read["moving"] = _truths(found.get("moving", ()))
    read["recorded_at"] = _instants(seconds, start)
    return pl.DataFrame([_as_long(read[name].alias(name), height) for name in TRACKS.polars_schema if name in read])


def is_nothing_recorded(status: int | None, body: bytes) -> bool:
    """Whether an answer is Strava's word that an activity has no streams: its 404, not any machine's on the way."""
    if status != 404:
        return False
    try:
        told = parse_json(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and "message" in told


def is_streams(answer: Any) -> bool:
    """Whether a body is a set of streams: one at least, or none at all in the shape of many."""
    return bool(_data(answer)) or answer in ({}, [])


def _data(answer: Any) -> dict[str, Sequence[Any]]:
    """The values of every stream that is one, by key."""
    named: Mapping[Any, Any] = answer if isinstance(answer, Mapping) else {}
    if isinstance(answer, list):
        named = {one["type"]: one for one in answer if isinstance(one, Mapping) and isinstance(one.get("type"), str)}
    streams = {key: one.get("data") if isinstance(one, Mapping) else one for key, one in named.items() if key in KEYS}
    return {key: data for key, data in streams.items() if isinstance(data, list)}


def _numbers(data: Sequence[Any]) -> pl.Series:
    """Finite numbers. A loop only where something else is among them."""
    if not _NUMBER.issuperset(map(type, data)):
        data = [value if type(value) in (int, float) else None for value in data]
    found = pl.Series(data, dtype=pl.Float64, strict=False)  # a whole number beyond what a double holds is null
    return found.set(~found.is_finite(), None)


def _positions(data: Sequence[Any]) -> tuple[pl.Series, pl.Series]:
    """Latitudes and longitudes; half a position is none."""
    pairs = [pair if type(pair) is list and len(pair) == 2 else (None, None) for pair in data]
    flat = _numbers(list(chain.from_iterable(pairs)))
    latitude, longitude = flat.gather_every(2), flat.gather_every(2, 1)
    whole = latitude.is_not_null() & longitude.is_not_null()
    return latitude.set(~whole, None), longitude.set(~whole, None)


def _truths(data: Sequence[Any]) -> pl.Series:
    if not _TRUTH.issuperset(map(type, data)):
        data = [value if type(value) is bool else None for value in data]
    return pl.Series(data, dtype=pl.Boolean)


def _instants(seconds: pl.Series, start: datetime | None) -> pl.Series:
    """`start` and so many seconds later, to the microsecond."""
    near = seconds.set(seconds.abs() > _LONGEST, None)
    later = (near * 1e6).round().cast(pl.Int64).cast(pl.Duration("us"))
    begun = pl.Series([start], dtype=pl.Datetime("us", "UTC"))
    return begun.new_from_index(0, len(later)) + later


def _as_long(column: pl.Series, height: int) -> pl.Series:
    return column.extend_constant(None, height - len(column))
