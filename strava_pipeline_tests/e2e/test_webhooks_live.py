"""An edit at Strava is in gold within one look of the sensor, at one call: the service, its intake, its daemon, its run."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from strava_pipeline_tests.e2e.dagster_dev import until
from strava_pipeline_tests.e2e.test_service import Box, assert_gone, processes
from strava_pipeline_tests.emulator.client import Client
from strava_pipeline_tests.processes import free_port
from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.webhooks import SECRET

pytestmark = pytest.mark.slow


@pytest.fixture
def box(make_rig: Make) -> Iterator[Box]:
    settings = {
        "first_year": 2025,
        "automation": True,
        "schedule": "0 5 1 1 *",
        "webhook_secret": SECRET,
        "serve_address": f"127.0.0.1:{free_port()}",
    }
    rig = make_rig(years=(2026, 2026), activities=10, settings=settings)
    rig.do("flow_backfill", [2025, 2026])
    made = Box(rig)
    yield made
    made.typed("service", "down")


@pytest.mark.soak(part="daemon")
def test_an_edit_is_in_gold_at_one_call_whoever_dies(box: Box) -> None:
    rig = box.rig
    url = f"http://{rig.settings.serve_address}"
    groups = box.up("--no-ui")
    until(lambda: health(url), bool)
    made = box.typed("subscription", "create", "--callback", url, "--json")
    assert (made.code, SECRET in made.said) == (0, False), made.said
    rig.control("webhooks", pause=3, timeout=5)
    first, second = [key for (key,) in rig.gold("SELECT id FROM activities ORDER BY id LIMIT 2")]
    athlete = Client(rig.emulator.url, "read,activity:read_all,activity:write")

    rig.calls()
    edited = athlete.http.put(f"{athlete.url}/api/v3/activities/{first}", json={"name": "Renamed at Strava"}, timeout=9)
    assert edited.status_code == 200
    until(lambda: name_of(rig, first), lambda name: name == "Renamed at Strava")
    assert rig.calls()["details"] == {str(first): 1}
    rig.assert_true_to_source()

    intake = next(pid for pid, parent in processes() if parent == groups[0] and is_intake(pid))
    os.killpg(intake, signal.SIGKILL)
    rig.control("edit", id=second, set={"name": "While nobody was there"})  # sent again until somebody is
    until(lambda: name_of(rig, second), lambda name: name == "While nobody was there")
    assert rig.calls()["details"] == {str(second): 1}
    status = box.status()
    assert status["intake"] == {"address": rig.settings.serve_address, "takes_events": True}
    lines = [json.loads(line) for line in box.log.splitlines() if line.startswith('{"at"')]
    assert {(one["path"], one["status"]) for one in lines if one["method"] == "POST"} == {("/webhooks/strava/***", 200)}
    assert SECRET not in box.log
    assert box.typed("service", "down").code == 0
    assert not health(url)
    assert_gone(groups)


def health(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=5).ok
    except requests.ConnectionError:
        return False


def name_of(rig: Rig, activity_id: int) -> str:
    """As activity and detail have it, which are published one after the other."""
    query = f"SELECT a.name, d.name FROM activities a JOIN activity_details d ON d.activity_id = a.id WHERE a.id = {activity_id}"
    ((name, detailed),) = rig.gold(query)
    return str(name) if name == detailed else "not the same yet"


def is_intake(pid: int) -> bool:
    return b"\0serve\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
