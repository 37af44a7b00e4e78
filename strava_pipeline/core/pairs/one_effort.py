"""Whether two recordings are of one effort, by the places and the series of both. Pure.

One recording in two files is at one place in every second that both have. Two devices that heard one strap or one power meter
have the same beats or watts, which nobody else has. Each goes by its own clock: series are compared at the shift that they tell.
"""

import polars as pl

from strava_pipeline.core.matching import rules
from strava_pipeline.core.pairs.agreement import overlap
from strava_pipeline.core.pairs.places import at_one_place, way
from strava_pipeline.core.pairs.shift import TOLD_BY, by_second, shift_between

POINT_COLUMNS = ("at", "latitude", "longitude", "heartrate", "cadence", "watts")
"""The columns of `core.files.recording.TRACK` that are compared."""
_SERIES = ("heartrate", "watts")
_NO_SERIES = dict.fromkeys(("shift", "same_beats", "near_beats", "same_watts", "same_course"))
_TRIED = 3  # s around the told shift: a quantity tells it so exactly


def compare_points(one: pl.DataFrame, other: pl.DataFrame) -> dict[str, float | None]:
    """The values of `COMPARISON_COLUMNS` without the ids, for two recordings with the columns `POINT_COLUMNS`."""
    a, b = _by_second(one), _by_second(other)
    placed = a.join(b, on="second", suffix="_b").drop_nulls(["latitude", "latitude_b"])
    return {"common_seconds": placed.height, "same_seconds": _same(a, b, placed), **_series(one, other)}


def _series(one: pl.DataFrame, other: pl.DataFrame) -> dict[str, float | None]:
    """How far the heart rates and watts of both agree, at the shift of the clocks that they tell."""
    if all(min(each[name].count() for each in (one, other)) < rules.LEAST_BEATS.value for name in _SERIES):
        return {**_NO_SERIES}
    a, b = (by_second(each.rename({"at": "recorded_at"})) for each in (one, other))
    if a.is_empty() or b.is_empty() or (told := shift_between(a, b, has_places=False)) is None:
        return {**_NO_SERIES}
    tried = [_at(a, b, told.seconds + more) for more in sorted(range(-_TRIED, _TRIED + 1), key=abs)]
    best, beats = max(tried, key=lambda found: max(found[0]["same_beats"] or 0.0, found[0]["same_watts"] or 0.0))
    near = _share(beats, "heartrate", rules.NEAR_BEAT)
    return {**best, "near_beats": near, "same_course": float(told.by in TOLD_BY)}


def _at(a: pl.DataFrame, b: pl.DataFrame, shift: int) -> tuple[dict[str, float | None], pl.DataFrame]:
    """What is the same at a shift, and the seconds in which both have a heart rate."""
    joined = overlap(a, b, shift).joined
    beats = joined.filter(pl.col("heartrate") > 0, pl.col("heartrate_b") > 0)
    watts = joined.filter((pl.col("watts") > 0) | (pl.col("watts_b") > 0))  # everybody coasts
    found = {
        "shift": float(shift),
        "same_beats": _share(beats, "heartrate", rules.SAME_BEAT),
        "same_watts": _share(watts, "watts", rules.SAME_WATT),
    }
    return found, beats


def _share(values: pl.DataFrame, name: str, within: rules.Rule) -> float | None:
    """The share of seconds in which both are within a limit; None if these are too few, or one hardly moves."""
    held = values.select(one=name, other=f"{name}_b").drop_nulls()
    moves = held.select((pl.all().round() != pl.all().round().shift()).mean().fill_null(0.0)).row(0)
    values_of = held.select(pl.all().round().n_unique()).row(0)
    if (
        held.height < rules.LEAST_BEATS.value
        or min(moves) < rules.LEAST_MOVES.value
        or min(values_of) < rules.LEAST_VALUES.value
    ):
        return None
    return float(held.select(((pl.col("one") - pl.col("other")).abs() <= within.value).mean()).item())


def _by_second(points: pl.DataFrame) -> pl.DataFrame:
    """The first point of each second; its place is null if half of it is missing."""
    there = pl.col("latitude").is_not_null() & pl.col("longitude").is_not_null()
    return (
        points.lazy()
        .select(
            pl.col("at").dt.epoch("s").alias("second"),
            pl.when(there).then("latitude").alias("latitude"),
            pl.when(there).then("longitude").alias("longitude"),
        )
        .drop_nulls("second")
        .unique("second", keep="first", maintain_order=True)
        .collect()
    )


def _same(a: pl.DataFrame, b: pl.DataFrame, placed: pl.DataFrame) -> float | None:
    """The share of common seconds at one place; None if they are too few, or one recording stands still.

    `placed`: seconds with a place in both.
    """
    there = [each.drop_nulls("latitude")["second"] for each in (a, b)]
    first, last = max(each.min() or 0 for each in there), min(each.max() or 0 for each in there)
    sparser = min(int(each.is_between(first, last).sum()) for each in there)
    if placed.height < max(rules.LEAST_SECONDS.value, rules.LEAST_SHARED.value * sparser):
        return None
    one, other, same = placed.select(one=way(), other=way("_b"), same=at_one_place().mean()).row(0)
    return same if min(one, other) >= rules.LEAST_WAY.value else None
