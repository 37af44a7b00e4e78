"""The shift between the clocks of two recordings of one effort. Pure.

By positions: where both were in the same small square, the difference of the times is the shift; the best second is that
with the least squares of the distances. Laps give one such shift each; if several fit, the more usual one for a clock
counts. Without positions, a measured quantity may tell it: the variance of the
difference of both, over the seconds that both have, is least at the shift. That holds where four parts of the recording,
each by itself, come to the same; else the devices' own clocks count. On real tracks with planted shifts and errors
(docs/adr/0131) positions come within 1 s, quantities within 3 s.
"""

from dataclasses import dataclass

import polars as pl

from strava_pipeline.core.geodesy import column_distance_m
from strava_pipeline.core.matching.rules import CLOCK_SPREAD, CLOCK_STEP, LEAST_WAY, LONGEST
from strava_pipeline.core.pairs.places import way
from strava_pipeline.core.track_lines import HOLDS

POSITIONS, CLOCKS = "positions", "clocks"
TOLD_BY = ("watts", "cadence", "heartrate")
"""Quantities whose course tells a shift, the best first: a heart rate lags by what its sensor does."""
_NORTH, _EAST = 30 / 111_320, 45 / 111_320  # degrees of a square's sides: 30 m, and up to 60° of latitude 22 to 45 m
_BIN = 10  # s: how long it takes to cross a square
_NEARLY, _MOST_TRIED = 0.8, 8  # of the differences in the fullest bin; laps that are looked at
_ALIKE = 1.2  # times the least squares: laps of one pace are told apart by nothing but the clocks
_MOST_APART = 50.0  # m, the median: otherwise it wasn't one way
_LEAST_PLACED = 120  # s with a position in both
_CLIP = 100.0  # m: a stray position counts as this far
_FARTHEST = 300  # s to either side that a quantity is tried at
_SMOOTH = 15  # s: white noise of 4 bpm and more no longer hides the course
_PARTS, _AGREEING, _WITHIN = 4, 3, 3  # parts of a recording, how many must agree, within s of their median
_LEAST = 300  # s in common that a quantity needs


@dataclass(frozen=True, slots=True)
class Shift:
    """Seconds by which the second recording's clock is ahead, and what tells it: positions, clocks, or a quantity."""

    seconds: int
    by: str


def by_second(points: pl.DataFrame) -> pl.DataFrame:
    """The points by whole `second` since 1970, in order: the mean of each second's numbers. A clock that leapt by years is cut.

    Seconds that smart recording left out are there, too, with the numbers of the point before them and without a
    position; `is_read` is False there. A pause stays a gap.

    Args:
        points: with the columns of `tracks`.
    """
    numbers = [name for name, kind in points.schema.items() if kind == pl.Float64]
    return (
        points.lazy()
        .group_by(second=pl.col("recorded_at").dt.epoch("s"), maintain_order=True)
        .agg(pl.col(numbers).mean())
        .drop_nulls("second")
        .filter((pl.col("second") - pl.col("second").median()).abs() <= LONGEST.value)
        .sort("second")
        .pipe(_without_gaps)
        .collect()
    )


def _without_gaps(points: pl.LazyFrame) -> pl.LazyFrame:
    """A row for each second until the next point, which is no further away than a pause."""
    gap = pl.col("second").shift(-1) - pl.col("second")
    is_read = pl.col("past") == 0
    return (
        points.with_columns(past=pl.int_ranges(pl.when(gap <= HOLDS).then(gap).otherwise(1)))
        .explode("past")
        .with_columns(
            pl.when(is_read).then(pl.col("latitude", "longitude")),
            second=pl.col("second") + pl.col("past"),
            is_read=is_read,
        )
        .drop("past")
    )


def shift_between(one: pl.DataFrame, other: pl.DataFrame, *, has_places: bool = True) -> Shift | None:
    """The shift of `other` against `one`, both from `by_second`; None if their clocks are hours apart and nothing tells it.

    `has_places`: False where the positions of one are of another world.
    """
    if has_places and (found := _by_positions(one, other)) is not None:
        return Shift(found, POSITIONS)
    begins, ends = (int(other["second"].item(place)) - int(one["second"].item(place)) for place in (0, -1))
    zones = round(begins / CLOCK_STEP.value) * int(CLOCK_STEP.value)
    is_by_zones = zones != 0 and max(abs(begins - zones), abs(ends - zones)) <= 2 * CLOCK_SPREAD.value
    for name in TOLD_BY:
        if (told := _by_quantity(one, other, name, zones if is_by_zones else 0)) is not None:
            return Shift(told, name)
    return None if is_by_zones else Shift(0, CLOCKS)


def _by_positions(one: pl.DataFrame, other: pl.DataFrame) -> int | None:
    a, b = _placed(one), _placed(other)
    if a.is_empty() or a.select(way()).item() < LEAST_WAY.value:
        return None
    met = _entries(a).join(_entries(b), on=("east", "north"), suffix="_b")
    apart = met.select(bin=((pl.col("second_b") - pl.col("second")) / _BIN).round().cast(pl.Int64))["bin"]
    if apart.is_empty():
        return None
    tried = [_nearest(a, b, coarse * _BIN) for coarse in _coarse(apart)]
    least = min(each[0] for each in tried)
    _, best, median = min((each for each in tried if each[0] <= _ALIKE * least), key=lambda each: _odd(each[1]))
    return best if median <= _MOST_APART else None


def _coarse(apart: pl.Series) -> list[int]:
    """The bins that hold nearly as many differences as any: one per lap, where a course was passed again and again."""
    count = dict(apart.value_counts().iter_rows())
    most = max(count.values())
    peaks = [
        each
        for each, held in count.items()
        if held >= max(_NEARLY * most, *(count.get(beside, 0) for beside in (each - 1, each + 1)))
    ]
    return sorted(peaks, key=lambda each: _odd(each * _BIN))[:_MOST_TRIED]


def _odd(shift: int) -> float:
    """How unusual a shift is: clocks are right, or wrong by a zone, or by some seconds more."""
    step = CLOCK_STEP.value
    return abs(shift) if abs(shift) < step / 2 else step / 2 + abs(shift - round(shift / step) * step)


def _nearest(a: pl.DataFrame, b: pl.DataFrame, coarse: int) -> tuple[float, int, float]:
    """The least mean square of the distances around a shift (m²), the shift there, and the median distance (m)."""
    distance = column_distance_m(
        *(pl.col(f"{name}{side}") for side in ("", "_b") for name in ("latitude", "longitude"))
    )
    tried = []
    for seconds in range(coarse - 2 * _BIN, coarse + 2 * _BIN + 1):
        both = a.join(b.with_columns(pl.col("second") - seconds), on="second", suffix="_b").select(apart=distance)
        if both.height >= _LEAST_PLACED:
            squares = both.select(pl.col("apart").clip(upper_bound=_CLIP).pow(2).mean()).item()
            tried.append((squares, seconds, both.select(pl.col("apart").median()).item()))
    return min(tried, default=(_CLIP**2, coarse, _CLIP))


def _placed(recording: pl.DataFrame) -> pl.DataFrame:
    """`second`, `latitude` and `longitude`, with positions between points that are not further apart than a pause."""
    placed = recording.select("second", "latitude", "longitude").drop_nulls()
    if placed.is_empty():
        return placed
    seconds = pl.int_range(placed["second"].item(0), placed["second"].item(-1) + 1, eager=True).alias("second")
    near = pl.col("seen").backward_fill() - pl.col("seen").forward_fill() <= HOLDS
    return (
        seconds.to_frame()
        .lazy()
        .join(placed.with_columns(seen="second").lazy(), on="second", how="left", maintain_order="left")
        .with_columns(pl.col("latitude", "longitude").interpolate())
        .filter(near)
        .select("second", "latitude", "longitude")
        .collect()
    )


def _entries(placed: pl.DataFrame) -> pl.DataFrame:
    """When each square was entered, once a minute at most: at its edge a receiver that stands still enters it again and again."""
    squares = placed.select(
        "second",
        east=(pl.col("longitude") / _EAST).floor().cast(pl.Int32),
        north=(pl.col("latitude") / _NORTH).floor().cast(pl.Int32),
    )
    where = pl.struct("east", "north")
    entered = squares.filter((where != where.shift()).fill_null(value=True))
    return entered.filter(pl.struct("east", "north", pl.col("second") // 60).is_first_distinct())


def _by_quantity(one: pl.DataFrame, other: pl.DataFrame, name: str, around: int) -> int | None:
    a, b = _even(one, name), _even(other, name)
    if a is None or b is None:
        return None
    (begins, values), (begins_b, values_b) = a, b
    length = len(values) // _PARTS
    told = []
    for part in range(_PARTS):
        piece = values.slice(part * length, length)
        if (found := _least(begins + part * length, piece, begins_b - around, values_b, length // 2)) is not None:
            told.append(found)
    if len(told) < _AGREEING:
        return None
    median = sorted(told)[len(told) // 2]
    agreeing = [each for each in told if abs(each - median) <= _WITHIN]
    return around + median if len(agreeing) >= _AGREEING else None


def _even(recording: pl.DataFrame, name: str) -> tuple[int, pl.Series] | None:
    """The first second, and the smoothed values from there on; None if there are too few."""
    held = recording.select("second", name).drop_nulls()
    if held.height < _LEAST:
        return None
    first, last = held["second"].item(0), held["second"].item(-1)
    seconds = pl.int_range(first, last + 1, eager=True).alias("second").to_frame()
    values = seconds.join(held, on="second", how="left", maintain_order="left")[name].forward_fill(int(HOLDS))
    return first, values.rolling_mean(_SMOOTH, min_samples=_SMOOTH // 2, center=True)


def _least(begins: int, values: pl.Series, begins_b: int, values_b: pl.Series, least: int) -> int | None:
    """The shift at which the difference of both varies least; None at an edge, where nothing shows a minimum."""
    tried = []
    for shift in range(-_FARTHEST, _FARTHEST + 1):
        ahead = begins + shift - begins_b
        here, there = max(0, -ahead), max(0, ahead)
        count = min(len(values) - here, len(values_b) - there)
        if count < max(least, _LEAST // _PARTS):
            continue
        apart = values.slice(here, count) - values_b.slice(there, count)
        if apart.len() - apart.null_count() >= least and (variance := apart.var()) is not None:
            tried.append((variance, shift))
    best = min(tried, default=(0.0, _FARTHEST))[1]
    return best if tried and best not in (tried[0][1], tried[-1][1]) else None
