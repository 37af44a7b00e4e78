"""The distance of two positions, the tiles that they lie in, and samples of tracks: known ones, and the same over columns."""

import math
from itertools import pairwise

import polars as pl
import pytest

from strava_pipeline.core.geodesy import EARTH_M, column_distance_m, column_tiles, distance_m, sampled, tile_of
from strava_pipeline_tests.core.spheres import haversine

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


@pytest.mark.parametrize(
    ("latitude", "longitude", "zoom", "tile"),
    [
        (0.0, 0.0, 1, (1, 1)),
        (52.52, 13.405, 10, (550, 335)),  # Berlin, London, Sydney and New York, as OpenStreetMap numbers their tiles
        (51.5074, -0.1278, 10, (511, 340)),
        (-33.8688, 151.2093, 12, (3768, 2457)),
        (40.6892, -74.0445, 16, (19288, 24645)),
        (85.0511, -180.0, 5, (0, 0)),
        (-85.0511, 179.99, 5, (31, 31)),
    ],
)
def test_a_place_is_in_the_tile_of_maps(latitude: float, longitude: float, zoom: int, tile: tuple[int, int]) -> None:
    assert tile_of(latitude, longitude, zoom) == tile
    place = pl.DataFrame({"latitude": [latitude], "longitude": [longitude]})
    (column,) = place.select(
        *(
            each.alias(name)
            for each, name in zip(column_tiles(pl.col("latitude"), pl.col("longitude"), zoom), "xy", strict=True)
        )
    ).rows()
    assert column == tile


@pytest.mark.parametrize(
    ("place", "tile"), [((90.0, 190.0), (31, 0)), ((-90.0, -190.0), (0, 31)), ((0.0, 180.0), (31, 16))]
)
def test_beyond_the_maps_edges_it_is_the_nearest_tile(place: tuple[float, float], tile: tuple[int, int]) -> None:
    assert tile_of(*place, 5) == tile


@pytest.mark.parametrize(("count", "kept"), [(0, 0), (25, 25), (26, 24), (1000, 24)])
def test_of_a_long_track_some_points_are_chosen_with_both_ends(count: int, kept: int) -> None:
    points = sampled(range(count))
    assert len({*points}) == len(points) == kept
    assert points == sorted(points)
    assert points[:1] + points[-1:] == ([0, count - 1] if count else [])
    assert points[-2:] == [*range(count)][-2:]
    assert max((b - a for a, b in pairwise(points)), default=0) <= count / 22 + 1
