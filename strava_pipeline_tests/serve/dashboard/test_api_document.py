"""The OpenAPI document says what the JSON API does: each status, media type and shape that an answer has."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.notifications import notify
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.dashboard.guard import CSRF_HEADER
from strava_pipeline.serve.dashboard.problems import MEDIA_TYPE
from strava_pipeline.serve.dashboard.routes import routes
from strava_pipeline_tests.core.pairs.planted import effort, recorded
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put
from strava_pipeline_tests.lake.test_routes import follow, positions, way
from strava_pipeline_tests.operations.test_device_pairs import compared, file
from strava_pipeline_tests.pmtiles import region
from strava_pipeline_tests.serve.dashboard.test_api import NOW, client_of, settings_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Path:
    """An activity with a track, two recordings, its bike, a lap, a version and a photo, in a lake that was published."""
    made = tmp_path_factory.mktemp("document")
    lake = new_lake(made / "data")
    put(lake, [activity(n, "2025-05-01T08:00", source_id=str(n), gear_id="b1") for n in (1, 2)])
    put(lake, [{"source": "strava", "gear_id": "b1", "name": "Domane"}], "gear")
    put(lake, [{"athlete_id": ME, "fetched_at": "2024-01-01"}], "athlete")
    put(lake, [{"activity_id": 1, "athlete_id": ME, "lap_position": 1}], "activity_laps")
    put(lake, [{"day": "2025-05-01", "steps": 900.0, "steps_source": "toy"}], "days")
    put(lake, [{"day": "2025-05-01", "starts_at": NOW, "starts_at_source": "toy"}], "nights")
    put(lake, [{"activity_id": 1, "source": "strava", "version": 2, "valid_from": NOW}], "activity_history")
    way(lake, 1, datetime(2025, 5, 1, 8, tzinfo=UTC), positions([(0.0, 0.0), (0.35, 0.0)]))
    follow(lake, 2025)
    put(lake, [activity(-2, "2025-05-01T08:00", source="file")])
    members = [{"id": one, "activity_id": 1, "source": "file", "place": place} for place, one in enumerate((1, -2))]
    put(lake, members, "activity_members")
    watch = recorded(effort(), 3, heartrate=(1.0, 2.0, 1.0))
    compared(lake, {1: file(lake, "a", effort(), "a", {}), -2: file(lake, "b", watch, "b", {})}, 2025)
    publish(lake)
    return made


@pytest.fixture(scope="module")
def api(folder: Path) -> Iterator[TestClient]:
    with client_of(settings_of(folder)) as client:
        yield client


@pytest.fixture(scope="module")
def document(api: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = api.get("/api/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_each_operation_has_login_token_and_problems_for_errors(api: TestClient, document: dict[str, Any]) -> None:
    session = document["components"]["securitySchemes"]["session"]
    assert [session["type"], session["in"], session["name"]] == ["apiKey", "cookie", *api.cookies]
    assert document["security"] == [{"session": []}, {"token": []}]
    assert document["components"]["schemas"]["Problem"]["required"] == ["type", "title", "status", "detail"]
    described = {(method, path): operation for method, path, operation in operations(document)}
    assert described.keys() == {
        (m, route.path) for route in routes() for m in route.methods if route.path.startswith("/api/")
    }
    for (method, path), operation in described.items():
        place, answers = f"{method} {path}", operation["responses"]
        assert {"400", "401", "403", "503", "default"} <= answers.keys(), place
        assert "422" not in answers, place
        for status, answer in answers.items():
            if not status.startswith("2"):
                assert answer["content"] == {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}, place
        headers = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "header" and one["required"]]
        assert headers == ([] if method == "GET" else [CSRF_HEADER]), place
        assert ("413" in answers) == (method not in ("GET", "DELETE")), place
    assert "HTTPValidationError" not in document["components"]["schemas"]


def names_of(value: Any) -> Any:
    """The names in a document, at every depth; without its values."""
    if isinstance(value, dict):
        return {name: names_of(each) for name, each in value.items()}
    return [names_of(each) for each in value] if isinstance(value, list) else None


def has_list_of_things(value: Any) -> bool:
    """Whether an array of objects is anywhere in a document: several things are an object by id."""
    if isinstance(value, list):
        return any(isinstance(each, dict) or has_list_of_things(each) for each in value)
    return isinstance(value, dict) and any(has_list_of_things(each) for each in value.values())


RECORDINGS = "/api/activities/{activity_id}/recordings"
REQUEST = "20261120T080206564698Z-0123abcd"
CASES: list[tuple[str, str, str, Any, int]] = [
    ("GET", "/api/activities", "?limit=2", None, 200),
    ("GET", "/api/activities", "?limit=0", None, 400),
    ("GET", "/api/activities/{activity_id}", "1", None, 200),
    ("GET", "/api/activities/{activity_id}", "99", None, 404),
    ("GET", "/api/activities/{activity_id}/track", "1", None, 200),
    ("GET", "/api/activities/{activity_id}/track", "2", None, 404),
    ("GET", "/api/activities/{activity_id}/sources", "1", None, 200),
    ("GET", "/api/activities/{activity_id}/recordings", "1", None, 200),
    ("GET", f"{RECORDINGS}/{{first_id}}/{{second_id}}/{{side}}", "1/recordings/1/-2/second", None, 200),
    ("GET", f"{RECORDINGS}/{{first_id}}/{{second_id}}/{{side}}", "1/recordings/1/2/second", None, 404),
    ("GET", "/api/devices", "", None, 200),
    ("GET", "/api/activities/{activity_id}/history", "1", None, 200),
    ("GET", "/api/calendar", "?from=2025-04", None, 200),
    ("GET", "/api/calendar/{month}", "2025-05", None, 200),
    ("GET", "/api/changes", "", None, 200),
    ("GET", "/api/changes/{change_id}", "abc", None, 404),
    ("PATCH", "/api/changes", "", {"0f3c": "approved"}, 428),
    ("PATCH", "/api/changes", "", {"0f3c": "rejected"}, 404),
    ("GET", "/api/days", "?first=2025-05-01&last=2025-05-02", None, 200),
    ("GET", "/api/days", "?first=2025-05-02&last=2025-05-01", None, 400),
    ("GET", "/api/days", "?first=2020-05-01&last=2025-05-01", None, 400),
    ("GET", "/api/fitness", "", None, 200),
    ("GET", "/api/fitness/{year}", "2025", None, 200),
    ("GET", "/api/gear", "", None, 200),
    ("GET", "/api/heat", "", None, 200),
    ("GET", "/api/heat/lines", "?box=16.1,48.1,16.11,48.11", None, 200),
    ("GET", "/api/heat/lines", "", None, 400),
    ("GET", "/api/routes", "", None, 200),
    ("GET", "/api/routes/{route_id}", "1", None, 200),
    ("GET", "/api/routes/{route_id}", "2", None, 404),
    ("GET", "/api/tiles", "?zoom=17", None, 200),
    ("GET", "/api/tiles/totals", "?zoom=17", None, 200),
    ("GET", "/api/tiles.geojson", "", None, 200),
    ("GET", "/api/insights/{year}", "2025", None, 200),
    ("GET", "/api/why", "", None, 200),
    ("GET", "/api/why/{number}", "distance", None, 200),
    ("GET", "/api/why/{number}", "distances", None, 404),
    ("GET", "/api/maps", "", None, 200),
    ("GET", "/api/insights/{year}", "1999", None, 404),
    ("GET", "/api/status", "", None, 200),
    ("GET", "/api/notifications", "", None, 200),
    ("PATCH", "/api/notifications", "", {"nobody": "read"}, 404),
    ("PATCH", "/api/notifications", "", {"NOTE": "read"}, 200),
    ("DELETE", "/api/notifications/{notification_id}", "nobody", None, 404),
    ("DELETE", "/api/notifications/{notification_id}", "NOTE", None, 204),
    ("DELETE", "/api/notifications", "", None, 204),
    ("POST", "/api/requests", "", {"kind": "import", "names": []}, 400),
    ("PUT", "/api/files/{name}", "ride.fit", "bytes", 201),
    ("PUT", "/api/maps/{name}", "home.pmtiles", region(), 201),
    ("POST", "/api/requests", "", {"kind": "import", "names": []}, 202),
    ("GET", "/api/requests/{request_id}", "REQUEST", None, 200),
    ("GET", "/api/requests/{request_id}", REQUEST, None, 404),
    ("POST", "/api/files", "", b"name,distance", 415),
    ("POST", "/api/files", "?name=ride.gpx", b"<gpx></gpx>", 202),
    ("GET", "/api/files/{file_id}", "FILE", None, 200),
    ("GET", "/api/files/{file_id}", f"{REQUEST}-0-{'0' * 32}", None, 404),
]  # fmt: skip


@pytest.mark.dear
def test_every_answer_is_one_of_the_document(api: TestClient, folder: Path, document: dict[str, Any]) -> None:
    """One after the other: a file is put before it is asked for, and a notification cleared at the end."""
    models = {(method, route.path): route.response_model for route in routes() for method in route.methods}
    notify(Lake(settings_of(folder).data_dir), "info", "Of the document", NOW)
    note, request, file = next(iter(api.get("/api/notifications").json()["notifications"])), "", ""
    for method, path, given, body, status in CASES:
        value = {"NOTE": note, "REQUEST": request, "FILE": file}.get(given, given)
        place = path + value if path.count("{") == 0 else path.partition("{")[0] + value + path.rpartition("}")[2]
        sent = {note if key == "NOTE" else key: each for key, each in body.items()} if isinstance(body, dict) else None
        answer = api.request(method, place, json=sent) if sent else api.request(method, place, content=body)
        assert answer.status_code == status, (method, place, answer.text)
        described = document["paths"][path][method.lower()]["responses"]
        assert str(status) in described, (method, path, status)
        kinds = {answer.headers["content-type"]} if answer.content else set()
        assert kinds == {*described[str(status)].get("content", {})}, (method, path, status)
        if answer.content and status < 300:
            shape = TypeAdapter(models[method, path])
            found = shape.dump_python(shape.validate_json(answer.content), mode="json", exclude_unset=True)
            assert names_of(answer.json()) == names_of(found), path
            assert path in ("/api/insights/{year}", "/api/status", "/api/tiles.geojson") or not has_list_of_things(
                answer.json()
            ), path
            request = answer.json().get("id", "") if path == "/api/requests" else request
            file = next((each["id"] for each in answer.json()["files"].values()), "") if path == "/api/files" else file
    tried = {(method, path) for method, path, _, _, status in CASES if status < 300}
    untried = {(method, path) for method, path, _ in operations(document)} - tried
    assert untried == {("PATCH", "/api/changes"), ("GET", "/api/changes/{change_id}")}, "test_api_changes.py has these"
