"""The trail of a trip, and whether it was business."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from strava_pipeline.trips.car.rules.config import CarConfig, Limits, Place
from strava_pipeline.trips.car.rules.trip import Cache, Point, classify, km_now, length_km, trail
from strava_pipeline_tests.trips.car.rules.made import north, place

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
def test_a_trail_is_derived_of_points_of_phone_and_car(phone: list[Told], car: list[Told], derived: list[Told]) -> None:
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


DESK, HOME, GYM = place("Desk", "office", 0.0), place("Home", "home", 0.0), place("Gym", "skip", 0.0)


def found(local: str, zone: str = "Europe/Lisbon", start: Place | None = None, end: Place | None = None) -> str:
    instant = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).timestamp()
    return classify(CarConfig("u7", zone, (), ()), instant, start, end).value


@pytest.mark.parametrize(
    ("began", "class_"),
    [
        ("2026-05-29T23:59:59", "B"),  # a Friday
        ("2026-05-30T00:00:00", "P"),
        ("2026-05-31T23:59:59", "P"),
        ("2026-06-01T00:00:00", "B"),
        ("2026-06-03T12:00:00", "B"),
    ],
)
@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Lisbon", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/St_Johns"]
)
def test_saturdays_and_sundays_are_private_where_the_user_is(began: str, class_: str, zone: str) -> None:
    assert found(began, zone) == class_


@pytest.mark.parametrize(
    ("zone", "class_"),
    [("UTC", "B"), ("Asia/Tokyo", "P"), ("Pacific/Auckland", "P"), ("America/Lima", "B"), ("Europe/Berlin", "P")],
)
def test_the_same_instant_is_another_day_elsewhere(zone: str, class_: str) -> None:
    friday_evening = datetime.fromisoformat("2026-05-29T22:30:00+00:00").timestamp()
    assert classify(CarConfig("u7", zone, (), ()), friday_evening, None, None).value == class_


@pytest.mark.parametrize(
    ("instant", "zone", "class_"),
    [
        # clocks go forward on Sunday 29 March 2026 at 01:00 UTC: midnight after it is at 22:00 UTC in Berlin
        ("2026-03-28T22:59:59+00:00", "Europe/Berlin", "P"),
        ("2026-03-29T21:59:59+00:00", "Europe/Berlin", "P"),
        ("2026-03-29T22:00:00+00:00", "Europe/Berlin", "B"),
        # and back on Sunday 25 October 2026: midnight before it is at 22:00 UTC, the one after it at 23:00
        ("2026-10-23T21:59:59+00:00", "Europe/Berlin", "B"),
        ("2026-10-23T22:00:00+00:00", "Europe/Berlin", "P"),
        ("2026-10-25T22:30:00+00:00", "Europe/Berlin", "P"),
        ("2026-10-25T23:00:00+00:00", "Europe/Berlin", "B"),
        # midnight itself is skipped: clocks in Beirut go from 24:00 on Saturday to 01:00 on Sunday
        ("2026-03-28T21:59:59+00:00", "Asia/Beirut", "P"),
        ("2026-03-29T20:59:59+00:00", "Asia/Beirut", "P"),
        ("2026-03-29T21:00:00+00:00", "Asia/Beirut", "B"),
    ],
)
def test_days_have_23_or_25_hours_when_clocks_change(instant: str, zone: str, class_: str) -> None:
    at = datetime.fromisoformat(instant).timestamp()
    assert classify(CarConfig("u7", zone, (), ()), at, None, None).value == class_


@pytest.mark.parametrize(
    ("start", "end", "class_"),
    [
        (DESK, None, "B"), (None, DESK, "B"), (DESK, HOME, "B"), (GYM, DESK, "B"),
        (HOME, GYM, "P"), (HOME, None, "P"), (None, None, "P"),
    ],
)  # fmt: skip
def test_from_or_to_an_office_it_is_business_on_sundays(start: Place | None, end: Place | None, class_: str) -> None:
    assert found("2026-05-31T12:00:00", start=start, end=end) == class_


@pytest.mark.parametrize("t", [-62_104_060_800.0, 0.0, 253_370_764_799.0])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_first_and_the_last_instant_that_an_event_may_have_are_on_a_day(t: float, zone: str) -> None:
    assert classify(CarConfig("u7", zone, (), ()), t, None, None) in ("B", "P")
