"""Legs of a whole, such as a triathlon that one service has whole and another leg by leg; found by their times alone. Pure."""

from collections.abc import Collection

import polars as pl

from strava_pipeline.core.geodesy import column_distance_m
from strava_pipeline.core.matching.rules import CLOCK_SPREAD, CONTAINED, LEGS_TIME, MOST_DISTANCE, MOST_PLACE
from strava_pipeline.core.sources import FILE

PART = "part"
"""The verdict on a leg and its whole: the whole is counted, the leg is not."""
_OF_BOTH = ("id", "start", "elapsed", "distance", "not_counted")


def legs_of_wholes(judged: pl.DataFrame, hidden: Collection[int]) -> dict[tuple[int, int], int]:
    """The pairs of a leg and its whole, the smaller id first, with the leg's id.

    At least two legs lie within their whole, one after the other, and have most of its time, and its distance where all have
    one; the first begins and the last ends where the whole does.

    Args:
        judged: pairs as `judge_pairs` returns them.
        hidden: ids for which another one stands.
    """
    there = pl.all_horizontal(
        ~pl.col(f"id_{side}").is_in(list(hidden)) & ~pl.col(f"deleted_{side}").fill_null(False) for side in "ab"
    )
    two_files = pl.all_horizontal(pl.col("source_a", "source_b") == FILE)  # of two athletes, perhaps
    of_one = there & pl.col("one_athlete") & ~two_files & (pl.col("within") >= CONTAINED.value)
    is_a, ways = pl.col("elapsed_a") < pl.col("elapsed_b"), ("start", "end")
    legs = judged.filter(of_one, pl.col("elapsed_a") != pl.col("elapsed_b")).select(
        *(pl.when(is_a).then(f"{name}_a").otherwise(f"{name}_b").alias(name) for name in _OF_BOTH),
        *(pl.when(is_a).then(f"{name}_b").otherwise(f"{name}_a").alias(f"whole_{name}") for name in _OF_BOTH),
        *(
            column_distance_m(*(pl.col(f"{way}_{axis}_{side}") for side in "ab" for axis in ("lat", "lng"))).alias(
                way_apart
            )
            for way, way_apart in zip(ways, ("starts", "ends"), strict=True)
        ),
        pair=pl.concat_list("id_a", "id_b"),
    )
    until, time, distance = pl.col("start") + pl.col("elapsed"), pl.col("whole_elapsed"), pl.col("whole_distance")
    fits = pl.all_horizontal(
        pl.len() > 1,
        (pl.col("start") - until.shift() >= -CLOCK_SPREAD.value).all(),
        pl.col("elapsed").sum() >= LEGS_TIME.value * time.first(),
        ((pl.col("distance").sum() - distance.first()).abs() <= MOST_DISTANCE.value * distance.first()).fill_null(True)
        | pl.col("distance").has_nulls(),
        (pl.col("starts").first() <= MOST_PLACE.value).fill_null(True),
        (pl.col("ends").last() <= MOST_PLACE.value).fill_null(True),
    )
    counted = legs.filter(~pl.col("whole_not_counted").fill_null(False)).sort("whole_id", "start", "id")
    found = counted.group_by("whole_id").agg("id", "pair", fits=fits).filter("fits").explode("id", "pair")
    return {(one, other): leg for (one, other), leg in found.select("pair", "id").iter_rows()}
