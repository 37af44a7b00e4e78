"""A bike that three services know by three names is one thing on every page, in every answer and every table of gold."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from starlette.testclient import TestClient

from strava_pipeline.core.insights.documents import year_json
from strava_pipeline.core.insights.goals import Goals
from strava_pipeline.core.insights.page import year_page
from strava_pipeline.core.tables.gear import GEAR_ITEMS
from strava_pipeline.core.tables.insights import INSIGHTS, PUBLISH_TABLES
from strava_pipeline.lake.gold.insights import athlete_of, year_summary
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put
from strava_pipeline_tests.serve.dashboard.conftest import served
from strava_pipeline_tests.serve.dashboard.test_api import NOW, settings_of
from strava_pipeline_tests.serve.dashboard.test_unusable_snapshot import addresses

pytestmark = pytest.mark.slow

NAMES = ("Tarmac of Strava", "Tarmac of trips", "Tarmac of the sheet")
BY_SERVICE = {
    "/gear": r"<details><summary>At 3 services</summary>.*?</details>",
    "/activities/{activity_id}": r'<section[^>]*aria-labelledby="sources".*?</section>',
    "/api/gear": r'^.*"things"',
    "/api/activities/{activity_id}/sources": "(?s).*",
}
"""What says of each service what that one says, and nothing else does."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Lake:
    """Four rides: two sources name the bike of the first, each another one of the next three."""
    made = new_lake(tmp_path_factory.mktemp("one thing") / "data")
    rows = [activity(1, "2025-05-01T08:00", source_id="1", gear_id="b1"), activity(2, "2025-05-02T08:00", gear_id=None)]
    trips = [activity(-n, f"2025-05-0{n}T08:00", source="ridewithgps", gear_id="7") for n in (1, 2)]
    put(made, [*rows, *({**row, "gear_source": "ridewithgps"} for row in trips)])
    written = {"source": "spreadsheet", "extra": f'{{"equipment": " {NAMES[2].upper()}"}}'}
    put(made, [activity(-3, "2025-05-03T08:00") | written, activity(4, "2025-05-04T08:00", gear_id="b1")])
    members = ((1, 1, "strava", 0), (1, -1, "ridewithgps", 1), (2, 2, "strava", 0), (2, -2, "ridewithgps", 1))
    columns = ("activity_id", "id", "source", "place")
    put(made, [dict(zip(columns, each, strict=True)) for each in members], "activity_members")
    pieces = zip(("strava", "ridewithgps"), ("b1", "7"), NAMES[:2], strict=True)
    put(made, [{"source": source, "gear_id": piece, "name": name} for source, piece, name in pieces], "gear")
    put(made, [{"athlete_id": ME, "fetched_at": "2024-01-01"}], "athlete")
    links = {"The bike": {"strava": "b1", "ridewithgps": "7", "spreadsheet": NAMES[2]}}
    publish(replace(made, gear_links=links))
    return made


@pytest.fixture(scope="module")
def site(lake: Lake) -> Iterator[TestClient]:
    with served(settings_of(lake.data_dir.parent), time=NOW) as made:
        yield made.browser()


def test_no_page_and_no_answer_has_the_bike_by_a_services_name(site: TestClient) -> None:
    seen = 0
    for path, address in addresses():
        answer = site.get(address, headers={} if path.startswith("/api") else {"Accept": "text/html"})
        text = re.sub(BY_SERVICE.get(path, "^$"), "", answer.text, flags=re.DOTALL)
        assert not [name for name in (*NAMES, NAMES[2].upper()) if name in text], path  # in lower case it is an id
        seen += "The bike" in text
    assert seen >= 6


def test_lists_forms_and_the_gear_page_count_the_same(site: TestClient) -> None:
    def offered(path: str) -> list[list[str]]:
        text = site.get(path, headers={"Accept": "text/html"}).text
        selects = re.findall(r'<select[^>]* name="gear">.*?</select>', text, re.DOTALL)
        return [[*filter(None, re.findall('<option value="([^"]*)"', each))] for each in selects]

    assert offered("/activities") == [["The bike"], ["strava:b1"]], "the filter, and the form of what is ticked"
    assert offered("/activities/1") == [["strava:b1"]]
    things = site.get("/api/gear").json()["things"]
    assert {item: (each["name"], each["activities"]) for item, each in things.items()} == {"The bike": ("The bike", 4)}
    pieces = [f"{source}:{piece}" for source, held in site.get("/api/gear").json()["gear"].items() for piece in held]
    assert sorted(pieces) == ["ridewithgps:7", f"spreadsheet:{NAMES[2].lower()}", "strava:b1"], "as its activities say"
    for asked in ("The bike", *pieces, f"spreadsheet:{NAMES[2]}", f"spreadsheet:{NAMES[2].upper()} "):
        found = site.get("/api/activities", params={"gear": asked}).json()["activities"]
        assert [*found] == ["4", "-3", "2", "1"], asked
        assert {(row["gear_item"], row["gear_name"]) for row in found.values()} == {("The bike", "The bike")}
    assert 'value="The bike" selected' in site.get("/activities?gear=strava:b1", headers={"Accept": "text/html"}).text
    sources = site.get("/activities/-3", headers={"Accept": "text/html"}).text.split('id="sources"')[1]
    assert f"<td>{NAMES[2].upper()}</td>" in sources.replace("<bdi>", "").replace("</bdi>", ""), "as that one writes it"


def test_reports_and_tables_of_gold_have_it_once(lake: Lake) -> None:
    with snapshot(lake) as connection:
        tables = {**INSIGHTS, **PUBLISH_TABLES}.keys() - {GEAR_ITEMS.name, "gear_links"}
        for name in sorted(tables):
            assert not [one for one in NAMES if one in str(connection.execute(f"FROM {name}").fetchall())], name
        for name in ("activity_list", "counted_activities"):
            assert connection.execute(f"SELECT gear_item, count(*) FROM {name} GROUP BY 1").fetchall() == [
                ("The bike", 4)
            ]
        assert connection.execute("SELECT item, activities, distance_m FROM gear_mileage").fetchall() == [
            ("The bike", 4, 80_000)
        ]
        athlete = athlete_of(connection, Goals(), NOW)
        assert athlete is not None
        summary = year_summary(connection, athlete, Goals(), date(2025, 7, 1), 2025)
    (gear,) = year_json(summary)["gear"]
    assert (gear["item"], gear["name"], gear["activities"], gear["distance_m"]) == ("The bike", "The bike", 4, 80_000)
    assert year_page(summary).count("The bike") == 1
