"""Days and nights of the dashboard: the usual range and means by numbers computed by hand, gaps, and what is never mixed."""

from datetime import date, timedelta
from typing import Any

from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.body import Body, body_of
from strava_pipeline_tests.lake.insight_rows import put

TODAY = date(2026, 3, 1)


def before(days: int) -> date:
    return TODAY - timedelta(days=days)


def put_values(lake: Lake, table: str, measure: str, values: dict[int, float], source: str = "toy") -> None:
    """Values by how many days they are before today."""
    rows = [{"day": before(days), measure: value, f"{measure}_source": source} for days, value in values.items()]
    put(lake, rows, table)


def body(lake: Lake, days: int | None = 90) -> Body:
    with reading(lake) as connection:
        found = body_of(connection, TODAY, days)
    assert found is not None
    return found


def test_the_usual_range_is_of_sixty_days_and_at_least_fourteen_values(lake: Lake) -> None:
    alternating = {days: 48.0 if days % 2 else 52.0 for days in range(14)}
    put_values(lake, "days", "resting_heartrate", {**alternating, 60: 100.0})
    put_values(
        lake, "nights", "hrv_rmssd", {59 if days == 13 else days: 40.0 if days % 2 else 90.0 for days in range(14)}
    )
    found = body(lake)
    rest, variability = found.charts["resting_heartrate"], found.charts["hrv_rmssd"]
    # 50 ± 2 · √(14 / 13): the 100 of 60 days ago is out
    assert rest.newest == {"day": TODAY, "value": 52.0, "low": 47.9, "high": 52.1}
    # of logarithms: √(40 · 90) = 60, and e to the power of ln(90 / 40) / 2 · √(14 / 13) = 1.5231
    assert (variability.newest["low"], variability.newest["high"]) == (39.4, 91.4)
    # yesterday: 13 of them and the 100 of 59 days before: 53.43 - 13.55
    assert rest.lines["low"][-2] == 39.9
    assert rest.lines["low"][-3:-2] == [None], "the day before: 12 of them, and the 100"
    assert variability.lines["low"][-2] is None
    assert (rest.lines["value"][-15], rest.lines["value"][-61], len(rest.lines["value"])) == (None, 100.0, 90)


def test_weight_has_a_mean_of_seven_days_and_no_number_where_there_is_none(lake: Lake) -> None:
    put_values(lake, "days", "weight_kg", {7: 99.0, 6: 70.0, 1: 72.0})
    found = body(lake, 9).charts["weight_kg"]
    assert found.lines["mean"] == [None, 99.0, 84.5, 84.5, 84.5, 84.5, 84.5, 80.33, 71.0]
    assert found.lines["value"] == [None, 99.0, 70.0, None, None, None, None, 72.0, None]
    assert found.newest == {"day": before(1), "value": 72.0, "mean": 80.33}


def test_sources_are_counted_and_sdnn_stands_alone(lake: Lake) -> None:
    put_values(lake, "nights", "hrv_sdnn", {20: 30.0, 19: 31.0})
    put_values(lake, "nights", "hrv_sdnn", {18: 33.0}, "other")
    put_values(lake, "nights", "hrv_rmssd", {40: 61.0})
    recent, all_days = body(lake, 30), body(lake, None)
    assert dict(recent.charts["hrv_sdnn"].sources) == {"toy": 2, "other": 1}
    assert (recent.recent, [*all_days.charts]) == ([], ["hrv_rmssd"])
    assert (all_days.period.first, all_days.period.until) == (before(40), TODAY)


def test_a_day_ahead_of_the_clock_is_the_last_and_none_is_no_page(lake: Lake) -> None:
    with reading(lake) as connection:
        assert body_of(connection, TODAY, 90) is None
    put_values(lake, "nights", "asleep_seconds", {-1: 25_200.0})
    found: Any = body(lake, 2)
    assert (found.period.until, found.recent[0]["sources"], found.recent[1]["sources"]) == (before(-1), ["toy"], [])
