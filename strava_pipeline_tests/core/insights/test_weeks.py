"""Weeks beside those of the year before, months as rows of days, shades: odd years, and weeks that begin on any day."""

from datetime import date, timedelta

import pytest

from strava_pipeline.core.insights.weeks import Sums, days_of_year, first_of_week, months_of_year, shades, weeks_of_year

YEARS = (2020, 2024, 2025, 2026, 2028)  # of 53 weeks, leap years, beginning on most days of the week


@pytest.mark.parametrize("begins", [0, 5, 6])
@pytest.mark.parametrize("number", YEARS)
def test_each_day_of_a_year_is_in_one_week_and_one_place_of_its_month(number: int, begins: int) -> None:
    first, last = days_of_year(number, begins)
    all_days = {first + timedelta(days=place): Sums(1, 10.0, 60, 1.0) for place in range((last - first).days + 1)}
    weeks = weeks_of_year(number, all_days, date(2999, 1, 1), begins)
    assert [*weeks] == sorted(weeks, reverse=True)
    held = {week.first + timedelta(days=place) for week in weeks.values() for place in range(7)}
    year = {day for day in all_days if day.year == number}
    assert year <= held
    assert {week.first.weekday() for week in weeks.values()} == {begins}
    assert (
        {week.sums for week in weeks.values()} == {week.before for week in weeks.values()} == {Sums(7, 70.0, 420, 7.0)}
    )
    shown = [day for rows in months_of_year(number, begins).values() for row in rows for day in row if day]
    assert (len(shown), {*shown}) == (len(year), year)
    for rows in months_of_year(number, begins).values():
        assert [{day.weekday() for day in row if day} for row in rows] == [{(begins + n) % 7} for n in range(7)]


def test_a_week_stands_beside_the_one_52_weeks_earlier_and_those_to_come_are_left_out() -> None:
    by_day = {date(2025, 12, 31): Sums(1, 5.0), date(2026, 1, 4): Sums(2, 7.0), date(2024, 12, 30): Sums(4, 9.0)}
    weeks = weeks_of_year(2026, by_day, date(2026, 1, 12), 0)
    assert [*weeks] == [date(2026, 1, 12), date(2026, 1, 5), date(2025, 12, 29)]
    week = weeks[date(2025, 12, 29)]
    assert (week.last, week.sums, week.before) == (date(2026, 1, 4), Sums(3, 12.0), Sums(4, 9.0))
    assert weeks[date(2026, 1, 5)].sums == Sums()


def test_weeks_begin_on_the_day_that_was_asked_for() -> None:
    day = date(2026, 11, 26)  # a Thursday
    assert [first_of_week(day, begins).day for begins in range(7)] == [23, 24, 25, 26, 20, 21, 22]


def test_shades_are_quarters_of_the_active_days() -> None:
    amounts = {date(2026, 1, day): float(day) for day in range(1, 9)}
    assert [*shades(amounts).values()] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert shades({date(2026, 1, 1): 0.0}) == {date(2026, 1, 1): 1}
    assert {*shades(dict.fromkeys(amounts, 3.0)).values()} == {1}, "equal days have equal shades"
