"""Accounts as people see them: an admin lets a blocked one in, by keyboard; each page wide and narrow."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from strava_pipeline_tests.browser.conftest import visiting
from strava_pipeline_tests.browser.test_dashboard_in_chromium import faults_of, press_until
from strava_pipeline_tests.serve.dashboard.houses import PASSWORD, HouseInUse, cheap_passwords, settings_of_house

pytestmark = pytest.mark.slow


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address at which a thread answers for the application."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
        assert thread.is_alive()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def type_account(page: Page, heading: str, name: str) -> None:
    """Name and password in the form of a page, which has the focus by itself."""
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.locator("#name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")


@pytest.mark.dear
def test_somebody_is_let_in_by_keyboard_on_pages_that_are_usable(chromium: Browser, tmp_path: Path) -> None:
    with cheap_passwords():
        house = HouseInUse(settings_of_house(tmp_path))
        house.add("ada", "admin")
        house.add("mother", athlete="anna")
        house.accounts.change("mother", blocked=True, athlete=None)
        with served(house.app) as address, visiting(chromium, f"{address}/admin", "light") as visit:
            page = visit.page
            assert faults_of(visit, "/login") == []
            page.goto(f"{address}/admin")
            type_account(page, "Log in", "ada")
            expect(page.get_by_role("heading", name="Accounts and athletes")).to_be_visible()
            press_until(page, "#athlete-of-mother")
            page.keyboard.type("anna")
            press_until(page, "form:has(#athlete-of-mother) button")
            page.keyboard.press("Enter")
            expect(page.get_by_role("button", name="Block mother")).to_be_visible()
            assert [fault for path in ("/admin", "/account") for fault in faults_of(visit, path)] == []
            page.get_by_role("button", name="Log out").click()
            type_account(page, "Log in", "mother")
            expect(page.get_by_role("heading", name="Overview")).to_be_visible()
            page.locator("nav summary").click()
            expect(page.get_by_role("link", name="Your account")).to_be_visible()
            expect(page.get_by_role("link", name="Accounts and athletes")).to_have_count(0)
        house.site.records.close()
