"""core.years: which epoch seconds hold a local year. Worked by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strava_pipeline.core.years import YearRange, year_window, years_since

YEARS = YearRange(2008, 2026)


@settings(max_examples=150)
@given(
    year=st.integers(2008, 2026),
    second=st.integers(0, 366 * 86_400 - 1),
    offset=st.integers(-12 * 4, 14 * 4),
)
def test_a_year_s_window_holds_every_start_whose_local_year_it_is(year: int, second: int, offset: int) -> None:
    local = datetime(year, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    if local.year != year:
        return
    start = int((local - timedelta(minutes=15 * offset)).timestamp())
    after, before = year_window(year, YEARS)
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
def test_the_first_year_has_no_start_and_the_newest_no_end(
    year: int, after: datetime | None, before: datetime | None
) -> None:
    expected = tuple(None if at is None else int(at.timestamp()) for at in (after, before))
    assert year_window(year, YEARS) == expected


def test_a_single_partition_is_open_on_both_sides() -> None:
    assert year_window(2026, YearRange(2026, 2026)) == (None, None)


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
