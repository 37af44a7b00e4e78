"""What the scripts of charts share, in a real Chromium: texts of values, the range of an axis, titles."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

import strava_pipeline.serve.dashboard as dashboard

pytestmark = pytest.mark.slow

STATIC = Path(dashboard.__file__).parent / "static"


def test_values_have_the_texts_of_the_pages_and_an_axis_the_range_that_matters(chromium: Browser) -> None:
    page = chromium.new_page()
    page.add_script_tag(path=STATIC / "charts.js")
    shown = {299.7: "5:00", 59.4: "0:59", 3599.6: "1:00:00", 0: "0:00", 7384: "2:03:04"}
    assert {seconds: page.evaluate(f"chartParts.clock({seconds})") for seconds in shown} == shown
    days = {
        "d mmm yyyy": "5 Sep 2026",
        "yyyy-mm-dd": "2026-09-05",
        "dd.mm.yyyy": "05.09.2026",
        "mm/dd/yyyy": "09/05/2026",
    }
    for dates, text in days.items():
        page.evaluate("dates => { document.documentElement.dataset.dates = dates; }", dates)
        assert page.evaluate("chartParts.dayText(Date.UTC(2026, 8, 5) / 1000)") == text
    assert page.evaluate("chartParts.onDay(Date.UTC(2026, 8, 5) / 1000, 'numeric')") == "5 Sep 2026"
    assert page.evaluate("chartParts.onDay(Date.UTC(2026, 8, 5) / 1000)") == "5 Sep"
    steady = [0, None, 0.1, *[2.5 + n / 1000 for n in range(100)], 9.0]
    assert page.evaluate("values => chartParts.innerRange(values)", steady) == pytest.approx([2.497, 2.603], abs=0.005)
    assert page.evaluate("values => chartParts.innerRange(values)", [None, 0]) is None
    assert page.evaluate("values => chartParts.innerRange(values)", [0.25] * 50 + [5.5] * 50)[0] > 0
    for least, most in ((2.4, 3.4), (3.0, 3.1), (0.25, 5.5), (0.5, 5), (0.8, 5)):
        paces = page.evaluate("range => chartParts.paceTicks(1000, ...range)", [least, most])
        assert 3 <= len(paces) <= 5, (least, most)
        assert all(least <= speed <= most for speed in paces), (least, most)
        assert paces == sorted(paces), (least, most)
    paces = page.evaluate("range => chartParts.paceTicks(1000, ...range)", [0.5, 5])
    shown = [page.evaluate("s => chartParts.clock(s)", 1000 / speed) for speed in paces]
    assert shown == ["18:00", "9:00", "6:00", "4:30", "3:45"], "from walking to running"
    assert title_of_a_chart(page) == "left"


@pytest.mark.dear
def test_a_weight_is_drawn_in_its_unit_and_who_is_behind_is_told(chromium: Browser) -> None:
    page = chromium.new_page()
    page.set_content("""<div data-body='{"value": [80]}' data-unit="lb" data-first="2026-03-01"></div>""")
    page.add_script_tag(
        content="window.uPlot = class { constructor(_, values) { window.drawn = values; } setSize() {} }"
    )
    page.add_script_tag(path=STATIC / "charts.js")
    page.add_script_tag(path=STATIC / "body.js")
    assert page.evaluate("drawn[1]") == pytest.approx([176.4], abs=0.1)
    for over, first, second in (("distance", "B is 0:50 behind", 50), ("time", "B is 250 behind", 250)):
        page.set_content('<div id="track" data-compare="a b"></div><p id="track-state"></p>')
        page.evaluate(PARTS, over)
        page.add_script_tag(path=STATIC / "charts.js")
        page.add_script_tag(path=STATIC / "compare.js")
        page.wait_for_function("window.gap !== undefined")
        assert (page.evaluate("gap"), page.evaluate("told")) == (pytest.approx(second, abs=1), first)


def test_a_track_without_times_is_drawn_over_its_distance(chromium: Browser) -> None:
    page = chromium.new_page()
    radios = "".join(f'<input type="radio" name="over" value="{value}">' for value in ("distance", "time"))
    ids = "<p id='track-state'></p><p id='track-tools'></p><p id='track-values'></p><p id='track-charts'></p>"
    page.set_content(f"<div id='track' data-group='run' data-units='km'></div>{ids}<input id='track-place'>{radios}")
    page.evaluate("""() => {
      window.drawn = [];
      window.uPlot = class { constructor(_, [xs]) { drawn.push(xs); } setSize() {} };
      const track = { time: [null, null], distance: [0, 1000], heartrate: [140, 150] };
      window.fetchJson = () => Promise.resolve({ recorded: 2, begins_at: null, track });
    }""")
    for script in ("charts.js", "track_parts.js", "track.js"):
        page.add_script_tag(path=STATIC / script)
    page.wait_for_function("document.getElementById('track-state').textContent")
    assert page.text_content("#track-state") == "2 recorded points, none of which has a time."
    assert (page.evaluate("drawn"), page.locator("input[value=time]").is_disabled()) == ([[0, 1000]], True)


PARTS = """over => {
  window.gap = undefined;
  const track = (speed) => ({ time: [0, 100, 200], distance: [0, 100 * speed, 200 * speed], latitude: [], longitude: [] });
  window.fetchJson = (address) => Promise.resolve({ track: track(address === "a" ? 10 : 7.5) });
  window.trackParts = () => ({
    measured: () => [], AXES: { distance: (v) => `${Math.round(v)}`, time: (v) => `${v}` }, filled: (v) => v, stretches: () => [],
    chart: ({ lines }) => { const at = over === "distance" ? 750 : 500; window.gap = lines[0].values[at]; return at; },
    view: { over }, say: (_, text) => { window.told = text.split("; ").pop(); },
    begin: ({ draw, said }) => { const [at] = draw(); said(at); },
  });
}"""


def title_of_a_chart(page: Page) -> str:
    """How its text is aligned, with the sheets in the order of a page."""
    page.set_content('<div class="uplot"><div class="u-title">Height</div></div>')
    for sheet in ("style.css", "vendor/uplot/uPlot.min.css"):
        page.add_style_tag(path=STATIC / sheet)
    return str(page.evaluate("getComputedStyle(document.querySelector('.u-title')).textAlign"))
