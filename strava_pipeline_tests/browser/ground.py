"""Whether maps have their ground, in a real Chromium: the world, a region's streets, and what is said where one is damaged."""

import shutil
from pathlib import Path

from playwright.sync_api import Browser, Page, Route, expect

from strava_pipeline.lake.maps import add_region
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.browser.conftest import Demo, visiting
from strava_pipeline_tests.pmtiles import write_region

_POLICY = (
    "window.refused = []; addEventListener('securitypolicyviolation', event => window.refused.push(event.blockedURI))"
)
EVERYWHERE = (-180.0, -85.0, 180.0, 85.0)
_LINES = "**/api/heat/lines?*"
_ROAD = "214,208,195"  # of static/ground.js, where it is light
_COLOURS = """() => [...new Set([...document.querySelectorAll('#heat canvas.leaflet-tile')].flatMap(canvas => {
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return Array.from({ length: data.length / 4 }, (_, at) => [...data.slice(4 * at, 4 * at + 3)].join());
}))]"""
"""The colours of the ground on the heat map."""

_A_PLACE = """() => {
  const canvas = document.querySelector('#heat .leaflet-overlay-pane canvas'), box = canvas.getBoundingClientRect();
  const { data, width } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const drawn = Array.from({ length: data.length / 4 }, (_, at) => at).filter(at => data[4 * at + 3] === 255);
  const at = drawn[Math.floor(drawn.length / 2)], scale = box.width / width;
  return [box.x + at % width * scale, box.y + Math.floor(at / width) * scale];
}"""
"""Where on the screen the heat map has a square."""


def look_at_the_ground(demo: Demo, chromium: Browser, folder: Path) -> None:
    """The world alone, with a region, and with a damaged one. The data folder is left without regions."""
    lake = Lake(demo.folder / "data")
    with visiting(chromium, demo.link(), "light") as visit:
        page = visit.page
        page.add_init_script(_POLICY)
        drawn(page, visit.address)
        assert len(page.evaluate(_COLOURS)) > 2, "lakes and names of towns on land"
        closer(page)
        expect(page.get_by_text("The map has no streets here.")).to_be_visible()
        expect(page.get_by_text("OpenStreetMap contributors")).to_have_count(0)

        add_region(lake, write_region(folder / "home.pmtiles", EVERYWHERE))
        drawn(page, visit.address)
        closer(page)
        expect(page.get_by_role("link", name="OpenStreetMap contributors")).to_be_visible()
        expect(page.get_by_text("The map has no streets here.")).to_have_count(0)
        page.wait_for_function(f"({_COLOURS})().includes('{_ROAD}')")
        assert (visit.faults, page.evaluate("refused")) == ([], [])

        # its header is whole, so that only the browser notices
        whole = (lake.maps / "home.pmtiles").read_bytes()
        (lake.maps / "home.pmtiles").write_bytes(whole[:-60] + bytes(60))
        drawn(page, visit.address)
        closer(page)
        expect(page.get_by_text("The map is drawn without home.pmtiles: this file is damaged.")).to_be_visible()
        assert visit.faults == []
    shutil.rmtree(lake.maps)


def drawn(page: Page, address: str) -> None:
    """Load the heat map."""
    page.goto(f"{address}/map")
    expect(page.locator("#heat[data-ready][data-ground]")).to_be_visible()


def closer(page: Page) -> None:
    """Look so close that it draws lines, and streets; it says that it loads until the answer comes."""
    held: list[Route] = []
    page.route(_LINES, lambda route: held.append(route))
    with page.expect_request(_LINES):
        page.mouse.move(*page.evaluate(_A_PLACE))
        for _ in range(2):
            page.mouse.wheel(0, -240)  # three zooms, by Leaflet's formula
            page.wait_for_timeout(400)  # its animation
    expect(page.locator("#heat-state")).to_have_text("Loading…")
    for each in held:
        each.continue_()
    page.unroute(_LINES)
    expect(page.locator("#heat-state")).to_contain_text("drawn as")
    expect(page.locator("#heat canvas.leaflet-tile").first).to_be_visible()
