"""core.windows: which epoch seconds hold a local year, and when a number of calls is done. Worked by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strava_pipeline.core.windows import Allowance, done_at, year_window, years_since
from strava_pipeline.core.years import YearRange

YEARS = YearRange(2008, 2026)
NOW = datetime(2026, 6, 1, 12, 7, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)


def allowance(left: int, limit: int, resets: timedelta, length: timedelta) -> Allowance:
    return Allowance(left, limit, NOW + resets, length)


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


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("calls", "allowances", "expected"),
    [
        (0, [], NOW),
        (5, [], NOW + 5 * SECOND),
        (5, [allowance(10, 100, 8 * 60 * SECOND, QUARTER)], NOW + 5 * SECOND),
        (10, [allowance(10, 100, 8 * 60 * SECOND, QUARTER)], NOW + 10 * SECOND),
        # 10 at once, then from 12:15 on 20 more
        (30, [allowance(10, 100, 8 * 60 * SECOND, QUARTER)], NOW + 8 * 60 * SECOND + 20 * SECOND),
        # 10 now, 100 at 12:15, 100 at 12:30, 40 at 12:45
        (250, [allowance(10, 100, 8 * 60 * SECOND, QUARTER)], NOW + 8 * 60 * SECOND + 2 * QUARTER + 40 * SECOND),
        # the day governs: 30 now, the rest after midnight, when a quarter begins as well
        (
            50,
            [
                allowance(100, 100, 8 * 60 * SECOND, QUARTER),
                allowance(30, 1000, 11 * timedelta(hours=1) + 53 * 60 * SECOND, DAY),
            ],
            datetime(2026, 6, 2, 0, 0, 20, tzinfo=UTC),
        ),
        # 30 now; a quarter that has nothing left does not wait for the day
        (
            130,
            [
                allowance(30, 100, 8 * 60 * SECOND, QUARTER),
                allowance(1000, 1000, 11 * timedelta(hours=1) + 53 * 60 * SECOND, DAY),
            ],
            NOW + 8 * 60 * SECOND + 100 * SECOND,
        ),
        # overdrawn: refused calls count too
        (5, [allowance(-7, 100, 8 * 60 * SECOND, QUARTER)], NOW + 8 * 60 * SECOND + 5 * SECOND),
        # its window is over already
        (5, [allowance(0, 100, -SECOND, QUARTER)], NOW + 5 * SECOND),
        # a limit that lets nothing through has no end; what is told is the end of what can be done
        (5, [allowance(2, 0, 8 * 60 * SECOND, QUARTER)], NOW + 2 * SECOND),
    ],
)
def test_calls_are_done_when_their_last_window_has_let_them_through(
    calls: int, allowances: list[Allowance], expected: datetime
) -> None:
    assert done_at(calls, allowances, NOW, SECOND) == expected


def test_ten_thousand_calls_take_ten_days_of_a_thousand() -> None:
    midnight = datetime(2026, 6, 2, tzinfo=UTC)
    limits = [allowance(100, 100, 8 * 60 * SECOND, QUARTER), Allowance(1000, 1000, midnight, DAY)]
    done = done_at(10_000, limits, NOW, SECOND)
    # the first thousand today; nine more days, each a thousand in ten quarters of an hour
    assert done == midnight + 8 * DAY + 9 * QUARTER + 100 * SECOND
