"""core.rate_limits: headers in, records out; windows at their natural edges; when a number of calls is done."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from strava_pipeline.core.limits import (
    DAY,
    QUARTER,
    Allowance,
    LimitPair,
    RateLimits,
    done_at,
    parse_rate_limits,
    quarter_start,
)

REAL = {  # samples/strava/http/client/gear.json
    "X-Ratelimit-Limit": "200,2000",
    "X-Ratelimit-Usage": "4,15",
    "X-Readratelimit-Limit": "100,1000",
    "X-Readratelimit-Usage": "4,15",
}


def test_both_pairs_are_read_whatever_the_case_of_the_names() -> None:
    expected = RateLimits(LimitPair(200, 4, 2000, 15), LimitPair(100, 4, 1000, 15))
    assert parse_rate_limits(REAL) == expected
    assert parse_rate_limits({name.upper(): value for name, value in REAL.items()}) == expected


def test_an_answer_of_the_old_kind_has_no_read_pair() -> None:
    limits = parse_rate_limits({"X-RateLimit-Limit": "600,30000", "X-RateLimit-Usage": "600,30000"})
    assert limits == RateLimits(LimitPair(600, 600, 30000, 30000), None)


@pytest.mark.parametrize(
    "value",
    [
        *("", ",", "200", "200,", "200,2000,1", "a,b"),
        *("-1,5", "1.5,2", "0,2000", "٣,٤", "1_0,2", "9" * 5000 + ",1", "nan,1"),
    ],
)
def test_garbage_is_no_limit(value: str) -> None:
    assert parse_rate_limits({**REAL, "X-Ratelimit-Limit": value}).overall is None


@pytest.mark.parametrize("usage", ["", "x,1", "-1,-1", "5"])
def test_a_limit_without_a_usage_is_no_pair(usage: str) -> None:
    assert parse_rate_limits({**REAL, "X-Readratelimit-Usage": usage}).read is None


def test_spaces_are_no_garbage() -> None:
    assert parse_rate_limits({**REAL, "X-Ratelimit-Limit": " 200 , 2000 "}).overall == LimitPair(200, 4, 2000, 15)


@pytest.mark.parametrize("fields", [(0, 0, 1, 0), (1, -1, 1, 0), (1, 0, 0, 0), (1, 0, 1, -1)])
def test_a_wrong_pair_cannot_be_built(fields: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="limits are at least 1"):
        LimitPair(*fields)


def at(*fields: int, offset_min: int = 0) -> datetime:
    return datetime(*fields, tzinfo=timezone(timedelta(minutes=offset_min)))  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        (at(2026, 1, 1, 0, 0), at(2026, 1, 1, 0, 0), at(2026, 1, 1, 0, 15)),
        (at(2026, 1, 1, 0, 14, 59), at(2026, 1, 1, 0, 0), at(2026, 1, 1, 0, 15)),
        (at(2026, 12, 31, 23, 59, 59), at(2026, 12, 31, 23, 45), at(2027, 1, 1, 0, 0)),
        (at(2026, 6, 1, 12, 20, offset_min=345), at(2026, 6, 1, 6, 30), at(2026, 6, 1, 6, 45)),  # Kathmandu, +5:45
    ],
)
def test_quarters_are_natural_and_utc(now: datetime, start: datetime, end: datetime) -> None:
    assert (quarter_start(now), quarter_start(now) + QUARTER) == (start, end)
    assert quarter_start(now).tzinfo is UTC


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        quarter_start(datetime(2026, 1, 1))  # noqa: DTZ001


NOW = datetime(2026, 6, 1, 12, 7, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def allowance(left: int, limit: int, resets: timedelta, length: timedelta) -> Allowance:
    return Allowance(left, limit, NOW + resets, length)


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
