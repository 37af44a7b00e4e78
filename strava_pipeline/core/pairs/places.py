"""Whether two recordings, joined by second with the suffix `_b`, were at one place. Pure."""

import polars as pl

from strava_pipeline.core.geodesy import column_distance_m
from strava_pipeline.core.matching import rules


def at_one_place() -> pl.Expr:
    """Whether both are at one place, second by second."""
    one, other = ([pl.col(f"{name}{side}") for name in ("latitude", "longitude")] for side in ("", "_b"))
    return column_distance_m(*one, *other) <= rules.SAME_PLACE.value


def way(side: str = "") -> pl.Expr:
    """The farthest that a recording came from its first position, without the farthest tenth of the time (m)."""
    here = [pl.col(f"{name}{side}") for name in ("latitude", "longitude")]
    far = column_distance_m(*here, *(each.first() for each in here))
    return far.quantile(1 - rules.MOST_OF_THE_WAY.value).fill_null(0.0)
