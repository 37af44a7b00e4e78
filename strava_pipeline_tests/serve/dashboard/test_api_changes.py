"""Months, changes and services by the JSON API, in a data folder of Strava and the toy: decisions are those of the command line."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from strava_pipeline.lake.changes import verdicts
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.changes.asking import propose_month
from strava_pipeline.operations.changes.deciding import Wanted, decide
from strava_pipeline_tests.providers.test_comparing import at_strava, choose
from strava_pipeline_tests.providers.worlds import World, list_at_strava, world_of
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard

MONTH = "2025-06"
HOSTILE = "<b>Up</b> \u202ethe hill 🚵"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A month in which the toy and Strava call two of three rides differently."""
    with world_of("toy", tmp_path, monkeypatch) as found:
        choose(found, "priority = 1", "[providers.strava]", 'write = ["name"]')
        for day, title in (("2025-06-10", HOSTILE), ("2025-06-11", "Home"), ("2025-06-12", "Same")):
            found.subject.add(day, title, began=f"{day}T08:00:00+02:00")
        names = {1: "Morning Ride", 2: "Away", 3: "Same"}
        list_at_strava(found, *(at_strava(key, f"2025-06-{9 + key}", name, hours=2) for key, name in names.items()))
        found.pull()
        propose_month(found.run(), found.settings, MONTH)
        yield found


@pytest.fixture
def api(world: World) -> Iterator[TestClient]:
    made = Dashboard(world.settings, time=datetime.now(UTC))
    yield made.browser()
    made.site.records.close()


def test_a_month_is_compared_and_its_changes_are_decided_as_the_command_line_does(
    world: World, api: TestClient
) -> None:
    lake = Lake(world.settings.data_dir)
    months = api.get(f"/api/calendar?from={MONTH}&to=2025-07").json()["months"]
    assert {month: one["status"] for month, one in months.items()} == {
        "2025-07": "in_sync",
        MONTH: "requires_action",
    }
    month = api.get(f"/api/calendar/{MONTH}").json()
    assert month["rows"]["1"]["providers"]["toy"]["name"] == HOSTILE
    assert (month["rows"]["1"]["start"], month["providers"]["strava"]["status"]) == (
        "2025-06-10T06:00:00Z",
        "requires_action",
    )
    toy = api.get("/api/providers").json()["providers"]["toy"]
    assert (toy["activities"], toy["login_problem"], toy["last_pull"]["activities"]) == (3, None, 3)

    changes = api.get("/api/changes?status=proposed").json()["changes"]
    assert month["changes"].keys() == changes.keys()
    assert [(each["old"], each["new"], each["activity_id"]) for each in changes.values()] == [
        ("Away", "Home", 2),
        ("Morning Ride", HOSTILE, 1),
    ]
    (first, second), page = changes, api.get("/api/changes?limit=1").json()
    assert ([*page["changes"]], page["next"]) == ([first], first)
    assert [*api.get(f"/api/changes?limit=1&cursor={first}").json()["changes"]] == [second]

    stale = {"status": "approved", "seal": "0" * 32}
    refused = api.patch("/api/changes", json={first: stale, second: "rejected"})
    assert (refused.status_code, first in refused.json()["detail"], verdicts(lake)) == (409, True, {})
    sealed = {"status": "approved", "seal": changes[first]["seal"]}
    decided = api.patch("/api/changes", json={first: sealed, second: "rejected"})
    assert {key: each["status"] for key, each in decided.json()["changes"].items()} == {
        first: "approved",
        second: "rejected",
    }
    assert {key: each.verdict for key, each in verdicts(lake).items()} == {first: "approved", second: "rejected"}
    assert api.patch("/api/changes", json={first: "approved"}).status_code == 409, "it is approved already"
    decide(world.settings, "rejected", [Wanted(first)], "strava-pipeline changes reject")
    found = api.get(f"/api/changes/{first}").json()["changes"][first]
    assert (found["status"], found["attempts"]) == ("rejected", {})
    assert api.get(f"/api/calendar/{MONTH}").json()["status"] == "in_sync"


def test_of_two_people_at_once_one_decides_and_what_is_approved_is_asked_for_once(
    world: World, api: TestClient
) -> None:
    (change, other) = api.get("/api/changes").json()["changes"]
    asked = {"kind": "apply_changes", "ids": [change]}
    assert api.post("/api/requests", json=asked).status_code == 400, "it is not approved"
    with ThreadPoolExecutor(6) as people:
        answers = list(people.map(lambda _: api.patch("/api/changes", json={change: "approved"}).status_code, range(6)))
    assert sorted(answers) == [200, *[409] * 5]
    lines = (world.settings.data_dir / "decisions" / "changes.jsonl").read_bytes().splitlines()
    assert len(lines) == 1
    first, again = (api.post("/api/requests", json=asked) for _ in range(2))
    assert (first.status_code, first.json(), first.headers["location"]) == (
        202,
        again.json(),
        f"/api/requests/{first.json()['id']}",
    )
    refused = api.post("/api/requests", json={"kind": "apply_changes", "ids": [change, other]})
    assert (refused.status_code, other in refused.json()["detail"]) == (400, True)
    shown = api.get(first.headers["location"]).json()
    assert (shown["kind"], shown["ids"], shown["status"], shown["lines"]) == ("apply_changes", [change], "waiting", [])
    assert (shown["looked_at"], shown["run_id"]) == (None, None)
    for body in (
        {"kind": "pull", "provider": "toy"},
        {"kind": "sync_month", "month": MONTH},
        {"kind": "backfill", "year": 2025},
    ):
        assert api.post("/api/requests", json=body).status_code == 202, body
