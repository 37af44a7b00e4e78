"""Rows that a person wrote: which activities fit their minute, length, distance and sport. Pure.

A person writes down the clock on the wall, wherever that was: the zone of such a row is an assumption, its seconds are
missing.
"""

import polars as pl

from strava_pipeline.core.matching.rules import (
    CROWD,
    WRITTEN_DISTANCE,
    WRITTEN_LENGTH,
    WRITTEN_METRES,
    WRITTEN_MINUTE,
    WRITTEN_SECONDS,
)
from strava_pipeline.core.matching.sports import sport_alike

_DAY = 86_400.0  # s
_COLUMNS = ["id", "source", "sport_type", "trainer", "local_start", "elapsed", "distance"]


def written_pairs(activities: pl.DataFrame) -> pl.DataFrame:
    """The pairs of a handwritten row and an activity that fits it: `id_a`, `id_b` (the smaller one first) and `fits_alone`.

    `fits_alone`: the row fits the activities of one effort only, and no other row of its source fits these.
    """
    dated = activities.filter(pl.col("start").is_finite(), pl.col("local_start").is_finite())
    rows = dated.filter(pl.col("by_hand")).select(pl.col(_COLUMNS).name.suffix("_a"))
    others = dated.select(pl.col(*_COLUMNS, "by_hand").name.suffix("_b"))
    spread = WRITTEN_MINUTE.value
    rows = rows.with_columns(
        day=pl.int_ranges(_day(pl.col("local_start_a") - spread), _day(pl.col("local_start_a") + spread) + 1)
    ).explode("day")
    others = others.with_columns(day=_day(pl.col("local_start_b"))).filter(pl.len().over("day") <= CROWD.value)
    of_two = ~pl.col("by_hand_b").fill_null(False) | (pl.col("source_a") != pl.col("source_b"))
    fitting = rows.join(others, on="day").filter(of_two, _fits()).unique(["id_a", "id_b"])
    local = pl.col("local_start_b")
    alone = (local.max().over("id_a") - local.min().over("id_a") <= spread) & (
        pl.col("id_a").n_unique().over("id_b", "source_a") == 1
    )
    pairs = fitting.select(
        pl.min_horizontal("id_a", "id_b").alias("id_a"),
        pl.max_horizontal("id_a", "id_b").alias("id_b"),
        alone.alias("fits_alone"),
    )
    # two rows that were both written are there twice
    return pairs.group_by("id_a", "id_b").agg(pl.col("fits_alone").all())


def _day(seconds: pl.Expr) -> pl.Expr:
    return (seconds / _DAY).floor().cast(pl.Int64)


def _fits() -> pl.Expr:
    has_distance = [(pl.col(name) > 0).fill_null(False) for name in ("distance_a", "distance_b")]
    at_that_minute = (pl.col("local_start_a") - pl.col("local_start_b")).abs() <= WRITTEN_MINUTE.value
    agrees = pl.when(*has_distance).then(as_far() & as_long().fill_null(True)).otherwise(as_long().fill_null(False))
    return at_that_minute & agrees & (sport_alike() > 0).fill_null(True)


def as_far() -> pl.Expr:
    """Whether two distances are equal after a person's rounding."""
    most = pl.max_horizontal("distance_a", "distance_b") * WRITTEN_DISTANCE.value
    return (pl.col("distance_a") - pl.col("distance_b")).abs() <= pl.max_horizontal(most, pl.lit(WRITTEN_METRES.value))


def as_long() -> pl.Expr:
    """Whether two lengths are equal after a person's rounding; null if one is missing."""
    most = pl.max_horizontal("elapsed_a", "elapsed_b") * WRITTEN_LENGTH.value
    return (pl.col("elapsed_a") - pl.col("elapsed_b")).abs() <= pl.max_horizontal(most, pl.lit(WRITTEN_SECONDS.value))
