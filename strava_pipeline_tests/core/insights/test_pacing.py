"""A year against its goals: the worked examples of the system that these formulas come from, and the odd days of calendars."""

from calendar import monthrange
from dataclasses import replace
from datetime import date, timedelta

import pytest

from strava_pipeline.core.insights.goals import Goals, read_goals
from strava_pipeline.core.insights.pacing import (
    Day,
    Year,
    achieved_on,
    cumulative,
    default_goals,
    desire,
    goal_progress,
    latest_day,
    momentum,
    pace_measures,
    pacing,
    projection,
    required,
    year_until,
)
from strava_pipeline.core.insights.present import PresentGoal, present_goals


@pytest.mark.parametrize(
    ("year", "day", "expected"),
    [
        (2024, date(2024, 1, 1), 5.464481),
        (2024, date(2024, 2, 29), 327.868852),
        (2024, date(2024, 12, 31), 2000),
        (2025, date(2025, 1, 1), 5.479452),
        (2025, date(2025, 3, 1), 328.767123),
        (2025, date(2025, 12, 31), 2000),
    ],
)
def test_the_desire_line_toward_2000(year: int, day: date, expected: float) -> None:
    whole = Year(year, date(year, 12, 31))
    assert desire(2000, whole.place(day), whole.length) == pytest.approx(expected, abs=5e-7)


def test_pace_and_what_is_needed_of_a_year_that_began_with_two_days_of_ten() -> None:
    year, series = Year(2025, date(2025, 1, 3)), [10.0, 20.0, 20.0]
    assert cumulative({date(2025, 1, 1): 10.0, date(2025, 1, 2): 10.0}, year) == series
    assert [pacing(series, k) for k in (1, 2, 3)] == pytest.approx([10, 10, 6.666667])
    assert [required(2000, series, k, year.length) for k in (1, 2, 3)] == pytest.approx([5.467033, 5.454545, 5.469613])
    assert projection(series, year.length) == pytest.approx(2433.33, abs=0.005)


def test_nothing_is_needed_at_the_end_of_a_year_nor_beyond_a_goal() -> None:
    year = Year(2025, date(2025, 12, 31))
    series = [1.0] * year.length
    assert required(500, series, year.length, year.length) == 0
    assert required(1, series, 10, year.length) == 0


def test_a_goal_is_achieved_on_the_first_day_that_reaches_it() -> None:
    year, series = Year(2025, date(2025, 1, 5)), [0.0, 10.0, 10.0, 25.0, 25.0]
    assert achieved_on(10, series, year) == date(2025, 1, 2)
    assert achieved_on(10.5, series, year) == date(2025, 1, 4)
    assert achieved_on(25.1, series, year) is None
    assert achieved_on(5, [10.0], Year(2025, date(2025, 1, 1))) == date(2025, 1, 1)


def test_a_sum_that_lacks_the_last_digits_of_a_goal_reaches_it() -> None:
    year = Year(2024, date(2024, 4, 9))
    series = cumulative({year.day(place): 4100.1 for place in range(1, 101)}, year)
    assert series[-1] < 410_010 == pytest.approx(series[-1])
    assert achieved_on(410_010, series, year) == date(2024, 4, 9)
    assert required(410_010, series, 100, 366) == 0


@pytest.mark.parametrize(
    ("projected", "step", "expected"),
    [(3077.36, 100, [3000, 3100, 3200]), (3000.0, 100, [2900, 3000, 3100]), (40.0, 100, [100, 200]), (0.0, 100, [])],
)
def test_goals_for_one_who_has_none(projected: float, step: float, expected: list[float]) -> None:
    assert default_goals(projected, step) == expected


def test_a_steady_pace_has_no_momentum_and_a_growing_one_has() -> None:
    year = Year(2025, date(2025, 3, 31))
    steady = {year.first + timedelta(days=2 * place): 10.0 for place in range(30)}
    assert momentum(steady, year) == pytest.approx(0)
    # 1, 2, 3 … a day: the pace grows by 1 a day, its mean over the ten days is 5.5
    growing = {date(2025, 1, place): float(place) for place in range(1, 11)}
    assert momentum(growing, Year(2025, date(2025, 1, 10))) == pytest.approx(1 / 5.5 * 100 * 7)


def test_momentum_looks_at_the_last_fourteen_active_days_and_needs_three() -> None:
    year = Year(2025, date(2025, 12, 31))
    wild = {date(2025, 1, day): 1000.0 * day for day in range(1, 20)}
    calm = {date(2025, 6, day): 5.0 for day in range(1, 15)}
    assert momentum(wild | calm, year) == pytest.approx(0)
    two = {date(2025, 1, 1): 5.0, date(2025, 1, 9): 7.0, date(2025, 2, 1): 0.0}
    assert momentum(two, year) is None


def test_a_line_of_least_squares_where_the_active_days_lie_unevenly() -> None:
    days = {date(2025, 1, 1): 4.0, date(2025, 1, 3): 8.0, date(2025, 1, 4): 9.0, date(2025, 1, 8): 8.0}
    # paces 4, 9, 2 a day, halfway at days 2, 3.5 and 6; by hand: means 11.5/3 and 5
    xs, ys = [2.0, 3.5, 6.0], [4.0, 9.0, 2.0]
    x_mean, y_mean = sum(xs) / 3, sum(ys) / 3
    slope = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True)) / sum((x - x_mean) ** 2 for x in xs)
    year = Year(2025, date(2025, 1, 10))
    assert momentum(days, year) == pytest.approx(slope / 2.9 * 700)


@pytest.mark.parametrize(
    ("number", "today", "last_active", "until"),
    [
        (2025, date(2025, 6, 1), date(2025, 5, 30), date(2025, 6, 1)),
        (2025, date(2026, 6, 1), date(2025, 5, 30), date(2025, 12, 31)),
        (2025, date(2026, 6, 1), None, date(2025, 12, 31)),
        # an activity across the date line, where it is tomorrow already; or by a clock that is ahead
        (2025, date(2025, 6, 1), date(2025, 6, 2), date(2025, 6, 2)),
        (2026, date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 1)),
    ],
)
def test_how_far_a_year_has_come(number: int, today: date, last_active: date | None, until: date) -> None:
    assert year_until(number, today, last_active) == Year(number, until)


def test_a_year_that_has_not_begun_is_none() -> None:
    assert year_until(2027, date(2026, 12, 31), None) is None
    assert latest_day(date(2026, 12, 31)) == date(2027, 1, 1)
    assert latest_day(date.max) == date.max


def test_leap_years_have_366_points_and_others_365() -> None:
    for number, length in ((2024, 366), (2025, 365), (2000, 366), (2100, 365)):
        year = Year(number, date(number, 12, 31))
        assert len(cumulative({}, year)) == year.length == length
        assert year.day(year.length) == date(number, 12, 31)
    assert Year(2024, date(2024, 12, 31)).place(date(2024, 2, 29)) == 60


def test_a_year_can_not_end_in_another_one() -> None:
    with pytest.raises(ValueError, match="not in 2025"):
        Year(2025, date(2026, 1, 1))


def test_how_a_goal_stands() -> None:
    year, series = Year(2025, date(2025, 1, 2)), [10.0, 30.0]
    stands = goal_progress(365, series, year)
    assert (stands.ahead, stands.required, stands.achieved_on) == (pytest.approx(28), pytest.approx(335 / 363), None)


@pytest.mark.parametrize(
    ("until", "day"),
    [
        (date(2017, 12, 31), date(2016, 12, 31)),
        (date(2017, 3, 1), date(2016, 3, 1)),
        (date(2017, 2, 28), date(2016, 2, 28)),
        (date(2016, 2, 29), date(2015, 2, 28)),
        (date(2016, 12, 31), date(2015, 12, 31)),
        (date(2019, 7, 4), date(2018, 7, 4)),
    ],
)
def test_the_year_before_is_compared_by_the_same_day_also_around_a_leap_year(until: date, day: date) -> None:
    before = Year(day.year, date(day.year, 12, 31))
    (paced,) = [
        each
        for each in pace_measures([Day(day, "ride", (1,), 1000.0, None, None)], before, Goals(), "km")
        if (each.group, each.measure) == ("ride", "distance_m")
    ]
    assert paced.by_same_day(Year(until.year, until)) == 1000.0
    assert paced.by_same_day(Year(until.year, until - timedelta(days=1))) == (
        1000.0 if until == date(2016, 2, 29) else 0.0
    )


@pytest.mark.parametrize(
    ("starts", "today", "week", "month"),
    [
        ("monday", date(2026, 1, 3), (60_000.0, 2, True), (10_000.0, 29, False)),  # the week began in 2025
        ("saturday", date(2026, 1, 3), (10_000.0, 7, False), (10_000.0, 29, False)),
        ("sunday", date(2025, 12, 31), (50_000.0, 4, True), (350_000.0, 1, True)),
        ("monday", date(2026, 2, 28), (0.0, 2, False), (0.0, 1, False)),
    ],
)
def test_goals_of_the_present_week_and_month_count_their_own_days(
    starts: str, today: date, week: tuple[float, int, bool], month: tuple[float, int, bool]
) -> None:
    done = {date(2025, 12, 6): 3e5, date(2025, 12, 30): 5e4, date(2026, 1, 3): 1e4}
    days = [Day(on, "ride", (1,), amount, None, None) for on, amount in done.items() if on <= today]
    goals = {"every_week": {"ride": {"distance_km": 50}}, "every_month": {"all": {"distance_km": 350}}}
    found = present_goals(days, read_goals({"week_starts": starts, **goals}), today)
    assert [(each.last_on - today).days + 1 for each in found] == [each.days_left for each in found]
    assert [(each.last_on - each.first_on).days for each in found] == [6, monthrange(today.year, today.month)[1] - 1]
    assert [replace(each, first_on=today, last_on=today) for each in found] == [
        PresentGoal("week", "ride", "distance_m", 50_000, *week, today, today),
        PresentGoal("month", "all", "distance_m", 350_000, *month, today, today),
    ]
