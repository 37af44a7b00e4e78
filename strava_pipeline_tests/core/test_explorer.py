"""core.explorer: squares and clusters, beside a count that tries every one; tiles in privacy zones."""

import random
from itertools import product

import pytest

from strava_pipeline.core.explorer import (
    Square,
    Tile,
    explored,
    largest_cluster,
    largest_square,
    tile_edges,
    tile_feature,
    touches,
)
from strava_pipeline.core.geodesy import tile_of
from strava_pipeline.core.privacy import PrivacyZone
from strava_pipeline_tests.present import there


def every_square(tiles: set[Tile]) -> int:
    """The side of the largest square, by trying each one."""
    best = 0
    for x, y in tiles:
        side = 1
        while all((x + i, y + j) in tiles for i, j in product(range(side), repeat=2)):
            best, side = max(best, side), side + 1
    return best


def every_cluster(tiles: set[Tile]) -> int:
    """The size of the largest cluster, by joining sets until nothing changes."""
    inner = [{(x, y)} for x, y in tiles if {(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)} <= tiles]
    while True:
        pair = next(
            (
                (one, other)
                for one, other in product(inner, inner)
                if one is not other and any(abs(a - c) + abs(b - d) == 1 for a, b in one for c, d in other)
            ),
            None,
        )
        if pair is None:
            return max(map(len, inner), default=0)
        inner = [each for each in inner if each not in pair] + [pair[0] | pair[1]]


@pytest.mark.parametrize("seed", range(12))
def test_the_largest_square_and_cluster_are_those_that_trying_all_of_them_finds(seed: int) -> None:
    dice = random.Random(seed)
    share = dice.choice([0.5, 0.75, 0.9])
    tiles = {(100 + x, 200 + y) for x, y in product(range(9), range(11)) if dice.random() < share}
    square = there(largest_square(tiles))
    assert square.side == every_square(tiles)
    corner = product(range(square.side), repeat=2)
    assert {(square.x + i, square.y + j) for i, j in corner} <= tiles
    assert len(largest_cluster(tiles, 14)) == every_cluster(tiles)
    found = explored(tiles, 14)
    runs = {(x, y) for y, first, last in found.cluster for x in range(first, last + 1)}
    assert (found.tiles, found.square, found.cluster_tiles) == (len(tiles), square, len(runs))
    assert runs == largest_cluster(tiles, 14)


@pytest.mark.parametrize(
    ("tiles", "side", "cluster"),
    [
        ([], 0, 0),
        ([(5, 5)], 1, 0),
        ([(x, 7) for x in range(50)], 1, 0),  # a road
        ([*product(range(2), range(2))], 2, 0),
        ([*product(range(3), range(3))], 3, 1),
        ([*product(range(4), range(3)), *product(range(10, 13), range(3))], 3, 2),
        ([((16383 + x) % 16384, y) for x, y in product(range(4), range(3))], 3, 2),  # over the antimeridian
    ],
)
def test_known_tiles_come_to_known_squares_and_clusters(tiles: list[Tile], side: int, cluster: int) -> None:
    found = explored(tiles, 14)
    assert (found.square.side if found.square else 0, found.cluster_tiles) == (side, cluster)


@pytest.mark.slow
def test_a_hundred_thousand_tiles_are_counted() -> None:
    found = explored([*product(range(1000, 1400), range(250))], 17)
    assert (found.square, found.cluster_tiles) == (Square(1000, 0, 250), 398 * 248)


def test_a_tile_is_a_polygon_around_its_places_and_hidden_where_a_zone_may_reach() -> None:
    x, y = tile_of(47.37, 8.54, 14)
    west, south, east, north = tile_edges(x, y, 14)
    assert west <= 8.54 <= east
    assert south <= 47.37 <= north
    feature = tile_feature(x, y, 14, {"activities": 3})
    assert (feature["id"], feature["properties"]) == (f"14/{x}/{y}", {"activities": 3})
    assert feature["geometry"]["coordinates"][0][0] == feature["geometry"]["coordinates"][0][-1]
    zone = PrivacyZone(47.37, 8.54, 200.0)
    assert [touches(zone, x + step, y, 14) for step in (0, 4)] == [True, False]
