"""What pages ask for, done there by keyboard on a phone, and taken back: pairs, days and nights, a device, streets."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from strava_pipeline.lake.gold.matches import match_activities, pair_decisions
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.gold.rules_file import believed_device
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.made.tracks import sync_file_tracks
from strava_pipeline.lake.maps import regions
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import latest_region
from strava_pipeline.serve.dashboard.process import new_link
from strava_pipeline_tests.browser.conftest import Visit, visiting
from strava_pipeline_tests.browser.test_accounts_in_chromium import served as answering
from strava_pipeline_tests.browser.test_dashboard_in_chromium import faults_of
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put
from strava_pipeline_tests.lookups.test_heat_lines import write_heat_tiles
from strava_pipeline_tests.operations.test_device_pairs import COMPUTER, met_twice
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard, served
from strava_pipeline_tests.serve.dashboard.test_api import settings_of

pytestmark = [pytest.mark.slow, pytest.mark.dear]

WRIST = "Garmin Forerunner 935 (wrist)"


@pytest.fixture
def dashboard(tmp_path: Path, new_lake: NewLake) -> Iterator[Dashboard]:
    """A run of two devices, two rides that may be one, tiles around home, and a service without days and nights."""
    lake = new_lake(tmp_path / "data")
    recorded = met_twice(lake)
    put(lake, [activity(8, "2025-05-01T08:00", name="Watch")])
    put(lake, [activity(9, "2025-05-01T08:20", name="Phone", distance=18_000.0)])
    with writing(lake) as connection:
        sync_file_tracks(lake, connection, 2024, {1: recorded[COMPUTER]}, {})
        match_activities(connection, lake)
    write_heat_tiles(lake, 2025, [(ME, "run", 14, 8900 + n, 5680, 3) for n in range(4)])
    publish(lake)
    (tmp_path / "providers.toml").write_text("[providers.intervals_icu]\nenabled = true\n")
    with served(settings_of(tmp_path)) as made:
        yield made


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).press("Enter")


@pytest.fixture
def visit(dashboard: Dashboard, chromium: Browser) -> Iterator[Visit]:
    with answering(dashboard.app) as address:
        link = new_link(dashboard.settings, address, dashboard.time)
        with visiting(chromium, link, "dark") as made:
            yield made


def test_what_a_page_asks_for_is_done_there_and_taken_back(dashboard: Dashboard, visit: Visit) -> None:
    lake, page = dashboard.site.lake, visit.page
    assert [fault for path in ("/pairs", "/devices", "/body", "/maps") for fault in faults_of(visit, path)] == []
    page.set_viewport_size({"width": 390, "height": 844})
    say_of_a_pair(page, visit.address, lake)
    page.goto(f"{visit.address}/body")
    for source in ("intervals.icu", "exports"):
        press(page, f"Switch on {source}")
        press(page, f"Switch off {source}")
        expect(page.get_by_role("button", name=f"Switch on {source}", exact=True)).to_be_visible()
    page.goto(f"{visit.address}/devices")
    press(page, WRIST)
    expect(page.get_by_text("You believe")).to_be_visible()
    assert believed_device(lake) == WRIST
    press(page, "Undo")
    expect(page.get_by_text("Believe one")).to_be_visible()
    assert believed_device(lake) is None
    page.goto(f"{visit.address}/maps")
    press(page, "Fetch my region: how many bytes?")
    press(page, "Cancel")
    expect(page.get_by_role("button", name="Fetch my region: how many bytes?")).to_be_visible()
    asked = latest_region(lake, dashboard.site.now())
    assert (asked is not None and not asked.is_open, regions(lake)) == (True, {})
    assert visit.faults == []


def say_of_a_pair(page: Page, address: str, lake: Lake) -> None:
    """One, undone; two, undone."""
    for button, told in (("One: count it once", "one, counted once"), ("Two: count both", "two, both counted")):
        page.goto(f"{address}/pairs")
        press(page, button)
        expect(page.get_by_role("status")).to_contain_text(told)
        assert len(pair_decisions(lake).joined) + len(pair_decisions(lake).split) == 1
        page.get_by_role("status").get_by_role("button", name="Undo").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("what you said is taken back")
        assert len(pair_decisions(lake).joined) + len(pair_decisions(lake).split) == 0
