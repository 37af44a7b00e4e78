"""A made-up effort, and recordings of it with planted errors."""

from datetime import UTC, datetime, timedelta
from math import exp, pi, sin, sqrt
from random import Random

import polars as pl

from strava_pipeline.core.tables import TRACKS

START = datetime(2024, 5, 1, 10, tzinfo=UTC)
METRE = 1 / 111_320  # of a degree


def effort(seconds: int = 3600, seed: int = 1) -> pl.DataFrame:
    """A point each second: a run of 10.8 km/h along a curve, with hills, intervals and a heart that follows them."""
    rng, load, rows = Random(seed), 0.0, []
    hard = [rng.random() for _ in range(seconds // 90 + 1)]
    for second in range(seconds):
        wanted = 120 + 120 * hard[second // 90]
        load += (wanted - load) / 40 if second else wanted
        far = 3.0 * second
        rows.append(
            {
                "recorded_at": START + timedelta(seconds=second),
                "latitude": 50 + (far + 150 * sin(far / 400)) * METRE,
                "longitude": 8 + 200 * sin(far / 700) * METRE,
                "altitude": 200 + 30 * sin(2 * pi * second / 1500),
                "distance": far,
                "speed": 3.0 + 0.5 * sin(second / 50),
                "heartrate": 80 + load / 2,
                "cadence": 84 + 4 * hard[second // 90],
                "watts": round(wanted),
                "temperature": 15 + second / 1800,
            }
        )
    return pl.DataFrame(rows, schema_overrides=TRACKS.polars_schema).with_columns(
        pl.lit(None, kind).alias(name) for name, kind in TRACKS.polars_schema.items() if name not in rows[0]
    )


def noise(count: int, sd: float, seed: int, holds: float = 0.0) -> pl.Series:
    """Errors with a standard deviation; `holds`: seconds for which each lasts."""
    rng, before, found = Random(seed), 0.0, []
    share = exp(-1 / holds) if holds else 0.0
    for _ in range(count):
        before = share * before + rng.gauss(0, sd * sqrt(1 - share**2))
        found.append(before)
    return pl.Series(found)


def recorded(
    points: pl.DataFrame, seed: int, *, shift: int = 0, metres: float = 4.0, **errors: tuple[float, float, float]
) -> pl.DataFrame:
    """The same by another device, which began later and ended earlier.

    Args:
        shift: seconds by which its clock is ahead.
        metres: the error of its positions, which lasts for half a minute.
        errors: by column bias, standard deviation and scale.
    """
    astray = dict.fromkeys(("latitude", "longitude"), (0.0, metres * METRE, 1.0, 30.0))
    told = {name: (*error, 0.0) for name, error in errors.items()}
    other = points.with_columns(
        (pl.col(name) * scale + bias + noise(points.height, sd, seed + place, holds)).alias(name)
        for place, (name, (bias, sd, scale, holds)) in enumerate((astray | told).items())
    )
    return other.with_columns(pl.col("recorded_at") + timedelta(seconds=shift)).slice(25, points.height - 70)
