"""The mix of activities of each trip: what the source stored, else how many of the used points say which.

Shares need not add up to 1: a phone may see several activities at once, and a point may tell none.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.values import clean_text, finite_number

MIX = pl.List(pl.Struct({"activity": pl.String, "share": pl.Float64}))


def mixes(bundles: Sequence[Bundle], used: pl.DataFrame) -> pl.DataFrame:
    """The columns trip, activity_mix and activity_source (`stored` or `points`), a row per trip that has a mix.

    Of a stored mix only what is a number counts; where that is nothing, nothing was stored.
    """
    held = [_stored(bundle.activity_distribution) for bundle in bundles]
    stored = [(trip, name, share, "stored") for trip, mix in enumerate(held) for name, share in mix.items()]
    told = stored + _of_points(used, [trip for trip, mix in enumerate(held) if not mix])
    schema = {"trip": pl.UInt32, "activity": pl.String, "share": pl.Float64, "activity_source": pl.String}
    shares = pl.DataFrame(told, schema=schema, orient="row")
    return shares.group_by("trip", maintain_order=True).agg(
        activity_mix=pl.struct("activity", "share"), activity_source=pl.col("activity_source").first()
    )


def mix_of(value: Sequence[Mapping[str, Any]] | None) -> dict[str, float]:
    """One value of the column activity_mix as a dict: share by activity."""
    return {entry["activity"]: entry["share"] for entry in value or ()}


def _stored(distribution: Mapping[str, Any] | None) -> dict[str, float]:
    shares = {clean_text(name): finite_number(share) for name, share in (distribution or {}).items()}
    return {name: share for name, share in shares.items() if share is not None}


def _of_points(used: pl.DataFrame, trips: Sequence[int]) -> list[tuple[int, str, float, str]]:
    wanted = used.select("trip", "activity").filter(pl.col("trip").is_in(pl.Series(trips, dtype=pl.UInt32).implode()))
    counted = wanted.group_by("trip", "activity").len().with_columns(of=pl.col("len").sum().over("trip"))
    told = counted.filter(pl.col("activity").is_not_null()).sort("trip", "activity")
    return told.select("trip", "activity", pl.col("len") / pl.col("of"), source=pl.lit("points")).rows()
