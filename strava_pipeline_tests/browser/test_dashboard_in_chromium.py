"""The dashboard as a person sees it: a newcomer's path through the demo, and each page wide and light, narrow and dark."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from strava_pipeline.serve.dashboard.routes import routes
from strava_pipeline_tests.browser.activity_list import PUBLISHED, correct_ticked_rows, sort_and_filter_the_list
from strava_pipeline_tests.browser.conftest import Demo, Visit, violations, visiting
from strava_pipeline_tests.browser.ground import look_at_the_ground
from strava_pipeline_tests.walk import count_of_numbers, faults_of_numbers

pytestmark = pytest.mark.slow

LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1280, "light"), (390, "dark"))
"""Of one load of a page: its content is the same, colours follow the scheme, and what fits follows the width."""
NOT_DRAWN = ":is([data-track], [data-compare], [data-heat], [data-fitness], [data-widget], [data-places], [data-explorer], [data-years], [data-body]):not([data-ready]), .waiting"  # what scripts fill, and have not yet
DRAWN = 20_000  # milliseconds that the scripts of a page get to draw it
RUN = 180_000  # milliseconds that a run gets: the daemon asks every five seconds who is due, and its process starts
MOST_TABS = 400
NO_PAGES = (
    "/api/",
    "/health",
    "/logout",
    "/map/{zoom}/",
    "/maps/{name}",
    "/activities/{activity_id}/photos/",
    "/activities/{activity_id}/original",
    "/activities/{activity_id}/track.gpx",
    "/widgets/{widget}/card",
)
UNSIGHTLY = """() => {
    const over = document.documentElement.scrollWidth - window.innerWidth, found = over > 0 ? [`${over} px too wide`] : [];
    const flow = (each) => getComputedStyle(each).overflowX;
    for (const each of document.querySelectorAll("main :is(th, td, dd, p, li, figure)")) {
        const card = each.closest(".card, main > *, .halves > *"), right = each.getBoundingClientRect().right;
        const [start, last] = [each.parentElement, card.parentElement];
        let clips = start;
        while (clips !== last && flow(clips) === "visible") clips = clips.parentElement;
        const hides = window.innerWidth >= 1280 && flow(clips) === "auto" && clips.scrollWidth > clips.clientWidth + 1;
        if ((clips === last && right > card.getBoundingClientRect().right + 1) || hides) found.push(`not whole: ${each.textContent.trim()}`);
    }
    for (const each of document.querySelectorAll(".u-legend")) {
        const said = each.innerText.trim();
        if (/:|–/.test(said) || /^(day|x|over)\\b/.test(said)) found.push(`a legend of nothing: ${said}`);
    }
    return found.slice(0, 3);
}"""
"""What a person has to scroll for, what lies over something else, and legends of nothing; tables may be scrolled in narrow windows alone."""
NOWHERE = "/nowhere"  # an address that shows the page of a problem


@pytest.mark.dear
def test_a_newcomer_finds_the_way_and_every_page_is_usable(demo: Demo, chromium: Browser) -> None:
    """One test, since workers would each make a demo of their own."""
    request = approve_a_change_by_keyboard_and_look_around(demo, chromium)
    look_at_the_ground(demo, chromium)
    sort_and_filter_the_list(demo, chromium)
    for width, scheme in LOOKS:
        correct_ticked_rows(demo, chromium, width, scheme)
    assert faults_of_all_pages(demo, chromium, request) == []
    assert faults_of_all_numbers(demo, chromium) == []
    assert sheets_of_a_year(demo, chromium) == {(what, of): 2 for what in ("page", "report") for of in ("A4", "Letter")}


def faults_of_all_numbers(demo: Demo, chromium: Browser) -> list[str]:
    """Each number of each page that has totals leads, by the keyboard, to an explanation that comes to it."""
    with visiting(chromium, demo.link(), "light") as visit:
        page = visit.page
        press_until(page, "a.why")
        shown = page.locator("a.why").first.inner_text()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text(re.findall(r"[\d,.]+", shown)[0])
        assert violations(page) == []

        def why(number: str, query: str) -> dict[str, Any]:
            return dict(page.request.get(f"{visit.address}/api/why/{number}?{query}").json())

        found = []
        for path in ("/", "/activities", "/calendar", "/year", "/gear", "/records", "/fitness"):
            text = page.request.get(f"{visit.address}{path}", headers={"Accept": "text/html"}).text()
            assert count_of_numbers(text) > 1, path
            found += [f"{path}: {fault}" for fault in faults_of_numbers(text, why)]
    return found


def approve_a_change_by_keyboard_and_look_around(demo: Demo, chromium: Browser) -> str:
    """A newcomer's path: login, a month, a change approved and written, an activity, gear, fitness. The path of the request."""
    with visiting(chromium, demo.link(), "light") as visit:
        page = visit.page
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        expect(page.get_by_role("progressbar").first).to_be_visible()
        proposed = page.request.get(f"{visit.address}/api/changes?status=proposed").json()["changes"].values()
        links = [one["month"] for one in proposed if (one["kind"], one["provider"]) == ("link_activity", "spreadsheet")]
        press_until(page, ".attention > summary")
        page.keyboard.press("Enter")
        press_until(page, "main a[href='/sync']")
        page.keyboard.press("Enter")
        page.wait_for_url("**/sync")
        press_until(page, f"a[href='/month/{links[0]}']")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Changes")).to_be_visible()
        page.wait_for_load_state()  # with its scripts: without them the form is sent as a page, which says less
        chosen = page.locator(".kind", has_text="Spreadsheet, ids").locator("li input[type=checkbox]").first
        if page.locator("details.ids").count():
            press_until(page, "details.ids > summary")
            page.keyboard.press("Enter")
        press_until(page, f"#{chosen.get_attribute('id')}")
        page.keyboard.press("Space")
        assert page.locator(".changes input:checked").count() == 1, "nothing is ticked by itself"
        press_until(page, "button[value=approved]")
        page.keyboard.press("Enter")
        expect(page.get_by_text("1 approved.")).to_be_visible()
        press_until(page, "#changes form[hx-post='/requests'] button")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="this request").click()
        state = page.locator("#request b").first  # the log below has words of its own
        expect(state).to_have_text(re.compile("done|failed"), timeout=RUN)
        expect(state).to_have_text("Write changes: done")
        request = urlsplit(page.url).path
        page.goto(f"{visit.address}/activities?sport=ride")
        page.locator("tbody th a").first.click()
        expect(page.locator("path.track-line")).to_be_visible()
        expect(page.locator("#track-charts canvas").first).to_be_visible()
        press_until(page, "nav summary")
        page.keyboard.press("Enter")
        press_until(page, "nav details a[href='/gear']")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Gear")).to_be_visible()
        expect(page.locator("main")).to_contain_text("chain")  # a service that goals.toml of the demo names
        set_a_service_and_a_goal(demo, page)
        page.get_by_role("link", name="Fitness").click()
        expect(page.locator("[data-curve] canvas").first).to_be_visible()
        assert visit.faults == []
        return request


def set_a_service_and_a_goal(demo: Demo, page: Page) -> None:
    """Forms write goals.toml and publish what follows, at once."""
    card = page.locator(".cards > section", has_text="Tarmac")
    card.get_by_text("Set what is due when").click()
    card.get_by_label("Another service").fill("fork")
    card.get_by_label("How many").fill("9000")
    card.get_by_role("button", name="Save").click()
    expect(card.locator("progress[aria-label='Tarmac, fork']")).to_be_visible(timeout=PUBLISHED)
    page.goto(page.url.replace("/gear", "/settings"))
    tick = page.get_by_label("for all days before")
    tick.check()
    expect(page.locator("[name='add.offered']")).to_have_value("chosen")
    page.locator("select[name='add.athlete']").select_option("ftp.ride")
    expect(tick).to_be_checked()
    page.get_by_label("How much").fill("250")
    page.get_by_label("What").first.select_option("activities")
    page.get_by_role("button", name="Save", exact=True).first.click()
    expect(page.locator("input[value='250']")).to_be_visible()
    goals = demo.folder.joinpath("goals.toml").read_text(encoding="utf-8")
    assert ("explains it" in goals, "every_km = 9000" in goals, "count = 250" in goals) == (True, True, True)


def choose_a_lap_and_compare_by_keyboard(visit: Visit) -> None:
    """A lap is chosen in its table, and marked on the charts; one place is shown of two tracks."""
    page = visit.page
    shown = [*islice((key for key, found in tracked(visit) if len(found["laps"]) > 1), 2)]
    page.goto(f"{visit.address}/activities/{shown[0]}")
    expect(page.locator("button.lap").first).to_be_visible()
    middle = page.locator("button.lap").count() // 2  # of the first and the last one there may be a point alone
    page.locator("button.lap").nth(middle).press("Enter")
    expect(page.locator("#track-lap")).to_be_focused()
    expect(page.locator("#track-lap")).to_have_value(str(middle))
    expect(page.locator("path.track-lap")).to_have_attribute("d", re.compile("L"))
    page.goto(f"{visit.address}/activities/{shown[0]}/with/{shown[1]}")
    expect(page.locator("path.track-second")).to_be_visible()
    page.locator("#track-place").press("ArrowRight")
    told = re.compile(r"A \d+:.*; B \d+:.*; B is \d+:\d\d (ahead|behind)")
    expect(page.locator("#track-values")).to_contain_text(told)
    assert visit.faults == []


def tracked(visit: Visit) -> Iterator[tuple[str, dict[str, Any]]]:
    """The activities with a track by their ids, the newest first."""
    for key in visit.page.request.get(f"{visit.address}/api/activities?limit=500").json()["activities"]:
        found = visit.page.request.get(f"{visit.address}/api/activities/{key}").json()
        if found["has_track"]:
            yield key, found


def press_until(page: Page, selector: str) -> None:
    """Press Tab until an element that the selector matches has the focus."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{selector} can't be reached by the keyboard")


def faults_of_all_pages(demo: Demo, chromium: Browser, request: str) -> list[str]:
    """What is wrong with any page: each is usable wide and narrow, light and dark, and asks no other host."""
    with visiting(chromium, demo.link(), "light") as visit:
        choose_a_lap_and_compare_by_keyboard(visit)
        return [f"{path}, {fault}" for path in pages(visit, request) for fault in faults_of(visit, path)]


def sheets_of_a_year(demo: Demo, chromium: Browser) -> dict[tuple[str, str], int]:
    """How many sheets a year takes, printed by a browser in the dark, where each of its long lists is several times as long."""
    with visiting(chromium, demo.link(), "dark") as visit:
        visit.page.goto(f"{visit.address}/year")
        found = {("page", paper): sheets for paper, sheets in printed(visit.page).items()}
    report = chromium.new_page(color_scheme="dark")
    report.goto((demo.folder / "report.html").as_uri())
    for width, scheme in LOOKS:
        report.set_viewport_size({"width": width, "height": 900})
        report.emulate_media(color_scheme=scheme)
        assert report.evaluate(UNSIGHTLY) == []
    found |= {("report", paper): sheets for paper, sheets in printed(report).items()}
    report.close()
    return found


def printed(page: Page) -> dict[str, int]:
    """The number of sheets by the size of the paper, which is white."""
    page.evaluate(LONGER)
    sheets = {paper: page.pdf(format=paper, print_background=True) for paper in ("A4", "Letter")}
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    return {paper: len(re.findall(rb"/Type\s*/Page[^s]", body)) for paper, body in sheets.items()}


LONGER = """document.querySelectorAll(
    "section:has(> #sports) tbody tr, .pair .card + .card tbody tr, .halves tbody tr, .records tr, .ending .card:first-child tbody tr, "
    + ".goals li, .halves > section, .records .card"
).forEach((each) => { for (let i = 0; i < 6; i += 1) each.after(each.cloneNode(true)); })"""


def pages(visit: Visit, request: str) -> list[str]:
    """A page of each route, the activity with the longest name, and a problem. A new parameter of a path needs a value here."""

    def asked(address: str) -> dict[str, Any]:
        found: dict[str, Any] = visit.page.request.get(f"{visit.address}{address}").json()
        return found

    activities = asked("/api/activities?limit=500")["activities"]
    longest = max(activities, key=lambda key: len(activities[key]["name"] or ""))
    ride = next(iter(asked("/api/activities?limit=1&sport=ride")["activities"]))
    other = next(key for key, _ in tracked(visit) if key != ride)
    tile = next(iter(asked("/api/tiles?limit=1")["tiles"].values()))  # an activity with a way, so on a route of its own
    change = next(iter(asked("/api/changes?status=proposed")["changes"].values()))
    visit.page.goto(f"{visit.address}/segments")
    segment = visit.page.locator("tbody th a").first.get_attribute("href") or ""
    paired = next(iter(asked("/api/devices")["pairs"]["heartrate"].values()))["newest_id"]
    one, _, another = next(iter(asked(f"/api/activities/{paired}/recordings")["recordings"])).partition(":")
    values = {
        "{activity_id}/recordings/{first_id}/{second_id}": f"{paired}/recordings/{one}/{another}",
        "{activity_id}": ride,
        "{other_id}": other,
        "{segment_id}": segment.rpartition("/")[2],
        "{route_id}": str(tile["activity_id"]),
        "{year}": change["month"][:4],
        "{month}": change["month"],
        "{period}": change["month"][:4],
        "{widget}": "starts",  # one of the demo
        "{number}": "distance",
        "{request_id}": request.rpartition("/")[2],
    }
    found = [f"/activities/{longest}", f"/calendar/{change['month']}", NOWHERE]
    for route in routes():
        path = route.path
        if "GET" not in route.methods or path.startswith(NO_PAGES) or path.endswith(".csv"):
            continue
        for name, value in values.items():
            path = path.replace(name, value)
        assert "{" not in path, f"{path}: give a value of the parameter to `pages`"
        found.append(path)
    assert len(found) > 10
    return found


def faults_of(visit: Visit, path: str) -> list[str]:
    """What is wrong with a page: of the console, of the network, of its width, of its accessibility."""
    visit.page.set_viewport_size({"width": LOOKS[0][0], "height": 900})
    visit.page.emulate_media(color_scheme=LOOKS[0][1])
    visit.faults.clear()
    answer = visit.page.goto(f"{visit.address}{path}", wait_until="load")
    assert answer is not None
    if not answer.headers["content-type"].startswith("text/html"):
        return []
    found = [] if answer.ok or path == NOWHERE else [f"status {answer.status}"]
    try:
        expect(visit.page.locator(NOT_DRAWN)).to_have_count(0, timeout=DRAWN)
    except AssertionError:
        found.append("its scripts did not draw it")
    for width, scheme in LOOKS:
        visit.page.set_viewport_size({"width": width, "height": 900})
        visit.page.emulate_media(color_scheme=scheme)
        found += [f"{each} at {width}" for each in visit.page.evaluate(UNSIGHTLY)]
        found += [f"{each} at {width}, {scheme}" for each in violations(visit.page)]
    return found + [fault for fault in visit.faults if path != NOWHERE or "status of 404" not in fault]
