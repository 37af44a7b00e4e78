"""Whether the list of activities is sorted, filtered and opened by keyboard in a real Chromium, wide and on a phone."""

import re

from playwright.sync_api import Browser, expect

from strava_pipeline_tests.browser.conftest import Demo, visiting


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
