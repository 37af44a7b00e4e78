"""The map in a real Chromium: lines with names above them, the world below, a region that is dropped, and a damaged one."""

import shutil
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, Page, Route, expect

from strava_pipeline.core.geodesy import place_of
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.browser.conftest import Demo, visiting
from strava_pipeline_tests.pmtiles import region

_POLICY = (
    "window.refused = []; addEventListener('securitypolicyviolation', event => window.refused.push(event.blockedURI))"
)
EVERYWHERE = (-180.0, -85.0, 180.0, 85.0)
_LINES = "**/api/heat/lines?*"
_CUT = """() => [...document.querySelectorAll("main .wide")].filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.innerText)"""
_ROAD = "214,208,195"  # of static/ground.js, where it is light
_SHADES = ["217,119,58", "179,64,15"]  # of static/style.css, where it is light: of the fewest activities, and of more
_COLOURS = """pane => [...new Set([...document.querySelectorAll(`#heat .leaflet-${pane}-pane :is(canvas, img)`)].flatMap(drawn => {
  const copy = document.createElement('canvas'), pen = copy.getContext('2d');
  [copy.width, copy.height] = [drawn.naturalWidth ?? drawn.width, drawn.naturalHeight ?? drawn.height];
  if (!copy.width) return [];
  pen.drawImage(drawn, 0, 0);
  const { data } = pen.getImageData(0, 0, copy.width, copy.height);
  return Array.from({ length: data.length / 4 }, (_, at) => data[4 * at + 3] === 255 ? [...data.slice(4 * at, 4 * at + 3)].join() : '');
}))]"""
"""The opaque colours of a pane of the map, '' where it lets others through."""

_DROP = """([name, content]) => {
  const files = new DataTransfer();
  files.items.add(new File([new Uint8Array(content)], name));
  document.getElementById('heat').dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }));
}"""


def look_at_the_ground(demo: Demo, chromium: Browser) -> None:
    """The map wide and narrow, and with a damaged region. The data folder is left without regions."""
    lake = Lake(demo.folder / "data")
    with visiting(chromium, demo.link(), "light") as visit:
        page = visit.page
        page.add_init_script(_POLICY)
        for width in (390, 1440):
            page.goto("about:blank")  # a map still asks for streets
            shutil.rmtree(lake.maps, ignore_errors=True)
            page.set_viewport_size({"width": width, "height": 900})
            drawn(page, visit.address)
            assert {*_SHADES} <= {*page.evaluate(_COLOURS, "overlay")}, "lines from afar, some of them gone more often"
            drop_regions(page, lake)
            assert [fault for fault in visit.faults if "status of 400" not in fault] == page.evaluate("refused") == []
            closer(page)
            assert _SHADES[0] in page.evaluate(_COLOURS, "overlay"), "lines close up"

        page.set_viewport_size({"width": 390, "height": 900})
        for name in ("fitness", "devices"):
            page.goto(f"{visit.address}/{name}")
            assert page.evaluate(_CUT) == [], name
        page.set_viewport_size({"width": 1440, "height": 900})
        whole_cluster(page, visit.address)
        # its header is whole, so that only the browser notices
        whole = (lake.maps / "home.pmtiles").read_bytes()
        (lake.maps / "home.pmtiles").write_bytes(whole[:-60] + bytes(60))
        visit.faults.clear()
        drawn(page, visit.address)
        expect(page.get_by_text("The map is drawn without home.pmtiles: this file is damaged.")).to_be_visible()
        assert visit.faults == []
    shutil.rmtree(lake.maps)


def whole_cluster(page: Page, address: str) -> None:
    """The page of tiles begins with the largest cluster and the largest square in view."""
    with page.expect_request("**/api/tiles?*") as asked:
        page.goto(f"{address}/tiles")
    west, south, east, north = map(float, parse_qs(urlsplit(asked.value.url).query)["box"][0].split(","))
    totals = page.request.get(f"{address}/api/tiles/totals").json()
    x, y, side = (totals["square"][name] for name in ("x", "y", "side"))
    square = [[row, x, x + side - 1] for row in (y, y + side - 1)]
    rows, firsts, lasts = zip(*totals["cluster"], *square, strict=True)
    (top, left), (bottom, right) = place_of(min(firsts), min(rows), 14), place_of(max(lasts) + 1, max(rows) + 1, 14)
    across, down = (east - west) / 12, (north - south) / 12  # asked for beyond each edge of what is seen
    assert west + across <= left < right <= east - across
    assert south + down <= bottom < top <= north - down


def drawn(page: Page, address: str) -> None:
    """Load the map, which has names above its lines."""
    page.goto(f"{address}/map")
    expect(page.locator("#heat[data-ready][data-ground]")).to_be_visible()
    layers = [page.locator(f"#heat .leaflet-{pane}-pane") for pane in ("tile", "overlay", "names")]
    heights = [int(each.evaluate("each => getComputedStyle(each).zIndex")) for each in layers]
    assert heights == sorted({*heights})
    drawn_in(page, "names", 2)


def drawn_in(page: Page, pane: str, least: int, colour: str = "") -> None:
    """Wait for colours in a pane; the page's policy lets no function be waited for."""
    for _ in range(100):
        found = page.evaluate(_COLOURS, pane)
        if len(found) >= least and (not colour or colour in found):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{pane} has not enough colours, or not {colour}")


def drop_regions(page: Page, lake: Lake) -> None:
    """Drop a file that is no region, then one that is, whose streets the map then has."""
    hint, state = page.locator(".map-hint"), page.locator("#drop-status")
    expect(hint).to_contain_text("no streets here. Add a region, or drop its PMTiles file here")
    page.evaluate(_DROP, ["rubbish.pmtiles", [*b"rubbish"]])
    expect(state).to_contain_text("rubbish.pmtiles: The file is no PMTiles archive.")
    assert [*lake.maps.iterdir()] == []
    page.evaluate(_DROP, ["home.pmtiles", [*region(EVERYWHERE)]])
    expect(state).to_have_text("1 of 1 files kept.")
    expect(hint).to_be_hidden()
    expect(page.get_by_role("link", name="OpenStreetMap contributors")).to_be_visible()
    drawn_in(page, "tile", 2, _ROAD)


def closer(page: Page) -> None:
    """Look so close that it draws tracks; it says that it loads until the answer comes."""
    held: list[Route] = []
    page.route(_LINES, lambda route: held.append(route))
    with page.expect_request(_LINES):
        for _ in range(3):
            page.get_by_role("button", name="Zoom in").click()
            page.wait_for_timeout(400)  # its animation
    expect(page.locator("#heat-state")).to_have_text("Loading…")
    for each in held:
        each.continue_()
    page.unroute(_LINES)
    expect(page.locator("#heat-state")).to_contain_text("in this part of the map")
