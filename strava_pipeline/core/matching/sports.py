"""How alike the sports of two activities are. Pure."""

import polars as pl

from strava_pipeline.core.matching.rules import COMPATIBLE, UNSAID
from strava_pipeline.core.sports import FAMILY, INDOORS, UNSPECIFIED


def sport_alike() -> pl.Expr:
    """1 for the same sport, 0 for another, None if one has no sport. It reads `sport_type_a`, `trainer_a`, and the same
    of `b`.
    """
    a, b = pl.col("sport_type_a"), pl.col("sport_type_b")
    family = [each.replace_strict(FAMILY, default=each, return_dtype=pl.String) for each in (a, b)]
    return (
        pl.when((a == b) | (_as_said_indoors("a") == _as_said_indoors("b")))
        .then(1.0)
        .when(family[0] == family[1])
        .then(COMPATIBLE.value)
        .when((a == UNSPECIFIED) | (b == UNSPECIFIED))
        .then(UNSAID.value)
        .when(a.is_not_null() & b.is_not_null())
        .then(0.0)
    )


def _as_said_indoors(side: str) -> pl.Expr:
    """The sport; the virtual one if the activity was on a trainer or treadmill."""
    sport = pl.col(f"sport_type_{side}")
    indoors = sport.replace_strict(INDOORS, default=sport, return_dtype=pl.String)
    return pl.when(pl.col(f"trainer_{side}")).then(indoors).otherwise(sport)
