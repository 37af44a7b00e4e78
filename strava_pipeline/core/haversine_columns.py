"""The distance of positions, column by column. Number by number it is haversine.py's, which loads no Polars."""

import polars as pl

from strava_pipeline.core.haversine import EARTH_M


def distance_m(latitude_0: pl.Expr, longitude_0: pl.Expr, latitude: pl.Expr, longitude: pl.Expr) -> pl.Expr:
    """The great-circle distance in metres (haversine) of two positions in degrees; null where one is unknown."""
    phi_0, phi = latitude_0.radians(), latitude.radians()
    half_phi, half_lambda = (phi - phi_0) / 2, (longitude.radians() - longitude_0.radians()) / 2
    h = half_phi.sin() ** 2 + phi_0.cos() * phi.cos() * half_lambda.sin() ** 2
    return 2 * EARTH_M * h.sqrt().clip(upper_bound=1.0).arcsin()
