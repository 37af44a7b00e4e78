"""What is kept until the data change: the same answer, 304 to who has it, and nothing of what was, whatever changed meanwhile."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count as count_up
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from starlette.testclient import TestClient

from strava_pipeline.lake.bronze.landing import next_number
from strava_pipeline.lake.gold import shared_snapshot
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.notifications import notify
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.bests import decide_bests
from strava_pipeline.serve.dashboard import kept
from strava_pipeline.serve.dashboard.kept import Kept
from strava_pipeline.serve.dashboard.site import kept_value
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put
from strava_pipeline_tests.lake.test_shared_snapshot import open_files
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard, served
from strava_pipeline_tests.serve.dashboard.test_api import settings_of
from strava_pipeline_tests.serve.dashboard.test_unusable_snapshot import addresses

pytestmark = pytest.mark.slow

NOW = datetime(2025, 7, 1, 22, 30, tzinfo=UTC)  # half an hour after midnight in Vienna
WITH_STATE = {
    "/",  # the next run, services, failures
    "/month/{month}",  # changes that wait for a decision
    "/providers",
    "/settings",
    "/notifications",
    "/pairs",
    "/backfill",
    "/requests",
    "/requests/{request_id}",
    "/activities/{activity_id}/original",
    "/activities/{activity_id}/track.gpx",
    "/activities/{activity_id}/photos/{digest}",  # large, and no other request asks for them
    "/activities.csv",
    "/why/{number}.csv",  # likewise
    "/days.csv",
    "/maps",  # files that a person adds
    "/maps/{name}",
    "/api/maps",
    "/api/calendar/{month}",
    "/api/changes",
    "/api/changes/{change_id}",
    "/api/notifications",
    "/api/status",
    "/api/requests/{request_id}",
}
"""Routes whose answers follow from more than the data."""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Path:
    """A data folder to copy."""
    made = new_lake(tmp_path_factory.mktemp("kept") / "data")
    zone = {"timezone": "(GMT+01:00) Europe/Vienna", "utc_offset": 7200.0}
    put(made, [activity(1, "2025-05-01T08:00", gear_id=None, **zone)])
    put(made, [{"athlete_id": ME, "fetched_at": "2024-01-01"}], "athlete")
    publish(made)
    return made.data_dir


@pytest.fixture
def lake(tmp_path: Path, published: Path) -> Lake:
    return Lake(copytree(published, tmp_path / "data"))


@pytest.fixture
def dashboard(tmp_path: Path, lake: Lake) -> Iterator[Dashboard]:
    with served(settings_of(tmp_path), time=NOW) as made:
        yield made


def again(site: TestClient, path: str, tag: str) -> int:
    """The status for a browser that has the answer with this tag."""
    return site.get(path, headers={"If-None-Match": f'"other", {tag}'}).status_code


@pytest.mark.dear
def test_an_answer_that_follows_from_the_data_is_kept_and_sent_once(dashboard: Dashboard, site: TestClient) -> None:
    without = set()
    for path, address in addresses():
        first = site.get(address)
        tag = first.headers.get("etag")
        if tag is None:
            assert first.headers["cache-control"] == "no-store", path
            if first.status_code == 200:
                without.add(path)
            continue
        assert first.headers["cache-control"] == "private, no-cache"
        second = site.get(address)
        assert (second.content, {**second.headers}) == (first.content, {**first.headers}), path
        known = site.get(address, headers={"If-None-Match": tag})
        assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag), path
        assert site.head(address, headers={"If-None-Match": tag}).status_code == 304
        assert (
            site.get(address if "?" in address else f"{address}?", headers={"If-None-Match": f"W/{tag}"}).status_code
            == 304
        )
    assert without <= WITH_STATE
    assert {"/", "/month/{month}", "/settings", "/api/changes"} <= without


@pytest.mark.dear
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="asks Linux which files are open")
def test_a_page_that_is_kept_opens_no_snapshot(
    dashboard: Dashboard, site: TestClient, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: site.get(path).content for path in ("/records", "/year", "/calendar", "/api/insights/2025")}
    assert open_files(lake)
    monkeypatch.setattr(shared_snapshot, "_IDLE", 0)
    dashboard.site.snapshot._close_if_idle()
    assert {path: site.get(path).content for path in before} == before
    assert not open_files(lake)


CHANGES: dict[str, Callable[[Dashboard, Lake], object]] = {
    "a publish": lambda dashboard, lake: (put(lake, [activity(2, "2025-06-01T08:00", gear_id=None)]), publish(lake)),
    "goals": lambda dashboard, lake: lake.goals.write_text('units = "miles"\n'),
    "services": lambda dashboard, lake: dashboard.settings.providers_config.write_text("[providers.strava]\n"),
    "a decision": lambda dashboard, lake: decide_bests(dashboard.settings, 1, dismissed=True, by="test"),
    "a widget": lambda dashboard, lake: (lake.data_dir / "widgets" / "one.sql").write_text("SELECT 12\n"),
    "midnight": lambda dashboard, lake: dashboard.later(hours=24),
    "an answer of a service": lambda dashboard, lake: next_number(lake, NOW),
    "a track": lambda dashboard, lake: (lake.tracks_of(2025) / "1.parquet").write_bytes(b""),
    "a login": lambda dashboard, lake: (dashboard.settings.secrets_dir / "token.json").write_text("{}"),
}


@pytest.mark.dear
def test_what_is_kept_goes_when_its_grounds_change(dashboard: Dashboard, site: TestClient, lake: Lake) -> None:
    for folder in (lake.data_dir / "widgets", lake.tracks_of(2025), dashboard.settings.secrets_dir):
        folder.mkdir(parents=True)
    (lake.data_dir / "widgets" / "one.sql").write_text("SELECT 1\n")
    page, answer = ((path, site.get(path).headers["etag"]) for path in ("/segments", "/api/gear"))
    other = dashboard.browser()
    assert (again(other, *page), again(other, *answer)) == (200, 304), "a page holds the token of its session"
    notify(lake, "error", "A run failed.", NOW)
    assert (again(site, *page), again(site, *answer)) == (200, 304), "only the layout shows how many are unread"
    dashboard.later(minutes=80)
    for change, work in CHANGES.items():
        tags = {path: site.get(path).headers["etag"] for path, _ in (page, answer)}
        assert [again(site, *each) for each in tags.items()] == [304, 304], f"before {change}"
        work(dashboard, lake)
        assert [again(site, *each) for each in tags.items()] == [200, 200], change


def test_the_day_is_the_athletes(dashboard: Dashboard, site: TestClient) -> None:
    dashboard.time = datetime(2025, 7, 1, 21, 59, tzinfo=UTC)
    tag = site.get("/segments").headers["etag"]
    dashboard.later(minutes=1)
    assert again(site, "/segments", tag) == 200


def test_a_widget_is_asked_again_on_the_day_of_its_clock(dashboard: Dashboard, site: TestClient, lake: Lake) -> None:
    (lake.data_dir / "widgets").mkdir()
    (lake.data_dir / "widgets" / "one.sql").write_text("SELECT current_date")
    object.__setattr__(dashboard.settings, "timezone", "Asia/Tokyo")
    dashboard.time = datetime(2025, 7, 1, 23, 59, tzinfo=UTC)  # in Vienna, Tokyo and Kiritimati the second of July
    tag = site.get("/widgets/one").headers["etag"]
    dashboard.later(minutes=1)
    assert again(site, "/widgets/one", tag) == 200


def test_a_tag_of_a_browser_that_logged_out_opens_nothing(site: TestClient) -> None:
    tags = {path: site.get(path).headers["etag"] for path in ("/segments", "/api/gear")}
    assert site.post("/logout").headers["clear-site-data"] == '"cache"'
    assert [again(site, path, tag) for path, tag in tags.items()] == [401, 401]


@pytest.mark.dear
def test_what_was_read_during_a_publish_is_not_kept(dashboard: Dashboard, site: TestClient, lake: Lake) -> None:
    def count(snapshot: Any) -> int:
        return int(snapshot.execute("SELECT count(*) FROM activities").fetchall()[0][0])

    def count_while_published(snapshot: Any) -> int:
        found = count(snapshot)
        put(lake, [activity(2, "2025-06-01T08:00", gear_id=None)])
        publish(lake)
        return found

    assert kept_value(dashboard.site, "count", count_while_published) == 1
    assert kept_value(dashboard.site, "count", count) == 2

    def now() -> datetime:
        lake.goals.write_text(f'units = "miles" # {next(looks)}\n')
        return NOW

    looks = count_up()
    object.__setattr__(dashboard.site, "now", now)  # something changes at each look at the clock
    assert "etag" not in site.get("/api/insights/2025").headers
    object.__setattr__(dashboard.site, "now", lambda: NOW)
    assert site.get("/api/insights/2025").headers["etag"]


def test_the_store_is_bounded_and_gives_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 1000)
    monkeypatch.setattr(kept, "LARGEST", 500)
    store = Kept()
    store.put("list", [1])
    held = store.get("list")
    assert held is not None
    held[0].append(2)
    assert store.get("list") == ([1],)
    store.put("too large", b"x" * 600)
    assert store.get("too large") is None
    for name in ("a", "b"):
        store.put(name, b"x" * 400)
        assert store.get("list") == ([1],)
    store.put("c", b"x" * 400)
    assert [name for name in ("list", "a", "b", "c") if store.get(name)] == ["list", "b", "c"]
    assert Kept().key("a") != store.key("a"), "a key says nothing to who does not know the secret"
