"""Business or private: offices, weekends, and whose weekend it is."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from strava_pipeline.core.trips.car.config import CarConfig, Place
from strava_pipeline.core.trips.car.trip import classify
from strava_pipeline_tests.core.trips.car.made import place

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
def test_from_or_to_an_office_it_is_business_on_a_sunday_too(
    start: Place | None, end: Place | None, class_: str
) -> None:
    assert found("2026-05-31T12:00:00", start=start, end=end) == class_


@pytest.mark.parametrize("t", [-62_104_060_800.0, 0.0, 253_370_764_799.0])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_first_and_the_last_instant_that_an_event_may_have_are_on_a_day(t: float, zone: str) -> None:
    assert classify(CarConfig("u7", zone, (), ()), t, None, None) in ("B", "P")
