"""Whether two recordings hold the same points, measured second by second. Pure; limits stand in rules.py.

One recording in two files is at one place in every second that both tell. Two devices are not, not even on one wrist.
"""

from collections.abc import Callable

import polars as pl

from strava_pipeline.core.haversine import column_distance_m
from strava_pipeline.core.matching import rules

POINTS = ("at", "latitude", "longitude", "heartrate")
"""The columns of `core.files.recording.TRACK` that are looked at."""
COMPARED: dict[str, pl.DataType] = {
    "id_a": pl.Int64(),
    "id_b": pl.Int64(),
    "common_seconds": pl.Int64(),  # in which both tell a place
    "same_seconds": pl.Float64(),  # share of them at one place; null where they are too few to tell
    "points_heart_apart": pl.Float64(),  # bpm, of the means over the seconds in which both tell a heart rate
    "points_maximum_apart": pl.Float64(),  # bpm, of the highest in those
}
"""A pair of which both recordings have points, and what comparing them came to."""
NOT_COMPARED = pl.DataFrame(schema=COMPARED)

Compare = Callable[[pl.DataFrame], pl.DataFrame]
"""From pairs (`id_a`, `id_b`) to `COMPARED` of those of which both recordings have points."""


def compared(one: pl.DataFrame, other: pl.DataFrame) -> dict[str, float | None]:
    """The values of `COMPARED` but for the ids, of two recordings with the columns `POINTS`."""
    a, b = _by_second(one), _by_second(other)
    common = a.join(b, on="second", suffix="_b")
    hearts = common.drop_nulls(["heartrate", "heartrate_b"])
    placed = common.drop_nulls(["latitude", "latitude_b"])
    return {"common_seconds": placed.height, "same_seconds": _same(a, b, placed), **_hearts_apart(hearts)}


def _by_second(points: pl.DataFrame) -> pl.DataFrame:
    """The first point of each second; without a place where half of one is missing."""
    there = pl.col("latitude").is_not_null() & pl.col("longitude").is_not_null()
    return (
        points.lazy()
        .select(
            pl.col("at").dt.epoch("s").alias("second"),
            pl.when(there).then("latitude").alias("latitude"),
            pl.when(there).then("longitude").alias("longitude"),
            "heartrate",
        )
        .drop_nulls("second")
        .unique("second", keep="first", maintain_order=True)
        .collect()
    )


def _same(a: pl.DataFrame, b: pl.DataFrame, placed: pl.DataFrame) -> float | None:
    """`placed`: the seconds in which both tell a place."""
    there = [each.drop_nulls("latitude")["second"] for each in (a, b)]
    first, last = max(each.min() or 0 for each in there), min(each.max() or 0 for each in there)
    sparser = min(int(each.is_between(first, last).sum()) for each in there)
    if placed.height < max(rules.LEAST_SECONDS.value, rules.LEAST_SHARED.value * sparser):
        return None
    one, other = ([pl.col(f"{name}{side}") for name in ("latitude", "longitude")] for side in ("", "_b"))
    at_one_place = column_distance_m(*one, *other) <= rules.SAME_PLACE.value
    far = 1 - rules.MOST_OF_THE_WAY.value
    way, way_of_other, same = placed.select(
        *(
            column_distance_m(*each, *(part.first() for part in each)).quantile(far).alias(f"way_{at}")
            for at, each in enumerate((one, other))
        ),
        at_one_place.mean().alias("same"),
    ).row(0)
    return same if min(way, way_of_other) >= rules.LEAST_WAY.value else None


def _hearts_apart(hearts: pl.DataFrame) -> dict[str, float | None]:
    if hearts.height < rules.LEAST_SECONDS.value:
        return {"points_heart_apart": None, "points_maximum_apart": None}
    one, other = pl.col("heartrate"), pl.col("heartrate_b")
    apart = hearts.select(
        (one.mean() - other.mean()).abs().alias("points_heart_apart"),
        (one.max() - other.max()).abs().alias("points_maximum_apart"),
    )
    return apart.row(0, named=True)
