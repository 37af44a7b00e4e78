"""The JSON API over a published warehouse: shapes, pages, and everything that is refused."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from starlette.testclient import TestClient

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.made.tracks import write_track
from strava_pipeline.lake.notifications import notify
from strava_pipeline.lookups.activity_list import After
from strava_pipeline.serve.dashboard.problems import MEDIA_TYPE
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put
from strava_pipeline_tests.serve.dashboard.conftest import served

HOSTILE = '<script>alert(1)</script> \u202ethe hill 🚵 "x"'
LARGE = 9_007_199_254_740_993  # 2^53 + 1
NOW = datetime(2025, 7, 1, 12, tzinfo=UTC)


def settings_of(folder: Path) -> Settings:
    return Settings.load(
        _env_file=None,
        data_dir=folder / "data",
        secrets_dir=folder / "secrets",
        logs_dir=folder / "logs",
        providers_config=folder / "providers.toml",
        first_year=2020,
    )


@contextmanager
def client_of(settings: Settings) -> Iterator[TestClient]:
    """A browser that has logged in, two months after the newest activity."""
    with served(settings, time=NOW) as made:
        yield made.browser()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Path:
    made = tmp_path_factory.mktemp("api")
    lake = new_lake(made / "data")
    rows = [activity(n, f"2025-05-{n:02}T08:00", name=f"Ride {n}", gear_id="b1", source_id=str(n)) for n in range(1, 8)]
    extra = f'{{"long": 1{"0" * 29}}}'  # as a service may have sent it
    put(
        lake,
        [*rows, activity(LARGE, "2024-05-01T08:00", name=HOSTILE, gear_id=None, source_id=str(LARGE), extra=extra)],
    )
    put(lake, [{"source": "strava", "gear_id": "b1", "name": HOSTILE}], "gear")
    put(lake, [{"athlete_id": ME, "fetched_at": "2024-01-01"}], "athlete")
    track = pl.DataFrame({"recorded_at": [NOW], "watts": [200.0]}).cast({"recorded_at": pl.Datetime("us", "UTC")})
    write_track(lake, 2025, 1, ME, "file", [track], "file:1")
    publish(lake)
    for number in (1, 2):
        notify(lake, "info", f"Note {number} {HOSTILE}", NOW)
    return made


@pytest.fixture(scope="module")
def api(folder: Path) -> Iterator[TestClient]:
    with client_of(settings_of(folder)) as client:
        yield client


def test_activities_are_an_object_by_id_in_pages_that_hold_each_once(api: TestClient) -> None:
    seen: list[int] = []
    query = "limit=3"
    while query:
        page = api.get(f"/api/activities?{query}").json()
        assert [str(one["id"]) for one in page["activities"].values()] == [*page["activities"]]
        seen += [one["id"] for one in page["activities"].values()]
        query = f"limit=3&cursor={page['next']}" if page["next"] else ""
    assert seen == [7, 6, 5, 4, 3, 2, 1, LARGE]
    first = page["activities"][str(LARGE)]
    assert (first["name"], first["start_date"]) == (HOSTILE, "2024-05-01T08:00:00Z")
    assert (first["start_date_local"], first["distance"], first["gear_id"]) == ("2024-05-01T08:00:00", 20_000.0, None)
    found = api.get(
        "/api/activities", params={"search": "🚵", "from": "2024-05-01", "to": "2024-05-01", "sport": "ride"}
    )
    assert ([*found.json()["activities"]], found.json()["next"]) == ([str(LARGE)], None)
    assert b"<script>" in found.content, "as it is: JSON, which no browser takes for a page"
    assert found.headers["content-type"] == "application/json"


@pytest.mark.dear
def test_an_activity_its_track_sources_and_history(api: TestClient) -> None:
    whole = api.get("/api/activities/1").json()
    assert (whole["activity"]["id"], whole["activity"]["gear_name"], whole["detail"]) == (1, HOSTILE, None)
    assert {"laps", "splits_metric", "segment_efforts", "best_efforts", "photos"} <= whole.keys()
    assert (whole["has_track"], whole["laps"]) == (True, {})
    assert api.get(f"/api/activities/{LARGE}").json()["activity"]["extra"] == {"long": 1e29}
    assert api.get("/api/activities/1/track").json() == {
        "id": 1,
        "begins_at": "2025-07-01T12:00:00Z",
        "recorded": 1,
        "track": {"time": [0.0], "watts": [200.0]},
    }
    assert [*api.get("/api/activities/1/sources").json()["sources"]] == ["strava:1"]
    assert api.get("/api/activities/1/history").json() == {"id": 1, "history": {}, "next": None}


def test_calendar_gear_and_a_year(api: TestClient) -> None:
    months = api.get("/api/calendar?from=2025-04&to=2025-05").json()["months"]
    assert {month: one["activities"] for month, one in months.items()} == {"2025-05": 7, "2025-04": 0}
    assert len(api.get("/api/calendar").json()["months"]) == 12
    assert api.get("/api/calendar/2025-05").json()["rows"].keys() == {str(n) for n in range(1, 8)}
    piece = api.get("/api/gear").json()["gear"]["strava"]["b1"]
    assert (piece["distance_m"], piece["last_on"]) == (140_000.0, "2025-05-07")
    year = api.get("/api/insights/2025").json()
    assert (year["totals"]["activities"], year["goals_problem"]) == (7, None)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/activities?limit=0", 400),
        ("/api/activities?limit=ten", 400),
        ("/api/activities?from=1735689600", 400),
        ("/api/activities?from=2025-06-01&to=2025-05-01", 400),
        ("/api/activities?cursor=nonsense", 400),
        (f"/api/activities?cursor={'A' * 101}", 400),
        (f"/api/activities?search={'x' * 201}", 400),
        ("/api/activities?sort=height", 400),
        ("/api/activities?commute=1", 400),
        ("/api/activities?sport=Quidditch", 400),
        ("/api/activities?sport=Velomobile", 200),
        ("/api/activities?source=garmin", 400),
        ("/api/activities?gear=strava:b99", 400),
        ("/api/activities?min_distance=-1", 400),
        ("/api/activities?min_distance=nan", 400),
        ("/api/activities?min_climb=%2B5", 400),
        (f"/api/activities?max_climb={'9' * 300}", 400),
        ("/api/activities?min_distance=5&max_distance=4", 400),
        ("/api/activities?min_distance=5&max_distance=5", 200),
        ("/api/activities?min_distance=&max_distance=999999999.9&units=miles", 200),
        (f"/api/activities?sport={'x' * 65}", 400),
        ("/api/activities?sports=ride", 400),
        ("/api/activities?limit=1&limit=2", 400),
        ("/api/activities/1?x=1", 400),
        ("/api/activities/99", 404),
        ("/api/activities/one", 400),
        (f"/api/activities/{2**63}", 400),
        ("/api/activities/99/track", 404),
        ("/api/activities/2/track", 404),
        ("/api/activities/1/nothing", 404),
        ("/api/calendar?from=2023-06&to=2025-05", 200),
        ("/api/calendar?from=2023-05&to=2025-05", 400),
        ("/api/calendar?from=1000-01&to=2025-05", 400),
        ("/api/calendar?from=2025-06&to=2025-05", 400),
        ("/api/calendar?from=2025-00", 400),
        ("/api/calendar?from=2999-01", 400),
        ("/api/calendar/2025-13", 400),
        ("/api/calendar/1٩99-01", 400),  # a digit of another script
        ("/api/calendar/2999-01", 404),
        ("/api/calendar/2019-12", 404),  # before STRAVA_FIRST_YEAR
        ("/api/calendar?from=1000-01&to=1001-12", 200),
        ("/api/insights/1999", 404),
        ("/api/insights/2027", 200),
        ("/api/changes/abc", 404),
        ("/api/changes/x%27y", 400),
        ("/api/changes?status=odd", 400),
        ("/api/activities?search=%00%ff&from=0001-01-01&to=9999-12-31", 200),
        (f"/api/activities?cursor={After('date', True, '9999-12-31T23:59:59', -(2**63) + 1).text}", 200),
        (f"/api/activities?sort=name&order=asc&cursor={After('name', False, 'é' * 80, 2**63 - 1).text}", 200),
        (f"/api/activities?sort=time&cursor={After('date', True, None, 1).text}", 400),
        ("/api/requests/20261120T080206564698Z-0123abcd", 404),
        ("/api/requests/..%2f..%2fetc", 404),
        ("/api/nowhere", 404),
    ],
)
def test_what_is_out_of_bounds_or_unknown_is_a_problem_document(api: TestClient, path: str, status: int) -> None:
    answer = api.get(path)
    assert answer.status_code == status, answer.text
    if status != 200:
        assert (answer.headers["content-type"], answer.json()["status"]) == (MEDIA_TYPE, status)
        assert len(answer.json()["detail"]) > 20


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PATCH", "/api/changes", {"0f3c": "approved"}, 428),
        ("PATCH", "/api/changes", {"0f3c": {"status": "approved", "seal": "0" * 32}}, 404),
        ("PATCH", "/api/changes", {"0f3c": "rejected"}, 404),
        ("PATCH", "/api/changes", {"0f3c": "applied"}, 400),
        ("PATCH", "/api/changes", {"0f3c": {"status": "approved"}}, 400),
        ("PATCH", "/api/changes", {"<b>": "approved"}, 400),
        ("PATCH", "/api/changes", {f"{n:x}": "approved" for n in range(501)}, 400),
        ("PATCH", "/api/notifications", {"nobody": "read"}, 404),
        ("PATCH", "/api/notifications", {"nobody": "cleared"}, 400),
        ("POST", "/api/requests", {"kind": "purge"}, 400),
        ("POST", "/api/requests", {}, 400),
        ("POST", "/api/requests", {"kind": "pull", "provider": "acme"}, 400),
        ("POST", "/api/requests", {"kind": "pull", "provider": "strava"}, 400),
        ("POST", "/api/requests", {"kind": "pull", "provider": "strava", "command": "rm"}, 400),
        ("POST", "/api/requests", {"kind": "sync_month", "month": "2999-01"}, 400),
        ("POST", "/api/requests", {"kind": "sync_month", "month": "2025-05"}, 400),
        ("POST", "/api/requests", {"kind": "backfill", "year": 1900}, 400),
        ("POST", "/api/requests", {"kind": "apply_changes", "ids": ["0f3c"]}, 400),
        ("POST", "/api/requests", {"kind": "apply_changes", "ids": ["0f3c"] * 501}, 400),
        ("POST", "/api/requests", {"kind": "import", "names": ["../../secrets"]}, 400),
        ("POST", "/api/requests", "no object", 400),
        ("PUT", "/api/requests", {}, 405),
    ],
)
def test_what_is_sent_and_can_not_be_done_is_refused_and_nothing_is_written(
    api: TestClient, folder: Path, method: str, path: str, body: Any, status: int
) -> None:
    def written() -> list[Path]:
        places = (folder / "data" / "inbox", folder / "data" / "decisions", folder / "data" / "bronze" / "changes")
        return sorted(each for place in places for each in place.rglob("*"))

    before = written()
    answer = api.request(method, path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE), answer.text
    assert "purge" not in answer.text or "kind" in answer.text
    assert written() == before


@pytest.mark.parametrize("odd", ["%2B1", "1.0", "2_025", "01", "\u0661"])
def test_a_number_has_one_spelling(api: TestClient, odd: str) -> None:
    for path in (f"/api/activities/{odd}", f"/api/activities?limit={odd}", f"/map?year={odd}"):
        answer = api.get(path)
        assert (answer.status_code, "digits" in answer.text) == (400, True), path


def test_a_body_that_is_too_large_or_of_no_length_is_not_read(api: TestClient) -> None:
    large = b'{"0f3c": "' + b"x" * 200_000 + b'"}'
    unsaid = (part for part in [b'{"kind": "pull"', b"}"])
    for body, status in ((large, 413), (unsaid, 411), (b"{", 400), (b"\xff", 400), (b"[" * 100_000, 400)):
        answer = api.request("PATCH", "/api/changes", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE), answer.text[:200]
    for body in (b"{", b"\xff", b"[" * 100_000, b'{"0f3c": "rejected"}'):
        answer = api.request("PATCH", "/api/changes", content=body, headers={"Content-Type": "text/plain"})
        assert (answer.status_code, answer.headers["content-type"]) == (400, MEDIA_TYPE), "it says that it is no JSON"


def test_notifications_are_read_and_cleared(api: TestClient) -> None:
    found = api.get("/api/notifications?limit=1").json()
    assert (len(found["notifications"]), found["unread"]) == (1, 2)
    (key, note), *_ = found["notifications"].items()
    assert (note["category"], note["at"], note["read"]) == ("info", "2025-07-01T12:00:00Z", False)
    assert HOSTILE in note["message"]
    assert api.patch("/api/notifications", json={key: "read"}).json()["notifications"][key]["read"]
    assert api.get("/api/notifications").json()["unread"] == 1
    assert api.delete(f"/api/notifications/{key}").status_code == 204
    assert key not in api.get("/api/notifications").json()["notifications"]
    assert api.delete("/api/notifications").status_code == 204
    assert api.get("/api/notifications").json() == {"notifications": {}, "unread": 0, "next": None}


@pytest.mark.dear
def test_a_snapshot_that_is_replaced_midway_is_read_to_its_end(new_lake: NewLake, tmp_path: Path) -> None:
    lake = new_lake(tmp_path / "data")
    put(lake, [activity(1, "2025-05-01T08:00", name="Old")])
    with client_of(settings_of(tmp_path)) as client:
        publish(lake)
        assert client.get("/api/activities/1").json()["activity"]["name"] == "Old"
        stop = threading.Event()

        def read() -> set[tuple[int, str]]:
            seen = set()
            while not stop.is_set():
                answer = client.get("/api/activities")
                seen.add(
                    (answer.status_code, json.dumps([one["name"] for one in answer.json()["activities"].values()]))
                )
            return seen

        with ThreadPoolExecutor(2) as readers:
            asked = [readers.submit(read) for _ in range(2)]
            with writing(lake) as connection:
                connection.execute("UPDATE activities_all SET name = 'New'")
                connection.execute("UPDATE lake_meta SET value = '99' WHERE key = 'revision'")
            publish(lake)
            stop.set()
            assert {each for one in asked for each in one.result()} <= {(200, '["Old"]'), (200, '["New"]')}
        assert client.get("/api/activities/1").json()["activity"]["name"] == "New"
