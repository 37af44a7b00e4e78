"""Pages and API of routes and explorer tiles, over planted ways: what each shows, in pages, without what privacy zones hide."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lookups.rows import Cursor
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.lake.test_routes import PLANTED, STARTS, come
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard, served
from strava_pipeline_tests.serve.dashboard.test_api import settings_of
from strava_pipeline_tests.serve.dashboard.test_pages import HOSTILE, NOW, PAGE, page, words

pytestmark = pytest.mark.slow

ZONE = "[[privacy.zones]]\nplace = [47.0, 11.0]\nradius_m = 300\n"


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Iterator[Dashboard]:
    """A dashboard of the planted ways; that on which most went has a hostile name."""
    folder = tmp_path_factory.mktemp("ways")
    lake = new_lake(folder / "data")
    seconds = {1: 4000, 2: 3900, 3: 4100, 4: 3600, 6: 3700}
    rows = [
        activity(
            number,
            STARTS[number].replace(tzinfo=None).isoformat(),
            sport_type=sport,
            name=HOSTILE if number in (1, 2, 3) else f"Way {number}",
            moving_time=seconds.get(number, 3000),
            average_speed=5.0,
            average_heartrate=150.0,
        )
        for number, (_, sport) in PLANTED.items()
    ]
    put(lake, rows)
    come(lake, *PLANTED)
    lake.goals.write_text(ZONE)
    publish(lake)
    with served(settings_of(folder), time=NOW) as made:
        yield made


@pytest.mark.dear
def test_routes_are_listed_with_how_often_and_how_fast_they_were_taken(site: TestClient) -> None:
    text = words(page(site, "/routes"))
    assert "12.0 km 5 1:00:00" in text
    assert "laps 2 –" in text
    assert "Way 5" not in text, "a way that was taken once is no route"
    assert "laps" not in words(page(site, "/routes?sport=ride").partition("<table")[2].partition("</table>")[0])
    assert "No route is of this sport" in page(site, "/routes?sport=swim")
    found, cursor = [], ""
    while cursor is not None:
        answer = site.get("/api/routes", params={"limit": 1, **({"cursor": cursor} if cursor else {})}).json()
        found += [(key, each["activities"], each["best_activity_id"]) for key, each in answer["routes"].items()]
        cursor = answer["next"]
    assert found == [("1", 5, 4), ("9", 2, 9), ("12", 2, None), ("16", 2, 16)]


def test_a_route_shows_its_times_and_variants_and_is_found_by_each_of_its_activities(site: TestClient) -> None:
    text = page(site, "/routes/1")
    assert 'data-values="3700 3600 4100 3900 4000"' in text
    assert text.count("the other way<") == 1
    assert text.count("as the first<") == 3
    assert "2.00 m per beat" in text
    assert [row for row in ("/routes/7", "/routes/8") if f'href="{row}"' not in text] == []
    moved = site.get("/routes/3", headers=PAGE)
    assert (moved.status_code, moved.headers["location"]) == (303, "/routes/1")
    assert "Laps here" in page(site, "/routes/12")
    for nothing in ("14", "99"):
        assert "There is no route with this id" in page(site, f"/routes/{nothing}", 404)
    answer = site.get("/api/routes/4?limit=2").json()
    assert [*answer["activities"], *answer["variants"]] == ["6", "4", "7", "8"]
    assert answer["route"]["route_id"] == 1
    rest = site.get("/api/routes/1", params={"cursor": answer["next"]}).json()
    assert [*rest["activities"]] == ["3", "2", "1"]


def test_tiles_say_where_one_was_first_and_what_that_comes_to(site: TestClient) -> None:
    text = words(page(site, "/tiles"))
    tiles = site.get("/api/tiles").json()
    assert f"tiles {len(tiles['tiles'])}" in text
    assert {each["activity_id"] for each in tiles["tiles"].values()} >= {1, 9, 12, 16}
    added = {row["activity_id"] for row in tiles["tiles"].values()}
    assert [each for each in added if f"Way {each} " not in f"{text} "] == [1], "the other one has a name of its own"
    runs = site.get("/api/tiles?sport=run").json()["tiles"]
    assert {each["activity_id"] for each in runs.values()} == {5, 12}, "18 came to no new tile"
    small = site.get("/api/tiles/totals?zoom=17").json()
    assert small["tiles"] > len(tiles["tiles"])
    assert small["square"]["side"] >= 1
    found, cursor = dict[str, object](), ""
    while cursor is not None:
        answer = site.get("/api/tiles", params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        assert not found.keys() & answer["tiles"].keys()
        found, cursor = found | answer["tiles"], answer["next"]
    assert found == tiles["tiles"]
    part = site.get("/api/tiles?box=170,-18,180,-16").json()["tiles"]
    assert {each["activity_id"] for each in part.values()} == {16}
    for wrong in ("zoom=15", "limit=10001", "box=1,2,3", "cursor=x", "sport="):
        assert site.get(f"/api/tiles?{wrong}").status_code == 400, wrong
    page(site, "/tiles?zoom=15", 400)


def test_geojson_is_without_privacy_zones(site: TestClient) -> None:
    answer = site.get("/api/tiles.geojson?zoom=17")
    assert answer.headers["content-type"] == "application/geo+json"
    assert "attachment" in answer.headers["content-disposition"]
    features = answer.json()["features"]
    everything = site.get("/api/tiles?zoom=17").json()["tiles"]
    assert 0 < len(features) < len(everything), "the loop begins in a zone"
    corners = [corner for each in features for corner in each["geometry"]["coordinates"][0]]
    assert not [1 for lng, lat in corners if abs(lat - 47.0) < 0.002 and abs(lng - 11.0) < 0.002]


@pytest.mark.dear
def test_pages_of_geojson_name_no_tile_of_a_privacy_zone(site: TestClient) -> None:
    whole = site.get("/api/tiles.geojson?zoom=17").json()["features"]
    found, named, after = [], set(), ""
    while after is not None:
        one = site.get(
            "/api/tiles.geojson", params={"zoom": 17, "limit": 1, **({"cursor": after} if after else {})}
        ).json()
        found, after = found + one["features"], one["next"]
        if after:
            place = Cursor.parse(after).id
            named.add(f"17/{place >> 24}/{place % 2**24}")
    assert found == whole
    assert named <= {each["id"] for each in whole}


@pytest.mark.dear
def test_an_activity_says_its_route_and_what_it_added(site: TestClient) -> None:
    text = words(page(site, "/activities/1"))
    assert "On a route that you took 5 times. It was your first through" in text
    assert " small tiles" in text
    assert "It was your first through" not in page(site, "/activities/10")
    assert "a place of laps that you took 2 times" in words(page(site, "/activities/13"))
    assert "On a route" not in page(site, "/activities/14")
