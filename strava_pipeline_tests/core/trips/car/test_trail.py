"""The derived trail: in order of time, thinned, both ends kept, without what lies at a skip location; and its length."""

import pytest

from strava_pipeline.core.trips.car.config import Limits
from strava_pipeline.core.trips.car.state import Cache, Point
from strava_pipeline.core.trips.car.trip import km_now, length_km, trail
from strava_pipeline_tests.core.trips.car.made import north

Told = tuple[float, float]
"""When, and how many metres north."""


def points(*told: Told, is_skip: bool = False) -> tuple[Point, ...]:
    return tuple(Point(*north(metres), at, is_skip) for at, metres in told)


def cache(phone: tuple[Point, ...] = (), car: tuple[Point, ...] = (), **values: float) -> Cache:
    return Cache("u7", 0.0, 0.0, 0.0, gps_events=phone, gps_trail=car, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("phone", "car", "derived"),
    [
        ([], [], []),
        ([(0, 0)], [], [(0, 0)]),
        ([(0, 0), (1, 10)], [], [(0, 0), (1, 10)]),  # both ends
        ([(0, 0), (1, 10), (2, 20)], [], [(0, 0), (2, 20)]),
        ([(0, 0), (1, 0)], [], [(0, 0), (1, 0)]),
        ([(0, 0), (1, 49.99), (2, 50.0), (3, 99.99), (4, 100.0)], [], [(0, 0), (2, 50.0), (4, 100.0)]),
        ([(0, 0), (1, 49.9999997), (2, 500.0)], [], [(0, 0), (1, 49.9999997), (2, 500.0)]),
        ([(0, 0), (1, 49.99999), (2, 500.0)], [], [(0, 0), (2, 500.0)]),
        ([(0, 0), (1, 30), (2, 60), (3, 90), (4, 120)], [], [(0, 0), (2, 60), (4, 120)]),  # of the last kept one
        ([(0, 0), (1, 60), (2, 61)], [], [(0, 0), (1, 60), (2, 61)]),
        ([(2, 200), (0, 0), (1, 100)], [], [(0, 0), (1, 100), (2, 200)]),
        ([(0, 0), (2, 200)], [(1, 100), (3, 300)], [(0, 0), (1, 100), (2, 200), (3, 300)]),
        ([(5, 100)], [(5, 0)], [(5, 0), (5, 100)]),  # at one instant the car first
        ([(5, 100), (5, 200)], [(5, 0), (5, -100)], [(5, 0), (5, -100), (5, 100), (5, 200)]),
        ([(0, 0), (1, 100), (2, 200)], [(2, 205)], [(0, 0), (1, 100), (2, 205), (2, 200)]),
    ],
)  # fmt: skip
def test_a_trail_is_derived_from_the_points_of_phone_and_car(
    phone: list[Told], car: list[Told], derived: list[Told]
) -> None:
    assert trail(cache(points(*phone), points(*car)), Limits()) == points(*derived)


def test_points_at_skip_locations_are_not_of_it_not_even_at_its_ends() -> None:
    held = cache(
        points((0, 0), is_skip=True) + points((1, 100), (2, 900)) + points((3, 5_000), is_skip=True),
        points((2.5, 3_000), is_skip=True),
    )
    assert trail(held, Limits()) == points((1, 100), (2, 900))


def test_how_near_points_may_be_can_be_set() -> None:
    held = cache(points((0, 0), (1, 10), (2, 20), (3, 30)))
    assert trail(held, Limits(thinning_m=20.0)) == points((0, 0), (2, 20), (3, 30))
    assert trail(held, Limits(thinning_m=0.0)) == held.gps_events


def test_nothing_is_thinned_away_for_good() -> None:
    held = cache(points((0, 0), (1, 10), (2, 20)))
    trail(held, Limits())
    assert held == cache(points((0, 0), (1, 10), (2, 20)))


def test_the_length_is_that_of_the_lines_between_and_some_more_for_the_road() -> None:
    assert length_km((), Limits()) == length_km(points((0, 0)), Limits()) == 0
    there_and_back = points((0, 0), (1, 1_000), (2, 0))
    assert length_km(there_and_back, Limits()) == pytest.approx(2.3)
    assert length_km(there_and_back, Limits(haversine_factor=1.0)) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("odometers", "km"),
    [
        ({"start_odo": 5.0, "last_odo": 9.0}, 4.0),
        ({"start_odo": 0.0, "last_odo": 0.0}, 0.0),
        ({"start_odo": 5.0}, 2.3),
        ({"last_odo": 5.0}, 2.3),
        ({}, 2.3),
    ],
)
def test_how_far_it_is_now_is_told_by_the_odometers_else_by_the_trail(odometers: dict[str, float], km: float) -> None:
    held = cache(points((0, 0), (1, 20), (2, 2_000)), **odometers)
    assert km_now(held, Limits()) == pytest.approx(km)
