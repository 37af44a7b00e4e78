"""core.plan: calls by stage and year, the limit that governs, the finish, and the forecast of a listing. Worked by hand."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from strava_pipeline.core.errors import Ceiling
from strava_pipeline.core.limits import Allowance
from strava_pipeline.core.plan import (
    PER_CALL,
    Bounds,
    Forecast,
    Plan,
    ReceivedActivities,
    Season,
    YearCount,
    YearPlan,
    estimate_season,
    expected_between,
    listing_calls,
    plan_years,
    remaining_pages,
    share_listing,
)

NOW = datetime(2026, 6, 1, 12, 7, tzinfo=UTC)
QUARTER_AT, MIDNIGHT = datetime(2026, 6, 1, 12, 15, tzinfo=UTC), datetime(2026, 6, 2, tzinfo=UTC)
QUARTER, DAY, YEAR = timedelta(minutes=15), timedelta(days=1), timedelta(days=365)
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
    return Plan(now, (YearPlan(2025, "known", calls, 0, calls),), allowances)


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
    assert Plan(NOW, (YearPlan(2025, "known", 9, 2, 9),), limits(), gear=3, listing=4).calls == 18


@pytest.mark.parametrize(("activities", "calls"), [(0, 1), (1, 2), (199, 2), (200, 2), (201, 3), (1000, 6)])
def test_a_listing_ends_with_an_empty_page(activities: int, calls: int) -> None:
    assert listing_calls(activities, 200) == calls


def count(
    year: int, activities: int = 0, due: int = 0, covered: timedelta = timedelta(0), rest: timedelta = timedelta(0)
) -> YearCount:
    return YearCount(year, activities, due, covered, rest)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([count(2024, 450, 7, YEAR)], YearPlan(2024, "known", 450, 4, 7)),
        ([count(2024, 0, 0, YEAR)], YearPlan(2024, "known", 0, 1, 0)),
        # listed up to yesterday
        ([count(2024, 150, 1, 151 * DAY, DAY)], YearPlan(2024, "known", 150, 2, 1)),
        # half of it listed: the rest at its own rate of one a day, not at the neighbour's
        (
            [count(2024, 180, 5, 180 * DAY, 185 * DAY), count(2025, 730, 0, YEAR)],
            YearPlan(2024, "estimated", 365, 3, 190, fewest=131, most=287),
        ),
        # never listed: as the nearest year before and the nearest after, one a day and two
        (
            [count(2024, rest=YEAR), count(2023, 365, 0, YEAR), count(2025, 730, 0, YEAR), count(2020, 9000, 0, YEAR)],
            YearPlan(2024, "estimated", 548, 4, 548, fewest=368, most=828),
        ),
        # a week says nothing of how much there is in a year
        ([count(2024, rest=YEAR), count(2025, 70, 0, 7 * DAY, 100 * DAY)], YearPlan(2024, "unknown", None, 1, 0)),
        # only the daily flow's window of it is known: at least that
        ([count(2024, 30, 30, 21 * DAY, 200 * DAY)], YearPlan(2024, "unknown", None, 2, 30)),
        # before the athlete joined
        ([count(2024), count(2025, 365, 0, YEAR)], YearPlan(2024, "estimated", 0, 1, 0, fewest=1, most=1)),
        ([count(2024, rest=YEAR)], YearPlan(2024, "unknown", None, 1, 0)),
        # a listing that broke off after three pages of five, and one that has them all
        ([YearCount(2024, 730, 3, YEAR, timedelta(0), landed=3)], YearPlan(2024, "known", 730, 2, 3)),
        ([YearCount(2024, 730, 3, timedelta(0), YEAR, landed=5, whole=True)], YearPlan(2024, "known", 730, 0, 3)),
        # it broke off further on than anybody expected
        ([YearCount(2024, 0, 0, timedelta(0), YEAR, landed=3)], YearPlan(2024, "unknown", None, 1, 0)),
    ],
)
def test_a_year_is_planned_by_what_it_and_its_neighbours_hold(counts: list[YearCount], expected: YearPlan) -> None:
    by_year = {one.year: one for one in counts}
    assert plan_years([2024], by_year, per_page=200, details=True) == (expected,)


@pytest.mark.parametrize(
    ("counts", "pages"),
    [
        ([count(2025, 30, 0, YEAR), count(2024, 50, 0, YEAR), count(2023, 20, 0, YEAR)], [0, 0, 2]),
        ([count(2025, 150, 0, YEAR), count(2024, 150, 0, YEAR)], [0, 3]),
        ([count(2025, 450, 0, YEAR), count(2024, 250, 0, YEAR)], [2, 3]),
        ([count(2025, rest=YEAR), count(2024, rest=YEAR)], [0, 1]),  # unknown: the fewest
        ([count(2024, 450, 0, YEAR)], [4]),
        ([YearCount(year, 300, 0, YEAR, timedelta(0), landed=2) for year in (2025, 2024)], [1, 1]),  # broke off
        ([YearCount(year, 300, 0, YEAR, timedelta(0), landed=4, whole=True) for year in (2025, 2024)], [0, 0]),
    ],
)
def test_years_of_one_listing_share_its_pages(counts: list[YearCount], pages: list[int]) -> None:
    by_year = {one.year: one for one in counts}
    alone = plan_years([*by_year], by_year, per_page=200, details=True)
    shared = share_listing(alone, by_year, 200)
    assert [one.listing for one in shared] == pages
    assert [(one.year, one.details, one.activities) for one in shared] == [
        (one.year, one.details, one.activities) for one in alone
    ]


def test_the_range_of_an_estimated_year_changes_by_as_much_as_its_listing() -> None:
    by_year = {2024: count(2024, 180, 5, 180 * DAY, 185 * DAY), 2025: count(2025, 730, 0, YEAR)}
    alone = plan_years([2025, 2024], by_year, per_page=200, details=True)
    shared = share_listing(alone, by_year, 200)
    assert [one.listing for one in shared] == [3, 4]
    assert (shared[1].fewest, shared[1].most) == (132, 288), "a page more: what the year before left of one"


def test_without_details_only_pages_are_asked_for() -> None:
    (result,) = plan_years([2024], {2024: count(2024, 450, 7, YEAR)}, per_page=200, details=False)
    assert (result.listing, result.details) == (4, 0)


@pytest.mark.parametrize(
    ("bases", "expected"),
    [([], "known"), (["known"], "known"), (["known", "estimated"], "estimated"), (["estimated", "unknown"], "unknown")],
)
def test_a_plan_is_as_sure_as_its_least_known_year(bases: list[str], expected: str) -> None:
    years = tuple(YearPlan(2020 + place, basis, None, 1, 0) for place, basis in enumerate(bases))  # type: ignore[arg-type]
    assert Plan(NOW, years, limits()).basis == expected


EVEN = Season((1.0,) * 12)


def at(year: int, month: int = 1, day: int = 1) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("begin", "end", "weight"),
    [
        (at(2025, 3, 1), at(2025, 3, 1), 0.0),
        (at(2025, 3, 1), at(2025, 3, 1) + timedelta(hours=12), 0.5),
        (at(2025, 1, 30), at(2025, 2, 3), 2 * 1 + 2 * 3),
        (at(2024, 12, 31), at(2025, 2, 1), 1 * 12 + 31 * 1),
        (at(2024, 2, 1), at(2024, 3, 1), 29 * 3),
        (at(2025, 6, 1), at(2025, 5, 1), 0.0),
    ],
)
def test_a_season_weighs_the_days_of_each_month(begin: datetime, end: datetime, weight: float) -> None:
    season = Season((1.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 12.0))
    assert season.weight(begin, end) == pytest.approx(weight)


@pytest.mark.parametrize("months", [(), (1.0,) * 11, (0.0, *[1.0] * 11)])
def test_a_season_has_twelve_months_above_nothing(months: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="twelve"):
        Season(months)


@pytest.mark.parametrize(
    ("latitude", "july_over_january"), [(52.0, 1.29 / 0.71), (-37.0, None), (0.0, 1.0), (None, 1.0)]
)
def test_summer_is_where_the_athlete_is(latitude: float | None, july_over_january: float | None) -> None:
    months = estimate_season({}, latitude).months
    if july_over_january is None:
        assert months[6] < months[3] < months[0]
    else:
        assert months[6] / months[0] == pytest.approx(july_over_january, rel=0.05)


def test_the_athlete_s_own_years_outweigh_the_plain_season() -> None:
    months = estimate_season({1: 400, 7: 100}, 52.0).months
    assert months[0] > 3 * months[6] > months[3]


@pytest.mark.parametrize(
    ("begin", "end", "seen", "expected"),
    [
        # 11 in ten days are ten intervals of a day
        (at(2025, 1, 11), at(2025, 1, 31), ReceivedActivities(11, at(2025, 1, 1), at(2025, 1, 11)), 20.0),
        # newest first: what is left lies before
        (at(2024, 12, 22), at(2025, 1, 1), ReceivedActivities(11, at(2025, 1, 1), at(2025, 1, 11)), 10.0),
        (at(2025, 2, 1), at(2025, 1, 1), ReceivedActivities(11, at(2025, 1, 1), at(2025, 1, 11)), 0.0),
        (at(2025, 1, 1), at(2025, 2, 1), ReceivedActivities(0, None, None), 0.0),
        (at(2025, 1, 1), at(2025, 2, 1), ReceivedActivities(1, at(2025), at(2025)), 0.0),
        (at(2025, 1, 1), at(2025, 2, 1), ReceivedActivities(5, at(2025), at(2025)), 0.0),
    ],
)
def test_the_rest_is_as_dense(begin: datetime, end: datetime, seen: ReceivedActivities, expected: float) -> None:
    assert expected_between(begin, end, seen, EVEN) == pytest.approx(expected)


@pytest.mark.parametrize(("rest", "calls"), [(0.0, 1), (0.4, 2), (200.0, 2), (200.1, 3)])
def test_an_empty_page_ends_a_listing(rest: float, calls: int) -> None:
    assert remaining_pages(rest, 200) == calls


def test_a_forecast_tells_what_was_made_and_what_is_still_to_be_made() -> None:
    forecast = Forecast(1, 2, 300, at(2026, 6, 1))
    assert (forecast.still, forecast.calls) == (302, 303)
    assert str(forecast) == "About 303 calls: 3 to list, 300 for details; done about 2026-06-01 00:00:00 UTC."
    assert "done" not in str(Forecast(1, 2, 300, None, needs_another_day=True))


def test_a_forecast_beyond_the_days_limit_says_that_the_command_ends_before() -> None:
    first, last = at(2026, 6, 1), at(2026, 6, 3)
    again = ", if it is started again when a day's limit opens"
    exact = Forecast(1, 2, 3000, last, needs_another_day=True)
    assert str(exact) == f"About 3,003 calls: 3 to list, 3,000 for details; done about 2026-06-03 00:00:00 UTC{again}."
    ranged = Forecast(1, 2, 3000, last, Bounds(2000, 4000, first, last), needs_another_day=True)
    assert str(ranged) == (
        "2,000–4,000 calls, done between 2026-06-01 00:00 and 2026-06-03 00:00 UTC"
        f"{again}; the number is known when everything is listed."
    )
    assert again not in str(Forecast(1, 2, 3000, None, Bounds(2000, 4000, None, None), needs_another_day=True))


@pytest.mark.parametrize(
    ("fewest", "most", "end", "words"),
    [
        (1911, 2766, at(2026, 6, 2), "1,900–2,800 calls, done between 2026-06-01 06:50 and 2026-06-02 00:00 UTC"),
        (7, 12, at(2026, 6, 1) + timedelta(hours=7), "7–12 calls, done between 2026-06-01 06:50 and 07:00 UTC"),
        (
            7,
            12,
            at(2026, 6, 1) + timedelta(hours=6, minutes=50, seconds=9),
            "7–12 calls, done about 2026-06-01 06:50 UTC",
        ),
        (100, 101, None, "100–110 calls, done 2026-06-01 06:50 UTC at the earliest"),
    ],
)
def test_what_is_unknown_is_a_range_rounded_outwards(fewest: int, most: int, end: datetime | None, words: str) -> None:
    first = at(2026, 6, 1) + timedelta(hours=6, minutes=50)
    bounds = Bounds(fewest, most, first, end)
    assert str(Forecast(1, 2, 300, end, bounds)) == f"{words}; the number is known when everything is listed."
    assert str(Bounds(fewest, most, None, None)) == words.partition(",  done")[0].split(", done")[0]
