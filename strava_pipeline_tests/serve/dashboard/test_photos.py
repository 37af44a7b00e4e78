"""Photos that are on disk, and HEAD."""

import json
import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.imports.files import store_durably
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.photos import photos_of_year
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard, served
from strava_pipeline_tests.serve.dashboard.test_api import settings_of
from strava_pipeline_tests.serve.dashboard.test_pages import NOW, page

pytestmark = pytest.mark.slow

PICTURES = {
    "a.jpg": b"\xff\xd8\xff\xe0" + b"1" * 3000,
    "b.png": b"\x89PNG\r\n\x1a\n" + b"2" * 30,
    "c.webp": b"RIFF\x00\x00\x00\x00WEBPVP8 ",
    "d.jpg": b"<html><script>alert(1)</script>",
    "e.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Iterator[tuple[Dashboard, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("photos")
    lake = new_lake(folder / "data")
    extra = json.dumps({"archive": {"media": [*PICTURES]}})
    put(lake, [activity(1, "2025-05-01T08:00", gear_id=None, source_id="1", extra=extra)])
    put(lake, [activity(2, "2025-05-02T08:00", gear_id=None, source_id="2")])
    digests = {name: store_durably(lake, body) for name, body in PICTURES.items()}
    files = [(digests[name], name, len(body)) for name, body in PICTURES.items()]
    put(
        lake,
        [{"sha256": one, "name": name, "names": [name], "role": "media", "size": n} for one, name, n in files],
        "files",
    )
    put(lake, [{"athlete_id": ME, "fetched_at": "2024-01-01"}], "athlete")
    publish(lake)
    with served(settings_of(folder), time=NOW) as made:
        yield made, digests


@pytest.fixture
def site(stored: tuple[Dashboard, dict[str, str]]) -> TestClient:
    return stored[0].browser()


@pytest.mark.dear
def test_photos_are_sent_as_what_they_are_to_users(stored: tuple[Dashboard, dict[str, str]], site: TestClient) -> None:
    dashboard, digests = stored
    text = page(site, "/activities/1")
    shown = re.findall(r'<img src="(/activities/1/photos/[0-9a-f]{64})"', text)
    assert shown == [f"/activities/1/photos/{digests[name]}" for name in ("a.jpg", "b.png", "c.webp")]
    for name, kind in (("a.jpg", "image/jpeg"), ("b.png", "image/png"), ("c.webp", "image/webp")):
        answer = site.get(f"/activities/1/photos/{digests[name]}")
        assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, PICTURES[name], kind)
        assert answer.headers["x-content-type-options"] == "nosniff"
    for path, status in (
        (f"/activities/1/photos/{digests['d.jpg']}", 404),
        (f"/activities/1/photos/{digests['e.svg']}", 404),
        (f"/activities/2/photos/{digests['a.jpg']}", 404),
        (f"/activities/3/photos/{digests['a.jpg']}", 404),
        (f"/activities/1/photos/{'0' * 64}", 404),
        (f"/activities/1/photos/{digests['a.jpg'].upper()}", 400),
        ("/activities/1/photos/..%2f..%2fgoals.toml", 404),
        ("/activities/1/photos/goals.toml", 400),
    ):
        assert site.get(path).status_code == status, path
    address = f"/activities/1/photos/{digests['a.jpg']}"
    assert dashboard.browser(logged_in=False).get(address).status_code == 401
    place = next(Lake(dashboard.settings.data_dir).files.glob(f"*/{digests['a.jpg']}*"))
    body = place.read_bytes()
    try:
        place.write_bytes(body[:40])
        assert (site.get(address).status_code, place.exists()) == (404, True), "damaged; no page moves it"
    finally:
        place.write_bytes(body)


def test_a_year_shows_its_newest_photos_and_rides(stored: tuple[Dashboard, dict[str, str]], site: TestClient) -> None:
    dashboard, digests = stored
    text = page(site, "/year/2025")
    shown = re.findall(
        r'<a href="/activities/1"><img src="/activities/1/photos/([0-9a-f]{64})" alt="" loading="lazy"', text
    )
    assert sorted(shown) == sorted(digests[name] for name in ("a.jpg", "b.png", "c.webp"))
    lake = dashboard.site.lake
    with reading(lake) as connection:
        assert photos_of_year(connection, lake, ME, 2025, most=2).left == len(digests) - 2
        assert photos_of_year(connection, lake, ME, 2024).photos == {}


def test_head_is_get_without_a_body_or_a_used_link(stored: tuple[Dashboard, dict[str, str]], site: TestClient) -> None:
    dashboard, _ = stored
    for path in ("/", "/health", "/trips", "/api/gear", "/activities/99", "/static/style.css", "/login", "/no/such"):
        got, headed = site.get(path), site.head(path)
        assert (headed.status_code, headed.content) == (got.status_code, b""), path
        for name in ("content-type", "content-length", "content-security-policy"):
            assert headed.headers[name] == got.headers[name], path
    assert json.loads(dashboard.lines[-1])["method"] == "HEAD" or json.loads(dashboard.lines[-2])["method"] == "HEAD"
    assert site.head("/logout").status_code == 405
    assert dashboard.browser(logged_in=False).head("/api/gear").status_code == 401
    link, stranger = dashboard.site.records.add_link(NOW), dashboard.browser(logged_in=False)
    assert stranger.head(f"/login?token={link}").status_code == 200
    assert dashboard.site.cookie in stranger.get(f"/login?token={link}").headers["set-cookie"]
