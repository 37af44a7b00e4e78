"""lake.made.routes and lake.made.tile_visits: the same ways find the same routes in whatever order they come; planted cases; a brute-force count."""

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import duckdb
import polars as pl
import pytest

from strava_pipeline.core.geodesy import distance_m, tile_of
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.made.routes import sync_routes
from strava_pipeline.lake.made.tile_visits import sync_tile_visits
from strava_pipeline.lake.made.tracks import track_path, write_track
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.lake.test_track_measures import changed, measured

pytestmark = pytest.mark.dear

Place = tuple[float, float]
"""Kilometres to the north and to the east of one place."""
NORTH, EAST = 1 / 111.195, 1 / (111.195 * math.cos(math.radians(47.0)))
OUT = [(0.0, 0.0), (0.0, 3.0), (2.0, 3.0), (2.0, 5.0)]
LOOP = [(0.0, 0.0), (0.0, 3.0), (3.0, 3.0), (3.0, 0.0), (0.0, 0.0)]
DETOUR = [(0.0, 0.0), (0.0, 3.0), (3.0, 3.0), (3.0, 1.4), (3.6, 1.4), (3.6, 0.0), (0.0, 0.0)]
SHORT_DETOUR = [(0.0, 0.0), (0.0, 3.0), (3.0, 3.0), (3.0, 0.5), (3.2, 0.5), (3.2, 0.0), (0.0, 0.0)]
STADIUM = [(10.0, 10.0), (10.0, 10.15), (10.08, 10.15), (10.08, 10.0)]


def positions(corners: Sequence[Place], every_km: float = 0.05, shift_m: float = 0.0) -> list[Place]:
    """Degrees along the corners, a point every so many kilometres; all of them shifted."""
    found = []
    for (north_0, east_0), (north, east) in pairwise(corners):
        steps = max(1, round(math.dist((north_0, east_0), (north, east)) / every_km))
        found += [
            (north_0 + (north - north_0) * step / steps, east_0 + (east - east_0) * step / steps)
            for step in range(steps)
        ]
    shift, turn = shift_m / 1000, math.radians(20)  # askew to the cells, as most roads are
    return [
        (
            47.0 + (n * math.cos(turn) - e * math.sin(turn) + shift) * NORTH,
            11.0 + (n * math.sin(turn) + e * math.cos(turn) + shift) * EAST,
        )
        for n, e in [*found, corners[-1]]
    ]


def way(lake: Lake, activity_id: int, start: datetime, along: Sequence[Place]) -> None:
    """A track of those degrees, 20 seconds from point to point."""
    points = pl.DataFrame(
        {
            "recorded_at": [start + timedelta(seconds=20 * number) for number in range(len(along))],
            "latitude": [lat for lat, _ in along],
            "longitude": [lng for _, lng in along],
        },
        {"recorded_at": pl.Datetime("us", "UTC"), "latitude": pl.Float64, "longitude": pl.Float64},
    )
    write_track(lake, start.year, activity_id, 77, "file", [points], f"file:{activity_id}")


def follow(lake: Lake, *years: int) -> int:
    """Measure what is due and let routes and tiles follow; how many ways looked for their route."""
    measured(lake, *years)
    sync_tile_visits(lake)
    return sync_routes(lake)


def members(lake: Lake, columns: str = "route_id") -> dict[int, Any]:
    files = lake.data_dir / "route_members" / "**" / "*.parquet"
    found = duckdb.sql(f"SELECT activity_id, {columns} FROM '{files}' ORDER BY 1").fetchall()
    assert len(found) == len({one for one, *_ in found})
    return {one: said[0] if len(said) == 1 else tuple(said) for one, *said in found}


PLANTED: dict[int, tuple[list[Place], str]] = {
    1: (positions(LOOP), "Ride"),
    2: (positions(LOOP, shift_m=8), "Ride"),
    3: (positions(LOOP[::-1], shift_m=5), "Ride"),  # the other way round
    4: (positions(LOOP, every_km=0.45), "GravelRide"),  # sparse; the same group of sports
    5: (positions(LOOP), "Run"),
    6: (positions(SHORT_DETOUR), "Ride"),
    7: (positions(DETOUR), "Ride"),
    8: (positions([*LOOP, *LOOP[1:]]), "Ride"),  # twice around
    9: (positions([*OUT, *OUT[-2::-1]]), "Ride"),  # out and back
    10: (positions([*OUT, *OUT[-2::-1]], shift_m=6), "Ride"),
    11: (positions(OUT), "Ride"),  # out only
    12: (positions([*STADIUM * 5, STADIUM[0]]), "Run"),
    13: (positions([*STADIUM * 12, STADIUM[0]], every_km=0.02, shift_m=3), "Run"),
    14: ([], "Ride"),  # no positions
    15: ([(47.0, 11.0)], "Ride"),  # a point
    16: ([(-17.0, 179.99), (-17.0, 179.995), (-17.0, -180.0), (-17.0, -179.995)], "Ride"),
    17: ([(-17.0, 179.9901), (-17.0, 179.996), (-17.0, -179.998), (-17.0, -179.995)], "Ride"),
    18: (positions([(0.0, 0.0), (0.0, 0.2)]), "Run"),  # 200 m
}


STARTS = {number: datetime(2022 + (number - 1) // 6, 5, number, 8, tzinfo=UTC) for number in PLANTED}


@pytest.fixture
def planted(lake: Lake) -> Lake:
    """The activities, without tracks."""
    starts = {number: start.replace(tzinfo=None).isoformat() for number, start in STARTS.items()}
    put(lake, [activity(number, starts[number], sport_type=sport) for number, (_, sport) in PLANTED.items()])
    return lake


def come(lake: Lake, *numbers: int) -> int:
    """Let the tracks of these come; how many ways looked for their route."""
    for number in numbers:
        way(lake, number, STARTS[number], PLANTED[number][0])
    return follow(lake, 2022, 2023, 2024)


def test_ways_find_their_routes(planted: Lake) -> None:
    assert come(planted, *PLANTED) == 15
    found = members(planted, "is_lap, variant_of, round(variant_similarity, 1), round(direction, 1)")
    assert {one: route for one, route in members(planted).items() if one != route} == {
        **dict.fromkeys((2, 3, 4, 6), 1),
        10: 9,
        13: 12,
        17: 16,
    }
    assert {one for one, (is_lap, *_) in found.items() if is_lap} == {12, 13}
    assert {one: of for one, (_, of, *_) in found.items() if of} == {7: 1, 8: 1, 11: 9}
    assert found[8][2] == found[11][2] == 1.0, "the same cells, and another length"
    directions = {one: direction for one, (*_, direction) in found.items() if direction is not None}
    assert directions[2] > 0.6 > -0.6 > directions[3]
    assert {one for one in (2, 4, 6, 10, 17) if directions[one] < 0.6} == set()
    assert directions.keys() == {2, 3, 4, 6, 10, 17}, "those that follow another way, and are no laps"


def test_routes_do_not_depend_on_the_order_in_which_ways_come(planted: Lake) -> None:
    come(planted, *PLANTED)
    columns = "COLUMNS(* EXCLUDE (activity_id))"
    expected = members(planted, columns)
    for number in PLANTED:
        track_path(planted, STARTS[number].year, number).unlink()
    assert (follow(planted), [*planted.data_dir.glob("route_members/*/*")]) == (0, [])
    order = random.Random(1).sample([*PLANTED], len(PLANTED))
    for first in range(0, len(order), 4):
        come(planted, *order[first : first + 4])
    assert members(planted, columns) == expected


def tiles(lake: Lake) -> dict[tuple[int, int, int], int]:
    """The activity that was first in each tile, by zoom, column and row; published, with the view of all years."""
    publish(lake)
    with snapshot(lake) as connection:
        return {
            (zoom, x, y): first
            for zoom, x, y, first in connection.execute("SELECT zoom, x, y, activity_id FROM explorer_tiles").fetchall()
        }


def counted_tiles(numbers: Sequence[int]) -> dict[tuple[int, int, int], int]:
    """The same by looking at a place every 20 m of each way, one after the other."""
    found: dict[tuple[int, int, int], int] = {}
    for number in sorted(numbers):
        for (lat_0, lng_0), (lat, lng) in pairwise(PLANTED[number][0]):
            turn = (lng - lng_0 + 180) % 360 - 180
            parts = max(1, math.ceil(distance_m(lat_0, lng_0, lat, lng) / 20))
            for share in (step / parts for step in range(parts + 1)):
                at = lat_0 + (lat - lat_0) * share, (lng_0 + turn * share + 180) % 360 - 180
                for zoom in (14, 17):
                    found.setdefault((zoom, *tile_of(*at, zoom)), number)
    return found


def test_a_tile_belongs_to_its_first_visit_whatever_comes_later_or_goes(planted: Lake) -> None:
    late = (1, 9)
    come(planted, *(number for number in PLANTED if number not in late))
    assert tiles(planted) == counted_tiles([number for number in PLANTED if number not in late])
    come(planted, *late)
    assert tiles(planted) == counted_tiles([*PLANTED]), "an earlier one that came later was there first"
    changed(planted, "UPDATE activities_all SET deleted_at = now() WHERE id IN (1, 12)")
    assert follow(planted, 2022, 2023) == 11 + 1, "the rides after the first one, and the laps that are left"
    assert tiles(planted) == counted_tiles([number for number in PLANTED if number not in (1, 12)])
    found = members(planted)
    assert [found.get(number) for number in (1, 2, 3, 4, 12, 13)] == [None, 2, 2, 2, None, 13]
