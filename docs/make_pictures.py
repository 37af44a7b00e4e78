"""Takes docs/pictures/ anew: the demo's `dev`, a backfill in it, and a browser without a window. `make screenshots`.

Needs Chromium (Debian, Ubuntu: apt install chromium) and the demo (`make demo`). Nothing of the user's own is shown.
"""

import argparse
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

PICTURES = Path(__file__).resolve().parent / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 300  # seconds; the backfill daemon alone wakes every 30
YEARS = [str(year) for year in range(2019, 2027)]
LOADING = 20_000  # milliseconds that a page is given to draw its graph

LAUNCH = """mutation ($p: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $p) { ... on LaunchBackfillSuccess { backfillId } }
}"""
BACKFILL = "query ($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"
RUNS = 'query { runsOrError(filter: {pipelineName: "flow_backfill"}, limit: 1) { ... on Runs { results { runId } } } }'
ASSETS = "query { assetNodes { assetKey { path } groupName partitionDefinition { name } } }"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="the demo's folder")
    parser.add_argument("--into", type=Path, default=PICTURES, help="where the pictures go")
    told = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit("No Chromium here. On Debian and Ubuntu: apt install chromium")
    with dev(told.folder) as url:
        pages = ready(url)
        for name, (path, width, height) in pages.items():
            take(browser, url + path, told.into / f"{name}.png", width, height)
            sys.stdout.write(f"{told.into / name}.png\n")


def ready(url: str) -> dict[str, tuple[str, int, int]]:
    """The pages, when there is a backfill to look at."""
    selected = [{"path": ["bronze_activities"]}, {"path": ["activity_shards"]}, {"path": ["activities"]}]
    selected += [
        node["assetKey"]
        for node in ask(url, ASSETS)["assetNodes"]
        if node["partitionDefinition"] and node["groupName"] in ("details", "published")
    ]
    launched = ask(url, LAUNCH, p={"assetSelection": selected, "partitionNames": YEARS, "tags": []})
    backfill = launched["launchPartitionBackfill"]["backfillId"]
    until(lambda: ask(url, BACKFILL, id=backfill)["partitionBackfillOrError"]["status"].startswith("COMPLETED"))
    run = ask(url, RUNS)["runsOrError"]["results"][0]["runId"]
    return {
        "asset-graph": ("/assets/published_warehouse?view=lineage&lineageScope=upstream&lineageDepth=5", 3000, 1700),
        "columns": ("/assets/activity_laps?view=overview", 1600, 1000),
        "partitions": ("/assets/activity_details?view=partitions&partition=2026", 1600, 900),
        "checks": ("/assets/activities?view=checks&checkDetail=holds_shards", 1600, 900),
        "run": (f"/runs/{run}", 1700, 1000),
        "backfill": (f"/runs/b/{backfill}", 1600, 800),
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
