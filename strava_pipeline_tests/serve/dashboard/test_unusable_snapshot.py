"""Every page and address where nothing was published, or what was published can't be used: no 5xx, and what to do is said."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from starlette.testclient import TestClient

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.lake.bronze.expired import Expired
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.notifications import notify
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.purging import plan_purge_of
from strava_pipeline.serve.dashboard.problems import MEDIA_TYPE
from strava_pipeline.serve.dashboard.routes import routes
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.serve.dashboard.conftest import served
from strava_pipeline_tests.serve.dashboard.route_values import NEEDED, VALUES
from strava_pipeline_tests.serve.dashboard.test_api import settings_of
from strava_pipeline_tests.serve.dashboard.test_pages import NOW, page, words

pytestmark = pytest.mark.slow

WITHOUT_SNAPSHOT = ("/maps", "/settings", "/notifications", "/backfill", "/requests", "/widgets", "/why")
NEEDS_NONE = (
    "/api/notifications", "/api/maps", "/maps/{name}", "/api/status", "/api/requests/{request_id}", "/api/files/{file_id}", "/api/changes",
    "/api/changes/{change_id}", "/requests/{request_id}", "/api/why",
)  # fmt: skip


def addresses() -> Iterator[tuple[str, str]]:
    """The path of each route that is read, as the route writes it and with values."""
    for route in routes():
        if "GET" in (route.methods or ()) and route.path not in ("/health", "/login"):
            yield route.path, f"{route.path.format(**VALUES)}{NEEDED.get(route.path, '')}"


@pytest.fixture
def lake(tmp_path: Path, new_lake: NewLake) -> Lake:
    made = new_lake(tmp_path / "data")
    put(made, [activity(1, "2025-05-01T08:00", gear_id=None)])
    made.widgets.mkdir()
    (made.widgets / f"{VALUES['widget']}.sql").write_text("SELECT 1")
    return made


@pytest.fixture
def site(tmp_path: Path, lake: Lake) -> Iterator[TestClient]:
    with served(settings_of(tmp_path), time=NOW) as made:
        yield made.browser()


def break_snapshot(lake: Lake, how: str) -> None:
    """Replace the snapshot by one of another version of `how` (a note), by another file, or by one with damage inside."""
    publish(lake)
    other = lake.snapshot.with_name("other")
    shutil.copyfile(lake.snapshot, other)
    if how == "garbage":
        other.write_bytes(b"no database")
    elif how == "damage":
        content = bytearray(other.read_bytes())
        content[12_288:-4096] = bytes(len(content) - 12_288 - 4096)  # all but DuckDB's headers
        other.write_bytes(content)
    else:
        with duckdb.connect(str(other)) as connection:
            connection.execute("UPDATE lake_meta SET value = 'x' || value WHERE key = $key", {"key": how})
    other.replace(lake.snapshot)


FEW = ("/", "/activities", "/calendar/{period}", "/month/{month}", "/api/activities", "/api/gear")


@pytest.mark.dear
@pytest.mark.parametrize("how", ["catalogue", "made:views", "garbage", "damage"])
def test_what_was_published_and_is_unusable_names_the_command_to_run(site: TestClient, lake: Lake, how: str) -> None:
    break_snapshot(lake, how)
    notify(lake, "error", "A run failed", NOW)
    for path, address in addresses():
        if how != "catalogue" and path not in FEW:
            continue  # they are read at the same places
        answer = site.get(address, headers={} if path.startswith("/api") else {"Accept": "text/html"})
        assert str(lake.data_dir.parent) not in answer.text, path
        packed = "content-encoding" in answer.headers
        assert packed or int(answer.headers["content-length"]) == len(answer.content), path
        if path in NEEDS_NONE or answer.status_code == 303:
            assert answer.status_code in (200, 303, 404), path
        elif path.startswith("/api"):
            assert (answer.status_code, answer.headers["content-type"]) == (409, MEDIA_TYPE), path
            assert "strava-pipeline compact" in answer.json()["detail"], path
        else:
            assert answer.status_code == 200, path
            assert ("strava-pipeline compact" in answer.text) == (path not in WITHOUT_SNAPSHOT), path
    if how == "garbage":
        assert "warehouse warehouse/strava.duckdb can't be read" in site.get("/api/activities").json()["detail"]
    home = words(page(site, "/"))
    assert home.count("strava-pipeline compact") == 1
    assert ("A run failed" in home, "Add files" in home, "Nothing runs by itself now" in home) == (True, True, True)
    assert "no activities here yet" not in home
    assert "Time zone" in words(page(site, "/settings"))
    assert site.get("/activities", headers={"HX-Request": "true", "Accept": "text/html"}).status_code == 409
    if how == "catalogue":
        put(lake, [activity(2, "2025-05-02T08:00")])
        publish(lake)
        assert [*site.get("/api/activities").json()["activities"]] == ["2", "1"], "the next one is looked at anew"


@pytest.mark.parametrize(
    ("left", "command"), [("purged", "purge"), ("purged_api", "purge --api"), ("purging", "purge 1")]
)
def test_after_a_purge_that_was_killed_the_command_that_ends_it_is_named(
    site: TestClient, lake: Lake, left: str, command: str
) -> None:
    if left == "purging":
        record_decisions(lake, Expired(at=NOW, by="strava-pipeline purge 1", ids=[1], purged=1))
    getattr(lake, left).mkdir(parents=True)
    for path, address in addresses():
        answer = site.get(address, headers={} if path.startswith("/api") else {"Accept": "text/html"})
        assert answer.status_code in (200, 303, 404, 409), path
        told = f"`strava-pipeline {command}`" if path.startswith("/api") else f"<code>strava-pipeline {command}</code>"
        is_free = path in (*NEEDS_NONE, *WITHOUT_SNAPSHOT) or answer.status_code == 303
        assert is_free or (answer.status_code, told in answer.text) == (
            409 if path.startswith("/api") else 200,
            True,
        ), path
        assert "strava-pipeline flow" not in answer.text or is_free, path
    with pytest.raises(PipelineError, match=f"purge .* has not ended: .*`strava-pipeline {command}`"), snapshot(lake):
        pass
    assert plan_purge_of(lake, 1).is_done is False if left == "purging" else True


@pytest.mark.dear
def test_where_nothing_was_published_collections_are_empty_and_pages_say_how_to_begin(site: TestClient) -> None:
    for path, address in addresses():
        answer = site.get(address, headers={} if path.startswith("/api") else {"Accept": "text/html"})
        assert answer.status_code in (200, 303, 404), path
    assert site.get("/api/activities").json()["activities"] == {}
    assert site.get("/api/gear").json() == {"gear": {}, "maintenance": {}, "things": {}, "next": None}
    assert site.get("/api/calendar").json() == {"months": {}}
    assert site.get("/api/changes").json() == {"changes": {}, "next": None}
    assert site.get("/api/heat").json()["cells"] == {}
    missing = site.get("/api/calendar/2025-05")
    assert (missing.status_code, "strava-pipeline flow" in missing.json()["detail"]) == (404, True)
    assert "no activities here yet" in words(page(site, "/"))


def test_what_is_published_later_is_shown_without_a_restart(site: TestClient, lake: Lake) -> None:
    assert site.get("/api/activities").json()["activities"] == {}
    publish(lake)
    assert [*site.get("/api/activities").json()["activities"]] == ["1"]
    lake.snapshot.unlink()
    assert site.get("/api/activities").json()["activities"] == {}
