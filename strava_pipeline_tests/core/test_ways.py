"""core.ways: which cells a way comes through, how long it is and how far across. Made-up tracks, and a slow, obvious reference."""

import math
from itertools import pairwise

import polars as pl
import pytest

from strava_pipeline.core.geodesy import distance_m, tile_of
from strava_pipeline.core.ways import WAY_ZOOM, way_measures
from strava_pipeline_tests.core.test_track_measures import track

Place = tuple[float, float]


def places(*corners: Place, every: int) -> list[Place]:
    """Points from corner to corner, so many on each side."""
    found = [corners[0]]
    for (lat_0, lng_0), (lat, lng) in pairwise(corners):
        found += [
            (lat_0 + (lat - lat_0) * step / every, lng_0 + (lng - lng_0) * step / every) for step in range(1, every + 1)
        ]
    return found


def recorded(along: list[Place], seconds: int | None = 60) -> pl.DataFrame:
    return track(
        [
            (None if seconds is None else number * seconds, {"latitude": lat, "longitude": lng})
            for number, (lat, lng) in enumerate(along)
        ]
    )


def cells_of(points: pl.DataFrame, group: str = "ride") -> set[tuple[int, int]]:
    return set(way_measures(points, group)[1].select("x", "y").iter_rows())


CORNERS = ((47.0, 11.0), (47.01, 11.0), (47.01, 11.02), (47.0, 11.0))


@pytest.mark.parametrize("every", [200, 20, 5])
def test_a_sparse_recording_comes_through_the_same_cells_as_a_dense_one(every: int) -> None:
    expected = {tile_of(lat, lng, WAY_ZOOM) for lat, lng in places(*CORNERS, every=2000)}
    found = cells_of(recorded(places(*CORNERS, every=every)))
    assert found <= expected
    assert len(expected - found) <= 2, "a corner of a cell that is cut by less than 20 m"
    summary, _ = way_measures(recorded(places(*CORNERS, every=every)), "ride")
    round_trip = sum(distance_m(*one, *other) for one, other in pairwise(CORNERS))
    across = math.hypot(0.01 * 111_195, 0.02 * 111_195 * math.cos(math.radians(47.0)))
    ((length, extent, cells),) = summary.iter_rows()
    assert (length, cells) == (pytest.approx(round_trip, rel=1e-3), len(found))
    assert extent == pytest.approx(across, rel=2e-3)


@pytest.mark.parametrize(
    ("along", "seconds", "expected"),
    [
        ([], 60, 0),
        ([(47.0, 11.0)], 60, 0),  # one point is no way
        ([(47.0, 11.0)] * 5, 60, 1),
        ([(0.0, 0.0), (47.0, 11.0)], 60, 0),  # no position
        ([(47.0, 11.0), (47.05, 11.0)], 3600, 0),  # 5.6 km without a point
        ([(47.0, 11.0), (47.005, 11.0)], 1, 0),  # 556 m in a second
        ([(47.0, 11.0), (47.005, 11.0)], None, 6),  # a planned way has no times
        ([(89.9, 0.0), (89.9, 1.0)], 60, 0),  # beyond the map
    ],
)
def test_only_steps_that_somebody_took_are_a_way(along: list[Place], seconds: int | None, expected: int) -> None:
    summary, cells = way_measures(recorded(along, seconds), "ride")
    assert (cells.height, summary.height) == (expected, min(expected, 1))


def test_a_jump_adds_no_cell_and_the_way_goes_on_behind_it() -> None:
    way = places((47.0, 11.0), (47.02, 11.0), every=40)
    clean = recorded(way)
    with_jump = recorded([*way[:20], (47.5, 12.0), *way[20:]])
    assert cells_of(clean) - cells_of(with_jump) <= {tile_of(*place, WAY_ZOOM) for place in way[19:21]}
    assert cells_of(with_jump) <= cells_of(clean)


def test_a_way_over_the_antimeridian_is_one() -> None:
    over = recorded(places((-17.0, 179.995), (-17.0, 180.005), every=4)).with_columns(
        longitude=(pl.col("longitude") + 180) % 360 - 180
    )
    summary, cells = way_measures(over, "ride")
    assert summary["length_m"].item() == pytest.approx(1063, rel=1e-2)
    assert summary["extent_m"].item() == pytest.approx(1063, rel=1e-2)
    last = 2**WAY_ZOOM - 1
    assert {*cells["x"]} == {0, 1, 2, 3, last - 3, last - 2, last - 1, last}


def test_cells_say_where_along_the_way_they_come_first() -> None:
    out = places((47.0, 11.0), (47.01, 11.0), every=50)
    _, cells = way_measures(recorded([*out, *out[::-1]]), "run")
    along = cells.sort("first_m")
    assert along["y"].is_sorted(descending=True), "north, and the way back comes through no new cell"
    assert along["first_m"].max() == pytest.approx(1112 - 50, abs=60)  # type: ignore[arg-type]
