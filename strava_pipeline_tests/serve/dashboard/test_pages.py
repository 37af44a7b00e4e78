"""The pages over a published warehouse with hostile names, over an empty one, and without any."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.notifications import notify
from strava_pipeline.lake.requests import note_look
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard
from strava_pipeline_tests.serve.dashboard.test_api import settings_of

PAGE = {"Accept": "text/html"}
HOSTILE = '<script>alert(1)</script> \u202ethe hill\u202c שלום 🚵 "x" \' {{ 7*7 }}'
NOW = datetime(2025, 7, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Iterator[Dashboard]:
    """A dashboard of nine activities in two years, one of them without anything, with goals in miles."""
    folder = tmp_path_factory.mktemp("pages")
    lake = new_lake(folder / "data")
    rows = [activity(n, f"2025-05-{n:02}T08:00", name=f"Ride {n}", gear_id="b1", source_id=str(n)) for n in range(1, 7)]
    put(lake, [*rows, activity(7, "2025-05-07T08:00", name=HOSTILE, gear_id="b1", source_id="7")])
    put(lake, [activity(8, "2024-05-01T08:00", name="x" * 10_000, gear_id=None, source_id="8")])
    nothing = dict.fromkeys(("name", "sport_type", "distance", "moving_time", "elapsed_time", "total_elevation_gain"))
    put(lake, [{**activity(9, "2025-04-01T08:00", source_id="9"), **nothing}])
    put(lake, [{"source": "strava", "gear_id": "b1", "name": HOSTILE, "retired": False}], "gear")
    put(lake, [{"athlete_id": ME, "fetched_at": "2024-01-01"}], "athlete")
    failed = {"athlete_id": ME, "source": "strava", "failures": 3}
    put(lake, [{"activity_id": 3, **failed}, {"activity_id": 4, **failed, "dropped_at": NOW}], "quarantine")
    lake.goals.write_text('units = "miles"\n[2025.ride]\ndistance_miles = 100\n')
    publish(lake)
    for number in range(5):
        notify(lake, "error", f"Run {number} failed: {HOSTILE}", NOW)
    made = Dashboard(settings_of(folder), time=NOW)
    yield made
    made.site.records.close()


@pytest.fixture(scope="module")
def site(dashboard: Dashboard) -> TestClient:
    return dashboard.browser()


@pytest.fixture
def empty(tmp_path: Path, new_lake: NewLake) -> Iterator[TestClient]:
    """A browser at a dashboard whose warehouse was published without an activity."""
    publish(new_lake(tmp_path / "data"))
    made = Dashboard(settings_of(tmp_path), time=NOW)
    yield made.browser()
    made.site.records.close()


def page(site: TestClient, path: str, status: int = 200) -> str:
    """A page, which is well-formed, holds no script or style of its own, and shows hostile names as text."""
    answer = site.get(path, headers=PAGE)
    assert answer.status_code == status, answer.text
    text = answer.text
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", text), path
    assert "\u202e" not in text
    assert "49" not in re.findall(r"the hill.*", text)
    assert text.count("<h1") == 1
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids)), path
    for label in re.findall(r'aria-labelledby="([^"]+)"|for="([^"]+)"', text):
        assert "".join(label) in ids
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', text):
        assert site.get(address).status_code == 200, address
    return text


def words(text: str) -> str:
    """What a person reads on a page, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


@pytest.mark.parametrize("path", ["/"])
def test_a_page_without_data_says_what_to_do(site_without_data: TestClient, empty: TestClient, path: str) -> None:
    for browser in (site_without_data, empty):
        assert re.search(r"strava-pipeline (flow|import)", page(browser, path)), path


@pytest.fixture
def site_without_data(tmp_path: Path) -> Iterator[TestClient]:
    made = Dashboard(settings_of(tmp_path / "bare"), time=NOW)
    yield made.browser()
    made.site.records.close()


def test_the_overview_has_the_year_in_numbers_what_needs_attention_and_the_next_run(
    dashboard: Dashboard, site: TestClient
) -> None:
    text = page(site, "/")
    seen = words(text)
    assert "2025 so far distance 87.0 mi ▲ 12.4 mi by this day of 2024" in seen, "in miles, as goals.toml says"
    assert "Ride, distance: 100 mi 37.1 mi ahead" in seen
    assert '<progress max="100" value="87.0"' in text
    assert seen.count("&lt;script&gt;alert(1)") == 1 + 3, "the newest activity, and three of five failures"
    assert ("2 more failures" in seen, "/activities/7" in text, "/activities/1" not in text) == (True, True, True)
    assert "Strava: 1 activity failed three times in a row" in seen, "the other one was dropped by a person"
    assert "due on 2025-07-02 05:00 (Europe/London)" in seen
    assert "nothing would start it" in seen
    note_look(dashboard.site.lake, NOW)
    assert "nothing would start it" not in words(page(site, "/"))
    goals = dashboard.site.lake.goals
    before = goals.read_text()
    try:
        goals.write_text("units = 3")
        assert 'units: 3 is neither "km" nor "miles"' in unescape(seen := words(page(site, "/")))
        assert "2025 so far" in seen
    finally:
        goals.write_text(before)
