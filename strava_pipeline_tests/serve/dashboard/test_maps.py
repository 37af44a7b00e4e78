"""The ground of maps: the file that is shipped, the regions' files by ranges, their page and `/api/maps`."""

import re
from pathlib import Path

from fastapi.testclient import TestClient

from strava_pipeline.core.geodesy import tile_of
from strava_pipeline.lake.looks import requests_folder
from strava_pipeline.lake.maps import add_region, read_region
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import (
    CANCELLED,
    RegionWanted,
    RequestView,
    begin_request,
    end_request,
    latest_region,
    note_progress,
)
from strava_pipeline.serve.dashboard.routes import HERE
from strava_pipeline_tests.lookups.test_heat_lines import write_heat_tiles
from strava_pipeline_tests.pmtiles import VIENNA, region, write_region
from strava_pipeline_tests.rig import Make
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard, served

WORLD = HERE / "static" / "ground" / "world.pmtiles"
MOST_BYTES = 2_000_000


def test_the_ground_that_is_shipped_is_whole_and_small() -> None:
    world = read_region(WORLD)
    assert (world.min_zoom, world.max_zoom) == (0, 5)
    assert world.bytes <= MOST_BYTES


def test_a_region_is_listed_with_an_address_that_gives_ranges_of_it(dashboard: Dashboard, tmp_path: Path) -> None:
    lake, site = Lake(dashboard.settings.data_dir), dashboard.browser()
    assert site.get("/api/maps").json() == {"regions": {}, "next": None}
    file = write_region(tmp_path / "home.pmtiles")
    add_region(lake, file)
    (region,) = site.get("/api/maps").json()["regions"].values()
    address = region.pop("url")
    assert region == {
        "box": [*VIENNA],
        "min_zoom": 0,
        "max_zoom": 14,
        "bytes": file.stat().st_size,
        "is_damaged": False,
    }
    part = site.get(address, headers={"Range": "bytes=7-126"})
    assert (part.status_code, part.content) == (206, file.read_bytes()[7:127])
    assert part.headers["content-range"] == f"bytes 7-126/{file.stat().st_size}"
    assert (part.headers["cache-control"], bool(part.headers["etag"])) == ("private, max-age=31536000, immutable", True)
    assert "content-encoding" not in part.headers
    beyond = site.get(address, headers={"Range": f"bytes={file.stat().st_size}-"})
    assert beyond.status_code == 416
    assert dashboard.browser(logged_in=False).get(address).status_code == 401
    add_region(lake, write_region(tmp_path / "home.pmtiles", (1.0, 2.0, 3.0, 4.0)))
    assert site.get("/api/maps").json()["regions"]["home.pmtiles"]["url"] != address, "browsers keep the old one"


def test_a_damaged_region_is_said_and_a_missing_one_is_not_found(dashboard: Dashboard) -> None:
    lake, site = Lake(dashboard.settings.data_dir), dashboard.browser()
    lake.maps.mkdir(parents=True)
    (lake.maps / "home.pmtiles").write_bytes(b"PMTiles\x03 and no more")
    (region,) = site.get("/api/maps").json()["regions"].values()
    assert (region.pop("is_damaged"), {*region.values()}) == (True, {None})
    text = site.get("/maps", headers={"Accept": "text/html"}).text
    assert "damaged: maps are drawn without it" in text
    assert site.get("/maps/away.pmtiles").status_code == 404
    for name in ("away.txt", "..%2Fstate%2Fapp.sqlite3", ".home.pmtiles.tmp"):
        assert site.get(f"/maps/{name}").status_code in (400, 404), name


def test_a_file_that_is_dropped_becomes_a_region_or_leaves_nothing(dashboard: Dashboard) -> None:
    lake, site, whole = (
        Lake(dashboard.settings.data_dir),
        dashboard.browser(),
        region() + bytes(200_000),
    )  # more than other bodies may have
    place = "/api/maps/home.pmtiles"
    refused = site.put(place, content=b"rubbish" * 100)
    assert (refused.status_code, "no PMTiles archive" in refused.json()["detail"]) == (400, True)
    assert site.put("/api/maps/..%2fhome.pmtiles", content=whole).status_code in (400, 404)
    assert site.put(place, content=whole, headers={"X-CSRF-Token": "another"}).status_code == 403
    assert site.put(place, content=whole, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert site.put(place, headers={"Content-Length": "999999999999999"}).status_code == 413
    assert dashboard.browser(logged_in=False).put(place, content=whole).status_code == 401
    assert [path for path in lake.maps.glob("*") if path.is_file()] == []
    added = site.put(place, content=whole)
    assert (added.status_code, added.json()) == (201, {"name": "home.pmtiles", "bytes": len(whole)}), added.text
    assert [*site.get("/api/maps").json()["regions"]] == ["home.pmtiles"]


def test_the_page_shows_the_command_that_extracts_a_region(site: TestClient) -> None:
    text = site.get("/maps", headers={"Accept": "text/html"}).text
    assert "https://build.protomaps.com/20260309.pmtiles home.pmtiles --bbox=W,S,E,N --maxzoom=14" in text
    assert not re.search(r"<(script|link|img)[^>]+https?:", text)
    assert "there is nothing to fetch" in text
    assert "<button>Fetch my region" not in text


def test_streets_are_asked_for_fetched_and_cancelled_on_the_page(make_rig: Make) -> None:
    rig = make_rig(activities=12, settings={"first_year": 2025, "dashboard_address": "127.0.0.1:8723"})
    rig.begin_with("flow")
    x, y = tile_of(48.15, 16.25, 14)
    me = rig.one("SELECT DISTINCT athlete_id FROM activities")
    write_heat_tiles(rig.lake, 2025, [(me, "run", 14, x + n, y, 3) for n in range(4)])
    with served(rig.settings) as made:
        site, lake = made.browser(), rig.lake

        def page() -> str:
            return (
                site.get("/maps", headers={"Accept": "text/html"}).text.split('id="region"')[1].split("</section>")[0]
            )

        def press(place: str = "", **fields: str) -> RequestView:
            assert site.post(f"/maps/streets{place}", data=fields).headers["location"] == "/maps#streets"
            found = latest_region(lake, made.site.now())
            assert found is not None
            return found

        text = page()
        assert ("build.protomaps.com" in text, "which tells where you live" in text, text.count("<form")) == (
            True,
            True,
            1,
        )
        measuring = press()
        assert press(most_bytes="7").request == press().request == measuring.request, "one request"
        assert ("Cancel" in page(), "so the request waits" in page()) == (True, True)
        begin_request(lake, measuring.request.id, None, made.site.now(), None)
        note_progress(lake, measuring.request.id, 0, 12_300_000)
        end_request(lake, measuring.request.id, "done", made.site.now(), "It would load 12.3 MB.")
        assert "Load 12.3 MB from build.protomaps.com" in page()
        made.later(seconds=1)
        fetching = press(most_bytes="12300000")
        assert fetching.request.wanted == RegionWanted(kind="region", most_bytes=12_300_000)
        begin_request(lake, fetching.request.id, None, made.site.now(), None)
        note_progress(lake, fetching.request.id, 4_100_000, 12_300_000)
        assert ('<progress max="12300000" value="4100000"' in page(), "4.1 of 12.3 MB" in page()) == (True, True)
        gone = press("/cancel")
        assert (gone.standing, gone.message) == ("cancelled", CANCELLED)
        assert ("Fetch my region" in page(), "Load 12.3 MB" in page(), CANCELLED in page()) == (True, False, True)
        assert site.post("/maps/streets", data={"most_bytes": "all"}).status_code == 400
        assert "16.2" not in "".join(path.read_text() for path in requests_folder(lake).glob("*.json"))
