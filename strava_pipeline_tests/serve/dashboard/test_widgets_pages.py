"""Widgets on pages: cards of the first page that load by themselves, pages of their own, the list of files."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path
from queue import Queue
from threading import Event

import pytest
from starlette.testclient import TestClient

from strava_pipeline.core.widgets import Drawn, Widget
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.dashboard import pages_widgets
from strava_pipeline.serve.dashboard.static_files import static_address
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard, served
from strava_pipeline_tests.serve.dashboard.test_api import settings_of
from strava_pipeline_tests.serve.dashboard.test_pages import HOSTILE, NOW, PAGE, page, words

FILES = {
    "kilometres": "-- title: Kilometres\n-- kind: number\n-- unit: <km>\nSELECT sum(distance) / 1000, 'a<b' AS \"<i>\" FROM activities",
    "list": f"-- title: {HOSTILE}\nSELECT id AS activity_id, name, commute FROM activities ORDER BY id",
    "days": '-- kind: bars\nSELECT start_date_local::DATE AS day, distance AS "\'</script>" FROM activities',
    "starts": "-- kind: map\nSELECT 48.2 AS latitude, 16.4 AS longitude, name FROM activities",
    "commutes": "-- page: yes\nFROM range(1500)",
    "wrong": "-- kind: bars\nSELECT 'x', 'y'",
    "writes": "DELETE FROM activities_all",
    "empty": "-- kind: line\nSELECT 1, 2 WHERE false",
}

SLOW = {f"slow{number}": "-- page: yes\nSELECT 1" for number in range(10)}


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Iterator[Dashboard]:
    folder = tmp_path_factory.mktemp("widgets")
    lake = new_lake(folder / "data")
    put(lake, [activity(n, f"2025-05-{n:02}T08:00", name=HOSTILE if n == 1 else f"Ride {n}") for n in range(1, 13)])
    publish(lake)
    lake.widgets.mkdir()
    for name, text in (FILES | SLOW).items():
        (lake.widgets / f"{name}.sql").write_text(text)
    (lake.widgets / "a b.sql").write_text("SELECT 1")
    with served(settings_of(folder), time=NOW) as made:
        yield made


def test_the_overview_has_a_card_for_each_widget_that_is_no_page_and_runs_none(site: TestClient) -> None:
    text = page(site, "/")
    assert re.findall(r'hx-get="/widgets/(\w+)/card" hx-trigger="load"', text) == sorted(FILES.keys() - {"commutes"})
    assert "&lt;script&gt;alert(1)" in text
    assert all(f'src="{static_address(script)}"' in text for script in ("widgets.js", "charts.js", "ground.js"))
    assert "1 widget can’t be used" in words(text)


@pytest.mark.dear
def test_a_card_has_what_its_kind_draws_of_the_rows(site: TestClient) -> None:
    def card(name: str) -> str:
        answer = site.get(f"/widgets/{name}/card")
        assert (answer.status_code, "<html" in answer.text) == (200, False)
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|\u202e", answer.text)
        return answer.text

    assert words(card("kilometres")) == "240 &lt;km&gt; a&lt;b"
    listed = card("list")
    assert 'href="/activities/2">Ride 2</a>' in listed
    assert "activity_id" not in listed
    assert "&lt;script&gt;alert(1)" in listed
    assert ("Ride 10" in listed, "Ride 11" in listed, 'href="/widgets/list">All 12 rows' in listed) == (
        True,
        False,
        True,
    )
    (chart,) = re.findall(r"data-widget='([^']+)'", card("days"))
    assert '"kind": "bars"' in unescape(chart)
    assert "\\u0027\\u003c/script\\u003e" in chart
    assert '"latitude": 48.2' in card("starts")
    assert "more rows" not in card("commutes")
    for name, why in (
        ("wrong", "The column &#39;y&#39; holds something else than numbers"),
        ("writes", "It has to be one SELECT; this is DELETE."),
        ("empty", "Its query has no row."),
    ):
        assert why in card(name), name


@pytest.mark.slow
def test_a_widget_has_a_page_with_all_rows_and_its_query(site: TestClient) -> None:
    text = page(site, "/widgets/list")
    assert ("Ride 12" in text, "FROM activities ORDER BY id" in text) == (True, True)
    many = words(page(site, "/widgets/commutes"))
    assert "999 These are the first 1000 rows; the query has more." in many
    assert "this is DELETE" in page(site, "/widgets/writes")
    listed = page(site, "/widgets")
    assert words(listed).count("on the overview") == len(FILES) - 1
    assert "a b.sql : A name has letters" in words(listed)
    for name, status in (("nowhere", 404), ("a%20b", 400), ("..%2Fx", 404), ("x" * 65, 400), ("nowhere/card", 404)):
        page(site, f"/widgets/{name}", status)


def test_without_published_data_a_card_says_so(tmp_path: Path) -> None:
    with served(settings_of(tmp_path), time=NOW) as made:
        made.site.lake.widgets.mkdir(parents=True)
        (made.site.lake.widgets / "one.sql").write_text("SELECT 1")
        browser = made.browser()
        assert "There is no published warehouse" in browser.get("/widgets/one/card").text
        assert "one" in page(browser, "/widgets")


def test_ten_slow_widgets_keep_nobody_waiting_and_run_once(site: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    began: Queue[str] = Queue()
    may_end = Event()

    def answer_late(lake: Lake, widget: Widget) -> Drawn:
        began.put(widget.name)
        assert may_end.wait(60)
        return Drawn(fault="It took too long.")

    monkeypatch.setattr(pages_widgets, "drawn_widget", answer_late)
    with ThreadPoolExecutor(10) as readers:
        cards = [readers.submit(site.get, f"/widgets/{name}/card") for name in SLOW]
        try:
            names = [began.get(timeout=60) for _ in range(2)]
            for path in ("/", "/activities", "/calendar/2025"):
                assert site.get(path, headers=PAGE).status_code == 200
            assert (began.empty(), [card for card in cards if card.done()]) == (True, []), "two run at once"
        finally:
            may_end.set()
        assert {card.result().status_code for card in cards} == {200}
        assert all("It took too long." in card.result().text for card in cards)
    for name in SLOW:
        assert "It took too long." in page(site, f"/widgets/{name}")
    assert sorted([*names, *(began.get() for _ in range(8))]) == sorted(SLOW)
    assert began.empty(), "what a query came to is kept"
