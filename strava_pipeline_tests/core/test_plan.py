"""core.plan: calls by stage and year, the limit that governs, and the finish. Worked by hand."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from strava_pipeline.core.errors import Ceiling
from strava_pipeline.core.limits import Allowance
from strava_pipeline.core.plan import PER_CALL, Plan, YearPlan, listing_calls

NOW = datetime(2026, 6, 1, 12, 7, tzinfo=UTC)
QUARTER_AT, MIDNIGHT = datetime(2026, 6, 1, 12, 15, tzinfo=UTC), datetime(2026, 6, 2, tzinfo=UTC)
QUARTER, DAY = timedelta(minutes=15), timedelta(days=1)
ALL_15, ALL_DAY, READ_15, READ_DAY = (
    Ceiling(pair, window) for pair in ("overall", "read") for window in ("15min", "day")
)
MANY = 10**9


def limits(
    quarter: int = 100, day: int = 1000, left: int | None = None, left_day: int | None = None
) -> Mapping[Ceiling, Allowance]:
    """Read limits as given, and twice as much of all calls, as Strava's are."""
    left, left_day = quarter if left is None else left, day if left_day is None else left_day
    return {
        ALL_15: Allowance(left + quarter, 2 * quarter, QUARTER_AT, QUARTER),
        ALL_DAY: Allowance(left_day + day, 2 * day, MIDNIGHT, DAY),
        READ_15: Allowance(left, quarter, QUARTER_AT, QUARTER),
        READ_DAY: Allowance(left_day, day, MIDNIGHT, DAY),
    }


def plan(calls: int, allowances: Mapping[Ceiling, Allowance], now: datetime = NOW) -> Plan:
    return Plan(now, (YearPlan(2025, calls, calls),), allowances)


@pytest.mark.parametrize(
    ("calls", "allowances", "governing", "done", "days"),
    [
        # nothing to do: nothing is waited for, and the fewest are left of the read calls of the quarter
        (0, limits(), READ_15, NOW, 0),
        (60, limits(), READ_15, NOW + 30 * timedelta(seconds=1), 1),
        # 100 now, 100 at 12:15, 50 at 12:30
        (250, limits(), READ_15, QUARTER_AT + QUARTER + 25 * timedelta(seconds=1), 1),
        # a thousand today, the rest after midnight UTC
        (1050, limits(), READ_DAY, MIDNIGHT + 25 * timedelta(seconds=1), 2),
        # a thousand a day: today and nine more, the last in ten quarters
        (10_000, limits(), READ_DAY, MIDNIGHT + 8 * DAY + 9 * QUARTER + 50 * timedelta(seconds=1), 10),
        # other programs of the application have used the calls up: the read ones are not what is short
        (
            50,
            {**limits(), ALL_DAY: Allowance(10, 2000, MIDNIGHT, DAY)},
            ALL_DAY,
            MIDNIGHT + 20 * timedelta(seconds=1),
            2,
        ),
        # overdrawn: refused calls counted too
        (10, limits(left=-7), READ_15, QUARTER_AT + 5 * timedelta(seconds=1), 1),
        (10, limits(left_day=-7), READ_DAY, MIDNIGHT + 5 * timedelta(seconds=1), 2),
        # as good as unlimited: half a second a call, until past midnight
        (100_000, limits(MANY, MANY), READ_15, NOW + 50_000 * timedelta(seconds=1), 2),
        # all of a limit is kept back for others
        (5, {**limits(), READ_DAY: Allowance(0, 0, MIDNIGHT, DAY)}, READ_DAY, None, None),
        (5, {**limits(), READ_DAY: Allowance(5, 0, MIDNIGHT, DAY)}, READ_DAY, NOW + 5 * PER_CALL, 1),
    ],
)
def test_a_plan_names_the_limit_that_governs_and_the_finish(
    calls: int, allowances: Mapping[Ceiling, Allowance], governing: Ceiling, done: datetime | None, days: int | None
) -> None:
    result = plan(calls, allowances)
    assert (result.calls, result.governing, result.done_at, result.days) == (calls, governing, done, days)


def test_a_plan_that_ends_at_midnight_has_not_begun_the_next_day() -> None:
    result = plan(20, limits(), now=MIDNIGHT - 20 * PER_CALL)
    assert (result.done_at, result.days) == (MIDNIGHT, 1)


@pytest.mark.parametrize(
    ("calls", "allowances", "needs_another_day"),
    [
        (0, limits(), False),
        (250, limits(), False),  # quarters of an hour are waited for
        (1000, limits(), False),
        (1001, limits(), True),
        (50, {**limits(), ALL_DAY: Allowance(10, 2000, MIDNIGHT, DAY)}, True),
        (100_000, limits(MANY, MANY), False),  # past midnight, and no limit ends it
        (5, {**limits(), READ_DAY: Allowance(0, 0, MIDNIGHT, DAY)}, True),
    ],
)
def test_a_days_limit_ends_the_command_and_a_quarters_does_not(
    calls: int, allowances: Mapping[Ceiling, Allowance], *, needs_another_day: bool
) -> None:
    assert plan(calls, allowances).needs_another_day is needs_another_day


def test_listing_and_gear_are_part_of_the_sum() -> None:
    assert Plan(NOW, (YearPlan(2025, 9, 9), YearPlan(2024, 2, 2)), limits(), gear=3, listing=4).calls == 18


@pytest.mark.parametrize(("activities", "calls"), [(0, 1), (1, 2), (199, 2), (200, 2), (201, 3), (1000, 6)])
def test_a_listing_ends_with_an_empty_page(activities: int, calls: int) -> None:
    assert listing_calls(activities, 200) == calls


@pytest.mark.parametrize(("known", "expected"), [([], True), ([True], True), ([True, False], False)])
def test_a_plan_is_known_where_all_its_years_are(known: list[bool], *, expected: bool) -> None:
    years = tuple(YearPlan(2020 + place, 1, 0, is_known) for place, is_known in enumerate(known))
    assert Plan(NOW, years, limits()).is_known is expected
