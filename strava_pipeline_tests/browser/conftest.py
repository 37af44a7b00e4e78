"""The demo's dashboard in a real Chromium: one prepared home and one browser for the tests of a module.

Chromium is the system's own; Playwright only drives it. Where there is none, the tests are skipped, and in CI they fail.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from strava_pipeline_tests.e2e.dagster_dev import ROOT

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
ASKED = {"resultTypes": ["violations"], "rules": {"label-content-name-mismatch": {"enabled": True}}}
ACTIVITIES = 60  # enough for changes to approve, tracks and segments
PATIENCE = 180  # seconds that a process gets to start
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo's folder with `dev --demo` at work on it."""

    folder: Path

    def link(self) -> str:
        """An address that logs a browser in."""
        return typed("dashboard", "link", "--demo", "--folder", str(self.folder)).strip()


@dataclass(slots=True)
class Visit:
    """A browser's window, and what went wrong in it: errors of the console, requests to other hosts."""

    page: Page
    host: str
    faults: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://{self.host}"


def typed(*words: str) -> str:
    """What a command prints, without settings of whoever runs the tests."""
    command = [sys.executable, "-m", "strava_pipeline", *words]
    done = subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _environment() -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("STRAVA_", "DAGSTER_", "DASHBOARD_"))
    }
    return kept | {"PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo as a person makes it and looks at it."""
    folder = tmp_path_factory.mktemp("browser") / "demo"
    typed("demo", "--activities", str(ACTIVITIES), "--folder", str(folder))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "strava_pipeline", "dev", "--demo", "--folder", str(folder), "--port", str(port)]
    with subprocess.Popen(
        command, cwd=ROOT, env=_environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        printed: list[str] = []
        # or a dashboard that never starts is waited for without end
        too_late = threading.Timer(PATIENCE, process.terminate)
        too_late.start()
        try:
            for line in process.stderr:
                printed.append(line)
                if line.startswith("Dashboard: "):
                    break
            assert printed[-1].startswith("Dashboard: "), "".join(printed)
            assert any(f"http://127.0.0.1:{port}" in line for line in printed), "the address of Dagster's UI is printed"
            too_late.cancel()
            drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
            with drain:
                yield Demo(folder)
                process.send_signal(signal.SIGINT)
        finally:
            too_late.cancel()
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    found = shutil.which("chromium")
    if found is None:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("there is no Chromium here: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS.split())
        yield browser
        browser.close()


def violations(page: Page) -> list[str]:
    """What axe finds in a page as it is, without what is minor."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(f"{AXE};0")
    found = page.evaluate(f"axe.run({json.dumps(ASKED)})")["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found if each["impact"] != "minor"]


@contextmanager
def visiting(browser: Browser, link: str, scheme: Literal["dark", "light"]) -> Iterator[Visit]:
    """A window that logs in by the link, and that gets nothing from any other host."""
    host = urlsplit(link).netloc
    context: BrowserContext = browser.new_context(color_scheme=scheme, viewport={"width": 1440, "height": 900})
    visit = Visit(context.new_page(), host)

    def only_ours(route: Route) -> None:
        if urlsplit(route.request.url).netloc == host:
            route.continue_()
        else:
            visit.faults.append(f"asked {route.request.url}")
            route.abort()

    context.route("**/*", only_ours)
    visit.page.on("console", lambda said: visit.faults.append(said.text) if said.type == "error" else None)
    visit.page.on("pageerror", lambda error: visit.faults.append(str(error)))
    visit.page.goto(link)
    yield visit
    context.close()
