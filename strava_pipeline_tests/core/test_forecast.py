"""core.forecast: how much of a listing is still to come. Worked by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from strava_pipeline.core.forecast import Bounds, Forecast, Season, Seen, expected_between, pages_still, season_of

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
    ("latitude", "july_over_january"),
    [(52.0, 1.29 / 0.71), (-37.0, None), (0.0, 1.0), (None, 1.0)],
)
def test_summer_is_where_the_athlete_is(latitude: float | None, july_over_january: float | None) -> None:
    months = season_of({}, latitude).months
    if july_over_january is None:
        assert months[6] < months[3] < months[0]
    else:
        assert months[6] / months[0] == pytest.approx(july_over_january, rel=0.05)


def test_the_athlete_s_own_years_outweigh_the_plain_season() -> None:
    months = season_of({1: 400, 7: 100}, 52.0).months
    assert months[0] > 3 * months[6] > months[3]


@pytest.mark.parametrize(
    ("begin", "end", "seen", "expected"),
    [
        # 11 in ten days are ten intervals of a day
        (at(2025, 1, 11), at(2025, 1, 31), Seen(11, at(2025, 1, 1), at(2025, 1, 11)), 20.0),
        # newest first: what is left lies before
        (at(2024, 12, 22), at(2025, 1, 1), Seen(11, at(2025, 1, 1), at(2025, 1, 11)), 10.0),
        (at(2025, 2, 1), at(2025, 1, 1), Seen(11, at(2025, 1, 1), at(2025, 1, 11)), 0.0),
        (at(2025, 1, 1), at(2025, 2, 1), Seen(0, None, None), 0.0),
        (at(2025, 1, 1), at(2025, 2, 1), Seen(1, at(2025), at(2025)), 0.0),
        (at(2025, 1, 1), at(2025, 2, 1), Seen(5, at(2025), at(2025)), 0.0),
    ],
)
def test_the_rest_is_as_dense_as_what_came(begin: datetime, end: datetime, seen: Seen, expected: float) -> None:
    assert expected_between(begin, end, seen, EVEN) == pytest.approx(expected)


@pytest.mark.parametrize(("rest", "calls"), [(0.0, 1), (0.4, 2), (200.0, 2), (200.1, 3)])
def test_an_empty_page_ends_a_listing(rest: float, calls: int) -> None:
    assert pages_still(rest, 200) == calls


def test_a_forecast_tells_what_was_made_and_what_is_still_to_be_made() -> None:
    forecast = Forecast(1, 2, 300, at(2026, 6, 1))
    assert (forecast.still, forecast.calls) == (302, 303)
    assert str(forecast) == "About 303 calls: 3 to list, 300 for details; done about 2026-06-01 00:00:00 UTC."
    assert "done" not in str(Forecast(1, 2, 300, None, needs_another_day=True))


def test_a_forecast_beyond_the_days_limit_says_that_the_command_ends_before() -> None:
    first, last = at(2026, 6, 1), at(2026, 6, 3)
    again = ", if it is started again when a day's limit opens"
    known = Forecast(1, 2, 3000, last, needs_another_day=True)
    assert str(known) == f"About 3,003 calls: 3 to list, 3,000 for details; done about 2026-06-03 00:00:00 UTC{again}."
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
        (100, 101, None, "100–110 calls, done 2026-06-01 06:50 UTC at the earliest"),
    ],
)
def test_what_is_not_known_yet_is_told_as_a_range_rounded_outwards(
    fewest: int, most: int, end: datetime | None, words: str
) -> None:
    first = at(2026, 6, 1) + timedelta(hours=6, minutes=50)
    bounds = Bounds(fewest, most, first, end)
    assert str(Forecast(1, 2, 300, end, bounds)) == f"{words}; the number is known when everything is listed."
    assert str(Bounds(fewest, most, None, None)) == words.partition(",  done")[0].split(", done")[0]
