"""The page of the body, its card, its API and its CSV over answers of a service; and how a reader without any gets some."""

import csv
import json
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from strava_pipeline.core.insights.body import measured_text
from strava_pipeline.core.wellness import kept_answer
from strava_pipeline.lake.bronze.answers import land_of_kind
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.operations.published_facts import published
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard, served
from strava_pipeline_tests.serve.dashboard.test_api import settings_of
from strava_pipeline_tests.serve.dashboard.test_pages import NOW, page, words

TODAY = NOW.date()
ENABLED = "[providers.intervals_icu]\nenabled = true\n"


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Iterator[Dashboard]:
    """Twenty days up to yesterday, without the third last, and one a year before."""
    folder = tmp_path_factory.mktemp("body")
    lake = new_lake(folder / "data")
    put(lake, [activity(1, "2025-05-01T08:00")])
    days = {
        TODAY - timedelta(days=n): {"restingHR": 50, "hrv": 60.5, "sleepSecs": 25_920} for n in range(1, 21) if n != 3
    }
    days[TODAY - timedelta(days=1)] |= {"weight": 71.5, "restingHR": 52}
    days[TODAY - timedelta(days=365)] = {"restingHR": 55}
    body = json.dumps([{"id": day.isoformat(), **fields} for day, fields in days.items()]).encode()
    kept = kept_answer("wellness", date(2024, 1, 1), TODAY, body)
    land_of_kind(lake, "intervals_icu", "wellness", kept, NOW)
    publish(lake)
    (folder / "providers.toml").write_text(ENABLED)
    with served(settings_of(folder), time=NOW) as made:
        yield made


@pytest.fixture
def site(dashboard: Dashboard) -> TestClient:
    return dashboard.browser()


@pytest.mark.dear
def test_the_page_shows_each_number_with_its_day_source_and_gap(site: TestClient) -> None:
    text = page(site, "/body")
    seen = words(text)
    assert '<li><a href="/body"' in text
    assert (
        "52 bpm on 30 Jun 2025; usually 50 bpm to 51 bpm. From intervals.icu. Shaded: the mean of the 60 days" in seen
    )
    assert "7 h 12 min on 30 Jun 2025" in seen
    assert "71.5 kg on 30 Jun 2025; mean of 7 days 71.5 kg" in seen
    assert "28 Jun 2025 – – – –" in seen, "a day without numbers"
    drawn = [json.loads(unescape(each)) for each in re.findall(r"data-body='([^']+)'", text)]
    assert [sorted(lines) for lines in drawn] == [["high", "low", "value"]] * 2 + [["value"], ["mean", "value"]]
    assert (drawn[1]["value"][-5:], len(drawn[1]["value"])) == ([50.0, None, 50.0, 52.0, None], 90)
    assert 'data-first="2024-07-01"' in page(site, "/body?days=all")
    assert site.get("/body?days=30").status_code == 400
    assert "Body HRV (rMSSD) 60 ms 30 Jun 2025" in words(page(site, "/"))


def test_the_api_and_the_csv_say_the_same(site: TestClient) -> None:
    found = site.get("/api/days").json()
    assert found["days"]["2025-06-30"]["weight_kg"] == 71.5
    assert found["nights"]["2025-06-30"]["hrv_rmssd_source"] == "intervals_icu"
    assert ("2025-06-28" in found["days"], len(found["nights"])) == (False, 19)
    rows = [*csv.DictReader(site.get("/days.csv?first=2024-07-01&last=2025-06-30").text.splitlines())]
    assert [row["day"] for row in rows][:2] == ["2024-07-01", "2025-06-11"]
    assert (rows[-1]["weight_kg"], rows[-1]["hrv_rmssd"], rows[0]["hrv_rmssd"]) == ("71.5", "60.5", "")
    assert site.get("/api/days?first=2024-07-01&last=2024-07-01").json()["nights"] == {}, "a day without its night"
    assert [*site.get("/api/days?last=0001-01-01").json().values()] == [{}, {}], "no day is before the first"


def test_numbers_are_written_in_the_units_of_the_athlete() -> None:
    shown = [
        measured_text(71.5, "weight_kg", "miles"),
        measured_text(0.0, "steps", "km"),
        measured_text(None, "steps", "km"),
    ]
    assert shown == ["157.6 lb", "0", "–"]


def test_status_tells_until_when_and_nothing_of_the_body(dashboard: Dashboard) -> None:
    (fact,) = [each for each in published(dashboard.settings, NOW) if each.name == "days"]
    (sample,) = fact.samples
    assert (fact.of, fact.text, sample.value) == (
        "intervals_icu",
        "until 2025-06-30",
        datetime(2025, 6, 30, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("enabled", "said", "unsaid"),
    [
        (ENABLED, "Switched on, they are pulled at once", "could give them"),
        (
            f"{ENABLED}wellness = true",
            "intervals.icu: pulled with your activities; none has come yet",
            "pulled at once",
        ),
        ("", "intervals.icu could give them: Services says how one is added", "pulled at once"),
    ],
)
def test_a_page_without_days_says_how_its_reader_gets_some(
    tmp_path: Path, new_lake: NewLake, enabled: str, said: str, unsaid: str
) -> None:
    publish(new_lake(tmp_path / "data"))
    (tmp_path / "providers.toml").write_text(enabled)
    with served(settings_of(tmp_path), time=NOW) as made:
        text = page(made.browser(), "/body")
    seen = words(text)
    assert (said in seen, unsaid in seen, "Strava" in seen) == (True, False, False)


@pytest.mark.parametrize("source", ["intervals_icu", "archives"])
def test_days_are_switched_on_and_off_where_they_are_read(tmp_path: Path, new_lake: NewLake, source: str) -> None:
    publish(new_lake(tmp_path / "data"))
    file = tmp_path / "providers.toml"
    file.write_text(f"# mine\n{ENABLED}")
    table = f"[{source}]" if source == "archives" else "[providers.intervals_icu]"
    with served(settings_of(tmp_path), time=NOW) as made:
        browser = made.browser()

        def switch(to: str, of: str = source) -> int:
            return browser.post("/body/days", data={"source": of, "switch": to}).status_code

        assert switch("on", "wahoo") == 400
        assert file.read_text() == f"# mine\n{ENABLED}"
        assert switch("on") == 303
        text = file.read_text()
        assert text.startswith("# mine\n")
        assert tomllib.loads(text)["archives" if source == "archives" else "providers"] is not None
        assert "wellness = true" in text.partition(table)[2]
        assert "Switch off" in page(browser, "/body")
        assert switch("off") == 303
        assert "wellness = false" in file.read_text().partition(table)[2]
        assert "Switch off" not in page(browser, "/body")
