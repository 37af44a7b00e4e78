"""Whether the list of activities is sorted, filtered, opened and corrected by keyboard in a real Chromium, wide and on a phone."""

import re
from typing import Literal

from playwright.sync_api import Browser, expect

from strava_pipeline_tests.browser.conftest import Demo, violations, visiting

PUBLISHED = 60_000  # milliseconds that a word gets until it is published


def sort_and_filter_the_list(demo: Demo, chromium: Browser) -> None:
    """The address is the list; what is filtered is shown without another page, and summed."""
    with visiting(chromium, demo.link(), "light") as visit:
        page = visit.page
        page.goto(f"{visit.address}/activities")
        counted = page.locator(".totals b").first
        every = counted.inner_text()
        page.get_by_role("link", name="Climb", exact=True).press("Enter")
        expect(page.get_by_role("columnheader", name="Climb")).to_have_attribute("aria-sort", "descending")
        page.locator(".filters summary").press("Enter")
        page.get_by_label("Distance, at least km").fill("20")
        page.keyboard.press("Tab")  # which ends the change
        expect(page).to_have_url(
            re.compile(r"/activities\?(?=.*min_distance=20)(?=.*units=km)(?=.*sort=climb)[^&]+(&[^&=]+=[^&]+)*$")
        )
        expect(counted).not_to_have_text(every)
        expect(page.get_by_label("Distance, at least km")).to_have_value("20")
        page.get_by_text("As SQL").press("Enter")
        expect(page.locator(".statement")).to_contain_text("WHERE distance >= 20000.0")
        page.set_viewport_size({"width": 390, "height": 900})
        expect(page.get_by_role("columnheader", name="Climb")).to_be_visible()
        expect(page.get_by_role("columnheader", name="Gear")).to_be_hidden()
        page.get_by_role("link", name="Clear filters").press("Enter")
        expect(counted).to_have_text(every)
        assert visit.faults == []


def correct_ticked_rows(demo: Demo, chromium: Browser, width: int, scheme: Literal["light", "dark"]) -> None:
    """Two rows get gear and tags at once, which the list filters by; an activity gets a note; both are undone."""
    with visiting(chromium, demo.link(), scheme) as visit:
        page = visit.page
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{visit.address}/activities")
        bar, undo = page.locator("#ticked"), page.get_by_role("button", name="Undo")
        expect(bar).to_be_hidden()
        for place in (0, 1):
            page.get_by_role("row").get_by_role("checkbox").nth(place).press("Space")
        expect(bar).to_be_in_viewport()
        bar.get_by_label("Gear").select_option(index=1)
        bar.get_by_label("Add tags").fill("race, wet")
        assert violations(page) == []
        page.keyboard.press("Enter")
        expect(page.get_by_text("2 activities corrected.")).to_be_visible(timeout=PUBLISHED)
        done = page.url
        page.locator(".filters summary").press("Enter")
        page.get_by_label("Tag", exact=True).select_option("race")
        expect(page.locator(".totals b").first).to_have_text("2", timeout=PUBLISHED)
        assert violations(page) == []
        page.get_by_role("row").get_by_role("link").last.press("Enter")
        page.locator("#words summary").press("Enter")
        page.get_by_label("Note of your own").fill("wind\nrain")
        page.get_by_role("button", name="Save").press("Enter")
        expect(page.get_by_text("Saved.")).to_be_visible(timeout=PUBLISHED)
        expect(page.locator("p.words", has_text="rain")).to_have_js_property("innerText", "wind\nrain")
        page.locator("#words summary").press("Enter")
        assert violations(page) == []
        undo.press("Enter")
        expect(page.locator("p.words", has_text="rain")).to_have_count(0, timeout=PUBLISHED)
        page.goto(done)
        undo.press("Enter")
        expect(undo).to_have_count(0, timeout=PUBLISHED)
        assert page.request.get(f"{visit.address}/api/activities?corrected=true").json()["activities"] == {}
        assert visit.faults == []
