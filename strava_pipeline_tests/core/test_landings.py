"""core.landings: in which order answers came, and when, whatever their Date headers say."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from strava_pipeline.core.landings import SECOND, SHORTLY, Landing, believed_times

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
YEAR = timedelta(days=400)


def came(*offsets: timedelta, apart: timedelta = DAY, local: timedelta = timedelta(0)) -> list[Landing]:
    """Listings a day apart by this machine's clock, which is `local` off; `offsets`: how far off each one's Date header is."""
    days = [NOW + place * apart for place in range(len(offsets))]
    return [
        Landing(place + 1, day + off, day + local, begins=True)
        for place, (day, off) in enumerate(zip(days, offsets, strict=True))
    ]


RIGHT = timedelta(0)


def test_times_that_agree_are_believed() -> None:
    assert believed_times(came(*[RIGHT] * 5)) == [NOW + day * DAY for day in range(5)]
    assert believed_times([]) == []


def test_one_that_claims_to_be_of_next_year_came_between_its_neighbours() -> None:
    assert believed_times(came(RIGHT, YEAR, RIGHT, RIGHT)) == [NOW, NOW + SECOND, NOW + 2 * DAY, NOW + 3 * DAY]


def test_it_is_believed_as_long_as_nothing_came_after_it() -> None:
    assert believed_times(came(RIGHT, YEAR)) == [NOW, NOW + DAY + YEAR]


def test_several_of_the_future_give_way_to_what_this_machines_clock_confirms() -> None:
    times = believed_times(came(RIGHT, YEAR, YEAR, YEAR, RIGHT))
    assert times == [NOW, NOW + SECOND, NOW + 2 * SECOND, NOW + 3 * SECOND, NOW + 4 * DAY]


def test_one_of_the_past_moves_nothing_that_came_before() -> None:
    assert believed_times(came(RIGHT, RIGHT, -YEAR, RIGHT)) == [NOW, NOW + DAY, NOW + DAY + SECOND, NOW + 3 * DAY]


def test_a_day_ahead_keeps_the_order_until_the_day_is_over() -> None:
    ahead = came(RIGHT, DAY, RIGHT, RIGHT, RIGHT, RIGHT, apart=HOUR * 10)
    times = believed_times(ahead)
    assert times[1] == NOW + 34 * HOUR
    assert times[2:4] == [NOW + 34 * HOUR + SECOND, NOW + 34 * HOUR + 2 * SECOND]
    assert times[4:] == [NOW + 40 * HOUR, NOW + 50 * HOUR]


def test_a_day_behind_keeps_the_order() -> None:
    assert believed_times(came(RIGHT, -DAY, RIGHT, apart=HOUR)) == [NOW, NOW + SECOND, NOW + 2 * HOUR]


def test_a_wrong_local_clock_makes_nothing_of_right_headers() -> None:
    landings = came(*[RIGHT] * 4, local=-20 * YEAR)
    assert believed_times(landings) == [one.at for one in landings]
    expected = [NOW, NOW + SECOND, NOW + 2 * DAY, NOW + 3 * DAY]
    assert believed_times(came(RIGHT, YEAR, RIGHT, RIGHT, local=-YEAR)) == expected


def test_the_first_of_all_may_be_the_one_that_is_wrong() -> None:
    assert believed_times(came(YEAR, RIGHT)) == [NOW + DAY - SECOND, NOW + DAY]


def test_all_came_after_what_had_no_numbers() -> None:
    before = NOW + HOUR
    assert believed_times(came(RIGHT, RIGHT), before) == [before + SECOND, NOW + DAY]


def test_pages_of_one_listing_stay_close() -> None:
    pages = [Landing(1, NOW, NOW, begins=True), Landing(2, NOW, NOW), Landing(3, NOW - SECOND, NOW)]
    assert believed_times(pages) == [NOW, NOW + SHORTLY, NOW + 2 * SHORTLY]


def test_a_listing_begins_in_another_second_than_what_was_moved_before_it() -> None:
    first, following = Landing(1, NOW + YEAR, NOW, begins=True), Landing(2, NOW + YEAR, NOW)
    last = Landing(3, NOW, NOW, begins=True)
    times = believed_times([first, following, last])
    assert times[1] + SECOND <= times[2]


@given(st.lists(st.tuples(st.integers(-900, 900), st.integers(-900, 900), st.booleans()), max_size=12))
def test_whatever_clocks_say_times_follow_the_order(clocks: list[tuple[int, int, bool]]) -> None:
    landings = [
        Landing(place, NOW + at * HOUR * 8, NOW + local * HOUR * 8, begins)
        for place, (at, local, begins) in enumerate(clocks, start=1)
    ]
    times = believed_times(landings)
    assert len(times) == len(landings)
    assert all(one < other for one, other in pairwise(times))


@given(st.lists(st.integers(0, 23), min_size=1, max_size=12))
def test_what_is_believed_stays_when_more_comes_in_its_time(hours: list[int]) -> None:
    at, landings = NOW, []
    for number, passed in enumerate(hours, start=1):
        at += passed * HOUR
        landings.append(Landing(number, at, at))
    assert believed_times(landings)[:-1] == believed_times(landings[:-1])
