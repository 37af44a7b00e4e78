"""*Why this number?*: each declared number of a page comes to what its explanation says, and the page explains it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from strava_pipeline.core.insights import declared_numbers
from strava_pipeline.core.insights.declared_numbers import NUMBERS
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.sql import sql
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.lookups.test_why import ROWS_2025, put_matches
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard, served
from strava_pipeline_tests.serve.dashboard.test_api import settings_of
from strava_pipeline_tests.serve.dashboard.test_pages import page, words
from strava_pipeline_tests.walk import count_of_numbers, faults_of_page, numbers_of

NOW = datetime(2025, 12, 31, 23, 59, tzinfo=UTC)
RIDES = "from=2025-01-01&to=2025-12-31&sport=ride"
GOALS = """
[2025.ride]
distance_km = 500
[every_week.all]
count = 2
[[athlete]]
since = 2020-01-01
resting_heartrate = 50
threshold_heartrate = 165
max_heartrate = 185
[service.Domane.chain]
every_km = 1000
done = [2025-02-01]
"""
PAGES = (
    "/",
    "/activities",
    f"/activities?{RIDES}",
    "/calendar/2025",
    "/calendar/2025-07",
    "/year/2025",
    "/year/2024",
    "/gear",
    "/records",
    "/fitness",
)


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Iterator[Dashboard]:
    """Efforts that three services tell of, with planted differences; one bike, goals of a year and of a week."""
    folder = tmp_path_factory.mktemp("why")
    lake = new_lake(folder / "data")
    rows = [{**row, "average_heartrate": 150.0} if row["id"] % 2 else row for row in ROWS_2025]
    put(lake, [{**row, "gear_id": "b1", "gear_source": "strava"} if row["id"] in (1, 2) else row for row in rows])
    put(lake, [activity(30, "2025-08-08T08:00", distance=2_500.0, sport_type=None, moving_time=1800)])
    put(lake, [{"source": "strava", "gear_id": "b1", "name": "Domane"}], "gear")
    put_matches(lake)
    lake.goals.write_text(GOALS, encoding="utf-8")
    publish(lake)
    with served(settings_of(folder), time=NOW) as made:
        yield made


@pytest.fixture
def site(dashboard: Dashboard) -> TestClient:
    return dashboard.browser()


@pytest.mark.parametrize("path", PAGES)
def test_each_number_of_a_page_is_what_its_explanation_comes_to(site: TestClient, path: str) -> None:
    text = page(site, path)
    assert faults_of_page(site, path) == []
    for number, query in {(number, query) for number, query, _ in numbers_of(text)}:
        assert page(site, f"/why/{number}?{query}")
    assert count_of_numbers(text) >= (2 if path in ("/gear", "/year/2024", "/records", "/fitness") else 4)


def test_a_page_says_why_two_services_differ(site: TestClient) -> None:
    text = words(page(site, f"/why/distance?{RIDES}"))
    assert "Distance: 148 km" in text
    for said in (
        "Garmin Connect: 85.10 km ours is 63.00 km more",
        "+39.10 km : 2 activities, only here",
        "+12.00 km : 1 activity, of another sport there",
        "+7.00 km : 1 activity, on another day or in another year there",
        "+4.90 km : 2 activities, another value there",
        "-49.00 km : 2 activities, more than once there",
        "1 activity: it may be one with another that counts 9.00 km",
        "8 activities, together 148.10 km . 5 of them are told by several services or files, and count once.",
    ):
        assert said.replace(" : ", ": ") in text.replace(" : ", ": "), said


def test_bad_addresses_are_sentences(site: TestClient) -> None:
    for path, status, said in (
        ("/api/why/'; DROP TABLE activities", 404, "/api/why list them all"),
        ("/api/why/distance?sport='; DROP TABLE activities", 400, "no activity has it"),
        ("/api/why/distance?from=2025", 400, "2026-10-31"),
        ("/api/why/distance?first=-1", 400, "first"),
        ("/api/why/distance?athlete_id=78", 400, "does not know"),
    ):
        answer = site.get(path)
        assert answer.status_code == status
        assert said in answer.text
    assert "Nothing counts here" in page(site, "/why/distance?from=1999-01-01&to=1999-12-31")
    assert json.loads(site.get("/api/why/distance?from=2025-07-04&to=2025-07-04").text)["excluded"] == {}, (
        "another athlete's"
    )


def test_a_declaration_is_the_number_of_pages_json_and_explanations(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changed in one place, it changes everywhere. Views are made when they are published, and stay."""
    from dataclasses import replace

    doubled = replace(NUMBERS["distance"], total="2 * sum(distance_m ORDER BY activity_id)")
    monkeypatch.setattr(declared_numbers, "NUMBERS", {**NUMBERS, "distance": doubled})
    monkeypatch.setitem(NUMBERS, "distance", doubled)  # type: ignore[index]
    sql.cache_clear()
    dashboard.site.kept._packed.clear()
    try:
        site = dashboard.browser()
        for path, said in (
            (f"/api/why/distance?{RIDES}", '"number":296200.0'),
            (f"/api/activities?{RIDES}", '"distance":296200.0'),
            ("/api/insights/2025", '"distance_m":621200.0'),
            ("/year/2025", ">621 km<"),
            ("/calendar/2025", ">621 km<"),
            ("/gear", ">100 km<"),
        ):
            assert said in site.get(path).text, path
    finally:
        sql.cache_clear()
        dashboard.site.kept._packed.clear()
