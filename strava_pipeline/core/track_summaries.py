"""What a track sums up to, where no device and no service says it: normalised power. Pure.

One method for every source, so that years compare. What the points don't tell is NULL, never 0.
"""

import polars as pl

from strava_pipeline.core.tables import TRACK_SUMMARIES
from strava_pipeline.core.track_measures import MOST_WATTS, held_seconds, timed_values

_SMOOTHED = 30  # s: Allen, Coggan, Training and Racing with a Power Meter, 2nd ed. 2010, ch. 7
_LEAST_POWER = 1200  # s: shorter efforts are anaerobic, for which normalised power is not made (the same)
_SUMS = ("moving_time", "elevation_gain", "max_speed", "normalized_power")


def summary(points: pl.DataFrame, sport_group: str | None) -> pl.DataFrame:
    """One row with the columns of `track_summaries` that belong to an activity; no row where the points tell nothing.

    Args:
        points: of one activity, with the columns of `tracks`.
        sport_group: of core/sports.py.
    """
    del sport_group
    found = {"normalized_power": normalized_power(points)}
    schema = {name: TRACK_SUMMARIES.polars_schema[name] for name in _SUMS}
    rows = [] if all(value is None for value in found.values()) else [found]
    return pl.DataFrame(rows, schema)


def normalized_power(points: pl.DataFrame) -> float | None:
    """The fourth root of the mean of the fourth power of the mean power over 30 s (W); pauses are left out.

    Allen, Coggan: Training and Racing with a Power Meter, 2nd ed. 2010, ch. 7. None: less than 20 minutes of power.
    """
    seconds = timed_values(points, "watts", 0.0, MOST_WATTS).select(
        "watts", held_seconds().cast(pl.Int64).alias("held")
    )
    if seconds["held"].sum() < _LEAST_POWER or not seconds["watts"].max():
        return None
    each = seconds.select(pl.col("watts").repeat_by("held").explode())["watts"]
    return float(pl.select(pl.lit(each).rolling_mean(_SMOOTHED).pow(4).mean().pow(0.25)).item())
