"""The calendar of days: a year with its weeks and when activities begin, a month with the activities of each day."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.operations.dashboard import DashboardPipeline
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard, served
from strava_pipeline_tests.serve.dashboard.test_api import settings_of
from strava_pipeline_tests.serve.dashboard.test_pages import HOSTILE, page, words

NOW = datetime(2025, 6, 30, 20, tzinfo=UTC)  # a Monday
AUCKLAND = "(GMT+12:00) Pacific/Auckland"  # where it is Tuesday, the first of July


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Iterator[Dashboard]:
    """A dashboard of two years, one day of which has ten activities."""
    folder = tmp_path_factory.mktemp("days")
    lake = new_lake(folder / "data")
    days = [
        activity(1, "2025-05-05T06:30", name=HOSTILE),
        activity(2, "2025-05-05T18:30", sport_type="Run", distance=5_000.0),
        activity(3, "2025-05-07T18:59:59", sport_type="Yoga", distance=0.0),
        {**activity(4, "2025-04-30T00:00", name=None, moving_time=None, elapsed_time=None), "start_date": None},
        activity(5, "2024-05-06T08:00", name="A year before"),
        activity(6, "2024-12-31T23:59:59", name="The last of the year"),
        activity(7, "2025-07-01T05:00", name="This morning"),
    ]
    put(lake, [{**row, "timezone": AUCKLAND} for row in days])
    put(lake, [activity(n, f"2025-06-01T{n}:00", name=f"Lap {n}", timezone=AUCKLAND) for n in range(10, 20)])
    put(lake, [{**activity(30, "2025-05-06T08:00"), "athlete_id": ME + 1}])
    put(lake, [{**activity(31, "2025-05-06T08:00"), "start_date": None, "start_date_local": None, "year": 2025}])
    publish(lake)
    with served(settings_of(folder), time=NOW) as made:
        yield made


def test_a_year_has_its_days_each_a_link_to_what_was_done(site: TestClient) -> None:
    assert site.get("/calendar").headers["location"] == "/calendar/2025"
    text = page(site, "/calendar/2025")
    assert "15 activities , 265 km , 14.0 h , on 5 days" in words(text), "of the athlete alone"
    days = re.findall(
        r'<a class="shade-(\d)" href="/activities\?from=(\S+)&amp;to=(\S+)" title="([^"]+)">(\d+)\n',
        text,
    )
    assert [(shade, first, number) for shade, first, last, _, number in days if first == last] == [
        ("1", "2025-04-30", "30"),
        ("3", "2025-05-05", "5"),
        ("1", "2025-05-07", "7"),
        ("4", "2025-06-01", "1"),
        ("1", "2025-07-01", "1"),
    ], "quarters, by time"
    assert days[1][3] == "5 May 2025: 2 activities, 25.0 km, 2.0 h, Ride, Run"
    assert days[0][3] == "30 Apr 2025: 1 activity, 20.0 km, Ride"
    for path, times in (("/activities/4", 2), ("/activities/4/with/5", 1)):
        without = page(site, path)
        assert (without.count("30 Apr 2025") >= times, "30 Apr 2025, 0" in without) == (True, False), "a day alone"
    assert "30 Ride 20.0 km" in words(text), "of which no time is known"
    assert "5 Ride +1 2.0 h 12" in words(text)
    assert text.count("<caption>") == 12
    assert re.findall(r'<caption><a href="([^"]+)"', text)[4] == "/calendar/2025-05"
    by_distance = page(site, "/calendar/2025?by=distance")
    assert ("5 Ride +1 25.0 km" in words(by_distance), "7 Gym 1.0 h" in words(by_distance)) == (True, True)
    by_distance = re.findall(r'class="shade-(\d)"', by_distance)
    assert by_distance == ["1", "3", "1", "4", "1"]


def test_only_months_that_have_a_page_are_linked(dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DashboardPipeline, "known_months", lambda _: ("2025-02", "2025-07"))
    with served(dashboard.settings, time=NOW) as made:
        browser = made.browser()
        pages = [page(browser, path) for path in ("/year/2025", "/calendar/2025-01", "/calendar/2025-12", "/sync")]
        linked = [re.findall(r'href="/month/([^"]+)"', each) for each in pages]
        months = [f"2025-{number:02}" for number in range(2, 8)]
        assert linked == [months, [], [], months]
        assert 'href="/month/2025-07"' in page(browser, "/calendar/2025-07")


def test_weeks_stand_beside_those_of_the_year_before(site: TestClient) -> None:
    text = page(site, "/calendar/2025")
    seen = words(text)
    assert "Weeks Week from Activities Distance Time Climb 30 Jun 2025 1 20.0 km" in seen, (
        "the newest first, as the athlete's clock has it, and nothing in any of these weeks of 2024"
    )
    assert "Weeks: 19 more Week from Activities Distance Time Climb Distance in 2024 Time in 2024" in seen
    assert "5 May 2025 3 25.0 km 3.0 h 450 m 20.0 km 1.0 h" in seen
    assert "30 Dec 2024 1 20.0 km 1.0 h 150 m – –" in seen, "a week of two years"
    assert 'href="/activities?from=2025-05-05&amp;to=2025-05-11"' in text


def test_weeks_begin_on_the_day_that_goals_toml_says(dashboard: Dashboard, site: TestClient) -> None:
    goals = dashboard.site.lake.goals
    goals.write_text('week_starts = "sunday"')
    try:
        text = page(site, "/calendar/2025")
        assert re.findall(r'<abbr title="(\w+)"', text)[:7] == [
            *("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
        ]
        assert "Week from Activities Distance Time Climb 29 Jun 2025 1" in words(text)
        assert '<th scope="col">Sunday</th><th scope="col">Monday' in page(site, "/calendar/2025-05")
    finally:
        goals.unlink()


def test_when_activities_begin_is_counted_by_weekday_and_time_of_the_day(site: TestClient) -> None:
    seen = words(page(site, "/calendar/2025"))
    assert (
        "Monday 2 25.0 km 2.0 h Tuesday 1 20.0 km 1.0 h Wednesday 2 20.0 km 1.0 h Thursday 0 – – Friday 0 – – Saturday 0 – – Sunday 10"
        in seen
    )
    assert "Begun Activities Distance Time 04:00–06:00 1 20.0 km 1.0 h 06:00–08:00 1" in seen
    assert "08:00–10:00 0 – –" in seen
    assert "18:00–20:00 4 45.0 km 4.0 h" in seen
    assert "leave out 1 activity of which the day alone is known" in seen


def test_a_month_names_the_activities_of_each_day(site: TestClient) -> None:
    text = page(site, "/calendar/2025-05")
    seen = words(text)
    assert "3 activities , 25.0 km , 3.0 h" in seen
    assert 'href="/activities/1">' in text
    assert "&lt;script&gt;alert(1)" in text
    assert "Run 5.0 km" in seen
    assert "Yoga 1:00:00" in seen, "what was not covered is no distance"
    assert "30 Apr Night ride Ride 20.0 km" in seen, "of April, in the week that May begins in"
    assert "Week: 25.0 km , 3.0 h" in seen
    for address in ("/calendar/2025-04", "/calendar/2025-06", "/month/2025-05", "/calendar/2025"):
        assert f'href="{address}"' in text
    june = words(page(site, "/calendar/2025-06"))
    assert ("Lap 17" in june, "Lap 18" in june, "2 more" in june) == (True, False, True)


def test_what_was_not_covered_is_no_distance_in_the_list(site: TestClient) -> None:
    assert "Yoga 1:00:00" in words(page(site, "/activities?sport=Yoga"))
    assert "Average speed" not in words(page(site, "/activities")), "speeds of several sports have no mean"
    assert "Average speed" in words(page(site, "/activities?sport=ride"))


def test_what_colours_and_marks_mean_is_read_without_a_pointer(site: TestClient) -> None:
    italics = "In italics : without a name of its own."
    april, june = (words(page(site, f"/calendar/2025-{month}")) for month in ("04", "06"))
    assert (italics in april, italics in words(page(site, "/activities")), italics in june) == (True, True, False)
    assert "By month (km) ■ 2024 ■ 2025" in words(year := page(site, "/year/2025"))
    assert "★ the best of all years." in words(year)
    assert "A day has its sport and its time; the stronger the colour, the more." in words(page(site, "/calendar/2025"))


def test_records_are_by_sport_in_the_order_of_ones_hours(site: TestClient) -> None:
    for path in ("/records", "/year/2025"):
        groups = re.findall(r'<h2 id="(?:of|records)-\d">(?:Records: )?(\w+)', page(site, path))
        assert groups == ["Ride", "Gym", "Run"], path


def test_what_has_no_day_is_in_no_month(site: TestClient) -> None:
    assert "May 2025 4 activities 25.0 km" in words(page(site, "/sync?year=2025")), "one of them is of another athlete"


def test_a_period_that_the_calendar_has_not_is_an_error(site: TestClient) -> None:
    for period, status in (
        ("2024-01", 200), ("2023", 404), ("2023-12", 404), ("2026", 404), ("2026-01", 404), ("2025-13", 400),
        ("25", 400), ("2025-5", 400), ("2025-05-01", 400), ("0000", 400), ("2025?by=heart", 400),
    ):  # fmt: skip
        page(site, f"/calendar/{period}", status)
    assert "/calendar/2023" not in page(site, "/calendar/2024-01")
