"""Takes docs/pictures/ again: the demo's `dev`, its dashboard, a backfill, and a browser without a window. `make screenshots`.

Needs Chromium (Debian, Ubuntu: apt install chromium) and the demo (`make demo`). Nothing of the user's own is shown.
"""

import argparse
import base64
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright
from websockets.sync.client import ClientConnection, connect  # uvicorn brings it

PICTURES = Path(__file__).resolve().parent / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 300  # seconds; the backfill daemon alone wakes every 30
YEARS = [str(year) for year in range(2019, 2027)]
LOADING = 20_000  # milliseconds that a page is given to draw its graph
AFTER_CLICK = 8  # seconds; a dialogue asks the server for the partitions

FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync"""
DASHBOARD = {  # name of a picture: the page, as its route writes it; width and height
    "overview": ("/", 1200, 900),
    "overview-phone": ("/", 390, 844),
    "activities": ("/activities", 1200, 640),
    "corrections": ("/activities", 1200, 760),
    "activity": ("/activities/{activity_id}", 1200, 1000),
    "activity-phone": ("/activities/{activity_id}", 390, 844),
    "compare": ("/activities/{activity_id}/with/{other_id}", 1200, 1000),
    "calendar": ("/calendar/{period}", 1200, 900),
    "calendar-dark": ("/calendar/{period}", 1200, 900),
    "sync": ("/sync", 1200, 640),
    "month": ("/month/{month}", 1200, 760),
    "month-services": ("/month/{month}#rows", 1200, 760),
    "month-phone": ("/month/{month}#rows", 390, 844),
    "year": ("/year/{year}", 1200, 900),
    "map": ("/map", 1200, 760),
    "why": ("/why/{number}", 1200, 900),
    "fitness": ("/fitness", 1200, 900),
    "devices": ("/devices", 1200, 900),
    "body": ("/body", 1200, 900),
    "records": ("/records", 1200, 760),
    "segments": ("/segments", 1200, 640),
    "segment": ("/segments/{segment_id}", 1200, 480),
    "widget": ("/widgets/{widget}", 1200, 640),
    "widgets": ("/widgets", 1200, 640),
    "routes": ("/routes", 1200, 640),
    "route": ("/routes/{route_id}", 1200, 900),
    "tiles": ("/tiles", 1200, 900),
    "gear": ("/gear", 1200, 760),
    "pairs": ("/pairs", 1200, 900),
    "trips": ("/trips", 1200, 640),
    "services": ("/providers", 1200, 700),
    "backfill": ("/backfill", 1200, 480),
    "maps": ("/maps", 1200, 760),
    "settings": ("/settings", 1200, 760),
    "notifications": ("/notifications", 1200, 480),
    "requests": ("/requests", 1200, 480),
}
AT_THE_END = ("requests",)  # when there is one
APPROVED = "month-approved"  # the month, when a change of it is approved
REQUEST = "request"  # the page of the request that wrote it

LAUNCH = """mutation ($p: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $p) { ... on LaunchBackfillSuccess { backfillId } }
}"""
BACKFILL = "query ($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"
RUNS = 'query { runsOrError(filter: {pipelineName: "flow_backfill"}, limit: 1) { ... on Runs { results { runId } } } }'
ASSETS = "query { assetNodes { assetKey { path } groupName partitionDefinition { name } } }"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="the demo's folder")
    parser.add_argument("--dashboard", action="store_true", help="those of the dashboard alone")
    parser.add_argument("--into", type=Path, default=PICTURES, help="where the pictures go")
    told = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit("No Chromium here. On Debian and Ubuntu: apt install chromium")
    with dev(told.folder) as url:
        take_dashboard(browser, told.folder, told.into)
        if told.dashboard:
            return
        pages = ready(url)
        for name, (path, width, height) in pages.items():
            take(browser, url + path, told.into / f"{name}.png", width, height)
            sys.stdout.write(f"{told.into / name}.png\n")
        year = f"{url}/assets/insights?view=partitions&partition={YEARS[-1]}"
        take_after_click(browser, year, "arkdown", told.into / "insights.png", 1500, 900)
        job = f"{url}/locations/strava_pipeline/jobs/backfill"
        take_after_click(browser, job, "Materialize all", told.into / "backfill-dialog.png", 1500, 900)
    take(browser, (told.folder.resolve() / "report.html").as_uri(), told.into / "report.png", 1200, 1750)


def take_dashboard(browser: str, folder: Path, into: Path) -> None:
    """The dashboard's pages, as a browser shows them that has logged in by a link."""
    command = [sys.executable, "-m", "strava_pipeline", "dashboard", "link", "--demo", "--folder", str(folder)]
    link = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    address = link.partition("/login")[0]
    with sync_playwright() as playwright:
        window = playwright.chromium.launch(executable_path=browser, args=FLAGS.split())
        page = window.new_page(color_scheme="light")
        page.goto(link)
        values = values_of(page, address)
        for name in (each for each in DASHBOARD if each not in AT_THE_END):
            visit(page, address, values, into, name)
        approve_and_write(page, f"{address}/month/{values['month']}", into)
        for name in AT_THE_END:
            visit(page, address, values, into, name)
        window.close()


def visit(page: Page, address: str, values: dict[str, str], into: Path, name: str) -> None:
    path, width, height = DASHBOARD[name]
    page.emulate_media(color_scheme="dark" if name.endswith("-dark") else "light")
    page.set_viewport_size({"width": width, "height": height})
    page.goto(address + path.format(**values), wait_until="networkidle")
    if name == "corrections":
        for place in range(3):
            page.locator("td input").nth(place).check()
        page.locator("#ticked [name=more_tags]").fill("race")
    shoot(page, into, name)


def values_of(page: Page, address: str) -> dict[str, str]:
    """A value for each parameter of a page's path: the newest ride, one like it, a segment, a month with a name to change."""

    def asked(path: str) -> dict[str, Any]:
        return dict(page.request.get(address + path).json())

    changes = list(asked("/api/changes?status=proposed")["changes"].values())
    named = [each for each in changes if each["kind"] == "update_name"] or changes
    if not named:
        sys.exit("The demo has no change to approve: make it again by `strava-pipeline demo`.")
    page.goto(f"{address}/segments")
    segment = page.locator("tbody th a").first.get_attribute("href") or ""
    ride = next(iter(asked("/api/activities?limit=1&sport=ride")["activities"]))
    similar = asked(f"/api/activities/{ride}")["insights"]["similar"]
    return {
        "activity_id": ride,
        "number": "distance",
        "other_id": next(key for key, each in similar.items() if each["has_track"]),
        "segment_id": segment.rpartition("/")[2],
        "route_id": next(iter(asked("/api/routes?limit=1")["routes"])),
        "month": named[0]["month"],
        "year": named[0]["month"][:4],
        "period": named[0]["month"][:4],
        "widget": "months",  # a widget of the demo
    }


def approve_and_write(page: Page, month: str, into: Path) -> None:
    """Approve one change of a month and have it written, as a newcomer does; pictures of both."""
    page.set_viewport_size({"width": 1200, "height": 640})
    page.goto(month)
    names = page.locator(".changes li", has_text=", name of")
    chosen = (
        (names if names.count() else page.locator(".changes li"))
        .first.locator("input[type=checkbox]")
        .get_attribute("id")
    )
    page.locator(f"#{chosen}").check()
    page.locator("button[value=approved]").click()
    page.get_by_text("1 approved.").wait_for()
    shoot(page, into, APPROVED)
    page.locator("#changes form[hx-post='/requests'] button").click()
    page.get_by_role("link", name="this request").click()
    page.locator("#request b", has_text="done").first.wait_for(timeout=PATIENCE * 1000)
    page.set_viewport_size({"width": 1200, "height": 480})
    page.locator("main summary").click()
    shoot(page, into, REQUEST)


def shoot(page: Page, into: Path, name: str) -> None:
    page.screenshot(path=into / f"dashboard-{name}.png")
    sys.stdout.write(f"{into}/dashboard-{name}.png\n")


def ready(url: str) -> dict[str, tuple[str, int, int]]:
    """The pages, when there is a backfill to look at."""
    selected = [{"path": ["bronze_activities"]}, {"path": ["activity_shards"]}, {"path": ["activities"]}]
    selected += [
        node["assetKey"]
        for node in ask(url, ASSETS)["assetNodes"]
        if node["partitionDefinition"] and node["groupName"] in ("details", "published", "insights")
    ]
    launched = ask(url, LAUNCH, p={"assetSelection": selected, "partitionNames": YEARS, "tags": []})
    backfill = launched["launchPartitionBackfill"]["backfillId"]
    until(lambda: ask(url, BACKFILL, id=backfill)["partitionBackfillOrError"]["status"].startswith("COMPLETED"))
    run = ask(url, RUNS)["runsOrError"]["results"][0]["runId"]
    return {
        "lineage": ("/asset-groups", 2000, 820),
        "asset-graph": ("/assets/insights?view=lineage&lineageScope=upstream&lineageDepth=6", 2300, 2000),
        "columns": ("/assets/activity_laps?view=overview", 1600, 1000),
        "partitions": ("/assets/activity_details?view=partitions&partition=2026", 1600, 900),
        "checks": ("/assets/activities?view=checks&checkDetail=valid", 1600, 900),
        "run": (f"/runs/{run}", 1700, 1000),
        "backfill": (f"/runs/b/{backfill}", 1600, 800),
        "timeline": ("/overview/activity/timeline", 1600, 700),
    }


@contextmanager
def dev(folder: Path) -> Iterator[str]:
    """The demo in Dagster's UI; ended as Ctrl-C ends it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "strava_pipeline", "dev", "--demo", "--folder", str(folder), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            until(lambda: process.poll() is not None or answers(url))
            if process.poll() is not None:
                sys.exit("The demo's Dagster did not start: strava-pipeline dev --demo says why.")
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def take(browser: str, url: str, path: Path, width: int, height: int) -> None:
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                f"--user-data-dir={profile}", f"--window-size={width},{height}",
                f"--virtual-time-budget={LOADING}", f"--screenshot={path.resolve()}", url,
            ],
            check=True, capture_output=True, timeout=PATIENCE,
        )  # fmt: skip


def take_after_click(browser: str, url: str, text: str, path: Path, width: int, height: int) -> None:
    """A page as it is after a click on what is called `text`: by the browser's own protocol."""
    with tempfile.TemporaryDirectory() as profile:
        command = [
            browser,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--remote-debugging-port=0",
        ]
        command += [f"--user-data-dir={profile}", f"--window-size={width},{height}", url]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                where = Path(profile) / "DevToolsActivePort"
                until(where.exists)
                port = where.read_text().split()[0]
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=30) as answer:
                    page = next(tab for tab in json.load(answer) if tab["type"] == "page")
                with connect(page["webSocketDebuggerUrl"], max_size=None) as socket_:
                    time.sleep(LOADING / 1000)
                    found = f"[...document.querySelectorAll('button,a,span')].filter(e => e.textContent.includes('{text}')).pop()"
                    told(socket_, 1, "Runtime.evaluate", expression=f"{found}.click()")
                    time.sleep(AFTER_CLICK)
                    path.write_bytes(base64.b64decode(told(socket_, 2, "Page.captureScreenshot")["data"]))
            finally:
                process.kill()


def told(connection: ClientConnection, number: int, method: str, **given: Any) -> dict[str, Any]:
    connection.send(json.dumps({"id": number, "method": method, "params": given}))
    while (answer := json.loads(connection.recv())).get("id") != number:
        continue
    return dict(answer["result"])


def ask(url: str, query: str, **variables: Any) -> dict[str, Any]:
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return dict(json.load(answer)["data"])


def answers(url: str) -> bool:
    try:
        return bool(ask(url, ASSETS)["assetNodes"])
    except OSError:
        return False


def until(is_over: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_over():
        if time.monotonic() > deadline:
            sys.exit(f"Not ready after {PATIENCE} s.")
        time.sleep(1)


if __name__ == "__main__":
    main()
