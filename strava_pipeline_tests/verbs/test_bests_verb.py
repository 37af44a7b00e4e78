"""`bests` as a person types it, and the button that decides the same on the page of an activity."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import exclusively
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.bests import decide_bests
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard
from strava_pipeline_tests.verbs.conftest import Type

pytestmark = pytest.mark.dear

EFFORTS = [{"activity_id": one, "effort_index": 1, "distance": 1000.0, "elapsed_time": 200 + one} for one in (-7, 8)]


@pytest.fixture
def ran(tmp_path: Path, new_lake: NewLake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Two runs; the first, of a file, holds the record over 1 km in 193 s, the other one 208 s."""
    lake = new_lake(tmp_path / "data")
    put(lake, [activity(number, "2024-05-01T08:00", sport_type="Run") for number in (-7, 8)])
    put(lake, EFFORTS, "activity_best_efforts")
    publish(lake)
    monkeypatch.setenv("STRAVA_DATA_DIR", str(lake.data_dir))
    return lake


def record(lake: Lake) -> int:
    """The activity that holds the record over 1 km."""
    with snapshot(lake) as connection:
        return int(connection.execute("SELECT activity_id FROM records WHERE record = 'fastest_1k'").fetchall()[0][0])


def dismissed(lake: Lake) -> list[int]:
    """The activities that hold no record, as readers see it."""
    with snapshot(lake) as connection:
        return [one for (one,) in connection.execute("SELECT activity_id FROM dismissed_bests").fetchall()]


def test_a_dismissed_activity_makes_room_for_the_next_one_and_may_come_back(ran: Lake, type_in: Type) -> None:
    assert "3:13" in type_in("bests", "-7").out
    assert record(ran) == -7
    said = type_in("bests", "-7", "--dismiss")
    assert (said.code, "bests -7 --restore" in said.out, record(ran)) == (0, True, 8)
    told = json.loads(type_in("bests", "-7", "--json").out)
    assert (told["is_dismissed"], told["bests"][0]["value"], told["bests"][0]["is_dismissed"]) == (True, 97.0, True)
    assert (type_in("bests", "-7", "--restore").code, record(ran)) == (0, -7)
    assert type_in("bests", "99", "--dismiss").code == 2
    assert dismissed(ran) == []


def test_what_became_one_with_others_since_may_come_back(ran: Lake, type_in: Type) -> None:
    type_in("bests", "-7", "--dismiss")
    put(
        ran,
        [{"id": each, "activity_id": 8, "source": "strava", "place": n} for n, each in enumerate((8, -7))],
        "activity_members",
    )
    publish(ran)
    assert dismissed(ran) == [8]
    assert "is dismissed: yes" in type_in("bests", "8").out
    type_in("bests", "8", "--restore")
    assert (record(ran), dismissed(ran)) == (8, [])


def test_the_decision_waits_for_a_run_that_holds_the_warehouse(ran: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strava_pipeline.operations.bests._PATIENCE", 0.0)
    with ThreadPoolExecutor(1) as other, exclusively(ran):
        decided = other.submit(decide_bests, Settings.load(_env_file=None), -7, dismissed=True, by="a test")
        assert not decided.result()
    assert (dismissed(ran), record(ran)) == ([], -7)
    assert publish(ran)
    assert record(ran) == 8


def test_the_page_of_an_activity_has_a_button_for_it(ran: Lake, tmp_path: Path) -> None:
    folders = {"data_dir": ran.data_dir, "secrets_dir": tmp_path / "secrets"}
    dashboard = Dashboard(Settings.load(_env_file=None, dashboard_address="127.0.0.1:8723", **folders))
    site = dashboard.browser()
    assert 'hx-post="/activities/-7/bests"' in site.get("/activities/-7").text
    site.headers["HX-Request"] = "true"
    answer = site.post("/activities/-7/bests", data={"dismissed": "true"})
    assert (answer.status_code, "<html" in answer.text, record(ran)) == (200, False, 8)
    assert "You said that this activity holds no best." in answer.text
    assert "You said that this activity holds no best." in site.get("/activities/-7").text
    assert re.search(
        r'>3:28 · 3:28 /km</a> <span class="quiet">[^<]*<a class="on" href="/activities/8">', site.get("/records").text
    )
    assert {each["is_dismissed"] for each in site.get("/api/activities/-7").json()["bests"]} == {True}
    restored = site.post("/activities/-7/bests", data={"dismissed": "false"}).text
    assert ("Not a best" in restored, record(ran)) == (True, -7)
    assert site.post("/activities/-7/bests", data={"dismissed": "maybe"}).status_code == 400
    assert site.post("/activities/99/bests", data={"dismissed": "true"}).status_code == 404
    del site.headers["X-CSRF-Token"]
    assert site.post("/activities/-7/bests", data={"dismissed": "true"}).status_code == 403
    dashboard.site.records.close()
