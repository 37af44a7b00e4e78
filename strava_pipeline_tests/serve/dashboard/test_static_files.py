"""What browsers keep for ever, and what is packed on its way: never what holds the session's token."""

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest
from httpx import Response
from starlette.testclient import TestClient

from strava_pipeline.core.systems import parts
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.dashboard.static_files import FOLDERS, FOR_EVER, content_hash, static_address
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard
from strava_pipeline_tests.serve.dashboard.test_api import settings_of

PLAIN = {"Accept-Encoding": "identity"}
LEAFLET = "vendor/leaflet/leaflet.css"

FOLDER = FOLDERS[0]


def cached(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.headers["cache-control"]


def test_every_file_is_named_by_its_content_and_kept_for_ever_with_what_it_names_itself(dashboard: Dashboard) -> None:
    stranger = dashboard.browser(logged_in=False)
    style = static_address(LEAFLET)
    pictures = set(re.findall(r"url\((images/[^)]+)\)", (FOLDER / LEAFLET).read_text()))
    assert pictures
    for address in (style, *(urljoin(style, picture) for picture in pictures)):
        assert cached(stranger.get(address)) == (200, FOR_EVER), address
    assert cached(stranger.get(f"/static/{LEAFLET}")) == (200, "no-cache")
    for nowhere in (content_hash(), f"{content_hash()}/nowhere.js", f"{'0' * 12}/style.css"):
        assert cached(stranger.get(f"/static/{nowhere}")) == (404, "no-cache")
    with pytest.raises(FileNotFoundError):
        static_address("nowhere.js")


def test_no_template_names_a_file_without_its_hash() -> None:
    folders = [FOLDER.parent, *(Path(str(system.__file__)).parent for system in parts("pages"))]
    templates = [path for folder in folders for path in (folder / "templates").glob("*.html")]
    assert len(templates) > 20
    assert [path.name for path in templates if "/static/" in path.read_text()] == []


def test_texts_are_packed_for_who_takes_that_and_whole_parts_of_files_are_not(dashboard: Dashboard) -> None:
    stranger, script = dashboard.browser(logged_in=False), static_address("vendor/leaflet/leaflet.js")
    plain, packed = stranger.get(script, headers=PLAIN), stranger.get(script)
    assert packed.content == plain.content == (FOLDER / "vendor/leaflet/leaflet.js").read_bytes()
    assert "content-encoding" not in plain.headers
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert int(packed.headers["content-length"]) < len(plain.content) / 3
    for tag in (plain.headers["etag"], packed.headers["etag"]):
        assert stranger.get("/static/vendor/leaflet/leaflet.js", headers={"If-None-Match": tag}).status_code == 304
    part = stranger.get(script, headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, plain.content[:10])
    assert "content-encoding" not in stranger.get(static_address("vendor/leaflet/images/layers.png")).headers


@pytest.fixture
def site(tmp_path: Path, new_lake: NewLake) -> TestClient:
    lake: Lake = new_lake(tmp_path / "data")
    put(lake, [activity(n, f"2025-05-{n:02}T08:00", gear_id=None) for n in range(1, 9)])
    publish(lake)
    return Dashboard(settings_of(tmp_path)).browser()


def test_json_is_packed_with_a_tag_of_its_own_and_a_page_with_the_sessions_token_is_not(site: TestClient) -> None:
    packed, plain = (site.get("/api/activities", headers=headers) for headers in ({}, PLAIN))
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "HX-Request, Accept-Encoding")
    assert packed.json() == plain.json()
    assert "content-encoding" not in plain.headers
    assert packed.headers["etag"] == plain.headers["etag"][:-1] + '-gzip"'
    for answer in (packed, plain):
        known = site.get("/api/activities", headers={"If-None-Match": answer.headers["etag"]})
        assert (known.status_code, known.headers["etag"]) == (304, answer.headers["etag"])
    head = site.head("/api/activities")
    assert (head.content, head.headers["content-encoding"]) == (b"", "gzip")
    token = site.headers["X-CSRF-Token"]
    for path in ("/activities", "/no/such"):
        page = site.get(path, headers={"Accept": "text/html"})
        assert token in page.text
        assert "content-encoding" not in page.headers
    assert site.get("/login").headers["content-encoding"] == "gzip", "it holds no token"
