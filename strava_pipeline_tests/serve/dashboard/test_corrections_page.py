"""What an athlete says of an activity on its page: shown at once everywhere, and taken back; what can't be said is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.serve.dashboard.conftest import served
from strava_pipeline_tests.serve.dashboard.test_api import settings_of
from strava_pipeline_tests.serve.dashboard.test_pages import NOW, page, words

NOTHING = {"name": "", "sport_type": "", "gear": "", "commute": "", "counts": "", "tags": "", "note": ""}


@pytest.fixture
def site(tmp_path: Path, new_lake: NewLake) -> Iterator[TestClient]:
    lake = new_lake(tmp_path / "data")
    put(lake, [activity(1, "2025-05-01T08:00", name="Morning Ride", gear_id="b1"), activity(2, "2025-05-02T08:00")])
    publish(lake)
    with served(settings_of(tmp_path), time=NOW) as made:
        yield made.browser()


def test_what_is_said_on_the_page_is_shown_at_once_and_taken_back(site: TestClient, tmp_path: Path) -> None:
    said = {
        **NOTHING,
        "name": "To <work>",
        "sport_type": "GravelRide",
        "commute": "true",
        "tags": "rain, wind",
        "note": "late",
    }
    assert site.post("/activities/1/words", data=said).status_code == 303
    text = page(site, "/activities/1")
    assert ("To &lt;work&gt;" in text, "Corrected by you: name, sport, commute, tags, note." in words(text)) == (
        True,
        True,
    )
    assert ('value="rain, wind"' in text, '<option value="GravelRide" selected>' in text) == (True, True)
    assert "To &lt;work&gt;" in page(site, "/activities")
    assert site.get("/api/activities/1").json()["activity"]["sport_type"] == "GravelRide"
    assert site.post("/activities/1/words", data={**said, "counts": "false", "name": ""}).status_code == 303
    text = words(page(site, "/activities/1"))
    assert ("Morning Ride" in text, "This is in no total" in text) == (True, True)
    assert site.post("/activities/1/words", data={**said, "undo": "true"}).status_code == 303
    text = words(page(site, "/activities/1"))
    assert ("Corrected by you" in text, "Morning Ride" in text, "This is in no total" in text) == (False, True, False)


def test_what_a_rule_gave_is_shown_with_the_rule_until_a_word_stands_above_it(site: TestClient, tmp_path: Path) -> None:
    rule = '[[rule]]\ntitle = "<To> work"\nwhen.weekdays = "thu"\nthen.name = "Work"\nthen.commute = true\nthen.tags = ["rain"]\n'
    (tmp_path / "rules.toml").write_text(rule)
    publish(Lake(tmp_path / "data"))
    text, by_rule = page(site, "/activities/1"), "by your rule 1, &lt;To&gt; work"
    assert (">rain<" in text, words(text).count(by_rule), f"name {by_rule}" in words(text)) == (True, 3, True)
    assert site.post("/activities/1/words", data={**NOTHING, "name": "Mine", "tags": "sun"}).status_code == 303
    text = words(page(site, "/activities/1"))
    assert (text.count(by_rule), f"commute {by_rule}" in text, " rain " in text, " sun " in text) == (
        1,
        True,
        False,
        True,
    )


@pytest.mark.parametrize(
    "more",
    [
        {"sport_type": "Nothing"},
        {"counts": "maybe"},
        {"commute": "maybe"},
        {"distance": "5"},
        {"gear": "b1"},
        {"gear": "strava:b99"},
    ],
)
def test_what_cannot_be_said_is_refused_and_nothing_is_kept(
    site: TestClient, tmp_path: Path, more: dict[str, str]
) -> None:
    assert site.post("/activities/1/words", data=NOTHING | more).status_code == 400
    assert site.post("/activities/99/words", data=NOTHING).status_code == 404
    assert not (tmp_path / "data" / "decisions").exists()
