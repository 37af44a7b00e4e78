"""Collections of the JSON API: each has `limit` and `cursor`, and its pages together hold each thing once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.notifications import notify
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups import activities as data
from strava_pipeline.serve.dashboard.answers import parameters_of
from strava_pipeline.serve.dashboard.routes import routes
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put
from strava_pipeline_tests.serve.dashboard.test_api import NOW, client_of, settings_of

BOUNDED_OTHERWISE = {
    "/api/calendar": "at most 24 months",
    "/api/days": "at most MOST_DAYS days",
    "/api/devices": "each device, and each two that met",
    "/api/activities/{activity_id}/recordings": "each two recordings of one activity",
    "/api/fitness": "one thing: the fitness of the last days",
    "/api/heat/lines": "150 activities",
    "/api/activities/{activity_id}/track": "points of one activity, thinned to 2,000",
    "/api/status": "some facts of each source, and of what is published one a year",
    "/api/why": "the declared numbers, a dozen",
    "/api/tiles/totals": "one thing: what all tiles come to",
}
"""Addresses below /api that are no single thing and have no pages, and what bounds them: docs/adr/0081."""
LARGER = {"/api/heat": 20_000, "/api/tiles": 10_000, "/api/tiles.geojson": 10_000}
"""Those of which more than 500 things are an answer: a map is drawn from them at once."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Path:
    """Three pieces of gear at two services, an activity with three versions, three laps and two sources, three notifications."""
    made = tmp_path_factory.mktemp("collections")
    lake = new_lake(made / "data")
    again = activity(-9, "2025-05-01T08:00", source="ridewithgps", source_id="9", gear_id=None)
    put(lake, [activity(1, "2025-05-01T08:00", source_id="1", gear_id="b1"), again])
    put(lake, [{"id": 1, "activity_id": 1, "source": "strava", "place": 0}], "activity_members")
    put(lake, [{"id": -9, "activity_id": 1, "source": "ridewithgps", "place": 1}], "activity_members")
    pieces = (("strava", "b1"), ("strava", "g1"), ("ridewithgps", "long " * 99))
    put(lake, [{"source": source, "gear_id": piece, "name": piece} for source, piece in pieces], "gear")
    put(lake, [{"athlete_id": ME, "fetched_at": "2024-01-01"}], "athlete")
    laps = ({"activity_id": 1, "athlete_id": ME, "lap_position": place, "name": f"Lap {place}"} for place in (1, 2, 3))
    put(lake, laps, "activity_laps")
    versions = ({"activity_id": 1, "source": "strava", "version": n, "valid_from": NOW} for n in (1, 2, 3))
    put(lake, versions, "activity_history")
    publish(lake)
    for number in range(3):
        notify(lake, "info", f"Note {number}", NOW + timedelta(minutes=number // 2))
    return made


@pytest.fixture(scope="module")
def api(folder: Path) -> Iterator[TestClient]:
    with client_of(settings_of(folder)) as client:
        yield client


def pages_of(api: TestClient, path: str) -> Iterator[dict[str, Any]]:
    """Every page of a collection, one thing on each."""
    cursor = ""
    while cursor is not None:
        answer = api.get(path, params={"limit": 1, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        yield answer.json()
        cursor = answer.json()["next"]


@pytest.mark.dear
def test_every_collection_has_a_limit_and_a_cursor_or_a_bound_of_its_own(api: TestClient) -> None:
    """Walks all addresses; those that end in an id are one thing."""
    collections = {
        route.path: {*parameters_of(route.dependant)}
        for route in routes()
        if route.path.startswith("/api/") and "GET" in route.methods and not route.path.endswith("}")
    }
    assert {path for path, names in collections.items() if not {"limit", "cursor"} <= names} == {*BOUNDED_OTHERWISE}
    document = api.get("/api/openapi.json").json()["paths"]
    for path in collections.keys() - BOUNDED_OTHERWISE.keys():
        (limit,) = (each for each in document[path]["get"]["parameters"] if each["name"] == "limit")
        assert limit["schema"]["maximum"] == LARGER.get(path, 500), path
        for wrong in ("limit=0", f"limit={limit['schema']['maximum'] + 1}", "cursor=nonsense", "cursor=A&cursor=B"):
            assert api.get(f"{path.format(activity_id=1)}?{wrong}").status_code == 400, (path, wrong)


def test_pages_of_gear_and_of_an_activitys_sources_and_versions_hold_each_once(api: TestClient) -> None:
    gear = [(source, key) for page in pages_of(api, "/api/gear") for source, of in page["gear"].items() for key in of]
    assert gear == [("strava", "b1"), ("ridewithgps", "long " * 99), ("strava", "g1")], "what was used furthest first"
    sources = [key for page in pages_of(api, "/api/activities/1/sources") for key in page["sources"]]
    assert sources == ["strava:1", "ridewithgps:-9"]
    versions = [each for page in pages_of(api, "/api/activities/1/history") for each in page["history"].items()]
    assert [(key, [*each]) for key, each in versions] == [("1", ["3"]), ("1", ["2"]), ("1", ["1"])]
    assert [page["next"] for page in pages_of(api, "/api/changes")] == [None]


def test_pages_of_notifications_go_on_behind_what_was_cleared_meanwhile(folder: Path, api: TestClient) -> None:
    every = [*api.get("/api/notifications").json()["notifications"]]
    assert len(every) == 3
    first = api.get("/api/notifications?limit=1").json()
    assert [*first["notifications"]] == every[:1]
    assert api.delete(f"/api/notifications/{every[0]}").status_code == 204
    rest = api.get(f"/api/notifications?limit=2&cursor={first['next']}").json()
    assert ([*rest["notifications"]], rest["next"], rest["unread"]) == (every[1:], None, 2)
    with (Lake(settings_of(folder).data_dir).state / "notifications.jsonl").open("a") as file:
        file.write('{"id": "odd", "at": "2025-07-01T12:00:00+00:00", "category": "info", "message": "by hand"}\n')
    assert [*api.get("/api/notifications").json()["notifications"]] == every[1:], "a damaged line is passed over"


def test_an_activity_has_so_many_of_each_part_and_says_how_many_are_left_out(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = api.get("/api/activities/1").json()
    assert ([*whole["laps"]], whole["left_out"]) == (["1", "2", "3"], {})
    monkeypatch.setattr(data, "MOST_OF_A_PART", 2)
    # another answer than the one that is kept
    whole = api.get("/api/activities/1", headers={"HX-Request": "true"}).json()
    assert ([*whole["laps"]], whole["left_out"]) == (["1", "2"], {"laps": 1})
