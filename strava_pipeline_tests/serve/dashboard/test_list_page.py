"""The list of activities as a page, as SQL and as CSV: its address is its state, and each of the three has the same rows."""

import csv
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.sessions import confine
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard, served
from strava_pipeline_tests.serve.dashboard.test_api import settings_of
from strava_pipeline_tests.serve.dashboard.test_pages import NOW, words

EVIL = '=HYPERLINK("http://evil")'


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Iterator[Dashboard]:
    """70 rides of 1 to 70 km near Vienna, each with a name and gear, and one that nothing is known of. In kilometres."""
    folder = tmp_path_factory.mktemp("list")
    lake = new_lake(folder / "data")
    here = {"start_latlng": [48.21, 16.37], "gear_id": "b1", "visibility": "only_me", "average_heartrate": 140.0}
    rows = [
        activity(n, f"2025-{n % 5 + 1:02}-{n % 28 + 1:02}T08:00", name=f"Ride {n}", distance=n * 1000.0, **here)
        for n in range(1, 71)
    ]
    put(lake, rows)
    unknown = {"source_id": "71", "distance": None, "moving_time": None}
    put(lake, [activity(71, "2024-01-01T08:00", name=EVIL, **unknown)])
    put(lake, [{**activity(-9, "2024-01-01T08:00", **unknown), "source": "strava_archive"}])
    members = [
        {"id": one, "activity_id": 71, "place": n, "source": source}
        for n, (one, source) in enumerate(((71, "strava"), (-9, "strava_archive")))
    ]
    put(lake, members, "activity_members")
    put(lake, [{"source": "strava", "gear_id": "b1", "name": "@Domane"}], "gear")
    publish(lake)
    with served(settings_of(folder), time=NOW) as made:
        yield made


def page(site: TestClient, address: str) -> str:
    answer = site.get(address, headers={"Accept": "text/html"})
    assert answer.status_code == 200, answer.text
    return answer.text


def listed(text: str) -> list[int]:
    return [int(key) for key in re.findall(r'href="/activities/(\d+)"', text)]


def link(text: str, title: str) -> str:
    found = re.search(rf'<a href="(/activities[^"]*)"[^>]*>{title}</a>', text)
    assert found is not None, title
    return unescape(found[1])


@pytest.mark.dear
def test_columns_are_links_that_sort_and_turn_the_order_and_keep_the_filters(site: TestClient) -> None:
    text = page(site, "/activities?search=ride")
    assert re.findall(r'<th [^>]*aria-sort="(\w+)"[^>]*><a [^>]*>(\w+)', text) == [("descending", "Day")]
    titles = re.findall(r'<th scope="col"[^>]*><a href="[^"]*">([^<]*)</a>', text)
    assert "|".join(titles) == "Day|Name|Sport|Place|Distance|Time|Speed|Climb|Heart rate|Gear", (
        "none of the rides has power"
    )
    assert link(text, "Distance") == "/activities?search=ride&sort=distance"
    longest = page(site, link(text, "Distance"))
    assert listed(longest)[:2] == [70, 69]
    shortest = page(site, link(longest, "Distance"))
    assert listed(shortest)[:2] == [1, 2]
    assert 'aria-sort="ascending"' in shortest
    assert link(shortest, "Distance") == "/activities?search=ride&sort=distance"
    assert link(text, "Name") == "/activities?search=ride&sort=name"
    assert link(page(site, link(text, "Name")), "Name") == "/activities?search=ride&sort=name&order=desc"
    assert link(text, "Day") == "/activities?search=ride&order=asc"
    assert link(longest, "Day") == "/activities?search=ride"
    for title in titles:
        assert len(listed(page(site, link(text, title)))) == 50, title


def test_an_address_without_what_a_form_left_empty_is_where_it_leads(site: TestClient) -> None:
    empty = "from=&to=&place=&gear=&commute=&visibility=&source=&min_time=&max_time=&sort=date&order=desc&units=km"
    answer = site.get(f"/activities?search=ride&{empty}&min_distance=&max_distance=", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/activities?search=ride")
    answer = site.get(f"/activities?sport=&{empty}&min_distance=60.5&cursor=", follow_redirects=False)
    assert answer.headers["location"] == "/activities?units=km&min_distance=60.5"
    text = page(site, answer.headers["location"])
    assert listed(text) == [n for n in listed(page(site, "/activities?min_distance=60500")) if n > 60] != []
    assert (
        'name="min_distance" type="number" min="0" step="any" placeholder="from" aria-label="Distance, at least km" value="60.5"'
        in text
    )
    assert 'value="60.5"' in page(site, "/activities?min_distance=60500"), "in the athlete's units"
    assert 'value="96.561"' in page(site, "/activities?max_distance=60&units=miles")
    assert len(listed(page(site, "/activities?max_distance=10&units=miles&min_time=60&max_climb=492"))) == 0
    assert (
        len(listed(page(site, "/activities?max_distance=10&units=miles&min_time=60&max_climb=493&min_climb=492"))) == 16
    )


def test_what_is_filtered_is_summed_and_pages_follow(site: TestClient) -> None:
    text = page(site, "/activities?gear=strava%3Ab1&sort=distance")
    assert "Activities 70 Clear filters Distance 2,485 km 35.5 km on average Time 70.0 h 1:00:00 on average" in words(
        text
    )
    assert "Average speed 35.5 km/h Average heart rate 140 bpm" in words(text)
    assert "near Vienna" in words(text)
    assert "near Vienna" in words(page(site, "/activities/1")), "its page names the same place"
    after = re.search(r'href="([^"]+)" rel="next"', text)
    assert after is not None
    second = page(site, unescape(after[1]))
    assert listed(text) + listed(second) == [*range(70, 0, -1)]
    assert link(second, "First page") == "/activities?gear=strava%3Ab1&sort=distance"
    assert "Activities 70" in words(second)
    assert "No activity is like that" in page(site, "/activities?place=nowhere")
    archived = page(site, "/activities?source=strava_archive")
    assert listed(archived) == [71]
    assert '<option value="strava_archive" selected>Strava archive</option>' in archived
    assert "Clear filters" not in page(site, "/activities?sort=name")


@pytest.mark.parametrize(
    "query", ["", "?search=ride&max_distance=20000&sort=name", "?place=vienna&order=asc&visibility=only_me"]
)
def test_sql_and_csv_have_all_rows_of_the_list(dashboard: Dashboard, site: TestClient, query: str) -> None:
    text = page(site, f"/activities{query}")
    statement = re.search(r"<pre [^>]*>(.*?)</pre>", text, re.DOTALL)
    assert statement is not None
    with snapshot(dashboard.site.lake) as connection:
        confine(connection)
        found = connection.execute(unescape(statement[1]))
        names, ids = [column[0] for column in found.description], [row[0] for row in found.fetchall()]
    assert ids[:50] == listed(text)
    answer = site.get(link(text, "As CSV"))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="activities.csv"'
    header, *rows = csv.reader(answer.text.splitlines())
    assert header == names
    assert [int(row[0]) for row in rows] == ids


def test_no_cell_of_the_csv_is_computed_by_a_spreadsheet(site: TestClient) -> None:
    rows = [*csv.DictReader(site.get("/activities.csv?order=asc").text.splitlines())]
    assert rows[0]["name"] == f"'{EVIL}"
    assert (rows[1]["gear_name"], rows[1]["place"], rows[1]["computed"]) == ("'@Domane", "Vienna", '["place"]')
    assert (rows[0]["distance"], rows[0]["commute"], rows[0]["sources"]) == ("", "", '["strava", "strava_archive"]')
    assert len(rows) == 71


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("sort=height", "sort: Input should be 'date', 'name'"),
        ("min_distance=2&max_distance=1", "The range ends before it begins: min_distance is beyond max_distance"),
        ("gear=strava:b2", "This gear is not known: no activity has it; there are: strava:b1"),
    ],
)
def test_what_nothing_can_be_sorted_or_filtered_by_is_said(site: TestClient, query: str, why: str) -> None:
    for address in ("/activities", "/activities.csv"):
        answer = site.get(f"{address}?{query}", headers={"Accept": "text/html"})
        assert answer.status_code == 400
        assert why in unescape(words(answer.text))
    assert site.get(f"/api/activities?{query}").status_code == 400


def test_the_csv_of_no_activity_is_a_header(tmp_path: Path) -> None:
    with served(settings_of(tmp_path), time=NOW) as made:
        assert made.browser().get("/activities.csv").text.startswith("id,source,")
        assert "strava-pipeline" in page(made.browser(), "/activities?sort=name")
        assert "No activity is like that" in page(made.browser(), "/activities?source=garmin")
