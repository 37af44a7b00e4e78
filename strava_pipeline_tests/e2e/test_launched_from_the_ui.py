"""What Dagster's UI offers to launch, launched as it does, by a real daemon: it ends well or says what is missing.

It is done as another machine of a home network does it: through the dashboard, which has Dagster's UI below /dagster. Every job and asset is launched by orchestrate/test_launches.py, without a process for each.
"""

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from strava_pipeline_tests.browser.conftest import chromium
from strava_pipeline_tests.e2e.dagster_dev import UNDER_WAY, DagsterDev, dagster_dev, until
from strava_pipeline_tests.failures import failures
from strava_pipeline_tests.processes import free_port
from strava_pipeline_tests.rig import Make, Rig

PATIENCE = 180_000  # milliseconds that a page is given: Dagster's are heavy, and the machine may be busy
NEWEST = "query { partitionBackfillsOrError(limit: 1) { ... on PartitionBackfills { results { id } } } }"
RUNS = "query { runsOrError { ... on Runs { results { status jobName } } } }"
SAYS = {  # what a run says that can't do its work so
    "backfill without years": "MisuseError: The job backfill works on years that a person chooses",
}
RED = """() => [...document.querySelectorAll("body *")].filter(each => {
  const [red, green, blue] = getComputedStyle(each).color.match(/[\\d.]+/g).map(Number);
  const own = [...each.childNodes].some(child => child.nodeType === 3 && child.data.trim());
  return own && each.checkVisibility() && red > 150 && green < 100 && blue < 100;
}).map(each => each.innerText)"""
__all__ = ["chromium"]  # a fixture


@pytest.mark.dear
def test_materialize_all_and_each_kind_of_job_end_well_or_say_what_is_missing(
    make_rig: Make, tmp_path: Path, chromium: Browser
) -> None:
    lan = {"dashboard_lan": True, "dashboard_address": f"127.0.0.1:{free_port()}"}
    rig = make_rig(activities=9, years=(2024, 2026), settings={"first_year": 2024, **lan})
    with dagster_dev(rig.settings, tmp_path / "dev.log") as own:
        page = chromium.new_page(viewport={"width": 1600, "height": 1000})
        dev = through_the_dashboard(own, tmp_path / "dev.log", page)
        assert_strangers_are_refused(own, dev)
        sockets, blocked = opened_and_blocked(page)
        everything = materialized_all_by_mouse(page, dev)
        assert (sockets, blocked) == ({f"{dev.url.replace('http', 'ws')}/graphql"}, [])
        assert (everything["status"], causes(rig, everything)) == ("COMPLETED_SUCCESS", [])
        rig.assert_true_to_source()
        launch_daily_run_by_mouse(page, dev)
        runs = {f"{job} without years": dev.launch(job, {}) for job in ("backfill",)}
        runs["reconcile of a year"] = dev.launch("reconcile", {"dagster/partition": "2025"})
        until(lambda: statuses(dev), lambda found: found <= {"SUCCESS", "FAILURE", "CANCELED"})
        with rig.instance() as instance:
            said = {name: failures(instance, run_id) for name, run_id in runs.items()}
        assert {name: {each[: len(SAYS.get(name, ""))] for each in why} for name, why in said.items() if why} == {
            name: {sentence} for name, sentence in SAYS.items()
        }, said
        rig.assert_true_to_source()


def through_the_dashboard(own: DagsterDev, log: Path, page: Page) -> DagsterDev:
    """Dagster's UI as another machine reaches it; `page` and what is returned have logged in, each by an address of its own."""
    said = until(log.read_text, lambda text: "/login?token=" in text)
    (first,) = re.findall(r"http://[^/]+(:\d+/login\?token=\S+)", said)
    here = f"http://127.0.0.2{first.partition('/')[0]}"
    client = requests.Session()
    assert client.get(f"http://127.0.0.2{first}", timeout=60).ok
    client.headers["Origin"] = here
    page.context.add_cookies([{"name": each.name, "value": str(each.value), "url": here} for each in client.cookies])
    return DagsterDev(f"{here}/dagster", own.process, client)


def opened_and_blocked(page: Page) -> tuple[set[str], list[str]]:
    """The addresses of the page's WebSockets, and what its console says of policies that keep it from something; both grow."""
    sockets: set[str] = set()
    blocked: list[str] = []
    page.on("websocket", lambda socket: sockets.add(socket.url))
    page.on("console", lambda said: blocked.append(said.text) if "Content Security Policy" in said.text else None)
    return sockets, blocked


def assert_strangers_are_refused(own: DagsterDev, dev: DagsterDev) -> None:
    """Who has no session, or whose request is another page's; and on the network Dagster's own port is not there."""
    asked = {"query": "mutation { reloadWorkspace { __typename } }"}
    cookies, origin, foreign = dev.client.cookies, dev.client.headers["Origin"], "http://evil.example"
    for sent, jar, status in (
        ({"Origin": origin}, None, 401),
        ({"Origin": foreign}, None, 403),
        ({"Origin": foreign}, cookies, 403),
        ({}, cookies, 403),
        ({"Origin": origin}, cookies, 200),
    ):
        answer = requests.post(f"{dev.url}/graphql", json=asked, headers=sent, cookies=jar, timeout=60)
        assert answer.status_code == status, (sent, jar)
    assert requests.get(f"{dev.url}/graphql", params=asked, cookies=cookies, timeout=60).status_code == 405
    socket_url, session = (
        f"{dev.url.replace('http', 'ws')}/graphql",
        "; ".join(f"{each.name}={each.value}" for each in cookies),
    )
    for origin_of, cookie, is_let_in in ((origin, "", False), (foreign, session, False), (origin, session, True)):
        headers = {"Cookie": cookie} if cookie else {}
        with ExitStack() as held:
            if not is_let_in:
                held.enter_context(pytest.raises(InvalidStatus))
            opened = connect(
                socket_url,
                origin=Origin(origin_of),
                additional_headers=headers,
                subprotocols=[Subprotocol("graphql-ws")],
                proxy=None,
            )
            with opened as socket:
                socket.send('{"type": "connection_init", "payload": {}}')
                assert "connection_ack" in str(socket.recv(60))
    with pytest.raises(requests.ConnectionError):
        requests.get(own.url.replace("127.0.0.1", "127.0.0.2"), timeout=60)


def materialized_all_by_mouse(page: Page, dev: DagsterDev) -> dict[str, Any]:
    """The backfill of three years that *Materialize all* on the asset graph launches, when it is over."""
    page.goto(f"{dev.url}/asset-groups", timeout=PATIENCE)
    page.get_by_role("button", name="Materialize all").click(timeout=PATIENCE)
    page.get_by_text("All", exact=True).click(timeout=PATIENCE)
    assert_nothing_alarms(page)
    page.get_by_role("button", name="Launch").last.click(timeout=PATIENCE)
    found = until(lambda: dev.ask(NEWEST)["partitionBackfillsOrError"]["results"], bool)
    over = until(lambda: dev.backfill_status(found[0]["id"]), lambda one: one["status"] not in UNDER_WAY)
    page.goto(f"{dev.url}/runs", timeout=PATIENCE)
    page.get_by_text("3 partitions").wait_for(timeout=PATIENCE)
    assert_nothing_alarms(page)
    return dict(over)


def launch_daily_run_by_mouse(page: Page, dev: DagsterDev) -> None:
    """The job `flow` of the newest year; then its log, the timeline with it, and the lineage of an asset, which show nothing red."""
    page.goto(f"{dev.url}/locations/strava_pipeline/jobs/flow", timeout=PATIENCE)
    page.get_by_text("By a schedule, or where no years are chosen, it takes the years from the first that").wait_for(
        timeout=PATIENCE
    )
    page.get_by_role("button", name="Materialize all").click(timeout=PATIENCE)
    page.get_by_text("Latest", exact=True).click(timeout=PATIENCE)
    page.get_by_role("button", name="Launch 1 run").wait_for(timeout=PATIENCE)
    assert_nothing_alarms(page)
    page.get_by_role("button", name="Launch 1 run").click(timeout=PATIENCE)
    until(lambda: statuses(dev, "flow"), lambda found: found == {"SUCCESS"})  # a page left too early launches nothing
    for path, shows in (
        ("/runs", "flow"),
        ("/overview/timeline", "flow"),
        ("/assets/activities?view=lineage", "activity_shards"),
    ):
        page.goto(dev.url + path, timeout=PATIENCE)
        page.get_by_text(shows, exact=True).locator("visible=true").first.wait_for(timeout=PATIENCE)
        assert_nothing_alarms(page)
    page.goto(f"{dev.url}/runs", timeout=PATIENCE)
    page.locator('a[href^="/dagster/runs/"]:not([href*="/b/"])').first.click(timeout=PATIENCE)
    page.get_by_text("RUN_SUCCESS").first.wait_for(timeout=PATIENCE)
    assert_nothing_alarms(page)


def assert_nothing_alarms(page: Page) -> None:
    """No text is red, and none says that something may fail or failed."""
    said = page.locator("body").inner_text()
    assert (page.evaluate(RED), [word for word in ("may fail", "have not been materialized") if word in said]) == (
        [],
        [],
    )


def statuses(dev: DagsterDev, job: str | None = None) -> set[str]:
    """Of all runs, or of a job's."""
    runs = dev.ask(RUNS)["runsOrError"]["results"]
    return {run["status"] for run in runs if job in (None, run["jobName"])}


def causes(rig: Rig, backfill: dict[str, Any]) -> list[str]:
    """Why runs of a backfill failed."""
    with rig.instance() as instance:
        return [why for run in backfill["runs"] for why in failures(instance, run["id"])]
