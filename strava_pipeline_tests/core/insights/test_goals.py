"""goals.toml: what it may hold, and that each fault is named with its place."""

import tomllib

import pytest

from strava_pipeline.core.insights.goals import Goals, GoalsError, read_goals


def read(text: str) -> Goals:
    return read_goals(tomllib.loads(text))


def test_goals_are_amounts_in_metres_seconds_and_activities() -> None:
    goals = read("""
        units = "miles"
        [2026.ride]
        distance_km = [5000, 4000, 5000]
        elevation_ft = 1000
        [2026.run]
        distance_miles = 500
        time_hours = 1.5
        [every_year.all]
        count = 200
    """)
    assert goals.units == "miles"
    assert goals.of(2026, "ride", "distance_m") == (4_000_000, 5_000_000)
    assert goals.of(2026, "ride", "elevation_gain_m") == pytest.approx((304.8,))
    assert goals.of(2026, "run", "distance_m") == pytest.approx((804_672,))
    assert goals.of(2026, "run", "moving_time_seconds") == (5400,)
    assert goals.of(1987, "all", "activities") == (200,)
    assert goals.of(2025, "ride", "distance_m") == ()


def test_a_year_of_its_own_counts_before_every_year() -> None:
    goals = read("every_year.run.count = 100\n2026.run.count = 150")
    assert (goals.of(2026, "run", "activities"), goals.of(2025, "run", "activities")) == ((150,), (100,))


def test_an_empty_file_sets_none() -> None:
    assert read("") == Goals()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("2026.rides.count = 1", r"\[2026.rides\]: no group of sports is called 'rides'"),
        ("2026.ride.km = 1", r"\[2026.ride\] km: no goal has this name"),
        ("2026.ride.distance_km = -5", r"\[2026.ride\] distance_km: -5 is not a number above 0"),
        ("2026.ride.distance_km = 0", "0 is not a number above 0"),
        ("2026.ride.distance_km = '5000'", "'5000' is not a number"),
        ("2026.ride.distance_km = true", "True is not a number"),
        ("2026.ride.distance_km = nan", "nan is not a number"),
        ("2026.ride.distance_km = inf", "inf is not a number"),
        ("2026.ride.distance_km = 1e306", "is not a number above 0 and below 1e9"),
        (f"2026.all.count = 1{'0' * 400}", "is not a number above 0"),
        ("2026.ride.distance_km = []", "not a number above 0"),
        ("2026.ride.distance_km = [1, 2, 3, 4, 5, 6]", "nor one to 5"),
        ("2026.ride.distance_km = 5\n2026.ride.distance_miles = 5", "another goal of distance"),
        ("26.ride.count = 1", r"\[26\]: neither a year"),
        ("every_month.ride.count = 1", r"\[every_month\]: neither a year"),
        ("2026.ride = 5", r"\[2026.ride\]: goals stand in a table"),
        ("2026 = 5", "2026: goals stand in a table"),
        ('units = "furlongs"', "units: 'furlongs'"),
    ],
)
def test_faults_are_named_with_their_place(text: str, fault: str) -> None:
    with pytest.raises(GoalsError, match=fault):
        read(text)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(GoalsError) as raised:
        read("2026.rides.count = 1\n2026.run.km = 5\nunits = 5")
    assert len(str(raised.value).splitlines()) == 3
