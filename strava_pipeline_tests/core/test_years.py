"""core.years: which epoch seconds hold a local year. Worked by hand."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strava_pipeline.core.years import YearRange, stretches, year_window, years_since
from strava_pipeline_tests.examples import examples

YEARS = YearRange(2008, 2026)


@settings(max_examples=examples(150))
@given(year=st.integers(2008, 2026), second=st.integers(0, 366 * 86_400 - 1), offset=st.integers(-12 * 4, 14 * 4))
def test_a_year_s_window_holds_every_start_whose_local_year_it_is(year: int, second: int, offset: int) -> None:
    local = datetime(year, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    if local.year != year:
        return
    start = int((local - timedelta(minutes=15 * offset)).timestamp())
    after, before = year_window(year, year, YEARS)
    assert after is None or after < start
    assert before is None or start < before


@pytest.mark.parametrize(
    ("year", "after", "before"),
    [
        (2008, None, datetime(2009, 1, 2, tzinfo=UTC)),
        (2020, datetime(2019, 12, 31, tzinfo=UTC), datetime(2021, 1, 2, tzinfo=UTC)),
        (2026, datetime(2025, 12, 31, tzinfo=UTC), None),
    ],
)
def test_the_first_year_has_no_start_the_last_no_end(
    year: int, after: datetime | None, before: datetime | None
) -> None:
    expected = tuple(None if at is None else int(at.timestamp()) for at in (after, before))
    assert year_window(year, year, YEARS) == expected


def test_a_single_partition_is_open_on_both_sides() -> None:
    assert year_window(2026, 2026, YearRange(2026, 2026)) == (None, None)


def test_the_window_of_several_years_goes_from_the_first_one_s_to_the_last_one_s() -> None:
    for first, last in ((2008, 2010), (2011, 2015), (2020, 2026), (2008, 2026)):
        begin, end = year_window(first, first, YEARS)[0], year_window(last, last, YEARS)[1]
        assert year_window(first, last, YEARS) == (begin, end)


@pytest.mark.parametrize(
    ("years", "at_most", "found"),
    [
        ([], None, []),
        ([2020], 5, [[2020]]),
        ([2022, 2020, 2021, 2020], None, [[2020, 2021, 2022]]),
        ([2020, 2022, 2023], None, [[2020], [2022, 2023]]),
        (range(2010, 2017), 3, [[2010, 2011, 2012], [2013, 2014, 2015], [2016]]),
        ([2010, 2011, 2013, 2014, 2015], 2, [[2010, 2011], [2013, 2014], [2015]]),
        ([2010, 2011], 1, [[2010], [2011]]),
    ],
)
def test_years_are_divided_where_one_is_missing_and_where_a_stretch_is_full(
    years: Iterable[int], at_most: int | None, found: list[list[int]]
) -> None:
    assert stretches(years, at_most) == found


@pytest.mark.parametrize(
    ("start", "first"),
    [
        (None, 2008),
        (datetime(1999, 1, 1, tzinfo=UTC), 2008),
        (datetime(2025, 6, 1, tzinfo=UTC), 2025),
        (datetime(2026, 1, 1, 23, 59, tzinfo=UTC), 2025),
        (datetime(2026, 1, 2, 0, 0, tzinfo=UTC), 2026),
        (datetime(2027, 6, 1, tzinfo=UTC), 2026),
    ],
)
def test_a_listing_touches_the_years_from_a_day_before_its_start(start: datetime | None, first: int) -> None:
    assert years_since(start, YEARS) == list(range(first, 2027))
