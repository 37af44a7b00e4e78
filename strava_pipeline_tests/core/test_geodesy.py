"""The distance of two positions: known ones, both ways, and the same as the one over columns."""

import math

import polars as pl
import pytest

from strava_pipeline.core.geodesy import EARTH_M, column_distance_m, distance_m
from strava_pipeline_tests.core.trips.scalar import haversine

QUARTER = EARTH_M * math.pi / 2


@pytest.mark.parametrize(
    ("ends", "metres"),
    [
        ((0.0, 0.0, 0.0, 0.0), 0.0),
        ((0.0, 0.0, 1.0, 0.0), QUARTER / 90),
        ((0.0, 179.5, 0.0, -179.5), QUARTER / 90),
        ((60.0, 0.0, 60.0, 180.0), QUARTER * 2 / 3),
        ((90.0, 0.0, 0.0, 77.0), QUARTER),
        ((-90.0, 0.0, 90.0, 0.0), QUARTER * 2),
        ((0.0, 0.0, 0.0, 180.0), QUARTER * 2),
        ((1.0, 0.0, -1.0, 180.0), QUARTER * 2),
    ],
)
def test_positions_are_as_far_apart_as_on_the_globe(ends: tuple[float, float, float, float], metres: float) -> None:
    assert distance_m(*ends) == pytest.approx(metres, abs=1e-6, rel=1e-9)
    assert distance_m(*ends[2:], *ends[:2]) == distance_m(*ends)


def test_it_is_the_distance_over_columns() -> None:
    ends = [(52.1, 4.5, 52.2, 4.4), (-3.0, 5.0, 3.0, 5.0), (12.5, -70.0, 12.500001, -70.0), (1.0, 0.0, -1.0, 180.0)]
    columns = pl.DataFrame(ends, schema=["a", "b", "c", "d"], orient="row").select(
        column_distance_m(*map(pl.col, "abcd"))
    )
    for positions, column in zip(ends, columns.to_series(), strict=True):
        assert column == pytest.approx(distance_m(*positions), rel=1e-12)
        assert distance_m(*positions) == pytest.approx(haversine(positions[:2], positions[2:]), rel=1e-12)
